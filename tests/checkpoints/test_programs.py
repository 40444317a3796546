import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from explorer.checkpoints import identity, open_checkpoint, read_state
from explorer.errors import ExplorerError
from explorer.networks import GraphSpec
from explorer.workspace import NetworkSource, networks_in, uploaded_networks
from tests.networks.examples import images, trained_like


class Own(nn.Module):
    """A network of nobody's kind, with a layer that its forward pass leaves out."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU6(), nn.Dropout2d(0.1))
        self.forgotten, self.fc = nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.features(x).mean([2, 3]))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nn.Module]:
    """A .pt2 of a network that was exported with images of 48 pixels, and the network."""
    model, path = trained_like(Own), tmp_path_factory.mktemp("programs") / "own.PT2"
    torch.export.save(torch.export.export(model, (images(48),)), path)
    return path, model


def test_a_program_is_a_checkpoint_with_a_card_of_its_own(exported: tuple[Path, nn.Module]) -> None:
    path, model = exported
    (found,) = open_checkpoint(path)
    card = found.card
    assert (card.title, card.name) == ("own.PT2", f"own.PT2-{card.sha256[:8]}")
    assert (card.network, card.classes, card.dtype, card.input_size) == ("graph", 5, "float32", 48)
    assert card.params == sum(weight.numel() for weight in model.parameters())
    assert (card.sha256, card.bytes) == (identity(path), path.stat().st_size)
    assert GraphSpec.from_dict(card.spec).name == "Own"
    assert found.notices == (
        "Nothing computes with 2 of its parameters (forgotten.weight first); they are counted all the same.",
    )


def loads(source: NetworkSource, model: nn.Module) -> None:
    loaded = source.load()
    assert not loaded.training
    torch.testing.assert_close(loaded(images(40, 5)), model(images(40, 5)), atol=1e-6, rtol=1e-6)


def test_it_is_loaded_from_a_folder_and_from_an_upload(
    exported: tuple[Path, nn.Module], tmp_path: Path
) -> None:
    path, model = exported
    shutil.copy(path, tmp_path / "own.pt2")
    (source,), refused = networks_in(tmp_path)
    assert not refused
    loads(source, model)
    (uploaded,) = uploaded_networks("C:\\own.pt2", path.read_bytes())
    assert uploaded.path is None
    assert (uploaded.card.title, uploaded.card.sha256) == ("own.pt2", source.card.sha256)
    loads(uploaded, model)


def test_one_that_changed_or_is_damaged_or_has_diverged_is_refused(
    exported: tuple[Path, nn.Module], tmp_path: Path
) -> None:
    path, _ = exported
    copy = tmp_path / "own.pt2"
    shutil.copy(path, copy)
    (source,), _ = networks_in(tmp_path)
    diverged = trained_like(Own)
    with torch.no_grad():
        diverged.fc.bias.fill_(torch.nan)
    torch.export.save(torch.export.export(diverged, (images(48),)), copy)
    with pytest.raises(ExplorerError, match="has changed since it was read"):
        source.load()
    with pytest.raises(ExplorerError, match=r"own\.pt2: 'fc.bias' has values that are NaN"):
        open_checkpoint(copy)
    copy.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ExplorerError, match=r"own\.pt2: The archive cannot be opened: it is damaged"):
        read_state(copy)
    with pytest.raises(ExplorerError, match="There is no file"):
        open_checkpoint(tmp_path / "none.pt2")
