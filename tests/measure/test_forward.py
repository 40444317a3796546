import pytest
import torch

from explorer.measure import logits
from explorer.networks import StudentNet, StudentSpec


def test_logits_do_not_depend_on_the_batch_and_leave_the_model_alone() -> None:
    torch.manual_seed(0)
    net = StudentNet(StudentSpec(3, (2, 3, 4, 5), 4)).eval()
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    inputs = torch.randn(7, 3, 64, 64)
    assert torch.allclose(logits(net, inputs, 3), net(inputs), atol=1e-6)
    assert all(torch.equal(before[key], tensor) for key, tensor in net.state_dict().items())


def test_a_network_in_training_mode_is_not_measured() -> None:
    with pytest.raises(RuntimeError, match="eval mode"):
        logits(StudentNet(StudentSpec(3, (2, 3, 4, 5), 4)), torch.randn(1, 3, 64, 64))
