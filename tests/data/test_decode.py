import json
import os
import resource
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from explorer.__main__ import main
from explorer.data import ImageSet, decode
from explorer.data.folder import ImageFolder, named_folder, open_folder
from explorer.data.layout import Item, scan
from explorer.errors import ExplorerError
from explorer.measure import logits
from explorer.networks import StudentNet, StudentSpec
from explorer.work.progress import Update, follow
from tests.data.conftest import paint

PAIR = ("first", "second")


def opened(items: list[Item], root: Path, size: int = 32) -> tuple[ImageSet, list[Update]]:
    updates: list[Update] = []
    return follow(decode.decode(items, PAIR, "test", root, size), updates.append), updates


def said(path: Path, size: int = 32) -> list[str]:
    """What is noticed about a file that lies beside a good one."""
    good = paint(path.parent / "good.png")
    found, _ = opened([Item(good, 0), Item(path, 1)], path.parent, size)
    return [str(notice) for notice in found.notices]


@pytest.mark.parametrize(("size", "shape"), [(224, (300, 400)), (224, (90, 60)), (96, (300, 400))])
def test_the_pixels_are_those_of_the_courses_test_transform(
    tmp_path: Path, size: int, shape: tuple[int, int]
) -> None:
    generator = np.random.default_rng(0)
    picture = Image.fromarray(generator.integers(0, 256, (*shape, 3), dtype=np.uint8))
    picture.save(tmp_path / "0_1.png")
    course = transforms.Compose(
        [
            transforms.Resize(round(size * 256 / 224)),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    found, _ = opened([Item(tmp_path / "0_1.png", 0)], tmp_path, size)
    assert found.images.shape == (1, size, size, 3)
    inputs = found.inputs()
    assert torch.equal(inputs[0], course(picture))
    assert inputs.is_contiguous(memory_format=torch.channels_last)


def test_the_second_time_nothing_is_decoded_and_a_changed_file_is_noticed(dishes: Path, cache: Path) -> None:
    whole = open_folder(dishes, size=32)
    before = {path: path.stat().st_mtime_ns for path in dishes.rglob("*")}
    updates: list[Update] = []
    first = follow(whole.read("training"), updates.append)
    assert [update.done for update in updates] == list(range(28))
    assert isinstance(first.images, np.memmap)
    again = follow(whole.read("training"), lambda update: pytest.fail("decoded again"))
    assert np.array_equal(first.images, again.images)
    assert first.key == again.key
    assert {path: path.stat().st_mtime_ns for path in dishes.rglob("*")} == before, "their folder is theirs"
    changed = scan(dishes).training[0].path
    paint(changed, seed=99)
    os.utime(changed, ns=(1, 1))
    later = follow(whole.read("training"), lambda update: None)
    assert later.key != first.key
    assert not np.array_equal(later.images, first.images)
    assert len(list((cache / "images").iterdir())) == 2


@pytest.mark.parametrize("damage", ["truncate", "nonsense", "gone"])
def test_a_damaged_cache_is_made_again(dishes: Path, cache: Path, damage: str) -> None:
    first = follow(open_folder(dishes, size=32).read("validation"), lambda update: None)
    pixels = first.images.copy()
    place = next((cache / "images").iterdir())
    if damage == "truncate":
        with (place / "images.npy").open("r+b") as file:
            file.truncate(200)
    elif damage == "nonsense":
        (place / "about.json").write_text("{")
    else:
        (place / "images.npy").unlink()
    again = follow(open_folder(dishes, size=32).read("validation"), lambda update: None)
    assert np.array_equal(again.images, pixels)


def test_several_at_once_do_not_spoil_the_cache(dishes: Path, cache: Path) -> None:
    found: list[np.ndarray] = []

    def read() -> None:
        images = follow(open_folder(dishes, size=32).read("training"), lambda update: None)
        found.append(images.images)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(found[0], other) for other in found)
    assert len(list((cache / "images").iterdir())) == 1, "no half-written folder stays"


def test_a_run_that_is_stopped_leaves_nothing(dishes: Path, cache: Path) -> None:
    steps = open_folder(dishes, size=32).read("training")
    next(steps)  # tells that there is work at all
    next(steps)
    steps.close()
    assert list((cache / "images").iterdir()) == []


def test_the_sets_that_were_not_used_for_longest_are_forgotten(
    dishes: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "CACHE_BYTES", 150_000)
    for size in (32, 64, 96):
        follow(open_folder(dishes, size=size).read("validation"), lambda update: None)
    assert len(list((cache / "images").iterdir())) < 3


def make_truncated(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-900])


