"""What a repair says follows its rows, and turns with them."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from explorer.checkpoints import catalogue
from explorer.pruning import charts
from explorer.pruning.repair import RepairRow
from explorer.pruning.repair_reading import (
    alike,
    at_ratios,
    beside_sweep,
    describe_beside,
    describe_marks,
    describe_part,
    describe_plans,
    describe_repair,
    describe_training,
    from_scratch,
    plan_table,
    repair_table,
    with_repairs,
)
from tests.pruning.test_reading import row

PRUNED = RepairRow("global-l1", "", 0.9, "none", 0, 100, 1000, 60_000, 6_000, 10, 0, 0.0)
TUNED = replace(PRUNED, repair="fine-tuned", epochs=5, correct=900, trained_on=2_000, rate=0.02)
SMALL = pd.DataFrame(
    [
        {
            "network": "The small one",
            "nonzero": 4_764,
            "accuracy": 0.85,
            "accuracy_low": 0.84,
            "accuracy_high": 0.86,
            "images": 10_000,
            "training": "18 epochs on 55,000 images",
        }
    ]
)
ROUNDS = replace(TUNED, plan="5 rounds", correct=950)
REWOUND = replace(TUNED, plan="5 rounds, rewound", correct=980, rate=0.2)


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
        (0.875, "the images do not tell the two apart."),  # outside the other's interval, but the two overlap
        (0.9, "the images do not tell the two apart."),
        (0.95, "training the small one was better."),
    ],
)
def test_the_verdict_turns_with_the_small_network(accuracy: float, verdict: str) -> None:
    small = SMALL.assign(accuracy=accuracy, accuracy_low=accuracy - 0.01, accuracy_high=accuracy + 0.01)
    said = describe_repair([PRUNED, TUNED], small)
    assert said.endswith(verdict)
    assert (
        "The small one, trained from scratch with 4,764 parameters (18 epochs on 55,000 images), "
        f"has {accuracy:.1%} of 10,000 test images right"
    ) in said


def test_a_network_that_is_far_smaller_is_said_to_be() -> None:
    said = describe_repair([PRUNED, replace(TUNED, nonzero=47_640)], SMALL)
    assert "with 4,764 parameters, 10 times fewer (18 epochs" in said


def test_beside_a_sweep_stand_rows_of_its_methods_and_images_that_were_pruned_at_once() -> None:
    other = [replace(TUNED, method="lamp"), replace(TUNED, plan="rewound"), replace(TUNED, total=500)]
    rows = [PRUNED, TUNED, replace(TUNED, repair="re-fitted", epochs=0), *other]
    assert beside_sweep(rows, ("global-l1",), 1000) == (rows[1], rows[2])
    assert beside_sweep(rows, ("global-l1", "lamp"), 1000, ("fine-tuned",)) == (TUNED, other[0])


def test_repairs_are_lines_below_those_of_the_sweep_and_of_the_longest_training() -> None:
    rows = [row("global-l1", 0.0, 90), row("global-l1", 0.9, 10)]
    short = replace(TUNED, epochs=1, correct=700)
    data = with_repairs(
        rows, [short, TUNED, replace(TUNED, repair="re-fitted", epochs=0, correct=800)], 60_000
    )
    assert data["recovery"].tolist() == ["none", "none", "fine-tuned", "re-fitted"]
    assert data["accuracy"].tolist() == [0.9, 0.1, 0.9, 0.8]
    assert data["gone"].tolist()[2:] == pytest.approx([0.9, 0.9])
    assert data["ms"].isna().tolist() == [False, False, True, True]
    drawn = charts.accuracy_curve(data).to_dict()
    dashes = drawn["layer"][1]["encoding"]["strokeDash"]["scale"]["domain"]
    assert dashes == ["none", "re-fitted", "fine-tuned"]
    assert len(with_repairs(rows, [], 60_000)) == 2


def test_what_repair_brings_is_said_of_each_method_from_the_least_work_to_the_most() -> None:
    refitted = replace(TUNED, repair="re-fitted", epochs=0, trained_on=0, correct=800)
    other = [replace(PRUNED, method="lamp", correct=300), replace(TUNED, method="lamp", correct=910)]
    stored = [TUNED, PRUNED, refitted, *other, replace(PRUNED, plan="rewound", correct=5)]
    assert describe_beside(stored, [TUNED, refitted, other[1]]) == (
        "**What repair brings**: Masked, global L1: 90% of the weights masked, 6,000 parameters not zero: as pruned "
        "10.0%, re-fitted 80.0%, fine-tuned for 5 epochs **90.0%**. Masked, LAMP: 90% of the weights masked, 6,000 "
        "parameters not zero: as pruned 30.0%, fine-tuned for 5 epochs **91.0%**. Trained on the first 2,000 training "
        "images."
    )
    assert "Trained on" not in describe_beside([PRUNED, refitted], [refitted])


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


def test_where_no_smaller_one_of_its_kind_ships_those_of_other_kinds_are_taken() -> None:
    cards = catalogue()
    scratch = from_scratch(cards.values(), cards["residual-kd-54"])
    assert list(scratch["nonzero"]) == [4_764, 9_502, 19_320, 59_026]
    small = cards["student-5k-kd"]
    first = scratch.iloc[0]
    assert (first["accuracy"], first["images"]) == (small.test_accuracy, 10_000)
    assert (first["accuracy_low"], first["accuracy_high"]) == small.test_interval
    assert set(scratch["training"]) == {"18 epochs on 55,000 images"}
    teachers = from_scratch(cards.values(), cards["teacher"])
    assert "The sample's StudentNet, labels alone" in set(teachers["network"])
    assert not teachers["network"].str.contains("distilled").any()


def test_a_part_of_the_training_images_is_said_with_its_share() -> None:
    card = catalogue()["teacher"]
    assert describe_part(2_000, card) == (
        "trained on the first 2,000 training images, 3.6% of the 55,000 that the network learned from"
    )
    unknown = replace(card, dataset="", recipe={})
    assert describe_part(2_000, unknown) == "trained on the first 2,000 training images"
    assert describe_training(unknown) == ""


def test_marks_say_on_what_they_were_counted_where_that_differs() -> None:
    card = catalogue()["student-60k-kd"]
    assert describe_marks([replace(PRUNED, total=10_000)], SMALL, card) == (
        "Diamonds: networks trained from scratch, at their number of parameters. "
        "The line: the network before it was pruned, 93.3%."
    )
    assert describe_marks([PRUNED], SMALL[:0], card).endswith(
        "It was counted on all 10,000 images, the pruned ones on 1,000 of these."
    )
    assert "They were counted" in describe_marks([PRUNED], SMALL, card)
    assert describe_marks([PRUNED], SMALL[:0], replace(card, test_accuracy=math.nan)) == ""


def test_a_diamond_stands_where_the_pruned_network_has_its_size() -> None:
    rows = [replace(PRUNED, ratio=0.5, nonzero=30_000), replace(PRUNED, ratio=0.9, nonzero=6_000)]
    sizes = pd.concat([SMALL] * 3).assign(nonzero=[45_000, 18_000, 3_000])
    assert at_ratios(sizes, rows, 60_000)["ratio"].tolist() == pytest.approx([0.25, 0.7, 0.95])
    # Channels follow no straight line: what no measured ratio reaches has no place.
    channels = [replace(row, method="channels-l1") for row in rows]
    assert at_ratios(sizes, channels, 60_000)["nonzero"].tolist() == [45_000, 18_000]
    assert at_ratios(sizes[:0], rows, 60_000).empty


def test_only_what_differs_in_its_plan_alone_is_compared() -> None:
    lonely = [
        PRUNED,
        replace(TUNED, ratio=0.5),
        replace(ROUNDS, epochs=10),
        replace(ROUNDS, trained_on=5_000),
        replace(ROUNDS, method="lamp"),
        replace(ROUNDS, total=500),
    ]
    assert alike([*lonely, TUNED]) == ()
    assert alike([REWOUND, *lonely, ROUNDS, TUNED]) == (TUNED, ROUNDS, REWOUND)
    shorter = [replace(TUNED, epochs=1), replace(ROUNDS, epochs=1)]
    assert alike([*shorter, TUNED, ROUNDS]) == (TUNED, ROUNDS), "a way has one place at each ratio"
    assert alike(shorter) == tuple(shorter)
    assert list(plan_table([TUNED, REWOUND])["how"]) == ["in one go", "in 5 rounds, rewound"]


def test_what_the_plans_bring_is_said_and_turns_with_the_figures() -> None:
    low = [replace(each, ratio=0.8, correct=950) for each in (TUNED, ROUNDS)]
    assert describe_plans([*low, TUNED, ROUNDS, REWOUND]) == (
        "80% of the weights masked, 5 epochs in all: in one go **95.0%**; in 5 rounds 95.0%. "
        'The images do not tell "in one go" from "in 5 rounds". '
        "90% of the weights masked, 5 epochs in all: in one go 90.0%; in 5 rounds 95.0%; "
        'in 5 rounds, rewound **98.0%**. What was done "in 5 rounds, rewound" is ahead of "in one go".'
    )
    near = describe_plans([TUNED, replace(ROUNDS, correct=905)])
    assert near.endswith('The images do not tell "in 5 rounds" from "in one go".')
    behind = describe_plans([TUNED, replace(ROUNDS, correct=800), replace(REWOUND, correct=700)])
    assert behind.endswith('What was done "in one go" is ahead of "in 5 rounds".')
    without = describe_plans([ROUNDS, REWOUND])
    assert without.endswith('What was done "in 5 rounds, rewound" is ahead of "in 5 rounds".')
    assert describe_plans([]) == ""


def test_ways_stand_beside_each_other_at_each_ratio() -> None:
    drawn = charts.plans_chart(plan_table([TUNED, ROUNDS, REWOUND]), "#000000").to_dict()
    shapes = drawn["layer"][1]["encoding"]["shape"]["scale"]
    assert shapes["domain"] == ["in one go", "in 5 rounds", "in 5 rounds, rewound"]
    assert len(set(shapes["range"])) == 3
    assert drawn["layer"][0]["encoding"]["xOffset"]["field"] == "how"


def test_every_repair_is_a_line_of_its_own_and_small_networks_are_diamonds() -> None:
    rows = repair_table([PRUNED, TUNED])
    assert rows["trained_on"].tolist()[1] == 2_000
    drawn = charts.repair_curve(rows, SMALL, charts.COLORS["masked, global L1"]).to_dict()
    dashes = drawn["layer"][1]["encoding"]["strokeDash"]["scale"]
    assert dashes["domain"] == ["as pruned", "fine-tuned for 5 epochs"]
    assert len({str(dash) for dash in dashes["range"]}) == 2
    assert drawn["layer"][3]["mark"]["shape"] == "diamond"
    every = [replace(TUNED, epochs=epochs) for epochs in range(1, 6)]
    many = charts.repair_curve(repair_table(every), SMALL, "#000000").to_dict()["layer"][2]["encoding"][
        "shape"
    ]
    assert len(set(many["scale"]["range"]) - {"diamond"}) == 5, "a diamond is a network from scratch"
    placed = charts.repair_curve(rows, SMALL.assign(ratio=0.9), "#000000", 0.93, "ratio").to_dict()
    assert placed["layer"][0]["mark"]["type"] == "rule"
    assert {each["encoding"]["x"]["field"] for each in placed["layer"][1:]} == {"ratio"}
    assert len(charts.repair_curve(rows, SMALL[:0], "#000000").to_dict()["layer"]) == 3
