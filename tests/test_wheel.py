"""The wheel, built and installed away from the checkout, serves the app and runs its commands from an empty folder."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.serving.client import Screen, visit
from explorer.checkpoints import catalogue
from explorer.networks import StudentSpec, params_of
from tests.coroutine import run
from tests.served import serving
from tests.test_deployment import health, ignored

ROOT = Path(__file__).parents[1]
PAGES = ("", "distillation", "your-data", "pruning")  # the report measures for a while before it is done


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel was installed into, without what it depends on: the tests' environment has that.

    It is built from what the Dockerfile builds it from, not from all of the repository.
    """
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source")
    for name in ignored():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        str(wheels),
        str(source),
    ]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = wheels.iterdir()
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True
    )
    return target


def command(installed: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(installed / "bin" / "compression-explorer"), *arguments]


def away(installed: Path) -> dict[str, Any]:
    """From an empty folder, with nothing but the installed files to be found beside the environment's packages."""
    empty = installed.parent / f"{installed.name}-empty"
    empty.mkdir(exist_ok=True)
    environment = {name: text for name, text in os.environ.items() if name != "EXPLORER_DATA"}
    return {"cwd": empty, "env": environment | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}}


@dataclass
class Themed(Screen):
    """A screen that keeps how the app is to look."""

    theme: Any = field(default=None)

    def take(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "new_session":
            self.theme = message.new_session.custom_theme
        super().take(message)


async def look(address: str) -> tuple[Themed, set[str]]:
    """The architecture page as a visitor sees it, and what the pruning page's controls offer; no page fails."""
    async with visit(address, keepalive=None) as visitor:
        visitor.screen = screen = Themed()
        await visitor.open("architecture", "stem=40")
        seen = Themed(dict(screen.shown), theme=screen.theme)
        for page in PAGES:
            await visitor.open(page)
        assert screen.errors == []
        offered = {
            str(option)
            for kind in ("selectbox", "button_group")
            for each in screen.elements(kind)
            for option in each.options
        }
        return seen, offered


def test_the_installed_app_computes_finds_its_networks_and_looks_as_in_the_checkout(installed: Path) -> None:
    log = installed.parent / "served.log"
    with serving(command(installed), log, **away(installed)) as (address, _):
        screen, offered = run(look(address))
        assert health(int(address.rpartition(":")[2])).returncode == 0
    assert screen.sent("drawing")["said"]["params"] == params_of(StudentSpec(40))
    shipped = {card.title for card in catalogue().values()}
    assert {title for title in shipped if any(title in option for option in offered)} == shipped
    ours = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    assert screen.theme.light.primary_color == ours["light"]["primaryColor"]
    assert screen.theme.dark.background_color == ours["dark"]["backgroundColor"]
    assert list(screen.theme.chart_categorical_colors) == ours["chartCategoricalColors"]
    assert log.read_text(encoding="utf-8").strip() == (
        f"The explorer runs at {address} (stop it with Ctrl+C)."
    )


def test_the_installed_command_runs_the_commands_of_the_terminal(installed: Path) -> None:
    counted = subprocess.run(
        command(installed, "budget", "--stem", "40", "--json"),
        **away(installed),
        capture_output=True,
        check=False,
    )
    assert json.loads(counted.stdout)["total_params"] == params_of(StudentSpec(40))


def test_a_port_in_use_is_one_sentence(installed: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = subprocess.run(
            command(installed, "--port", str(port)),
            **away(installed),
            capture_output=True,
            check=False,
            text=True,
        )
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"compression-explorer: Port {port} is in use: stop what listens there, or take another "
        f"with --port {port + 1}."
    ]
    assert refused.stdout == ""


def test_what_the_wheel_needs_is_what_the_requirements_say(installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    lines = metadata.read_text(encoding="utf-8").splitlines()
    named = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    needed = [each for each in named if "extra ==" not in each]
    assert sorted(needed) == sorted((ROOT / "requirements.txt").read_text(encoding="utf-8").split())


def test_every_file_of_the_package_and_its_checkpoints_is_in_the_wheel(installed: Path) -> None:
    for here, there in (("explorer", "explorer"), ("checkpoints", "explorer/house/checkpoints")):
        files = {path.relative_to(ROOT / here) for path in (ROOT / here).rglob("*") if path.is_file()}
        for file in files:
            if "__pycache__" not in file.parts:
                assert (installed / there / file).is_file(), file


def test_the_wheel_puts_nothing_of_the_repository_beside_the_package(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if path.suffix != ".dist-info"} == {"explorer", "bin"}
