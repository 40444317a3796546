"""Results under their identities: other weights, images or settings are other results; titles never count."""

import pickle
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from explorer.work.estimate import Estimator
from explorer.work.identity import Identity, differences, percentages, setting
from explorer.work.results import KeptResult, ResultStore, Shelf


@dataclass(frozen=True)
class Settings:
    images: int = setting("images", "{:,}".format, default=1000)
    ratios: tuple[float, ...] = setting("ratios", percentages, default=(0.5,))


@dataclass(frozen=True)
class Others:
    images: int = 1000


ONE = Identity("map", "weights", "images", Settings())


@pytest.mark.parametrize(
    "change",
    [
        {"instrument": "sweep"},
        {"weights": "other"},
        {"images": "other"},
        {"settings": Settings(images=999)},
        {"settings": Settings(ratios=(0.5, 0.6))},
    ],
)
def test_a_result_is_found_by_what_it_is_a_result_of_and_by_nothing_else(change: dict[str, object]) -> None:
    store, other = ResultStore(), replace(ONE, **change)
    store.keep(KeptResult(ONE, ("mine",)))
    assert store.get(other) is None
    store.keep(KeptResult(other, ("other",)))
    assert store.get(ONE).parts == ("mine",)
    assert store.get(other).parts == ("other",)
    assert pickle.loads(pickle.dumps(other)) == other  # noqa: S301 (our own)


def test_the_latest_of_a_subject_is_the_newest_with_any_settings() -> None:
    store = ResultStore()
    for images in (100, 200, 300):
        store.keep(KeptResult(replace(ONE, settings=Settings(images)), (images,)))
    store.keep(KeptResult(replace(ONE, weights="other"), ("other",)))
    assert store.latest(*ONE.subject).parts == (300,)
    assert store.latest("map", "other", "images").parts == ("other",)
    assert store.latest("map", "weights", "none") is None


def test_the_store_is_bounded_and_drops_what_was_not_used_for_longest() -> None:
    store = ResultStore(most=3)
    identities = [replace(ONE, weights=str(number)) for number in range(4)]
    for identity in identities[:3]:
        store.keep(KeptResult(identity))
    assert store.get(identities[0]) is not None
    store.keep(KeptResult(identities[3]))
    assert len(store) == 3
    assert [store.get(identity) is not None for identity in identities] == [True, False, True, True]


def test_many_threads_may_keep_and_look_at_once() -> None:
    shelf: Shelf[int, int] = Shelf(50)

    def use(offset: int) -> None:
        for number in range(500):
            shelf.put((offset * 500 + number) % 90, number)
            shelf.newest(lambda key: key % 7 == 0)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(shelf) == 50


def test_a_kept_result_grows_by_new_values_only() -> None:
    first = KeptResult(ONE, steps=2)
    second = first.with_parts(("a",), 0.5).with_parts(("a", "b"), 1.25).ended("finished")
    assert (first.parts, first.seconds, first.finished) == ((), 0.0, False)
    assert (second.parts, second.seconds, second.finished) == (("a", "b"), 1.25, True)


def test_a_kept_result_says_the_day_on_which_it_was_measured() -> None:
    before = datetime.now(UTC).date()
    kept = KeptResult(ONE).with_parts(("a",), 0.5)
    assert before.isoformat() <= kept.date <= datetime.now(UTC).date().isoformat()
    assert kept.measured("cpu") == f"{kept.date}, cpu"
    assert KeptResult(ONE).measured("cpu") == "cpu", "of nothing there is no day"


def test_settings_are_compared_as_values_and_told_in_words() -> None:
    shown, asked = Settings(1000, (0.5, 0.8)), Settings(500, (0.5, 0.8000001))
    assert [str(each) for each in differences(shown, asked)] == [
        "images: shown 1,000, asked 500",
        "ratios: shown 50%, 80%, asked 50%, 80%",
    ]
    assert differences(shown, shown) == ()
    with pytest.raises(TypeError, match="Others and Settings"):
        differences(Others(), asked)


def test_an_estimate_comes_from_a_trial_and_is_corrected_by_real_runs() -> None:
    estimator, trials = Estimator(), []

    def trial() -> float:
        trials.append(1)
        return 1e9

    assert estimator.seconds(4e9, ("map", "net"), "net", trial) == 4.0
    assert estimator.seconds(2e9, ("sweep", "net"), "net", trial) == 2.0
    assert len(trials) == 1, "a network is tried once"
    estimator.learn(4e9, ("map", "net"), 8.0)
    assert estimator.seconds(4e9, ("map", "net"), "net", trial) == 8.0
    assert estimator.seconds(2e9, ("sweep", "net"), "net", trial) == 2.0, "other work is not corrected"
    estimator.learn(4e9, ("map", "net"), 16.0)
    assert estimator.seconds(4e9, ("map", "net"), "net", trial) == pytest.approx(12.0)
    estimator.learn(4e9, ("map", "net"), 0.01)
    assert estimator.seconds(4e9, ("map", "net"), "net", trial) == pytest.approx(12.0), "too short to tell"


def test_a_shelf_holds_so_many_bytes_and_the_newest_in_any_case() -> None:
    shelf: Shelf[str, bytes] = Shelf(10, 2500)
    shelf.put("first", bytes(1000))
    shelf.put("second", bytes(1000))
    assert shelf.get("first") is not None, "used again, so that the second is now the oldest"
    shelf.put("third", bytes(1000))
    assert [shelf.get(key) is not None for key in ("first", "second", "third")] == [True, False, True]
    assert 2000 <= shelf.size <= 2500
    shelf.put("first", bytes(10))
    shelf.put("fourth", bytes(1000))
    assert len(shelf) == 3, "a value that was replaced counts as it is now"
    shelf.put("large", bytes(9000))
    assert len(shelf) == 1
    assert shelf.get("large") is not None
    shelf.clear()
    assert (shelf.size, len(shelf)) == (0, 0)
