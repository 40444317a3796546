import threading
import time

import pytest
import torch
from torch import Tensor, nn

from explorer.measure import clock
from explorer.measure.clock import CpuTime
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


def test_a_light_load_elsewhere_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes 15% of one of two cores makes a network on both look a tenth slower."""
    monkeypatch.setattr(clock, "others_between", lambda *_: 0.15 / 2)
    monkeypatch.setattr(clock, "BLOCK", 0.001)
    (reading,) = clock.latencies((tiny(),), torch.zeros(1, 3, 64, 64), repeats=2, patience=2)
    assert reading.busy


def ticks(whole: float, busy: float, process: float, **threads: float) -> CpuTime:
    return CpuTime(whole, busy, process, {int(name[1:]): used for name, used in threads.items()})


def test_the_share_of_others_is_what_this_process_did_not_use() -> None:
    before = ticks(100, 50, 10)
    assert clock.others_between(before, ticks(200, 110, 40)) == pytest.approx(0.3)
    assert clock.others_between(before, ticks(200, 80, 60)) == 0
    assert clock.others_between(None, ticks(1, 1, 1)) is None


def test_other_threads_of_this_process_are_others() -> None:
    before = ticks(100, 50, 10, t7=4, t8=1)
    # One went on, one has ended, one has begun.
    after = ticks(200, 120, 80, t7=24, t9=10)
    assert clock.others_between(before, after) == pytest.approx((20 + 10) / 100)


def test_what_another_thread_of_this_process_uses_is_told_apart_from_what_the_caller_uses() -> None:
    ended, numbers = threading.Event(), []

    def spin() -> None:
        numbers.append(threading.get_native_id())
        while not ended.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin)
    before = clock.cpu_time()
    thread.start()
    try:
        while (after := clock.cpu_time()) and after.threads.get(numbers[0] if numbers else 0, 0) < 3:
            time.sleep(0.01)
    finally:
        ended.set()
        thread.join()
    if before is None or after is None:
        pytest.skip("this system does not tell")
    assert numbers[0] not in before.threads
    assert threading.get_native_id() not in after.threads
    assert clock.others_between(before, after) * (after.whole - before.whole) >= 2


def test_mixed_runtimes_rest_before_each_pass_and_one_alone_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(clock.time, "sleep", rests.append)
    monkeypatch.setattr(clock, "cpu_time", lambda: None)
    monkeypatch.setattr(clock, "BLOCK", 0.0)
    passes: list[int] = []
    networks, batch = (nn.Identity(), nn.Identity()), torch.zeros(1, 3, 2, 2)
    for number, network in enumerate(networks):
        network.register_forward_hook(lambda *_, number=number: passes.append(number))
    for threads, mixed, expected in ((2, True, 2 * (2 + 3)), (2, False, 0), (1, True, 0)):
        monkeypatch.setattr(clock.torch, "get_num_threads", lambda threads=threads: threads)
        rests.clear()
        passes.clear()
        clock.latencies(networks, batch, 3, mixed=mixed)
        assert len(rests) == expected
        assert all(clock.REST <= rest <= 1.5 * clock.REST for rest in rests)
        assert len(set(rests)) == expected, "a beat in step with the ticks is seen at work too often"
        assert len(passes) == 2 * (2 + 3) + expected, "its own threads are woken before its time is taken"
        assert passes[::2] == passes[1::2] or not expected
