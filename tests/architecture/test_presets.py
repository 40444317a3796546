"""Courses and networks to begin with: what they ask, and what keeps it."""

from dataclasses import replace

import pytest

from explorer.architecture.presets import COURSES, FASHION, HOMEWORKS, LIMITS, passing, presets
from explorer.checkpoints import catalogue
from explorer.networks import cost_of


def test_the_courses_ask_for_what_they_are_known_to_ask_for() -> None:
    asked = {course.key: (course.limit, course.classes, course.size, course.floor) for course in COURSES}
    assert asked == {
        "Spring 2023": (60_000, 11, 224, None),
        "Spring 2022": (100_000, 11, 224, None),
        "Fashion-MNIST": (100_000, 10, 28, 0.924),
    }
    assert LIMITS == {"Spring 2023": 60_000, "Spring 2022": 100_000}
    assert FASHION.words == (
        "Fashion-MNIST, 10 classes, 28 pixels: at most 100,000 parameters, with at least 92.4% of the test images right"
    )
    assert HOMEWORKS[0].words == "Food-11, 11 classes, 224 pixels: at most 60,000 parameters"


def test_the_presets_have_the_parameters_they_are_known_by() -> None:
    costs = {preset.title: cost_of(preset.spec).params for preset in presets()}
    assert costs["The sample's StudentNet"] == 99_060
    assert costs["The course's starter of 2023"] == 59_723
    assert costs["The course's starter of 2022"] == 87_907
    over = {preset.title for preset in presets() if costs[preset.title] > preset.course.limit}
    assert over == {"The sample's StudentNet"}
    assert len({preset.spec.kind for preset in presets()}) == 4
    assert {preset.spec.classes for preset in presets(7)} == {7}


@pytest.mark.parametrize("preset", presets(FASHION.classes), ids=lambda preset: preset.title)
def test_every_preset_can_be_fed_what_each_course_feeds(preset) -> None:
    for course in COURSES:
        assert cost_of(preset.spec, course.size).mult_adds > 0


def test_a_network_passes_by_its_size_and_its_accuracy() -> None:
    card = catalogue()["student-60k"]

    def like(name: str, params: int, accuracy: float):
        return replace(card, name=name, params=params, test_accuracy=accuracy)

    cards = [
        like("just", 100_000, 0.924),
        like("large", 100_001, 0.99),
        like("weak", 50_000, 0.9239),
        like("unmeasured", 50_000, float("nan")),
        like("small", 9_000, 0.93),
        like("also small", 9_500, 0.93),
    ]
    assert [each.name for each in passing(cards, FASHION)] == ["small", "also small", "just"]
    kept = [each.name for each in passing(cards, HOMEWORKS[0])]
    assert kept == ["small", "also small", "weak"], "without a floor the size alone counts"
