import math
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from explorer.data import ImageSet
from explorer.distillation import knowledge, mistakes
from explorer.distillation.formula import formula, part_names
from explorer.distillation.loss import loss_fn_kd, loss_parts
from explorer.evidence import read_logits

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def batch(validation: ImageSet) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows = slice(64)
    return read_logits("student-60k-kd")[rows], validation.targets()[rows], read_logits("teacher")[rows]


def test_each_mistake_does_what_is_said_of_it(batch) -> None:
    student, labels, teacher = batch
    rows = mistakes.evaluate(student, labels, teacher, 0.5, 4.0).set_index("version")
    right = rows.loc["correct"]
    assert right["loss"] == pytest.approx(loss_fn_kd(student, labels, teacher, 0.5, 4.0).item(), rel=1e-5)
    weak = functional.kl_div(
        (student / 4).log_softmax(1), (teacher / 4).softmax(1), reduction="batchmean"
    ).item()
    assert rows.loc['reduction="mean"', "KL"] == pytest.approx(weak / student.shape[1], rel=1e-5)
    assert rows.loc["softmax for log_softmax", "KL"] < 0
    reverse = loss_parts(student, labels, teacher, 0.5, 4.0, reverse=True).kl.item()
    assert rows.loc["teacher and student swapped", "KL"] == pytest.approx(reverse, abs=1e-6)
    by_hand = rows.loc["t * log(t) by hand"]
    assert by_hand["KL"] == pytest.approx(right["KL"], rel=1e-4)
    assert math.isnan(by_hand["KL at T = 0.05"])
    assert math.isfinite(right["KL at T = 0.05"])


RIGHT = "from explorer.distillation.loss import loss_fn_kd\n"
WRONG = """from torch.nn import functional as F
def loss_fn_kd(student_logits, labels, teacher_logits, alpha=0.5, temperature=1.0):
    q = F.log_softmax(student_logits / temperature, dim=1)
    p = F.softmax(teacher_logits / temperature, dim=1)
    soft = F.kl_div(q, p, reduction="batchmean")
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)
"""


def with_kl(line: str) -> str:
    """A loss whose KL is ``line``, of the logits divided by T: z of the student, v of the teacher."""
    return f"""import torch
from torch.nn import functional as F
def loss_fn_kd(student_logits, labels, teacher_logits, alpha=0.5, temperature=1.0):
    z, v = student_logits / temperature, teacher_logits / temperature
    t = v.softmax(1)
    kl = {line}
    return alpha * temperature**2 * kl + (1 - alpha) * F.cross_entropy(student_logits, labels)
"""


