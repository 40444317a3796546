"""What is written for people: links lead somewhere, commands exist, pictures are those that the script takes."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from docs.screenshots import SHOTS, WIDTH
from explorer import app

ROOT = Path(__file__).parents[1]
TEXTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "deploy").glob("*.md"))


def code(text: str) -> list[str]:
    """The lines of a document's blocks of commands, continued ones joined, and what stands between single marks."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()] + inline


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file_or_a_heading(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {title.lower().replace(" ", "-") for title in titles}, target


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_make_target_and_every_file_that_is_named_is_there(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in code(path.read_text(encoding="utf-8")):
        command = re.match(r"make ([a-z]+)", line)
        if command:
            assert re.search(rf"^{command[1]}:", makefile, re.MULTILINE), line
        named = re.fullmatch(
            r"(?:explorer|tests|benchmarks|deploy|checkpoints|docs|\.devcontainer)/[\w./-]+", line
        )
        if named and "NAME" not in line:
            assert (ROOT / line).exists(), line


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_that_serves_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.App.run", lambda _, *, config: None)
    monkeypatch.setattr(app, "check_address", lambda *_: None)
    monkeypatch.setattr("pathlib.Path.is_dir", lambda _: True)
    for line in code(path.read_text(encoding="utf-8")):
        if app.PROGRAM in line and not line.startswith("docker build"):
            arguments = shlex.split(line.rpartition(app.PROGRAM)[2], comments=True)
            if not arguments or arguments[0].startswith("-"):
                monkeypatch.setattr("sys.argv", [app.PROGRAM])
                assert app.main(arguments) == 0, line


def test_the_readme_shows_the_pictures_that_the_script_takes_and_they_are_small() -> None:
    shown = re.findall(r"!\[(.+)\]\((docs/\w+\.webp)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [ROOT / file for _, file in shown] == [shot.file for shot in SHOTS]
    assert all(len(words) > 20 for words, _ in shown)  # for those who cannot see them
    assert sum(shot.file.stat().st_size for shot in SHOTS) < 1_000_000
    assert {path.stem for path in (ROOT / "docs").glob("*.webp")} == {shot.name for shot in SHOTS}
    for shot in SHOTS:
        with Image.open(shot.file) as picture:
            assert picture.size == (WIDTH, shot.height)
