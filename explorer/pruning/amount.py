"""How many multiply-adds a network takes, dense or pruned, for the estimates of how long a run will take."""

from typing import Any

from explorer.networks import CostModel, channel_groups, cost_model
from explorer.work.instrument import InstrumentSpec
from explorer.work.results import Shelf

_models: Shelf[tuple[str, int], tuple[CostModel, tuple[tuple[int, bool], ...]]] = Shelf(32)


def cost_when_pruned(spec: InstrumentSpec[Any], ratio: float) -> int:
    """Multiply-adds for one image of the spec's network without this share of each group's channels.

    A masked network multiplies by its zeros: it costs what the dense one does, ratio 0.
    """
    key = spec.network.card.sha256, spec.data.input_size
    known = _models.get(key)
    if known is None:
        network = spec.network.load()
        groups = channel_groups(network)
        # Of a group whose channels cannot go alone, none does.
        known = (
            cost_model(network, spec.data.input_size),
            tuple((each.width, not each.mixed) for each in groups),
        )
        _models.put(key, known)
    model, widths = known
    left = (max(1, width - round(ratio * width)) if loses else width for width, loses in widths)
    return model.cost(list(left)).mult_adds
