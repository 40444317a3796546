"""How many multiply-adds a network takes, dense or pruned, for the estimates of how long a run will take."""

from typing import Any

from explorer.networks import CostModel, channel_groups, cost_model
from explorer.work.instrument import InstrumentSpec
from explorer.work.results import Shelf

_models: Shelf[tuple[str, int], tuple[CostModel, tuple[int, ...]]] = Shelf(32)


def cost_when_pruned(spec: InstrumentSpec[Any], ratio: float) -> int:
    """Multiply-adds for one image of the spec's network without this share of each group's channels.

    A masked network multiplies by its zeros: it costs what the dense one does, ratio 0.
    """
    key = spec.network.card.sha256, spec.data.input_size
    known = _models.get(key)
    if known is None:
        network = spec.network.load()
        known = cost_model(network, spec.data.input_size), tuple(g.width for g in channel_groups(network))
        _models.put(key, known)
    model, widths = known
    return model.cost([max(1, width - round(ratio * width)) for width in widths]).mult_adds
