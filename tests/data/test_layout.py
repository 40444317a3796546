import os
from pathlib import Path

import pytest

from explorer.data.layout import FOOD11, Folder, scan, subset
from explorer.data.notices import summarise_notices
from explorer.errors import ExplorerError
from tests.data.conftest import paint


def said(folder: Folder) -> list[str]:
    return [str(notice) for notice in folder.notices]


def test_the_homeworks_layout_is_food_11_and_its_evaluation_images_are_told_not_used(homework: Path) -> None:
    folder = scan(homework)
    assert folder.classes == FOOD11
    assert folder.classes == FOOD11
    assert (len(folder.training), len(folder.validation)) == (33, 22)
    assert all(item.path.name.startswith(f"{item.label}_") for item in folder.training)
    assert said(folder) == ["evaluation holds 4 images without labels (0000.jpg), so they are not used."]
    assert not folder.notices[0].lost
    assert len(folder.training) + len(folder.validation) == 55


def test_class_folders_without_splits_are_cut_by_the_documented_rule(dishes: Path) -> None:
    folder = scan(dishes)
    assert folder.classes == ("bread", "rice", "soup")
    held_out = [item.path.name for item in folder.validation if item.label == 0]
    assert held_out == ["5.png", "10.png"], "every fifth in natural order: 2 comes before 10"
    assert len(folder.training) == 27
    assert not {item.path for item in folder.training} & {item.path for item in folder.validation}
    assert "every fifth" in folder.rule


@pytest.mark.parametrize("split", ["training", "train", "Training"])
def test_class_folders_with_splits_are_read_under_the_usual_names(tmp_path: Path, split: str) -> None:
    for name in FOOD11:
        paint(tmp_path / split / name.replace("/", "-") / "1.jpg")
        paint(tmp_path / "val" / name.replace("/", "-") / "1.jpg")
    folder = scan(tmp_path)
    assert folder.classes == FOOD11
    assert [item.label for item in folder.validation] == list(range(11))


def test_labelled_names_without_splits_and_a_wrapping_folder_are_read(tmp_path: Path) -> None:
    for label in range(3):
        for index in range(5):
            paint(tmp_path / "download" / "training" / f"{label}_{index}.png")
    folder = scan(tmp_path)
    assert folder.root == tmp_path / "download"
    assert folder.classes == ("class 0", "class 1", "class 2")
    assert (len(folder.training), len(folder.validation)) == (12, 3)
    assert len(scan(tmp_path / "download" / "training").training) == 12


def test_labelled_evaluation_images_stand_in_for_missing_validation_images(tmp_path: Path) -> None:
    for split in ("training", "test"):
        for label in range(2):
            paint(tmp_path / split / f"{label}_0.jpg")
    folder = scan(tmp_path)
    assert [item.path.parent.name for item in folder.validation] == ["test", "test"]
    assert "those of test take their place" in folder.rule
    for label in range(2):
        paint(tmp_path / "validation" / f"{label}_0.jpg")
    folder = scan(tmp_path)
    assert folder.validation[0].path.parent.name == "validation"
    assert "test holds 2 labelled images that are not used: accuracy is measured on validation." in said(
        folder
    )


def test_everything_that_is_left_out_is_told_by_name(homework: Path) -> None:
    (homework / "training" / "notes.txt").write_text("x")
    (homework / "training" / ".DS_Store").write_text("x")
    (homework / "README.md").write_text("x")
    (homework / "resnet18_teacher.ckpt").write_bytes(b"x")
    paint(homework / "training" / "cat.jpg")
    paint(homework / "loose.jpg")
    paint(homework / "old" / "1.jpg")
    for path in homework.glob("validation/9_*.jpg"):
        path.unlink()
    assert sorted(said(scan(homework))) == [
        "Class Soup (label 9) has no validation images.",
        "README.md is not an image, so it was left out.",
        "evaluation holds 4 images without labels (0000.jpg), so they are not used.",
        "loose.jpg lies outside the folders of the classes or splits, so it was left out.",
        "old is a folder where none is expected, so it was left out.",
        "training/cat.jpg has no label in its name as 0_12.jpg has, so it was left out.",
        "training/notes.txt is not an image, so it was left out.",
    ]


def test_an_empty_class_keeps_its_label(dishes: Path) -> None:
    (dishes / "milk").mkdir()
    paint(dishes / "soup" / "more" / "1.jpg")
    folder = scan(dishes)
    assert folder.classes == ("bread", "milk", "rice", "soup")
    assert {item.label for item in folder.training} == {0, 2, 3}
    assert "Class milk (label 1) has no training images." in said(folder)
    assert "soup/more is a folder where none is expected, so it was left out." in said(folder)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "has labelled images of no classes: it needs at least 2"),
        (["bread/1.jpg", "bread/2.jpg"], "has labelled images of 1 class: it needs at least 2"),
        (["training/1.jpg", "training/2.jpg"], "has labelled images of no classes"),
        (["training/a/1.jpg", "training/b/1.jpg", "validation/0_1.jpg"], "use one layout for both"),
        (["a/1.jpg", "b/1.jpg"], "has no validation images: give a class at least 5 images"),
        (["training/20230101_1.jpg", "training/20230102_2.jpg"], "has labelled images of no classes"),
    ],
)
def test_a_folder_of_which_nothing_is_left_is_refused(
    tmp_path: Path, files: list[str], sentence: str
) -> None:
    for file in files:
        paint(tmp_path / "data" / file)
    (tmp_path / "data").mkdir(exist_ok=True)
    with pytest.raises(ExplorerError, match=sentence):
        scan(tmp_path / "data")


def test_a_wrong_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match=r"There is no folder .*nowhere: check the path\."):
        scan(tmp_path / "nowhere")
    with pytest.raises(ExplorerError, match="is a file: name the folder that it lies in"):
        scan(paint(tmp_path / "one.jpg"))


def test_a_subset_is_random_by_its_seed_and_a_smaller_one_is_its_beginning(homework: Path) -> None:
    items = scan(homework).training
    assert subset(items, 10) == subset(items, 20)[:10]
    assert subset(items, 10) != items[:10]
    assert subset(items, 10) != subset(items, 10, seed=1)
    assert sorted(subset(items, 1000), key=items.index) == list(items)


def test_notices_are_gathered_by_kind_what_is_lost_first(homework: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "d.txt", "e.txt"):
        (homework / "training" / name).write_text("x")
    assert summarise_notices(scan(homework).notices) == [
        "training/a.txt is not an image, so it was left out; likewise training/b.txt, training/c.txt, 2 more.",
        "evaluation holds 4 images without labels (0000.jpg), so they are not used.",
    ]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_opened_is_told(dishes: Path) -> None:
    (dishes / "soup").chmod(0)
    try:
        assert "soup cannot be opened, so it was left out." in said(scan(dishes))
    finally:
        (dishes / "soup").chmod(0o755)
