import math
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch

from explorer.data import ImageSet
from explorer.distillation import mistakes
from explorer.distillation.loss import loss_fn_kd, loss_parts
from tests.stored import stored_logits


@pytest.fixture(scope="module")
def batch(validation: ImageSet) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rows = slice(64)
    return stored_logits("student-60k-kd")[rows], validation.targets()[rows], stored_logits("teacher")[rows]


def test_each_mistake_does_what_is_said_of_it(batch) -> None:
    student, labels, teacher = batch
    rows = mistakes.compare_mistakes(student, labels, teacher, 0.9, 4.0).set_index("version")
    loss, off, sharp = rows["loss"], rows["gradient off by"], rows["loss at T = 0.05"]
    assert loss["correct"] == pytest.approx(loss_fn_kd(student, labels, teacher, 0.9, 4.0).item(), rel=1e-5)
    assert off["correct"] == 0
    parts = loss_parts(student, labels, teacher, 0.9, 4.0)
    hard = 0.1 * parts.hard.item()
    weak = 0.9 * parts.soft.item() / student.shape[1]
    assert loss['reduction="mean"'] == pytest.approx(hard + weak, rel=1e-4)
    assert loss["softmax for log_softmax"] < 0
    assert loss["the student's log forgotten"] < 0
    assert math.isnan(loss["log_target forgotten"])
    reverse = loss_parts(student, labels, teacher, 0.9, 4.0, reverse=True).total.item()
    assert loss["teacher and student swapped"] == pytest.approx(reverse, abs=1e-5)
    assert loss["p * log(p) by hand"] == pytest.approx(loss["correct"], rel=1e-4)
    assert math.isnan(sharp["p * log(p) by hand"])
    assert math.isfinite(sharp["correct"])
    other = 0.9 * parts.hard.item() + 0.1 * parts.soft.item()
    assert loss["alpha on the hard term"] == pytest.approx(other, rel=1e-4)
    assert loss["T squared left out"] == pytest.approx(hard + 0.9 * parts.kl.item(), rel=1e-4)
    for name in ("the soft term under no_grad", ".item() of the soft term"):
        assert loss[name] == pytest.approx(loss["correct"], rel=1e-5)
        assert off[name] > 0.5  # nine tenths of the loss have no gradient


def test_a_loss_of_the_soft_term_alone_without_its_gradient_has_none(batch) -> None:
    rows = mistakes.compare_mistakes(*batch, 1.0, 4.0).set_index("version")
    assert rows.loc[".item() of the soft term", "gradient off by"] == pytest.approx(1.0)


HEAD = """import torch
from torch.nn import functional as F
def loss_fn_kd(student_logits, labels, teacher_logits, alpha=0.5, temperature=1.0):
    z, v = student_logits / temperature, teacher_logits / temperature
    t = v.softmax(1)
    hard = F.cross_entropy(student_logits, labels)
"""


def with_kl(line: str) -> str:
    """A loss whose KL is ``line``, of the logits divided by T: z of the student, v of the teacher."""
    return f"{HEAD}    return alpha * temperature**2 * ({line}) + (1 - alpha) * hard\n"


RIGHT = 'F.kl_div(z.log_softmax(1), t, reduction="batchmean")'
NO_GRAD = f"""{HEAD}    with torch.no_grad():
        soft = {RIGHT} * temperature**2
    return alpha * soft + (1 - alpha) * hard
"""
ON_HARD = f"{HEAD}    return alpha * hard + (1 - alpha) * temperature**2 * {RIGHT}\n"
EVERYWHERE = {"value", "gradient", "defaults", "sure"}


@pytest.mark.parametrize(
    ("text", "fails", "named"),
    [
        (with_kl(RIGHT), set(), ""),
        (
            with_kl('F.kl_div(z.log_softmax(1), v.log_softmax(1), reduction="batchmean", log_target=True)'),
            set(),
            "",
        ),
        (with_kl("torch.nn.KLDivLoss()(z.log_softmax(1), t)"), EVERYWHERE, 'reduction="mean"'),
        (with_kl('F.kl_div(z.softmax(1), t, reduction="batchmean")'), EVERYWHERE, "softmax for log_softmax"),
        (
            with_kl('F.kl_div(z.log_softmax(1), v.log_softmax(1), reduction="batchmean")'),
            EVERYWHERE,
            "log_target forgotten",
        ),
        (
            with_kl('F.kl_div(v.log_softmax(1), z.softmax(1), reduction="batchmean")'),
            EVERYWHERE,
            "teacher and student swapped",
        ),
        (with_kl("(t * (t.log() - z.softmax(1))).sum(1).mean()"), EVERYWHERE, "softmax for log_softmax"),
        (with_kl("(t * (t.log() - z.log_softmax(1))).sum(1).mean()"), {"sure"}, "0 * log(0) is nan"),
        (with_kl(f"{RIGHT} / temperature**2"), {"value", "gradient"}, "T squared left out"),
        (ON_HARD, {"value", "gradient"}, "alpha on the hard term"),
        (NO_GRAD, {"gradient"}, "the soft term under no_grad"),
        (with_kl(f"{RIGHT}.item()"), {"gradient"}, "the soft term under no_grad"),
        (with_kl(f"3 * {RIGHT}"), EVERYWHERE, "none of the frequent mistakes"),
        (with_kl(RIGHT).replace("alpha=0.5", "alpha=0.9"), {"defaults"}, "Only the defaults differ"),
    ],
    ids=lambda value: value if isinstance(value, str) and value and "\n" not in value else "",
)
def test_the_downloaded_test_finds_and_names_every_mistake(
    text: str, fails: set[str], named: str, batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = types.ModuleType("my_loss")
    exec(text, theirs.__dict__)  # noqa: S102 (our own text)
    monkeypatch.setitem(sys.modules, "my_loss", theirs)
    checks: dict = {}
    exec(mistakes.pytest_text(*(part[:8] for part in batch)), checks)  # noqa: S102 (our own text)
    runs = {
        "value": lambda: [checks["test_value"](*case) for case in checks["CASES"]],
        "gradient": lambda: [checks["test_gradient"](*case) for case in checks["CASES"]],
        "defaults": checks["test_defaults"],
        "sure": checks["test_a_very_sure_teacher"],
    }
    failed = {}
    for name, run in runs.items():
        try:
            run()
        except AssertionError as error:
            failed[name] = str(error)
    assert set(failed) == fails
    if named:
        assert any(named in said for said in failed.values())


def test_the_downloaded_test_runs_beside_a_students_file(batch, tmp_path: Path) -> None:
    student, labels, teacher = (part[:8] for part in batch)
    (tmp_path / "test_my_loss.py").write_text(
        mistakes.pytest_text(student, labels, teacher), encoding="utf-8"
    )
    (tmp_path / "my_loss.py").write_text(with_kl(f"{RIGHT}.item()"), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout
    assert "5 failed, 9 passed" in run.stdout, run.stdout  # at alpha 0 nothing of the soft term is asked for
    assert "This looks like: the soft term under no_grad" in run.stdout
