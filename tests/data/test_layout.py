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


# --- Folders as people have them ---------------------------------------------------------------------------


def test_the_layout_of_the_year_before_has_eleven_classes(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for label in range(11):
        for split in ("training/labeled", "validation"):
            paint(root / split / f"{label:02}" / f"{label}.jpg")
    for name in ("training/unlabeled/00/1.jpg", "training/unlabeled/00/2.jpg", "testing/00/1.jpg"):
        paint(root / name)
    folder = scan(root)
    assert folder.classes == FOOD11
    assert [item.path.parent.name for item in folder.training] == [f"{label:02}" for label in range(11)]
    assert [item.label for item in folder.validation] == list(range(11))
    assert said(folder) == [
        "training/unlabeled holds 2 images without labels, so they are not used.",
        "testing holds 1 labelled images that are not used: accuracy is measured on validation.",
    ]
    assert not any(notice.lost for notice in folder.notices)


def numbered(root: Path, names: list[str]) -> Path:
    for name in names:
        for split in ("train", "val"):
            paint(root / split / name / "1.jpg")
    return root


def test_class_folders_that_are_numbers_are_in_the_order_of_numbers_and_that_is_said(tmp_path: Path) -> None:
    folder = scan(numbered(tmp_path / "flowers", [str(number) for number in range(12)]))
    assert folder.classes == tuple(str(number) for number in range(12))
    assert [item.path.parent.name for item in folder.training] == list(folder.classes)
    assert said(folder) == [
        "Class folders are in the order of their numbers (0, 1, 2, 3, 4, ...); torchvision's ImageFolder has them in "
        "that of text (0, 1, 10, 11, 2, ...), and so has a network that was trained with it.",
    ]
    assert not folder.notices[0].lost


@pytest.mark.parametrize("names", [["00", "01", "10"], ["1", "2", "3"], ["001", "002", "110"]])
def test_numbers_that_text_sorts_alike_are_no_reason_for_a_notice(tmp_path: Path, names: list[str]) -> None:
    folder = scan(numbered(tmp_path / "data", names))
    assert folder.classes == tuple(names)
    assert folder.notices == ()


def test_of_food_11_with_one_class_renamed_the_order_is_said(tmp_path: Path) -> None:
    names = [name.replace("/", "-") for name in FOOD11]
    names[3] = "Omelette"
    folder = scan(numbered(tmp_path / "data", names))
    assert folder.classes == tuple(sorted(names))
    assert said(folder) == [
        "Omelette is none of Food-11's 11 classes though the other 10 are, so all are in alphabetical order (Bread, "
        "Dairy product, Dessert, Fried food, Meat, ...), which is not the course's.",
    ]


@pytest.mark.parametrize(
    ("root", "file", "is_food"),
    [
        ("Food-11", "train/{}_1.jpg", True),
        ("food11-hw13", "{}_1.jpg", True),
        ("data/food_11", "train/{}/1.jpg", True),
        ("data", "training/{}_1.jpg", True),
        ("data", "training/labeled/{:02}/1.jpg", True),
        ("data", "train/{}_1.jpg", False),
        ("data", "{}_1.jpg", False),
        ("data", "training/{}/1.jpg", False),
        ("data", "{:02}/1.jpg", False),
        ("food", "train/{}_1.jpg", False),
        ("food-11/other", "train/{}_1.jpg", False),
    ],
)
def test_eleven_labels_are_food_11_only_where_a_name_or_the_courses_layout_says_so(
    tmp_path: Path, root: str, file: str, is_food: bool
) -> None:
    for label in range(11):
        for index in range(5):
            path = tmp_path / root / file.format(label)
            paint(path.with_name(path.name.replace("1.jpg", f"{index}.jpg")))
        held_out = (
            path.as_posix().replace("training/labeled", "validation").replace("/training/", "/validation/")
        )
        paint(Path(held_out.replace("/train/", "/val/")))
    folder = scan(tmp_path / root)
    assert (folder.classes == FOOD11) == is_food
    assert len(folder.classes) == 11
    told = "Labels 0 to 10 may be Food-11's or others', so the classes are named by number"
    assert any(notice.startswith(told) for notice in said(folder)) != is_food
    assert not any(notice.lost for notice in folder.notices)


def test_what_a_mac_leaves_behind_and_several_wrappers_are_passed_by(homework: Path, tmp_path: Path) -> None:
    root = tmp_path / "download"
    (root / "archive" / "again").mkdir(parents=True)
    homework.rename(root / "archive" / "again" / "Food-11")
    for folder in (root, root / "archive", root / "archive" / "again" / "Food-11"):
        paint(folder / "__MACOSX" / "training" / "._0_1.jpg")
        (folder / ".DS_Store").write_bytes(b"x")
    (root / "archive" / "again" / "Food-11" / "training" / "Thumbs.db").write_bytes(b"x")
    folder = scan(root)
    assert folder.root.name == "Food-11"
    assert folder.classes == FOOD11
    assert said(folder) == ["evaluation holds 4 images without labels (0000.jpg), so they are not used."]


def test_of_two_folders_for_one_split_the_one_that_is_taken_is_said(homework: Path) -> None:
    paint(homework / "train" / "0_1.jpg")
    paint(homework / "val" / "0_1.jpg")
    folder = scan(homework)
    assert len(folder.training) == 33
    assert "train is not read: the training images are those of training." in said(folder)
    assert "val is not read: the validation images are those of validation." in said(folder)
    assert len(said(folder)) == 3


def test_one_file_with_a_label_far_off_is_left_out_and_told_once(homework: Path) -> None:
    paint(homework / "training" / "110_3.jpg")
    folder = scan(homework)
    assert folder.classes == FOOD11
    told = "training/110_3.jpg has a label far above the others' (0 to 10), so it was left out."
    assert said(folder)[1:] == [told]
    assert folder.notices[1].lost


def test_labels_far_apart_of_many_images_are_classes_and_the_gap_is_one_sentence(homework: Path) -> None:
    for index in range(5):
        for split in ("training", "validation"):
            paint(homework / split / f"110_{index}.jpg")
    folder = scan(homework)
    assert len(folder.classes) == 111
    sentences = summarise_notices(folder.notices)
    assert len(sentences) == 3
    assert sentences[0].startswith(
        "Class class 11 (label 11) has no training images; likewise Class class 12 ("
    )
    assert sentences[0].endswith("96 more.")


def test_a_packed_folder_is_told_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "food.zip").write_bytes(b"PK")
    with pytest.raises(
        ExplorerError, match=r"food\.zip is packed: unpack it, and name the folder that comes out\."
    ):
        scan(tmp_path / "food.zip")
    with pytest.raises(ExplorerError, match=r"holds food\.zip, which is packed: unpack it there\."):
        scan(tmp_path)


def test_a_folder_that_a_training_writes_to_is_no_class(dishes: Path, homework: Path) -> None:
    for root in (dishes, homework):
        (root / "outputs" / "run-1").mkdir(parents=True)
        (root / "outputs" / "run-1" / "student_best.ckpt").write_bytes(b"x")
        (root / "logs").mkdir()
        (root / "logs" / "log.txt").write_text("x")
    assert scan(dishes).classes == ("bread", "rice", "soup")
    assert said(scan(dishes)) == [
        "logs holds no images of its own, so it is no class.",
        "outputs holds no images of its own, so it is no class.",
    ]
    assert [notice.lost for notice in scan(dishes).notices] == [True, False]
    assert "logs is a folder where none is expected, so it was left out." in said(scan(homework))
    assert not [notice for notice in said(scan(homework)) if notice.startswith("outputs")]


def test_jfif_is_an_image(tmp_path: Path) -> None:
    for label in range(2):
        for index in range(5):
            paint(tmp_path / f"{label}_{index}.jpg").rename(tmp_path / f"{label}_{index}.JFIF")
    assert len(scan(tmp_path).training) == 8
