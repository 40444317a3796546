import math
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from torch.nn import functional

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
    rows = mistakes.compare_mistakes(student, labels, teacher, 0.5, 4.0).set_index("version")
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


RIGHT = 'F.kl_div(z.log_softmax(1), t, reduction="batchmean")'


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
        (RIGHT, set()),
        ('F.kl_div(z.log_softmax(1), v.log_softmax(1), reduction="batchmean", log_target=True)', set()),
        ('F.kl_div(z.log_softmax(1), t, reduction="sum") / t.numel()', {"loss", "defaults", "sure"}),
        ('F.kl_div(z.softmax(1), t, reduction="batchmean")', {"loss", "defaults", "sure"}),
        ('F.kl_div(v.log_softmax(1), z.softmax(1), reduction="batchmean")', {"loss", "defaults", "sure"}),
        ("(t * (t.log() - z.log_softmax(1))).sum(1).mean()", {"sure"}),
        ('F.kl_div(z.log_softmax(1), t, reduction="batchmean") / temperature**2', {"loss"}),
    ],
    ids=["right", "right, log target", "mean", "softmax", "swapped", "by hand", "no T squared"],
)
def test_the_downloaded_test_finds_every_mistake_of_the_page(
    line: str, fails: set[str], batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = types.ModuleType("my_loss")
    exec(with_kl(line), theirs.__dict__)  # noqa: S102 (our own text)
    monkeypatch.setitem(sys.modules, "my_loss", theirs)
    checks: dict = {}
    exec(mistakes.pytest_text(*(part[:8] for part in batch)), checks)  # noqa: S102 (our own text)
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


def test_the_downloaded_test_runs_beside_a_students_file(batch, tmp_path: Path) -> None:
    student, labels, teacher = (part[:8] for part in batch)
    (tmp_path / "test_my_loss.py").write_text(
        mistakes.pytest_text(student, labels, teacher), encoding="utf-8"
    )
    (tmp_path / "my_loss.py").write_text(with_kl(RIGHT), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert "8 passed" in run.stdout