@pytest.mark.parametrize(
    ("line", "fails"),
    [
        ('F.kl_div(z.log_softmax(1), t, reduction="batchmean")', set()),
        ('F.kl_div(z.log_softmax(1), v.log_softmax(1), reduction="batchmean", log_target=True)', set()),
        ('F.kl_div(z.log_softmax(1), t, reduction="sum") / t.numel()', {"loss", "defaults", "sure"}),
        ('F.kl_div(z.softmax(1), t, reduction="batchmean")', {"loss", "defaults", "sure"}),
        ('F.kl_div(v.log_softmax(1), z.softmax(1), reduction="batchmean")', {"loss", "defaults", "sure"}),
        ("(t * (t.log() - z.log_softmax(1))).sum(1).mean()", {"sure"}),
    ],
    ids=["right", "right, log target", "mean", "softmax", "swapped", "by hand"],
)
def test_the_downloaded_test_finds_every_mistake_of_the_page(
    line: str, fails: set[str], batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = types.ModuleType("my_loss")
    exec(with_kl(line), own.__dict__)  # noqa: S102 (our own text)
    monkeypatch.setitem(sys.modules, "my_loss", own)
    checks: dict = {}
    exec(mistakes.test_file(*(part[:8] for part in batch)), checks)  # noqa: S102 (our own text)
    runs = {
        "loss": lambda: [checks["test_loss"](*case) for case in checks["CASES"]],
        "defaults": checks["test_defaults"],
        "sure": checks["test_a_very_sure_teacher"],
    }
    failed = set()
    for name, run in runs.items():
        try:
            run()
        except AssertionError:
            failed.add(name)
    assert failed == fails


@pytest.mark.parametrize(("code", "passes"), [(RIGHT, True), (WRONG, False)], ids=["right", "no T squared"])
def test_the_downloaded_test_passes_a_right_loss_and_fails_a_wrong_one(
    code: str, passes: bool, batch, tmp_path: Path
) -> None:
    student, labels, teacher = (part[:8] for part in batch)
    (tmp_path / "test_my_loss.py").write_text(mistakes.test_file(student, labels, teacher), encoding="utf-8")
    (tmp_path / "my_loss.py").write_text(
        f"import sys\nsys.path.append({str(ROOT)!r})\n{code}", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) is passes, run.stdout
    assert passes or "4 passed" in run.stdout, "alpha = 0 and what is at T = 1 do not see T squared"


def test_the_formula_carries_its_numbers_and_both_conventions(batch) -> None:
    parts = loss_parts(*batch, 0.3, 4.0)
    text = formula(parts, 0.3, 4.0)
    for part in (parts.kl, parts.hard, parts.total):
        assert f"{part.item():.4f}" in text
    assert r"\alpha\, T^2\, \mathrm{KL}(p_{teacher} \| q_{student})" in text
    other = formula(parts, 0.3, 4.0, reverse=True, course=False)
    assert r"(1-\alpha)\, T^2\, \mathrm{KL}(q_{student} \| p_{teacher})" in other
    assert part_names() == ("alpha T² KL(teacher || student)", "(1 - alpha) CE")
    assert part_names(reverse=True, course=False) == ("(1 - alpha) T² KL(student || teacher)", "alpha CE")


def test_what_weighs_nothing_is_grey(batch) -> None:
    for alpha, grey in ((0.0, r"\alpha\, T^2"), (1.0, r"+ (1-\alpha)\, \mathrm{CE}")):
        text = formula(loss_parts(*batch, alpha, 4.0), alpha, 4.0)
        assert text.count(r"\color{gray}") == 2
        assert rf"{{\color{{gray}}{grey}" in text
    assert "gray" not in formula(loss_parts(*batch, 0.5, 4.0), 0.5, 4.0)


def test_the_mean_soft_labels_are_means_of_softmaxes(validation: ImageSet) -> None:
    teacher = read_logits("teacher")
    rows = knowledge.mean_soft_labels(teacher, validation, 4.0).set_index(["true", "other"])
    assert len(rows) == 90
    shirts = validation.targets() == validation.classes.index("Shirt")
    expected = (teacher[shirts] / 4).softmax(1).mean(0)[validation.classes.index("Coat")].item()
    assert rows.loc[("Shirt", "Coat"), "probability"] == pytest.approx(expected, rel=1e-5)
    assert rows.loc[("Shirt", "Coat"), "example"].startswith("data:image/png;base64,")
    coats = (teacher / 4).softmax(1)[:, validation.classes.index("Coat")].where(shirts, torch.tensor(-1.0))
    assert rows.loc[("Shirt", "Coat"), "positions"] == tuple(coats.topk(3).indices.tolist())


def test_calibration_counts_every_image_and_knows_the_extremes() -> None:
    labels = torch.tensor([0, 1, 0, 1])
    sure = torch.tensor([[50.0, 0.0], [0.0, 50.0], [50.0, 0.0], [0.0, 50.0]])
    assert knowledge.calibration(sure, labels).ece == pytest.approx(0.0, abs=1e-6)
    assert knowledge.calibration(sure, 1 - labels).ece == pytest.approx(1.0, abs=1e-6)
    even = knowledge.calibration(torch.zeros(4, 2), labels)
    assert even.bins["count"].sum() == 4
    assert even.ece == pytest.approx(0.0, abs=1e-6)
