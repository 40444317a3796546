"""What several tests share."""

import gzip
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from explorer import serving, ui
from explorer.bits import rows
from explorer.checkpoints import labelled
from explorer.data import BUNDLED, ImageSet
from explorer.pruning import forms
from explorer.runtime import compare, files, to_onnx
from explorer.steps import make
from explorer.work.worker import Worker


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small tensors run faster on one thread, and results do not depend on the machine's cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def process() -> Iterator[None]:
    """Tests stay a common process: garbage is collected, charts are checked, whatever page is drawn here.

    The worker is started by the first test that has work for it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "prepare_process", threading.Thread)
        patch.setattr(ui, "start_worker", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """A page that is made of a function has a minute, not three seconds: others may keep the machine busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(AppTest.from_function.__kwdefaults__, "default_timeout", 60)
        yield


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Streamlit's test runner leaves a page as the main module, which a process started later would run again."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


def table_of(rows: pd.DataFrame | Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """What ``ui.download`` would write: the table, or what makes it."""
    return rows() if callable(rows) else rows


@dataclass
class PageOutput:
    """What a page of Streamlit's test runner has drawn, before it becomes protobuf.

    Attributes:
        figures: the charts, in order.
        tables: what is offered as CSV, by file name.
    """

    figures: list[Any] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> PageOutput:
    """The charts and tables of every page that is drawn in this test, the last one last."""
    kept, draw = PageOutput(), ui.chart

    def chart(figure: "partial[Any]", alt_text: str, caption: str) -> None:
        kept.figures.append(figure())
        draw(figure, alt_text, caption)

    monkeypatch.setattr(ui, "chart", chart)
    monkeypatch.setattr(ui, "download", lambda label, rows, file: kept.tables.update({file: table_of(rows)}))
    return kept


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is never busy, for tests of what a clock reading becomes."""
    monkeypatch.setattr("explorer.measure.clock.others_between", lambda *_: 0.0)
    monkeypatch.setattr("explorer.measure.clock.BLOCK", 0.05)


@pytest.fixture
def work_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heavy work in the process of the test, for tests that replace something of the engine."""
    monkeypatch.setattr(Worker, "run", lambda _, steps, *arguments: steps(*arguments))


@pytest.fixture(scope="session")
def validation() -> ImageSet:
    return BUNDLED.load("validation")


@pytest.fixture(scope="session")
def shard() -> ImageSet:
    return BUNDLED.load("training")


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    """A small stand-in for the four original files: 600 training images a class, 20 test images."""
    folder = tmp_path / "originals"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for part, count in (("train", 6000), ("t10k", 20)):
        labels = generator.permutation(np.arange(count, dtype=np.uint8) % 10)
        images = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for kind, array in (("images", images), ("labels", labels)):
            dimensions = array.ndim
            header = bytes([0, 0, 8, dimensions]) + np.array(array.shape, ">u4").tobytes()
            name = f"{part}-{kind}-idx{dimensions}-ubyte.gz"
            (folder / name).write_bytes(gzip.compress(header + array.tobytes(), 1))
    return folder


@pytest.fixture(scope="session")
def known_exports() -> Iterator[None]:
    """A network is written as an .onnx file once for all tests: torch's exporter takes seconds."""
    written: dict[tuple[str, int], bytes] = {}

    def kept(model: nn.Module, side: int) -> bytes:
        key = hashlib.sha256(labelled(model)).hexdigest(), side
        if key not in written:
            written[key] = to_onnx(model, side)
        return written[key]

    with pytest.MonkeyPatch.context() as patch:
        for module in (forms, rows, compare, files, make):
            patch.setattr(module, "to_onnx", kept)
        yield
