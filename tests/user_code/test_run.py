"""The process of its own: limits act, nothing of the user's code comes into this one, only an archive comes back."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from explorer.errors import ExplorerError
from explorer.user_code import Code, Limits, UserCodeError, child, export
from explorer.user_code.run import Exported
from explorer.work.progress import Update, follow
from tests.user_code.test_child import NET, write

CANARY = """
import os, sys
from pathlib import Path
sys.modules["canary_of_the_user"] = sys
os.environ["CANARY"] = "sings"
print("noise")
Path("ran_by").write_text(f"{os.getpid()} {Path.cwd().name} {__name__}")
"""


def run(file: Path, limits: Limits | None = None, **settings: object) -> tuple[Exported, list[str]]:
    seen: list[str] = []
    exported = follow(
        export(Code(file, size=16, **settings), limits or Limits(100)),  # type: ignore[arg-type]
        lambda update: seen.append(child.STAGES[update.done - 1]),
    )
    return exported, seen


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the user's: a network that leaves a mark where it runs, and a checkpoint of it."""
    folder = tmp_path_factory.mktemp("users")
    file = write(folder, CANARY + NET)
    torch.manual_seed(3)
    state = {
        "block.conv.weight": torch.randn(4, 3, 3, 3),
        "block.conv.bias": torch.randn(4),
        "fc.weight": torch.randn(5, 4),
        "fc.bias": torch.randn(5),
    }
    torch.save({"state_dict": state}, folder / "net.ckpt")
    return file


@pytest.fixture(scope="module")
def brought(users: Path) -> tuple[Exported, list[str]]:
    return run(users, checkpoint=users.parent / "net.ckpt")


def test_code_becomes_a_program_with_the_weights_of_the_checkpoint(
    users: Path, brought: tuple[Exported, list[str]], tmp_path: Path
) -> None:
    exported, _ = brought
    assert exported.name == "Net"
    assert exported.files == ("student.py",)
    (tmp_path / "net.pt2").write_bytes(exported.archive)
    model = torch.export.load(tmp_path / "net.pt2").module()  # a program of our own making
    state = torch.load(users.parent / "net.ckpt", weights_only=True)["state_dict"]
    images = torch.randn(3, 3, 16, 16)
    expected = torch.nn.functional.conv2d(images, state["block.conv.weight"], state["block.conv.bias"])
    expected = expected.relu().mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    assert torch.allclose(model(images), expected, atol=1e-5)
    assert str(users.parent).encode() not in exported.archive, (
        "an archive is handed on: no folder of the user's in it"
    )


