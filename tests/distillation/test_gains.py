import base64
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from explorer.checkpoints import card
from explorer.distillation import gains, study


def result(
    hits: np.ndarray,
    *,
    distilled: bool,
    seed: int = 1,
    student: str = "report",
    images: int = 500,
    arm: str = "training",
) -> study.CellResult:
    cell = study.StudyCell(student, images, arm, seed, distilled)  # type: ignore[arg-type]
    right = base64.b64encode(np.packbits(hits).tobytes()).decode()
    settings = study.StudyPlan("sha", None).settings(cell)  # type: ignore[arg-type]
    return study.CellResult(cell, settings, right, len(hits), "a", "b", 1.0, "here")


def pair(plain: float, taught: float, count: int = 1000, **about) -> list[study.CellResult]:
    """Both of a pair, right on the first so many images."""
    numbers = np.arange(count)
    return [
        result(numbers < round(share * count), distilled=way, **about)
        for way, share in ((False, plain), (True, taught))
    ]


def summarised(results: list[study.CellResult]) -> pd.DataFrame:
    return gains.summarise(gains.pairs_of(results))


def test_the_gain_is_paired_by_seed_and_by_image_and_its_intervals_are_scipys() -> None:
    generator = np.random.default_rng(0)
    hits = {(seed, way): generator.random(1003) < 0.8 + 0.02 * way for seed in (1, 2, 3) for way in (0, 1)}
    results = [result(each, distilled=bool(way), seed=seed) for (seed, way), each in hits.items()]
    row = summarised(results).iloc[0]
    plain, taught = (100 * np.array([hits[seed, way].mean() for seed in (1, 2, 3)]) for way in (0, 1))
    paired = stats.ttest_rel(taught, plain)
    assert row["gain"] == pytest.approx((taught - plain).mean())
    assert (row["low"], row["high"]) == pytest.approx(paired.confidence_interval(0.95))
    each = 100 * np.mean([hits[seed, 1].astype(int) - hits[seed, 0] for seed in (1, 2, 3)], axis=0)
    by_image = stats.ttest_1samp(each, 0).confidence_interval(0.95)
    assert (row["image_low"], row["image_high"]) == pytest.approx(by_image)
    assert (row["pairs"], row["better"] + row["worse"]) == (3, 3)
    assert (row["parameters"], row["labels alone"]) == (98_918, pytest.approx(plain.mean() / 100))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # scipy's, of seeds that agree to the last digit
def test_a_cell_says_something_only_if_both_intervals_leave_out_0() -> None:
    up = [each for seed in (1, 2, 3) for each in pair(0.80, 0.90 + 0.01 * seed, seed=seed)]
    down = [each for seed in (1, 2, 3) for each in pair(0.90, 0.80 - 0.01 * seed, seed=seed, images=2_000)]
    unsure = [each for seed, end in ((1, 0.7), (2, 0.9)) for each in pair(0.8, end, seed=seed, images=10_000)]
    # The seeds agree, but on 20 images one image more says nothing.
    few = [each for seed in (1, 2, 3) for each in pair(0.8, 0.85, 20, seed=seed, student="student-5k")]
    single = pair(0.5, 0.9, images=55_000)
    lone = pair(0.5, 0.9, seed=9)[:1]
    rows = summarised([*up, *down, *unsure, *few, *single, *lone]).set_index(["student", "images"])
    assert rows["says"].to_dict() == {
        ("report", 500): "helps",
        ("report", 2_000): "hurts",
        ("report", 10_000): "open",
        ("student-5k", 500): "open",
        ("report", 55_000): "one seed",
    }
    assert rows.loc[("report", 500), "pairs"] == 3, "half a pair is none"
    assert np.isnan(rows.loc[("report", 55_000), ["low", "high"]].astype(float)).all()
    text = gains.verdict(rows.reset_index())
    assert "Distillation **helps** with 500 images at 98,918 (+12.00)." in text
    assert "It **hurts** with 2,000 images at 98,918 (-12.00)." in text
    assert "In **2** of 5 cells one **cannot tell** (+0.00 to +5.00 points)." in text
    assert "1 cell of one pair (+40.00 points): nothing tells what another seed would give." in text
    assert "better in 8 and worse in 4 of 12 pairs" in text
    assert "Of 4 cells up to about 0.2 would" in text


