"""Archives that torch 2.4, 2.5 and 2.8 really wrote of one network; only where its code lay was taken out of them."""

import json
import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError
from explorer.networks import open_archive, open_pt2

ARCHIVES = Path(__file__).parent / "archives"
LOGITS = (  # of three images, as the torch that wrote the archive computed them
    (-0.8380782, -0.1815651, 0.4749483, 1.1314613, 1.7879744),
    (-3.0844483, -0.3033423, 2.4777646, 5.2588696, 8.0399752),
    (-23.9917603, -4.2536888, 15.4843922, 35.2224617, 54.9605331),
)


class Small(nn.Module):
    """The network in them."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(), nn.Dropout(0.2)),
            nn.MaxPool2d(2),
        )
        self.block = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Hardswish(), nn.Conv2d(8, 8, 1)
        )
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = x + self.block(x)
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


@pytest.mark.parametrize("version", ["2.4", "2.5", "2.8"])
def test_an_older_archive_is_the_network_that_was_saved(version: str) -> None:
    opened = open_archive(ARCHIVES / f"torch-{version}.pt2")
    assert (opened.input_size, opened.dtype) == (16, "float32")
    small = Small()
    small.load_state_dict(opened.model.state_dict())
    assert [*map(str, opened.model.features)] == [*map(str, small.features)]  # dropout is there as well
    images = torch.linspace(-2, 2, 3 * 3 * 16 * 16).reshape(3, 3, 16, 16)
    torch.testing.assert_close(opened.model(images), torch.tensor(LOGITS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("major", [4, 9])
def test_another_version_of_the_schema_is_refused(major: int, tmp_path: Path) -> None:
    path = tmp_path / "new.pt2"
    with (
        zipfile.ZipFile(ARCHIVES / "torch-2.8.pt2") as archive,
        zipfile.ZipFile(path, "w") as changed,
    ):
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("models/model.json"):
                program = json.loads(content)
                program["schema_version"]["major"] = major
                content = json.dumps(program).encode()
            changed.writestr(name, content)
    sentence = f"its schema has version {major}, and versions 5 to 8 are read, which torch 2.4 to 2.14 write"
    with pytest.raises(ExplorerError, match=sentence):
        open_pt2(path)
