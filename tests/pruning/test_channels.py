import pytest
import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, parameter_count, resnet18_teacher
from explorer.pruning import channels
from explorer.pruning.methods import METHODS, PruningMethod
from explorer.pruning.removal import kept_channels

REMOVALS = [method for method in METHODS.values() if method.kind == "removal"]
BUILDS = {
    "student": lambda: StudentNet(StudentSpec(13, (9, 17, 21, 11), classes=7)),
    "student with bias": lambda: StudentNet(StudentSpec(5, (1, 2, 30, 3), 4, kernel=5, conv_bias=True)),
    "resnet18": lambda: resnet18_teacher(10),
}


def trained_like(name: str) -> nn.Module:
    """A network whose BatchNorm statistics and shifts are far from their initial values."""
    torch.manual_seed(0)
    model = BUILDS[name]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("method", REMOVALS, ids=lambda method: method.key)
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.97, 0.999])
def test_the_smaller_network_computes_what_the_silenced_one_does(
    name: str, method: PruningMethod, ratio: float
) -> None:
    model, images = trained_like(name), torch.randn(2, 3, 64, 64)
    kept = kept_channels(model, ratio, method)
    small, silent = channels.remove(model, kept), channels.zero(model, kept)
    assert torch.allclose(small(images), silent(images), atol=1e-5)
    if ratio == 0:
        assert torch.equal(small(images), model(images))
    elif name == "resnet18":
        assert parameter_count(small) < parameter_count(model)


def test_half_the_channels_are_about_a_quarter_of_the_parameters() -> None:
    model = trained_like("resnet18")
    small = channels.remove(model, kept_channels(model, 0.5, REMOVALS[0]))
    assert parameter_count(small) == 2_801_450
    assert parameter_count(model) == 11_181_642, "the network itself is left as it is"


def test_a_smaller_student_is_a_student_whose_weights_load() -> None:
    model = trained_like("student")
    small = channels.remove(model, kept_channels(model, 0.4, REMOVALS[0]))
    assert isinstance(small, StudentNet)
    rebuilt = StudentNet(small.spec)
    rebuilt.load_state_dict(small.state_dict())
    images = torch.randn(2, 3, 64, 64)
    assert torch.equal(rebuilt.eval()(images), small(images))
    assert len(next(iter(small.parameters()))) == small.spec.stem < 13


def test_other_networks_are_refused() -> None:
    with pytest.raises(ExplorerError, match="not Linear"):
        channels.groups(nn.Linear(2, 2))
