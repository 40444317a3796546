import time

import pytest
import torch
from torch import Tensor, nn

from explorer import measure
from explorer.measure import Accuracy
from explorer.models import StudentNet, StudentSpec


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (10, 10), (9346, 10_000), (1, 2)])
def test_the_wilson_interval_solves_its_equation(correct: int, total: int) -> None:
    """The bounds are the p whose distance from the observed share is z standard errors."""
    found = Accuracy(correct, total)
    for bound in found.interval():
        distance = (found.value - bound) ** 2
        assert distance == pytest.approx(1.96**2 * bound * (1 - bound) / total, abs=1e-12)
    low, high = found.interval()
    assert 0 <= low <= found.value <= high <= 1


def test_logits_do_not_depend_on_the_batch_and_leave_the_model_alone() -> None:
    torch.manual_seed(0)
    net = StudentNet(StudentSpec(3, (2, 3, 4, 5), 4)).eval()
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    inputs = torch.randn(7, 3, 64, 64)
    assert torch.allclose(measure.logits(net, inputs, 3), net(inputs), atol=1e-6)
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())


def test_a_network_in_training_mode_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="eval mode"):
        measure.logits(StudentNet(StudentSpec(3, (2, 3, 4, 5), 4)), torch.randn(1, 3, 64, 64))


def test_the_cpu_is_always_a_device() -> None:
    assert measure.devices()[0] == "cpu"


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
    _, slow = measure.latencies((tiny(), Slow()), torch.zeros(2, 3, 64, 64), repeats=3)
    assert slow.low is not None
    assert slow.median is not None
    assert slow.high is not None
    assert 20 <= slow.low <= slow.median <= slow.high
    assert (slow.batch, slow.threads, slow.busy) == (2, torch.get_num_threads(), False)
    assert slow.repeats >= 3


def test_a_machine_that_stays_busy_gives_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(measure, "others_between", lambda *_: asked.append(1) or 0.4)
    monkeypatch.setattr(measure, "BLOCK", 0.001)
    found, _ = measure.latencies((tiny(), tiny()), torch.zeros(1, 3, 64, 64), repeats=2, patience=3)
    assert (found.median, found.low, found.high, found.busy, found.others) == (None, None, None, True, 0.4)
    assert len(asked) == 3, "tried a bounded number of times"


def test_disturbed_rounds_are_thrown_away_and_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.5, 0.02, 0.3, 0.01])
    monkeypatch.setattr(measure, "others_between", lambda *_: next(shares))
    monkeypatch.setattr(measure, "BLOCK", 1e-9)
    (found,) = measure.latencies((tiny(),), torch.zeros(1, 3, 64, 64), repeats=2)
    assert (found.busy, found.repeats, found.others) == (False, 2, 0.02)


def test_the_share_of_others_is_what_this_process_did_not_use() -> None:
    assert measure.others_between((100, 50, 10), (200, 110, 40)) == pytest.approx(0.3)
    assert measure.others_between((100, 50, 10), (200, 80, 60)) == 0
    assert measure.others_between(None, (1, 1, 1)) is None


def test_zeros_make_a_file_compress_and_not_shrink() -> None:
    state = {"weight": torch.randn(10_000)}
    plain, zipped = measure.state_bytes(state)
    state["weight"][:9000] = 0
    again, shorter = measure.state_bytes(state)
    assert plain == again > 40_000
    assert shorter < zipped / 4
