import time

import pytest
import torch
from torch import Tensor, nn

from explorer.measure import clock
from explorer.networks import StudentNet, StudentSpec


def tiny() -> StudentNet:
    return StudentNet(StudentSpec(2, (2, 2, 2, 2), 3)).eval()


class Slow(nn.Module):
    """A network that takes 20 ms at least."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        time.sleep(0.02)
        return images


@pytest.mark.usefixtures("quiet")
def test_latency_is_read_off_a_clock() -> None:
    _, slow = clock.latencies((tiny(), Slow()), torch.zeros(2, 3, 64, 64), repeats=3)
    assert slow.low is not None
    assert slow.median is not None
    assert slow.high is not None
    assert 20 <= slow.low <= slow.median <= slow.high
    assert (slow.batch, slow.threads, slow.busy) == (2, torch.get_num_threads(), False)
    assert slow.repeats >= 3


def test_a_machine_that_stays_busy_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(clock, "others_between", lambda *_: asked.append(1) or 0.4)
    monkeypatch.setattr(clock, "BLOCK", 0.001)
    reading, _ = clock.latencies((tiny(), tiny()), torch.zeros(1, 3, 64, 64), repeats=2, patience=3)
    assert (reading.median, reading.low, reading.high, reading.busy, reading.others) == (
        None,
        None,
        None,
        True,
        0.4,
    )
    assert len(asked) == 3, "tried a bounded number of times"


def test_disturbed_rounds_are_thrown_away_and_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.5, 0.02, 0.3, 0.01])
    monkeypatch.setattr(clock, "others_between", lambda *_: next(shares))
    monkeypatch.setattr(clock, "BLOCK", 1e-9)
    (reading,) = clock.latencies((tiny(),), torch.zeros(1, 3, 64, 64), repeats=2)
    assert (reading.busy, reading.repeats, reading.others) == (False, 2, 0.02)


def test_the_share_of_others_is_what_this_process_did_not_use() -> None:
    assert clock.others_between((100, 50, 10), (200, 110, 40)) == pytest.approx(0.3)
    assert clock.others_between((100, 50, 10), (200, 80, 60)) == 0
    assert clock.others_between(None, (1, 1, 1)) is None
