import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from explorer.checkpoints import labelled, open_checkpoint
from explorer.checkpoints.labelled import LABEL, label_of
from explorer.errors import ExplorerError
from explorer.networks import StudentSpec, spec_of
from explorer.workspace import NetworkSource, trained_network
from tests.networks.examples import images
from tests.own import own_model, own_network, own_spec


class Wrapped(nn.Module):
    """All that it holds lies in one module, whose name readers of checkpoints take for a wrapper's."""

    def __init__(self, stride: int = 2) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net(x)


@pytest.mark.parametrize("name", ["N2", "N10", "wrapped"])
def test_a_network_of_ones_own_opens_again_from_its_file(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Wrapped().eval() if name == "wrapped" else own_model(own_spec(name, narrow=4))
    path = tmp_path / "kept.safetensors"
    path.write_bytes(labelled(model))
    (found,) = open_checkpoint(path)
    assert torch.equal(found.model(images()), model(images()))
    assert found.notices == (), "nothing is assumed of a file that says what it is"
    assert torch.equal(NetworkSource(found.card, path).load()(images()), model(images()))


def test_equal_weights_in_another_wiring_are_another_network() -> None:
    torch.manual_seed(0)
    one, other = Wrapped(2), Wrapped(1)
    other.load_state_dict(one.state_dict())
    first, second, again = (
        trained_network("it", each, input_size=64, trained_on="nothing").card.sha256
        for each in (one, other, one)
    )
    assert first == again != second


def test_half_precision_is_halved_and_known_kinds_keep_theirs(tmp_path: Path) -> None:
    path, model = tmp_path / "s.safetensors", StudentSpec(4, (4, 6, 8, 8)).build()
    path.write_bytes(labelled(model, torch.float16))
    assert label_of(path) == model.spec
    assert open_checkpoint(path)[0].card.dtype == "float16"


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("nonsense", "says of itself"),
        ("[]", "says of itself"),
        ('{"network": "graph"}', "says of itself"),
        ('{"network": "other", "spec": {}, "classes": 3}', "There is no kind of network 'other'"),
        ('{"network": "graph", "spec": {"layers": []}, "classes": 3}', "cannot be built"),
    ],
)
def test_a_damaged_label_is_refused_in_one_sentence(label: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(save({"fc.weight": torch.zeros(2, 2)}, {LABEL: label}))
    with pytest.raises(ExplorerError, match=sentence):
        open_checkpoint(path)


def test_a_label_of_another_network_is_told_by_its_first_misfit(tmp_path: Path) -> None:
    path, source = tmp_path / "x.safetensors", own_network("N2", narrow=4)
    spec = source.card.network_spec()
    label = {"network": spec.kind, "classes": 10, "spec": spec.with_channels((2,) * 5).to_dict()}
    path.write_bytes(save(dict(source.load().state_dict()), {LABEL: json.dumps(label)}))
    with pytest.raises(ExplorerError, match="has shape"):
        open_checkpoint(path)
    assert spec_of(source.load()) == spec
