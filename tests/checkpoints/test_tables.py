"""Logits that were kept come back as they were, or not at all."""

from pathlib import Path

import pytest
import torch

from explorer.checkpoints.tables import read_table, write_table


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_a_table_comes_back_and_a_damaged_one_does_not(kind: torch.dtype, tmp_path: Path) -> None:
    path, values = tmp_path / "new" / "table.safetensors", torch.randn(3, 4, 5).to(kind)
    assert read_table(path) is None
    write_table(path, values)
    again = read_table(path)
    assert again is not None
    assert torch.equal(again, values)
    whole = path.read_bytes()
    for broken in (b"", whole[:20], whole[:-1], whole[:-3] + bytes([whole[-3] ^ 4]) + whole[-2:]):
        path.write_bytes(broken)
        assert read_table(path) is None