def test_the_users_file_runs_in_its_own_folder_and_never_in_this_process(
    users: Path, brought: tuple[Exported, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    pid, folder, name = (users.parent / "ran_by").read_text().split()
    assert int(pid) != os.getpid()
    assert (folder, name) == (users.parent.name, "student")
    assert "canary_of_the_user" not in sys.modules
    assert "student" not in sys.modules
    assert "CANARY" not in os.environ
    assert not (users.parent / "__pycache__").exists(), "nothing is written into the user's folder"
    assert capfd.readouterr() == ("", "")


def test_the_stages_are_told(brought: tuple[Exported, list[str]]) -> None:
    assert brought[1][0] == "starting"
    assert "exporting" in brought[1]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that was ended may wait for its parent to take note.
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True


LOOP = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("pids", "w").write(f"{os.getpid()} {child.pid}")
while True:
    pass
"""


def running(folder: Path) -> list[int]:
    """The process and its child, once both have begun."""
    pids = folder / "pids"
    return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []


def test_an_endless_loop_is_ended_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = time.monotonic
    # As soon as the loop runs, its time is over: no test waits for a clock, and none fails on a slow machine.
    monkeypatch.setattr(
        "explorer.user_code.run.time.monotonic", lambda: real() + 1000 * (len(running(tmp_path)) == 2)
    )
    with pytest.raises(
        UserCodeError, match=r"^student.py was ended after 500 seconds, while running your file: does a "
    ):
        run(write(tmp_path, LOOP), Limits(seconds=500))
    assert not any(alive(pid) for pid in running(tmp_path))


def test_a_run_that_nobody_follows_any_more_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The loop alone, without torch before it.
    monkeypatch.setattr(child, "__file__", str(write(tmp_path, LOOP, "loop.py")))
    with closing(export(Code(write(tmp_path, NET)), Limits(100))) as steps:
        for update in steps:
            assert isinstance(update, Update)
            if len(running(tmp_path)) == 2:
                break
    assert not any(alive(pid) for pid in running(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
def test_a_memory_hog_is_stopped_by_its_limit(tmp_path: Path) -> None:
    file = write(tmp_path, f"{NET}\nhoard = bytearray(3 << 30)\n")
    with pytest.raises(
        UserCodeError, match=r"student.py, line 25: it needs more memory than it may have\.$"
    ) as refusal:
        run(file, Limits(100, megabytes=2048))
    assert "MemoryError" in refusal.value.trace


@pytest.mark.parametrize(
    ("limits", "code", "sentence"),
    [
        ({"seconds": 0}, {}, "Code may run for 1 to 86,400 seconds, not 0."),
        ({"seconds": float("nan")}, {}, "Code may run for 1 to 86,400 seconds, not nan."),
        ({"megabytes": 5}, {}, "Code may take 1,024 to 1,048,576 MB, not 5."),
        ({}, {"size": 0}, "Images must have 1 to 1,024 pixels a side, not 0."),
        ({}, {"classes": 1}, "There must be between 2 and 1000 classes, not 1."),
    ],
)
def test_what_cannot_be_asked_for_is_refused(limits: dict, code: dict, sentence: str) -> None:
    with pytest.raises(ExplorerError) as refusal:
        Limits(**limits), Code(Path("student.py"), **code)
    assert str(refusal.value) == sentence


def test_an_archive_that_is_no_file_or_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def brings(make: Callable[[Path], object]) -> Callable[..., Generator[Update, None, int]]:
        def process(home: Path, *_: object) -> Generator[Update, None, int]:
            (home / "answer.json").write_text('{"name": "Net"}', encoding="utf-8")
            make(home / "network.pt2")
            yield from ()
            return 0

        return process

    (tmp_path / "secret").write_text("of another file")
    for make, sentence in (
        (lambda path: path.symlink_to(tmp_path / "secret"), "brought no archive"),
        (
            lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_RDWR), 200 << 20),
            "of 200 MB: at most 150 MB",
        ),
    ):
        monkeypatch.setattr("explorer.user_code.run._process", brings(make))
        with pytest.raises(UserCodeError, match=sentence):
            run(write(tmp_path, NET))


def ended(status: int, answer: str | None = None) -> Callable[..., Generator[Update, None, int]]:
    """Stands in for the process: it ends with this status, after it has written this answer."""

    def process(home: Path, *_: object) -> Generator[Update, None, int]:
        if answer is not None:
            (home / "answer.json").write_text(answer, encoding="utf-8")
        yield Update("exporting", 3, 5)
        return status

    return process


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (3, "with exit status 3, before"),
        (-6, "with signal 6, before"),
        (-9, "with signal 9, as one does that needs"),
    ],
)
def test_a_process_that_ends_without_a_word_is_told(
    status: int, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.user_code.run._process", ended(status))
    with pytest.raises(UserCodeError, match=f"^The process of student.py ended by itself {how}"):
        run(write(tmp_path, NET))


def test_what_is_missing_or_unsafe_is_refused_before_anything_runs(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(ExplorerError, match=r"There is no file nowhere\.py"):
        run(Path("nowhere.py"))
    (tmp_path / "bad.ckpt").write_bytes(b"x")
    with pytest.raises(ExplorerError, match=r"bad.ckpt cannot be read"):
        run(users, checkpoint=tmp_path / "bad.ckpt")


@pytest.mark.parametrize("said", ["[]", "{", '{"name": 3}', " " * 2_000_000])
def test_an_answer_is_not_taken_for_granted(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's code could write the answer itself."""
    monkeypatch.setattr("explorer.user_code.run._process", ended(0, said))
    with pytest.raises(UserCodeError, match=r"no answer that can be read|brought no archive"):
        run(write(tmp_path, NET))
