import torch

from explorer.measure import state_bytes


def test_zeros_make_a_file_compress_and_not_shrink() -> None:
    state = {"weight": torch.randn(10_000)}
    plain, zipped = state_bytes(state)
    state["weight"][:9000] = 0
    again, shorter = state_bytes(state)
    assert plain == again > 40_000
    assert shorter < zipped / 4
