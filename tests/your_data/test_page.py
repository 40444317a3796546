"""The app on a folder of the user's, through Streamlit's own test runner."""

import os
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from explorer import ui
from explorer.networks import StudentNet, StudentSpec, parameter_count, resnet18_teacher
from explorer.your_data.accuracies import said_of_order
from tests.app import component
from tests.conftest import PageOutput
from tests.data.conftest import cache, dishes  # noqa: F401
from tests.distillation.places import PLACES

STUDENT = StudentSpec(16, (16, 24, 24, 32), classes=3)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    ui.forget_folder()


@pytest.fixture
def users(dishes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    torch.manual_seed(0)
    torch.save(resnet18_teacher(3).state_dict(), dishes / "resnet18_teacher.ckpt")
    monkeypatch.setenv("EXPLORER_DATA", str(dishes))
    return dishes


def opened(page: str, **link: str) -> AppTest:
    app = AppTest.from_file("../../streamlit_app.py", default_timeout=120)
    for key, value in ({"side": "64"} | link).items():
        app.query_params[key] = value
    app.run()
    app.switch_page(f"explorer/{page}/page.py").run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def alts(app: AppTest) -> list[str]:
    return [chart.proto.alt for chart in app.get("vega_lite_chart")]


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app


def test_without_a_folder_the_page_says_how_to_name_one_and_takes_an_upload(tmp_path: Path) -> None:
    app = opened("your_data")
    assert not app.segmented_control, "nothing to choose between"
    assert "compression-explorer --data Food-11" in words(app)
    assert "Food-11/training/0_12.jpg" in app.code[0].value
    assert alts(app) == ["Images per class of Fashion-MNIST: 5,000 training, 5,000 validation, 10,000 test."]
    for name, net in (("mine.ckpt", resnet18_teacher(10)), ("eleven.pt", StudentNet(StudentSpec()))):
        torch.save(net.state_dict(), tmp_path / name)
        app.file_uploader(key="upload").set_value((name, (tmp_path / name).read_bytes(), "")).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["network"].tolist() == ["mine.ckpt", "eleven.pt"]
    assert table["used as"].tolist() == ["teacher or student", "counted only"]
    assert "eleven.pt tells 11 classes apart and Fashion-MNIST, shipped has 10" in words(app)
    app.switch_page("explorer/distillation/page.py").run()
    assert app.selectbox(key="teacher").options == ["Teacher, ResNet-18", "mine.ckpt"]


class Exploit:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.target}",)


def test_a_refused_upload_is_told_in_one_sentence_and_the_app_goes_on(tmp_path: Path) -> None:
    app, target = opened("your_data"), tmp_path / "pwned"
    torch.save({"fc.weight": Exploit(target)}, tmp_path / "evil.ckpt")
    app.file_uploader(key="upload").set_value(("evil.ckpt", (tmp_path / "evil.ckpt").read_bytes(), "")).run()
    assert not app.exception
    assert [error.value for error in app.error] == [
        "evil.ckpt holds more than weights (posix.system), so it was not opened: save model.state_dict() and load that."
    ]
    assert not target.exists()
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
    assert not app.error


def test_a_folder_of_the_users_is_counted_its_network_measured_and_the_rest_told(users: Path) -> None:
    (users / "soup" / "3.png").write_bytes(b"")
    (users / "soup" / "5.png").write_bytes(b"")
    (users / "broken.ckpt").write_bytes(b"x")
    app = opened("your_data")
    assert alts(app) == ["Images per class of dishes: 27 training, 6 validation."]
    assert "soup/5.png is empty, so it was left out." in words(app), "validation images are opened"
    assert [error.value for error in app.error] == [
        "broken.ckpt cannot be read: it is truncated or not a checkpoint."
    ]
    assert app.dataframe[0].value["right"].tolist() == ["not measured"]
    press(app, "Measure their accuracy here")
    assert app.dataframe[0].value["right"][0].endswith(" of 5")
    assert "on dishes, validation, all 6 images at 64 pixels." in words(app)