def make_rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), "red").save(path, exif=exif)


def make_narrow(path: Path) -> None:
    Image.new("RGB", (3000, 10)).save(path)


def make_bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path)


def make_transparent_palette(path: Path) -> None:
    Image.new("P", (40, 30)).save(path, transparency=0)


def make_deep(path: Path) -> None:
    Image.fromarray(np.full((40, 40), 65_535, np.uint16)).save(path)


@pytest.mark.parametrize(
    ("name", "make", "sentences"),
    [
        ("1_1.jpg", make_truncated, ["1_1.jpg is truncated, so it was left out."]),
        ("1_1.jpg", lambda path: path.write_bytes(b""), ["1_1.jpg is empty, so it was left out."]),
        (
            "1_1.jpg",
            lambda path: path.write_text("<html>404</html>"),
            ["1_1.jpg is not an image, whatever its name says, so it was left out."],
        ),
        (
            "1_1.jpg",
            lambda path: path.symlink_to(path.parent / "nowhere.jpg"),
            ["1_1.jpg is gone or a broken link, so it was left out."],
        ),
        ("1_1.png", make_narrow, ["1_1.png is 3,000 x 10 pixels, too narrow to crop, so it was left out."]),
        ("1_1.png", make_bomb, ["1_1.png has too many pixels to open, so it was left out."]),
        (
            "1_1.jpg",
            lambda path: Image.new("L", (40, 30), 9).save(path),
            ["1_1.jpg is grey: it was repeated in three equal channels."],
        ),
        (
            "1_1.png",
            lambda path: Image.new("1", (40, 30)).save(path),
            ["1_1.png is black and white: it was repeated in three equal channels."],
        ),
        (
            "1_1.jpg",
            lambda path: Image.new("CMYK", (40, 30)).save(path),
            ["1_1.jpg is CMYK: it was converted to RGB."],
        ),
        (
            "1_1.png",
            lambda path: Image.new("P", (40, 30)).save(path),
            ["1_1.png has a palette: it was converted to RGB."],
        ),
        (
            "1_1.png",
            make_transparent_palette,
            [
                "1_1.png has a palette: it was converted to RGB.",
                "1_1.png is partly transparent: it was laid on white.",
            ],
        ),
        (
            "1_1.png",
            lambda path: Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(path),
            ["1_1.png is partly transparent: it was laid on white."],
        ),
        ("1_1.jpg", make_rotated, ["1_1.jpg was turned upright, as its EXIF orientation says."]),
        ("1_1.png", make_deep, ["1_1.png has 16 bits a pixel: the upper 8 were taken."]),
        ("1_1.gif", lambda path: Image.new("RGB", (40, 30)).save(path), None),
        ("1_1.png", lambda path: Image.new("RGB", (1, 1)).save(path), []),
    ],
)
def test_every_odd_image_is_handled_and_told_in_one_sentence(
    tmp_path: Path, name: str, make, sentences: list[str] | None
) -> None:
    make(tmp_path / name)
    found = said(tmp_path / name)
    assert sentences is None or found == sentences
    assert all(sentence.count(".") == 2 for sentence in found)


