"""Files that say where the app runs: the container's, the development container's."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.figure import free_port
from explorer import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "Dockerfile"


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with what follows each, comments left out and continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def stage(number: int) -> list[tuple[str, str]]:
    """What one stage of our image does; -1 for the one that runs."""
    stages: list[list[tuple[str, str]]] = []
    for name, rest in instructions(DOCKERFILE.read_text(encoding="utf-8")):
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages[number]


def only(name: str) -> str:
    """What the running stage says in the one instruction of this name."""
    (rest,) = [rest for each, rest in stage(-1) if each == name]
    return rest


def test_the_container_runs_as_nobody_of_importance() -> None:
    user = only("USER")
    assert f"useradd --uid 1000 --no-create-home --home-dir /cache {user}" in only("RUN")
    names = [name for name, _ in stage(-1)]
    assert names.index("USER") < names.index("ENTRYPOINT")


def test_the_container_is_started_with_what_the_command_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    program, *options = json.loads(only("ENTRYPOINT"))
    started: list[dict[str, object]] = []
    monkeypatch.setattr("streamlit.App.run", lambda _, *, config: started.append(config))
    monkeypatch.setattr(app, "check_address", lambda *_: None)
    monkeypatch.setattr("sys.argv", [program])
    assert app.main(options) == 0
    assert started[0]["server.address"] == "0.0.0.0"  # noqa: S104 (what is let in is said with docker run -p)
    assert started[0]["server.port"] == int(only("EXPOSE"))
    assert Path(program).name == app.PROGRAM


def health(port: int) -> subprocess.CompletedProcess[str]:
    """What the container's health check says of the server at this port of this machine."""
    _, check = only("HEALTHCHECK").split(" CMD ")
    interpreter, *rest = json.loads(check)
    assert Path(interpreter).name == "python"
    assert f"127.0.0.1:{only('EXPOSE')}/_stcore/health" in rest[-1]
    ask = [sys.executable, *(each.replace(only("EXPOSE"), str(port)) for each in rest)]
    return subprocess.run(ask, check=False, capture_output=True, text=True)


def test_the_health_check_fails_where_nothing_answers() -> None:
    """That it holds where the app answers is tested with the wheel."""
    asked = health(free_port())
    assert asked.returncode == 1
    assert "refused" in asked.stderr


def test_torch_comes_without_cuda_and_no_host_is_named() -> None:
    assert "UV_TORCH_BACKEND=cpu" in shlex.split(next(rest for name, rest in stage(0) if name == "ENV"))
    for file in (DOCKERFILE, ROOT / ".devcontainer" / "devcontainer.json"):
        hosts = re.findall(
            r"https?://([\w.-]+)|\b([\w-]+(?:\.[\w-]+)*\.(?:org|com|io|net)\b)", file.read_text("utf-8")
        )
        assert {first or second for first, second in hosts} <= {"127.0.0.1"}


def test_what_the_image_copies_is_there_and_is_not_left_out() -> None:
    kept = ignored()
    for name, rest in stage(0):
        if name == "COPY":
            (source, _) = rest.split()
            assert (ROOT / source).exists()
            assert source == "." or source in kept


def ignored() -> list[str]:
    """What ``.dockerignore`` lets through: it leaves out all, then names what stays."""
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line]
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    return [rule.removeprefix("!") for rule in rules if rule.startswith("!")]


def test_the_development_container_makes_what_the_makefile_has() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    _, make = container["postCreateCommand"].split(" && ")
    planned = subprocess.run(
        [*shlex.split(make), "--dry-run", "VENV=/nowhere"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "uv pip install --editable ." in planned
    assert "uv pip install -r requirements-dev.txt" in planned
    assert container["forwardPorts"] == [app.PORT]
