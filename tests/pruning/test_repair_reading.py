"""What a repair says follows its rows, and turns with them."""

from dataclasses import replace

import pandas as pd
import pytest

from explorer.checkpoints import catalogue
from explorer.pruning import charts
from explorer.pruning.repair import RepairRow
from explorer.pruning.repair_reading import beside_sweep, describe_repair, from_scratch, repair_table

PRUNED = RepairRow("global-l1", "", 0.9, "none", 0, 100, 1000, 60_000, 6_000, 10, 0, 0.0)
TUNED = replace(PRUNED, repair="fine-tuned", epochs=5, correct=900, trained_on=2_000, rate=0.02)
SMALL = pd.DataFrame([{"network": "The small one", "nonzero": 4_764, "accuracy": 0.85}])


def test_it_says_what_each_way_brings_back_at_the_telling_ratio() -> None:
    rows = [PRUNED, TUNED, replace(PRUNED, ratio=0.5, correct=930), replace(TUNED, ratio=0.95, correct=120)]
    rows.append(replace(PRUNED, ratio=0.95, correct=100))
    assert describe_repair(rows, SMALL[:0]) == (
        "90% of the weights masked, 6,000 parameters not zero: as pruned 10.0%, "
        "fine-tuned for 5 epochs **90.0%**."
    )
    assert describe_repair([], SMALL) == ""


@pytest.mark.parametrize(
    ("accuracy", "verdict"),
    [
        (0.85, "the pruned and repaired network is better."),
        (0.9, "the images do not tell the two apart."),
        (0.95, "training the small one was better."),
    ],
)
def test_the_verdict_turns_with_the_small_network(accuracy: float, verdict: str) -> None:
    said = describe_repair([PRUNED, TUNED], SMALL.assign(accuracy=accuracy))
    assert said.endswith(verdict)
    assert f"The small one, trained from scratch with 4,764 parameters, has {accuracy:.1%} of all" in said


def test_beside_a_sweep_stand_rows_of_its_methods_and_images_that_were_pruned_at_once() -> None:
    other = [replace(TUNED, method="lamp"), replace(TUNED, plan="rewound"), replace(TUNED, total=500)]
    rows = [PRUNED, TUNED, replace(TUNED, repair="re-fitted", epochs=0), *other]
    assert beside_sweep(rows, ("global-l1",), 1000) == (rows[1], rows[2])
    assert beside_sweep(rows, ("global-l1", "lamp"), 1000, ("fine-tuned",)) == (TUNED, other[0])


def test_a_network_that_is_larger_is_no_match() -> None:
    assert "from scratch" not in describe_repair([PRUNED, TUNED], SMALL.assign(nonzero=20_000))


def test_networks_from_scratch_are_smaller_ones_trained_alike() -> None:
    cards = catalogue()
    names = {
        name: list(from_scratch(cards.values(), cards[name])["network"])
        for name in ("student-60k", "student-60k-kd", "student-5k")
    }
    titles = {key: cards[key].title for key in cards}
    assert names["student-60k"] == [titles[f"student-{size}"] for size in ("5k", "10k", "20k")]
    assert names["student-60k-kd"] == [titles[f"student-{size}-kd"] for size in ("5k", "10k", "20k")]
    assert names["student-5k"] == []


def test_every_repair_is_a_line_of_its_own_and_small_networks_are_diamonds() -> None:
    rows = repair_table([PRUNED, TUNED])
    assert rows["trained_on"].tolist()[1] == 2_000
    drawn = charts.repair_curve(rows, SMALL, charts.COLORS["masked, global L1"]).to_dict()
    dashes = drawn["layer"][1]["encoding"]["strokeDash"]["scale"]
    assert dashes["domain"] == ["as pruned", "fine-tuned for 5 epochs"]
    assert len({str(dash) for dash in dashes["range"]}) == 2
    assert drawn["layer"][3]["mark"]["shape"] == "diamond"
    assert len(charts.repair_curve(rows, SMALL[:0], "#000000").to_dict()["layer"]) == 3
