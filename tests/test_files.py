"""Files are written whole or not at all, on real full disks and in real folders that may not be written."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.errors import ExplorerError
from explorer.files import cache_folder, temporary_folder, write_file


@pytest.fixture
def full_disk() -> Iterator[None]:
    """The system refuses whatever makes a file longer than 4 kB, as it does when a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_is_written_with_its_folder_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_file(path, b"first")
    write_file(path, memoryview(b"second"))
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path], "nothing else is left"


def test_a_link_and_a_device_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_file(tmp_path / "link", b"through the link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"through the link"
    write_file(Path(os.devnull), b"gone")
    assert not Path(os.devnull).is_file()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, full_disk: None) -> None:
    path = tmp_path / "file"
    write_file(path, b"finished before")
    with pytest.raises(ExplorerError, match=r"file cannot be written \(File too large\): make room there"):
        write_file(path, bytes(5000))
    assert path.read_bytes() == b"finished before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExplorerError, match=r"cannot be written \((Not a directory|File exists)\)"):
        write_file(tmp_path / "file" / "inside", b"")


def test_a_temporary_folder_that_is_full_is_told_in_a_sentence(tmp_path: Path, full_disk: None) -> None:
    with pytest.raises(ExplorerError, match="set TMPDIR to another one"), temporary_folder() as folder:
        (folder / "large").write_bytes(bytes(5000))
    assert not folder.exists()


def test_a_user_without_a_home_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert cache_folder().name == "compression-explorer"