def test_a_rotated_photograph_stands_upright_and_transparent_is_white(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the right edge of the file is the bottom: turned clockwise
    picture = Image.new("RGB", (64, 64), "black")
    picture.paste("white", (0, 0, 32, 64))
    picture.save(tmp_path / "0_1.png", exif=exif)
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(tmp_path / "1_1.png")
    found, _ = opened([Item(tmp_path / "0_1.png", 0), Item(tmp_path / "1_1.png", 1)], tmp_path)
    upright, white = found.images
    assert upright[0].min() == 255, "what was left is on top"
    assert upright[-1].max() == 0
    assert white.min() == 255


def test_an_image_that_cannot_be_read_takes_its_label_along(tmp_path: Path) -> None:
    items = [Item(paint(tmp_path / f"{number}.png", seed=number), number % 2) for number in range(5)]
    items[1].path.write_bytes(b"broken")
    found, _ = opened(items, tmp_path)
    assert found.labels.tolist() == [0, 0, 1, 0]
    expected, _ = opened(items[2:3], tmp_path)
    assert np.array_equal(found.images[1], expected.images[0])


def test_nothing_readable_a_bad_size_and_a_cache_that_cannot_be_written_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0_1.jpg").write_text("no")
    with pytest.raises(ExplorerError, match=r"Not one of the 1 images in .* can be read: 0_1\.jpg is not an"):
        opened([Item(tmp_path / "0_1.jpg", 0)], tmp_path)
    good = [Item(paint(tmp_path / "0_2.png"), 0)]
    with pytest.raises(ExplorerError, match="fed at 32 to 512 pixels, not 16"):
        opened(good, tmp_path, 16)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ExplorerError, match="cannot be written: set XDG_CACHE_HOME"):
        opened(good, tmp_path, 64)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "full"))
    monkeypatch.setattr(decode.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(ExplorerError, match="make room, or take fewer images"):
        opened(good, tmp_path, 64)


def test_images_that_changed_in_the_cache_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    items = [Item(paint(tmp_path / f"{number}.png", seed=number), number) for number in range(3)]
    expected = np.array(opened(items, tmp_path, 32)[0].images)
    (kept,) = (tmp_path / "cache").rglob("images.npy")
    whole = kept.read_bytes()
    for broken in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:200], b""):
        kept.write_bytes(broken)
        assert np.array_equal(opened(items, tmp_path, 32)[0].images, expected)
        assert kept.read_bytes() == whole


def test_a_disk_that_fills_up_while_images_are_read_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    items = [Item(paint(tmp_path / f"{number}.png", seed=number), number) for number in range(3)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(ExplorerError, match=r"cannot be written \(File too large\): make room there"):
            opened(items, tmp_path, 32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()], "nothing half is left"
    assert len(opened(items, tmp_path, 32)[0]) == 3


def test_inputs_made_piece_by_piece_equal_those_made_at_once(dishes: Path) -> None:
    images = follow(open_folder(dishes, size=96).read("training"), lambda update: None)
    whole, pieces = images.inputs(), images.batches()
    assert len(pieces) == len(whole) == 27
    assert torch.equal(pieces[5:9], whole[5:9])
    net = StudentNet(StudentSpec(2, (2, 3, 4, 4), classes=3)).eval()
    assert torch.allclose(logits(net, pieces), logits(net, whole))
    assert torch.equal(images.select(slice(3, 5)).inputs(), whole[3:5])
    assert images.input_size == 96


def test_the_subset_is_bounded_and_named(homework: Path) -> None:
    images = follow(
        ImageFolder(scan(homework), validation=7, size=32).read("validation"), lambda update: None
    )
    assert len(images) == 7
    assert images.name == "Food-11, validation, 7 of 22 images at 32 pixels"
    with pytest.raises(ExplorerError, match="at least 1 validation"):
        ImageFolder(scan(homework), validation=0)


def test_the_folder_is_named_by_argument_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_folder([]) is None
    monkeypatch.setenv("EXPLORER_DATA", "from-environment")
    assert named_folder(["--port", "1"]) == Path("from-environment")
    assert named_folder(["--data=here"]) == Path("here")
    with pytest.raises(ExplorerError, match="--data"):
        named_folder(["--data"])


def test_data_check_reports_and_its_status_tells_whether_all_is_used(
    homework: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["data", "check", "--data", str(homework), "--size", "32"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "Food-11: 11 classes." in text
    assert "33 training images opened, 22 validation images opened" in text
    assert "evaluation holds 4 images without labels" in text
    (homework / "training" / "3_0.jpg").write_bytes(b"")
    monkeypatch.setenv("EXPLORER_DATA", str(homework))
    assert main(["data", "check", "--json", "--size", "32"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["opened"] == {"training": 32, "validation": 22}
    assert {"file": "training/3_0.jpg", "text": "is empty, so it was left out", "lost": True} in found[
        "notices"
    ]
    assert main(["data", "check", "--data", str(homework / "nowhere")]) == 2
    assert "check the path" in capsys.readouterr().err


def test_the_key_follows_files_their_labels_and_the_size(dishes: Path) -> None:
    items = list(scan(dishes).training)[:3]
    relabelled = [Item(items[0].path, items[0].label + 1), *items[1:]]
    keys = [
        decode.key_of(items, 32),
        decode.key_of(relabelled, 32),
        decode.key_of(items, 64),
        decode.key_of(items[:2], 32),
        decode.key_of(items[::-1], 32),
    ]
    assert len(set(keys)) == len(keys)
    os.utime(items[0].path, ns=(1, 1))
    assert decode.key_of(items, 32) not in keys, "a changed file"
