"""Work that tells how far it is, run to its end or left in the middle."""

from collections.abc import Generator

import pytest

from explorer.work.progress import Update, follow


def test_work_is_followed_to_its_result_and_ended_when_nobody_looks_any_more() -> None:
    ended: list[bool] = []

    def work() -> Generator[Update, None, str]:
        try:
            yield Update("work", 1, 2)
            yield Update("work", 2, 2)
        finally:
            ended.append(True)
        return "done"

    seen: list[int] = []
    assert follow(work(), lambda update: seen.append(update.done)) == "done"
    assert seen == [1, 2]

    def leave(_: Update) -> None:
        raise KeyboardInterrupt

    steps = work()  # held here, so that only being closed can end it
    with pytest.raises(KeyboardInterrupt):
        follow(steps, leave)
    assert ended == [True, True]
