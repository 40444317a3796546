import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from explorer.data import ImageSet
from explorer.distillation import study, whose
from tests.stored import stored_logits


def twins(**answers: list[int]) -> whose.PairOfTwins:
    given = {name: torch.tensor(each) for name, each in answers.items()}
    return whose.PairOfTwins("report", 98_918, **given, control_name="student-60k")


# Of scipy's bootstrap, where so few images leave a resample without any error.
FEW = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:The BCa confidence interval")


@FEW
def test_an_error_is_shared_on_the_same_image_or_in_the_same_class() -> None:
    truth = torch.zeros(8, dtype=torch.long)
    teacher = torch.tensor([1, 1, 1, 0, 0, 0, 0, 0])
    pair = twins(
        labels_alone=[1, 2, 0, 1, 1, 0, 0, 0],  # 4 errors; the teacher errs on 2 of these, alike on 1
        distilled=[1, 1, 2, 1, 0, 0, 0, 0],  # 4 errors; 3, and 2
        control=[0, 0, 1, 1, 1, 0, 0, 0],  # 2 and 2 of those; 2 and 1
    )
    rows = whose.shared_errors([pair], teacher, truth).set_index(["kind", "whose"])
    assert rows.loc[("image", "teacher"), ["labels alone", "distilled", "change"]].tolist() == [
        0.5,
        0.75,
        25.0,
    ]
    assert rows.loc[("class", "teacher"), ["labels alone", "distilled", "change"]].tolist() == [
        0.25,
        0.5,
        25.0,
    ]
    assert rows.loc[("image", "control"), ["labels alone", "distilled"]].tolist() == [0.5, 0.5]
    assert rows.loc[("class", "control"), ["labels alone", "distilled"]].tolist() == [0.5, 0.25]
    assert rows.loc[("class", "teacher beyond control"), "change"] == pytest.approx(50.0)
    assert (rows["errors labels"] == 4).all()


def test_the_interval_is_scipys_bootstrap_over_all_images(validation: ImageSet) -> None:
    names = ("report", "report-kd", "student-60k", "teacher")
    plain, taught, control, teacher = (stored_logits(name).argmax(1) for name in names)
    truth = validation.targets()
    pair = whose.PairOfTwins("report", 98_918, plain, taught, control, "student-60k")
    row = whose.shared_errors([pair], teacher, truth).iloc[0]
    errs = [(each != truth).numpy() for each in (plain, taught, teacher)]
    assert row["labels alone"] == (errs[0] & errs[2]).sum() / errs[0].sum()
    assert row["distilled"] == (errs[1] & errs[2]).sum() / errs[1].sum()

    def change(first, second, reference, axis=-1):
        share = [100 * (each & reference).sum(axis) / each.sum(axis) for each in (first, second)]
        return share[1] - share[0]

    expected = stats.bootstrap(
        errs, change, paired=True, vectorized=True, n_resamples=400, method="percentile", batch=100, rng=1
    ).confidence_interval
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected), abs=1.0)


def test_the_control_is_another_size_and_the_nearest_to_the_teacher() -> None:
    correct = dict(zip(study.FAMILY, (80, 85, 88, 96, 91), strict=True))
    assert whose.control_for("student-5k", correct, 92) == "report"
    assert whose.control_for("report", correct, 93) == "student-60k"
    assert whose.control_for("report", correct, 86) == "student-10k"


def table(**intervals: tuple[float, float, float]) -> pd.DataFrame:
    rows = [
        {
            "kind": "image",
            "whose": name.replace("_", " "),
            "parameters": 98_918,
            "low": low,
            "change": mid,
            "high": high,
        }
        for name, (low, mid, high) in intervals.items()
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("teacher", "beyond", "said", "unsaid"),
    [
        (
            (1, 3, 5),
            (1, 2, 3),
            ["**more** of the errors are the teacher's at 98,918 (+3.0)", "passes errors of its"],
            "less",
        ),
        (
            (1, 3, 5),
            (-1, 2, 3),
            ["(+3.0)", "Nowhere does the share move further than the control's."],
            "passes",
        ),
        (
            (-5, -3, -1),
            (-5, -2, -1),
            ["**less** of the errors", "Beyond the control they are **less**"],
            "more",
        ),
        ((-5, 0, 5), (-1, 0, 1), ["At 1 of 1 students one cannot tell"], "**"),
    ],
)
def test_the_sentences_turn_with_the_intervals(
    teacher: tuple[float, float, float], beyond: tuple[float, float, float], said: list[str], unsaid: str
) -> None:
    text = whose.whose_verdict(
        table(teacher=teacher, control=(-1, 0, 1), teacher_beyond_control=beyond), "image"
    )
    assert all(words in text for words in said), text
    assert unsaid not in text


@FEW
def test_no_errors_shared_by_anybody_is_no_crash() -> None:
    truth = torch.zeros(6, dtype=torch.long)
    pair = twins(labels_alone=[1, 1, 0, 0, 0, 0], distilled=[1, 0, 1, 0, 0, 0], control=[0] * 6)
    rows = whose.shared_errors([pair], truth, truth)
    assert (rows["change"] == 0).all()
    assert not (rows["low"] > 0).any()
    assert not (rows["high"] < 0).any()
    assert np.isfinite(rows["change"]).all()
