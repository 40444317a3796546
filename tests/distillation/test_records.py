from dataclasses import replace

from explorer.checkpoints import card
from explorer.distillation import records

PLAIN, TAUGHT, TEACHER = card("residual"), card("student-60k-kd"), card("teacher")


def test_the_best_is_chosen_on_validation_images_and_told_with_its_test_images() -> None:
    lucky = replace(TAUGHT, validation_accuracy=0.91, test_accuracy=0.99)
    best = replace(PLAIN, validation_accuracy=0.93, test_accuracy=0.92)
    assert records.best_under([lucky, best, TEACHER], 60_000) is best
    text = records.record_verdict([lucky, best, TEACHER], 60_000)
    assert "at most 60,000 parameters" in text
    assert "(93.00% of them)" in text
    assert f"**{best.title}**: **92.00%** of the 10,000 test images" in text
    assert "(95% Wilson 91.5% to 92.5%)" in text
    assert "The same design" not in text, "it has no teacher"
    assert records.best_under([lucky, best, TEACHER], 12_000_000) is TEACHER
    unmeasured = replace(best, validation_accuracy=float("nan"))
    assert records.best_under([unmeasured], 60_000) is None
    assert records.record_verdict([TEACHER], 60_000) == ""


def test_what_the_teacher_has_to_do_with_it_is_said_from_the_recipes() -> None:
    taught = replace(PLAIN, name="residual-kd", validation_accuracy=0.95, distillation={"teacher": "teacher"})
    told = records.record_verdict([PLAIN, taught], 60_000)
    assert f"labels alone reaches {PLAIN.test_accuracy:.2%}: the teacher is the only" in told
    longer = replace(taught, recipe=taught.recipe | {"epochs": 54})
    told = records.record_verdict([PLAIN, longer], 60_000)
    assert f"so much do the teacher and 54 epochs instead of {PLAIN.recipe['epochs']} bring together" in told
    other = replace(taught, recipe=taught.recipe | {"max_lr": 0.1})
    assert "the teacher and another schedule bring" in records.record_verdict([PLAIN, other], 60_000)
    text = records.record_verdict([longer], 60_000)
    assert "does not ship, so what of it is the teacher's is not known" in text