def test_the_sentences_turn_with_the_data() -> None:
    down = [each for seed in (1, 2, 3) for each in pair(0.90, 0.80 - 0.01 * seed, seed=seed)]
    text = gains.verdict(summarised(down))
    assert "Nowhere can one tell that it helps." in text
    assert "cannot tell**" not in text
    assert "chance" not in text, "one cell is no family of tests"
    up = [each for seed in (1, 2, 3) for each in pair(0.80, 0.90 + 0.01 * seed, seed=seed)]
    assert "Nowhere that it hurts." in gains.verdict(summarised(up))
    assert "Nowhere" not in gains.verdict(summarised(pair(0.5, 0.6))), "one seed is no finding"
    assert gains.verdict(summarised([])) == "No pair of this study has been trained yet."


def arms(
    seen: tuple[float, ...], unseen: tuple[float, ...], student: str = "report"
) -> list[study.CellResult]:
    return [
        each
        for arm, gained in (("seen", seen), ("unseen", unseen))
        for seed, gain in enumerate(gained, start=1)
        for each in pair(0.5, 0.5 + gain, arm=arm, seed=seed, images=2_500, student=student)
    ]


def test_the_caveat_compares_the_arms_seed_by_seed() -> None:
    results = arms((0.02, 0.03, 0.04), (0.05, 0.07, 0.06))
    rows = gains.caveat(gains.pairs_of(results))
    assert rows["student"].tolist() == ["report"]
    row = rows.iloc[0]
    assert (row["seen"], row["unseen"], row["difference"]) == pytest.approx((3.0, 6.0, 3.0))
    expected = stats.ttest_rel([5.0, 7.0, 6.0], [2.0, 3.0, 4.0]).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx(expected)
    text = gains.caveat_verdict(rows)
    assert "the student of 98,918 +3.00 points" in text
    assert "never seen +6.00" in text
    assert "**new images give more**" in text
    assert "**new images give less**" in gains.caveat_verdict(
        gains.caveat(gains.pairs_of(arms((0.05, 0.07, 0.06), (0.02, 0.03, 0.04))))
    )
    assert "**one cannot tell the two apart**" in gains.caveat_verdict(
        gains.caveat(gains.pairs_of(arms((0.0, 0.1), (0.1, 0.0))))
    )


def test_the_caveat_of_one_seed_is_told_apart_by_its_images() -> None:
    rows = gains.caveat(gains.pairs_of(arms((0.1,), (0.2,))))
    row = rows.iloc[0]
    assert np.isnan(row["low"])
    # The distilled one of 1,000 images: 100 and 200 more right, so that one image in ten tells the arms apart.
    expected = stats.ttest_1samp([100.0] * 100 + [0.0] * 900, 0).confidence_interval(0.95)
    assert (row["image_low"], row["image_high"]) == pytest.approx(expected)
    text = gains.caveat_verdict(rows)
    assert f"({expected.low:+.2f} to {expected.high:+.2f}, t interval over the paired differences" in text
    assert "1,000 images that one seed is judged on" in text
    assert "**new images give more**" in text


def test_arms_that_share_no_seed_over_all_students_are_told_student_by_student() -> None:
    results = [
        *arms((0.01, 0.02, 0.04), (0.05, 0.07, 0.06)),
        *[
            each
            for each in arms((0.0, 0.0, 0.0, 0.1), (0.0, 0.0, 0.0, 0.1), "student-5k")
            if each.cell.seed == 4
        ],
    ]
    rows = gains.caveat(gains.pairs_of(results))
    assert rows["student"].tolist() == ["student-5k", "report"]
    assert "the student of 98,918" in gains.caveat_verdict(rows), "of three seeds, not of one"
    assert "nan" not in gains.caveat_verdict(rows)


def test_arms_that_are_judged_on_different_images_are_not_compared() -> None:
    results = [
        replace(each, judged_on="others") if each.cell.arm == "unseen" else each
        for each in arms((0.1, 0.2), (0.1, 0.2))
    ]
    assert gains.caveat(gains.pairs_of(results)).empty


