"""The benchmark of runtimes: CPU seconds in turn, and a figure that is the ratio of them."""

import torch
from torch import Tensor, nn

from benchmarks import runtime


class Counted(nn.Module):
    """Notes that it was called."""

    def __init__(self, calls: list[str], name: str) -> None:
        super().__init__()
        self.calls, self.name = calls, name

    def forward(self, image: Tensor) -> Tensor:
        self.calls.append(self.name)
        return image


def test_networks_are_timed_in_turn_and_every_other_round_backwards() -> None:
    calls: list[str] = []
    networks = {name: Counted(calls, name) for name in "ab"}
    seconds = runtime.cpu_seconds(networks, torch.zeros(1, 3, 4, 4), rounds=2)
    rounds = [calls[at : at + 2 * runtime.PASSES] for at in range(0, len(calls), 2 * runtime.PASSES)]
    assert ["".join(dict.fromkeys(each)) for each in rounds] == ["ab", "ba", "ab"]
    assert all(each >= 0 for each in seconds.values())


def test_the_figure_is_int8_over_torch() -> None:
    holds = runtime.figure("a", {"torch": 0.002, "onnxruntime": 0.0015, "int8": 0.0012})
    assert (holds.value, holds.holds) == (0.6, True)
    assert "torch 2.00 ms, onnxruntime 1.50 ms, int8 1.20 ms" in holds.how
    assert not runtime.figure("a", {"torch": 0.002, "int8": 0.0013}).holds
