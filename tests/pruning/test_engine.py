import copy

import pytest
import torch
from torch import nn

from explorer.errors import ExplorerError
from explorer.measure import has_bfloat16
from explorer.networks import StudentNet, StudentSpec, maskable_weights, resnet18_teacher
from explorer.pruning.engine import Setting, prunings
from explorer.pruning.methods import METHODS
from tests.pruning import toy

BUILDS = {
    "student": lambda: StudentNet(StudentSpec(5, (6, 7, 8, 9), classes=4)),
    "student with bias": lambda: StudentNet(StudentSpec(5, (6, 7, 8, 9), classes=4, conv_bias=True)),
    "resnet18": lambda: resnet18_teacher(4),
}


def trained_like(name: str) -> nn.Module:
    torch.manual_seed(0)
    model = BUILDS[name]()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["student with bias", "resnet18"])
def test_the_fast_network_is_the_plain_one_at_every_ratio_in_any_order(name: str, method: str) -> None:
    model, images = trained_like(name), torch.randn(2, 3, 64, 64)
    before = copy.deepcopy(model.state_dict())
    shard = toy.images("training").select(slice(20))
    for pruned in prunings(model, METHODS[method], (0.7, 0.0, 0.4), images=shard):
        plain = pruned.plain()
        with torch.inference_mode():
            assert torch.allclose(pruned.fast(images), plain(images), atol=1e-4)
        if method == "global-l1":
            zeros = sum(int((weight == 0).sum()) for weight in maskable_weights(plain).values())
            assert zeros == round(
                pruned.ratio * sum(weight.numel() for weight in maskable_weights(plain).values())
            )
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())


@pytest.mark.skipif(not has_bfloat16(), reason="this CPU has no bfloat16")
def test_bfloat16_is_a_choice() -> None:
    setting = Setting(precision="bfloat16")
    pruned = next(prunings(trained_like("student"), METHODS["global-l1"], [0.5], setting=setting))
    assert {parameter.dtype for parameter in pruned.fast.parameters()} == {torch.bfloat16}
    assert {parameter.dtype for parameter in pruned.plain().parameters()} == {torch.float32}
    assert setting.prepare(torch.zeros(1, 3, 8, 8)).dtype == torch.bfloat16


def test_a_cpu_without_bfloat16_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.pruning.engine.has_bfloat16", lambda: False)
    with pytest.raises(ExplorerError, match="take float32"):
        Setting(precision="bfloat16")
    with pytest.raises(ExplorerError, match="float32 or bfloat16, not 'float16'"):
        Setting(precision="float16")  # type: ignore[arg-type]
