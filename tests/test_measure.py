import pytest
import torch

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