def test_trends_compare_only_what_differs_in_nothing_else() -> None:
    def told(*cells: tuple[str, int, float]) -> str:
        results = [
            each
            for student, images, gain in cells
            for each in pair(0.5, 0.5 + gain, student=student, images=images)
        ]
        return gains.trends(gains.drawn(summarised(results)))

    small, large = "student-5k", "report"
    assert told((small, 500, 0.1)) == ""
    assert told((small, 500, 0.1), (large, 2_000, 0.1)) == ""
    assert told((small, 500, 0.1), (large, 500, 0.3), (small, 2_000, 0.05)) == (
        "The mean gain: from 500 to 2,000 images it goes from +10.00 to +5.00 points (1 student); from 4,764 to 98,918 "
        "parameters from +10.00 to +30.00 (with 500 images)."
    )


def test_the_caveat_over_all_students_takes_only_seeds_that_all_of_them_have() -> None:
    results = arms((0.01, 0.01, 0.01), (0.03, 0.04, 0.09)) + arms((0.01, 0.01), (0.05, 0.02), "student-5k")
    rows = gains.caveat(gains.pairs_of(results))
    assert rows["student"].tolist() == ["all together", "student-5k", "report"]
    together = rows.iloc[0]
    assert together["seeds"] == 2
    assert together["difference"] == pytest.approx(((2 + 4) / 2 + (3 + 1) / 2) / 2)
    assert "the 2 students together" in gains.caveat_verdict(rows)


def test_without_both_arms_there_is_no_caveat() -> None:
    rows = gains.caveat(gains.pairs_of([*pair(0.5, 0.6), *arms((0.1, 0.1), ())]))
    assert rows.empty
    assert gains.caveat_verdict(rows) == ""
    assert isinstance(rows, pd.DataFrame)


def test_cells_judged_on_other_images_have_no_interval_over_images() -> None:
    results = arms((0.02, 0.03), ())
    other = [replace(each, judged_on=f"{each.cell.seed}") for each in results]
    assert np.isnan(summarised(other)["image_low"]).all()
    assert not np.isnan(summarised(results)["image_low"]).any()


def test_the_sentence_says_where_the_sign_changes_along_students_and_along_images() -> None:
    def told(*cells: tuple[str, int, float]) -> str:
        results = [
            each
            for student, images, gain in cells
            for each in pair(0.5, 0.5 + gain, student=student, images=images)
        ]
        return gains.sign_changes(gains.drawn(summarised(results)))

    small, large = "student-5k", "report"
    assert told((small, 500, 0.1)) == ""
    assert told((small, 500, 0.1), (large, 2_000, -0.1)) == "", "other students on other images"
    assert told((small, 500, 0.1), (large, 500, 0.1)) == "The sign of the mean gain is the same everywhere."
    assert told((small, 500, -0.1), (large, 500, 0.1)) == (
        "The **sign** of the mean gain **changes** with 500 images from 4,764 to 98,918 parameters."
    )
    assert told((small, 500, 0.1), (small, 2_000, -0.1), (large, 500, 0.1), (large, 2_000, -0.1)) == (
        "The **sign** of the mean gain **changes** from 500 images to 2,000 images at 4,764, 98,918."
    )


def test_shipped_pairs_join_as_one_pair_each_if_their_recipes_are_the_same() -> None:
    cards = {f"report{end}": replace(card(f"report{end}"), params=1) for end in ("", "-kd")}
    truth = torch.tensor([0, 0, 0, 0])
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    logits = {
        "report": torch.tensor([right, wrong, wrong, wrong]),
        "report-kd": torch.tensor([right, right, right, wrong]),
    }
    pairs = gains.shipped_pairs(cards, logits, truth, "images")
    rows = gains.summarise(pairs)
    (row,) = rows.to_dict("records")
    assert (row["arm"], row["images"], row["gain"], row["says"]) == ("shipped", 55_000, 50.0, "one seed")
    expected = stats.ttest_1samp([0, 100, 100, 0], 0).confidence_interval(0.95)
    assert (row["image_low"], row["image_high"]) == pytest.approx(expected)
    assert gains.drawn(rows)["set"].tolist() == ["55,000, as shipped"]
    longer = cards | {"report-kd": replace(cards["report-kd"], recipe={"epochs": 90, "seed": 1})}
    assert gains.shipped_pairs(longer, logits, truth, "images") == []
    assert gains.shipped_pairs(cards, {"report": logits["report"]}, truth, "images") == []
