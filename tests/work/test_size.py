"""What a value holds, in bytes: each thing once, and nothing of what lies in a file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from explorer.work.size import size_of

MB = 2**20


@dataclass(frozen=True)
class Pair:
    first: object
    second: object


def test_the_size_is_that_of_the_numbers_and_counts_what_is_shared_once() -> None:
    content, numbers = bytes(MB), np.zeros(MB, np.uint8)
    assert MB <= size_of(content) <= MB + 100
    for value in (Pair(content, content), (content, {"again": [content]}), Pair(numbers, numbers)):
        assert MB <= size_of(value) <= MB + 500
    assert size_of(Pair(content, numbers)) >= 2 * MB
    assert size_of(torch.zeros(MB)) == 4 * MB
    assert 4 * 1_001_000 <= size_of(torch.nn.Linear(1000, 1000)) < 4 * 1_002_000


def test_what_is_mapped_from_a_file_counts_nothing(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(MB, np.uint8))
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    assert size_of(Pair(mapped, mapped[:100])) == 0
