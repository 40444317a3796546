import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from explorer.data import ImageSet
from explorer.distillation import gains, whose
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


def test_the_control_is_another_network_that_nobody_taught_and_the_nearest_to_the_teacher() -> None:
    correct = {"student-5k": 80, "student-10k": 85, "student-60k": 96, "residual": 93, "report": 91}
    assert whose.control_for("student-5k", correct, 92) == "residual"
    assert whose.control_for("residual", correct, 92) == "report", "no network is its own control"
    assert whose.control_for("report", correct, 97) == "student-60k"


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
            [
                "**more** of the errors are the teacher's at 98,918 (+3.0)",
                "passed errors of its own on. Of 1 such intervals about 0.05 would",
            ],
            "fewer",
        ),
        (
            (1, 3, 5),
            (-1, 2, 3),
            ["(+3.0)", "Nowhere can one tell that the share moves further than the control's."],
            "passed",
        ),
        (
            (-5, -3, -1),
            (-5, -2, -1),
            ["**fewer** of the errors", "Beyond the control they are **fewer**"],
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


def hits(*right: int) -> np.ndarray:
    return np.array(right, bool)


def test_over_seeds_the_share_with_the_teacher_is_taken_less_the_controls() -> None:
    teacher, control = hits(0, 0, 1, 1, 1, 1), hits(1, 0, 0, 1, 1, 1)

    def trained(seed: int, plain: np.ndarray, taught: np.ndarray, images: int = 500) -> gains.Pair:
        return gains.Pair("report", images, "training", seed, plain, taught, "images")

    pairs = [
        # Of its errors the teacher shares 1 of 2 and the control 1 of 2; distilled 2 of 2 and 1 of 2.
        trained(1, hits(1, 0, 1, 0, 1, 1), hits(0, 0, 1, 1, 1, 1)),
        # 0 of 2 and 1 of 2; distilled 1 of 1 and 0 of 1.
        trained(2, hits(1, 1, 0, 0, 1, 1), hits(0, 1, 1, 1, 1, 1)),
        trained(1, hits(1, 1, 1, 0, 1, 1), hits(1, 1, 0, 1, 1, 1), 2_000),
    ]
    rows = whose.shared_over_seeds(pairs, teacher, {"report": control, "student-5k": teacher})
    first, second = rows.to_dict("records")
    assert (first["images"], first["seeds"], first["parameters"]) == (500, 2, 98_918)
    assert (first["teacher"], first["control"], first["change"]) == pytest.approx((75, -25, 100))
    expected = stats.ttest_1samp([50.0, 150.0], 0).confidence_interval(0.95)
    assert (first["low"], first["high"]) == pytest.approx(expected)
    assert (second["seeds"], second["change"]) == (1, -100)
    assert np.isnan(second["low"])


def test_the_sentences_over_seeds_turn_with_the_intervals() -> None:
    cells = [(500, 3, 1, 2, 3), (2_000, 3, -3, -2, -1), (10_000, 3, -1, 0, 1), (55_000, 1, np.nan, 9, np.nan)]
    rows = pd.DataFrame(cells, columns=["images", "seeds", "low", "change", "high"]).assign(parameters=98_918)
    text = whose.seeds_verdict(rows)
    assert "**More** of the errors become the teacher's, beyond the control: 98,918 (+2.0) with 500" in text
    assert (
        "**Fewer** of the errors become the teacher's, beyond the control: 98,918 (-2.0) with 2,000" in text
    )
    assert "In 1 of 3 cells of several seeds one cannot tell." in text
    assert "Of one seed, which tells nothing of others: 98,918 (+9.0) with 55,000 images." in text
    assert "**" not in whose.seeds_verdict(rows[2:])
