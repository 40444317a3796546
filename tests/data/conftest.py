"""Folders of tiny generated images, in every layout and with everything that goes wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Painter = Callable[[Path], Path]


def paint(path: Path, size: tuple[int, int] = (40, 30), seed: int | None = None, mode: str = "RGB") -> Path:
    """A generated image, a smooth ramp whose colours follow the seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(sum(path.name.encode()) if seed is None else seed)
    low, high = generator.integers(0, 256, (2, 3))
    ramp = np.linspace(low, high, size[0])[None].repeat(size[1], 0).astype(np.uint8)
    Image.fromarray(ramp).convert(mode).save(path)
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return folder / "compression-explorer"


@pytest.fixture
def homework(tmp_path: Path) -> Path:
    """The homework's layout: 11 classes, 3 training and 2 validation images each, 4 unlabelled."""
    root = tmp_path / "Food-11"
    for label in range(11):
        for index in range(3):
            paint(root / "training" / f"{label}_{index}.jpg", seed=label)
        for index in range(2):
            paint(root / "validation" / f"{label}_{index}.jpg", seed=label)
    for index in range(4):
        paint(root / "evaluation" / f"{index:04d}.jpg")
    return root


@pytest.fixture
def dishes(tmp_path: Path) -> Path:
    """One folder per class, no splits: 3 classes of 11 images."""
    root = tmp_path / "dishes"
    for name in ("soup", "bread", "rice"):
        for index in range(1, 12):
            paint(root / name / f"{index}.png", seed=len(name))
    return root