@pytest.mark.usefixtures("work_here")
def test_what_was_assumed_of_a_file_is_told_and_that_its_classes_may_be_in_another_order(
    users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explorer.your_data.accuracies.other_order", lambda scores, labels: (2, 0, 1))
    app = opened("your_data")
    assumed = next(each for each in app.expander if each.label == "What was assumed of your files")
    (told,) = (each.value for each in assumed.markdown)
    assert told.startswith("- **resnet18_teacher.ckpt**: Its names and shapes are those of ResNet-18")
    press(app, "Measure their accuracy here")
    (warning,) = (each.value for each in app.warning if "order" in each.value)
    assert warning == said_of_order("resnet18_teacher.ckpt", ("bread", "rice", "soup"), (2, 0, 1))
    assert "if its classes came in another order: soup, bread, rice. They may be in another" in warning
    app.switch_page("explorer/pruning/page.py").run()
    app.switch_page("explorer/your_data/page.py").run()
    assert "They may be in another order" in words(app), "it is kept with the accuracy"


def test_each_network_is_listed_with_its_own_figures(dishes: Path, monkeypatch, output: PageOutput) -> None:  # noqa: F811
    """Three networks that call everything one class, of which there are 2, 2 and 1 validation images."""
    for index in (9, 10, 11):
        (dishes / "bread" / f"{index}.png").unlink()
    for name, net, label in (
        ("teacher.ckpt", resnet18_teacher(3), 0),
        ("rice.pt", StudentNet(STUDENT), 1),
        ("wide.pt", StudentNet(StudentSpec(16, (16, 24, 24, 40), classes=3)), 2),
    ):
        with torch.no_grad():
            net.fc.weight.zero_()
            net.fc.bias.copy_(torch.nn.functional.one_hot(torch.tensor(label), 3))
        torch.save(net.state_dict(), dishes / name)
    monkeypatch.setenv("EXPLORER_DATA", str(dishes))
    press(opened("your_data"), "Measure their accuracy here")
    table = output.tables["networks.csv"].set_index("network")
    rows = output.tables["images.csv"]
    there = rows[rows["split"] == "validation"].set_index("class")["images"]
    total = int(there.sum())
    for name, kind, used, label in (
        ("teacher.ckpt", "ResNet-18", "teacher or student", "bread"),
        ("rice.pt", "StudentNet", "teacher or student", "rice"),
        ("wide.pt", "StudentNet", "teacher or student", "soup"),
    ):
        line = table.loc[name]
        right = int(there[label])
        assert (line["kind"], line["used as"], line["classes"]) == (kind, used, 3)
        assert line["right"] == f"{right} of {total}"
        assert line["accuracy"] == right / total
        low, high = (float(each.rstrip("%")) / 100 for each in line["95% Wilson interval"].split(" to "))
        assert low < right / total < high
    assert table["right"].nunique() == 2, "or another network's figure would not be seen"
    assert table.loc["rice.pt", "parameters"] == parameter_count(StudentNet(STUDENT))
    assert table["parameters"].nunique() == 3
    files = {name: len(list((dishes / name).glob("*.png"))) for name in there.index}
    assert rows.groupby("class")["images"].sum().to_dict() == files


def test_the_distillation_lesson_runs_on_the_users_teacher_alone(users: Path) -> None:
    app = opened("distillation")
    assert not app.error
    assert "There is no student of yours yet" in words(app)
    assert len(app.tabs) == 4
    assert (
        "logits of resnet18_teacher.ckpt on 6 validation images (dishes, validation, all 6 images at 64 pixels)"
        in words(app)
    )
    assert len(component(app, "softening")["networks"]) == 1
    app = opened("distillation", distillation_tab="Why it works", temperature="4")
    assert any("soft labels at T = 4" in alt for alt in alts(app))
    assert app.segmented_control(key="why").options == ["Dark knowledge"]
    app = opened("distillation", distillation_tab="Does it help?")
    assert app.segmented_control(key="help").options == [
        "When it helps",
        "Whose mistakes",
        "Alpha and T",
        "Distil it now",
    ]
    app = opened("distillation", distillation_tab="The class it never saw", left_out="soup")
    assert "Nobody has trained students without soup" in words(app)


@pytest.mark.parametrize("place", PLACES)
def test_every_tab_draws_with_a_student_of_the_users(users: Path, place: str) -> None:
    torch.save(StudentNet(STUDENT).state_dict(), users / "student.pt")
    app = opened("distillation", **PLACES[place])
    assert not app.error
    assert [box.options for box in app.selectbox if box.key == "student"] in ([], [["student.pt"]])
    assert all(alt.strip() for alt in alts(app))


def test_distil_it_now_trains_on_the_users_images_and_its_student_joins(users: Path) -> None:
    for index in range(12, 34):
        for name in ("soup", "bread", "rice"):
            (users / name / f"{index}.png").write_bytes((users / name / "1.png").read_bytes())
    app = opened("distillation", **PLACES["Distil it now"], epochs="2", seconds="20")
    assert "training images of dishes at 64 pixels" in words(app)
    press(app, "Distil it now")
    assert not app.error
    assert any(alt.startswith("Validation accuracy after each epoch") for alt in alts(app))
    app.segmented_control(key="help").set_value("Calibration").run()
    assert app.selectbox(key="student").options == ["Trained here, labels alone", "Trained here, distilled"]


def test_the_head_of_a_page_goes_back_to_what_ships_and_the_first_page_stays_on_it(users: Path) -> None:
    app = opened("distillation")
    app.segmented_control(key="images_of").set_value("bundled").run()
    assert not app.exception
    assert app.selectbox(key="student").value == "student-60k-kd"
    app.segmented_control(key="images_of").set_value("folder").run()
    app.switch_page("explorer/start/page.py").run()
    assert not app.exception
    assert all("alidation image" in each["caption"] for each in component(app, "sizes")["photographs"])


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("nowhere", "There is no folder"), ("empty", "has labelled images of no classes")],
)
def test_a_folder_that_cannot_be_used_is_told_and_the_lessons_stay(
    path: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / path))
    app = opened("distillation")
    assert len(app.error) == 1
    assert sentence in app.error[0].value
    assert app.selectbox(key="student").value == "student-60k-kd"


def test_without_a_teacher_the_lesson_says_what_is_missing(dishes: Path, monkeypatch) -> None:  # noqa: F811
    monkeypatch.setenv("EXPLORER_DATA", str(dishes))
    app = opened("distillation")
    assert "has no teacher yet: add a network with 3 classes" in words(app)


def test_the_architecture_lesson_designs_for_the_users_classes(users: Path) -> None:
    app = opened("architecture")
    app.number_input(key="stem").set_value(5).run()
    app.switch_page("explorer/distillation/page.py").run()
    assert not app.exception
