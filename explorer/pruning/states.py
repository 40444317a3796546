"""Every network of a plan, one after the other: each method at each ratio, as pruned and after each recovery."""

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.pruning.engine import PrunedNetwork, prunings
from explorer.pruning.methods import get_method
from explorer.pruning.plan import Recovery, State, SweepPlan
from explorer.pruning.recovery import finetune, recalibrate
from explorer.pruning.refit import refitted
from explorer.work.progress import Update


@dataclass(frozen=True, eq=False)
class Made:
    """One network of a plan, until the next one is asked for."""

    method: str
    recovery: Recovery
    pruned: PrunedNetwork
    seed: int = 0


def networks_of(
    model: nn.Module,
    plan: SweepPlan,
    shard: ImageSet | None = None,
    skip: Collection[State] = (),
) -> Iterator[Made | Update]:
    """Prune ``model`` at every ratio by every method, and recover each as the plan says; updates in between.

    Args:
        model: in eval mode, on the CPU; it is only read, every pruning works on a copy.
        plan: methods, ratios, recoveries, device, precision.
        shard: training images; the recoveries and some methods need them.
        skip: states that are not made again.

    Raises:
        ExplorerError: the plan needs training images and there are none.
    """
    if shard is None and plan.needs_training:
        raise ExplorerError("This plan needs training images: give the training shard.")
    for (method, seed), wanted_at in _missing(plan, skip).items():
        for pruned in prunings(model, get_method(method), tuple(wanted_at), seed, plan.setting, shard):
            wanted = wanted_at[pruned.ratio]
            if "none" in wanted:
                yield Made(method, "none", pruned, seed)
            if shard is not None and wanted != ["none"]:
                for step in _recovered(model, pruned, plan, shard):
                    if isinstance(step, Update):
                        yield step
                    elif step[0] in wanted:
                        yield Made(method, *step, seed)


def _missing(
    plan: SweepPlan, skip: Collection[State]
) -> Mapping[tuple[str, int], Mapping[float, Sequence[Recovery]]]:
    """What is to be made: for each method and seed the ratios, and at each the states as pruned and recovered."""
    missing: dict[tuple[str, int], dict[float, list[Recovery]]] = {}
    for method, ratio, recovery, seed in plan.states:
        if (method, ratio, recovery, seed) not in skip:
            missing.setdefault((method, seed), {}).setdefault(ratio, []).append(recovery)
    return missing


def _recovered(
    model: nn.Module, pruned: PrunedNetwork, plan: SweepPlan, shard: ImageSet
) -> Iterator[tuple[Recovery, PrunedNetwork] | Update]:
    """The pruned network after each recovery of the plan, on private copies.

    A fine-tuning goes on from what was recalibrated. A re-fitted network is neither: it answers to the statistics of
    the dense one.
    """
    # All ratios of a method are written into one network, so a recovery that trained it would train the rest.
    network = copy.deepcopy(pruned.plain())
    for recovery in plan.recoveries[1:]:
        if recovery == "re-fitted":
            images = shard.select(slice(plan.refit)).inputs()
            fitted = yield from refitted(model, network, pruned.kept, images)
            yield recovery, _ready(pruned.ratio, fitted, plan)
            continue
        if recovery == "recalibrated":
            recalibrate(network, shard, plan.recalibrate)
        else:
            for done, _ in enumerate(finetune(network, shard, plan.finetune, plan.seed), start=1):
                yield Update("steps of fine-tuning", done, plan.finetune)
        yield recovery, _ready(pruned.ratio, network, plan)


def _ready(ratio: float, network: nn.Module, plan: SweepPlan) -> PrunedNetwork:
    return PrunedNetwork(ratio, plan.setting.ready(network), lambda: network)
