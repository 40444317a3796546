"""Pruning with a repair worth its name: networks trained on for whole epochs, in one go or in rounds.

In rounds, a little is pruned, the network is trained on, it is ranked anew, and so on (Han et al. 2015, arXiv
1506.02626). Each round takes the same share of what is left. *Rewound*, the learning rate goes back to the peak of the
training that made the network; else it stays low (learning rate rewinding: Renda et al. 2020, arXiv 2003.02389).
"""

import copy
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.measure import Accuracy, accuracy, logits
from explorer.networks import Kept, cost_of_network, maskable_weights, nonzero_count, parameter_count, remove
from explorer.pruning.amount import cost_when_pruned
from explorer.pruning.engine import Setting, prune_network
from explorer.pruning.gradients import loss_gradients
from explorer.pruning.masks import Masker, bake, check_ratio
from explorer.pruning.methods import Basis, PruningMethod, get_method
from explorer.pruning.recovery import (
    FINETUNE_BATCH,
    FINETUNE_RATE,
    RECALIBRATION_BATCH,
    finetune,
    recalibrate,
)
from explorer.pruning.refit import refitted
from explorer.pruning.removal import kept_channels, removable_groups
from explorer.pruning.sensitivity import RATIOS as MEASURED_RATIOS
from explorer.pruning.sensitivity import scan
from explorer.pruning.shares import balanced_ratios
from explorer.work.identity import percentages, setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

KIND = "repair"
RECALIBRATE, REFIT = 2, 128  # batches of BatchNorm recalibration, images to re-fit on
PASSES_OF_A_STEP = 3  # what a training step computes, in forward passes
REFITTING_PASSES = 10  # likewise for a re-fit, its systems of equations included
SENSITIVE_IMAGES = 500  # validation images that the layers' shares are found on
MOST_EPOCHS, MOST_ROUNDS = 20, 10

Shares = Literal["method", "sensitivity"]
State = tuple[float, str, int]
"""A ratio, what was done after the pruning, and for how many epochs."""


@dataclass(frozen=True)
class RepairSettings:
    """What is pruned how far, and how it is repaired.

    Attributes:
        images: how many of the images are counted, each class by its share.
        method: how it is pruned, by key.
        ratios: shares of the weights or of each group's channels.
        epochs: after each ratio the network is trained on for so many epochs, each time from the pruned one anew.
        rounds: in so many steps the ratio is reached; the epochs are those of all rounds together.
        rewind: whether the learning rate goes back to the peak of the network's own training.
        shares: which share of each layer goes: as the method ranks, or so that each layer alone would lose alike.
        left_out: layers (masks) that stay whole, where the shares are found by sensitivity.
        shard: training images that are trained on, the first so many.
        seed: of the training, and of a method that leaves something to chance.
        training: key of the training images.
    """

    images: int = setting("images", "{:,}".format)
    method: str = setting("method", lambda key: get_method(key).title, default="global-l1")
    ratios: tuple[float, ...] = setting("ratios", percentages, default=(0.5, 0.8, 0.9, 0.95))
    epochs: tuple[int, ...] = setting(
        "epochs", lambda epochs: ", ".join(map(str, epochs)) or "none", default=(1, 5)
    )
    rounds: int = setting("rounds", default=1)
    rewind: bool = setting("learning rate", lambda rewind: "rewound" if rewind else "low", default=False)
    shares: Shares = setting("shares of the layers", default="method")
    left_out: tuple[str, ...] = setting("left whole", lambda names: ", ".join(names) or "none", default=())
    shard: int = setting("trained on", "{:,} images".format, default=5_000)
    seed: int = setting("seed", default=0)
    training: str = setting("training images", lambda key: f"those of key {key[:6]}", default="")

    def __post_init__(self) -> None:
        method = get_method(self.method)
        for ratio in self.ratios:
            check_ratio(ratio)
        if not self.ratios:
            raise ExplorerError("A repair needs at least one ratio.")
        if self.shard < RECALIBRATE * RECALIBRATION_BATCH:
            raise ExplorerError(f"A repair learns on {RECALIBRATE * RECALIBRATION_BATCH} images or more.")
        if not all(1 <= each <= MOST_EPOCHS for each in self.epochs):
            raise ExplorerError(f"A pruned network is trained on for 1 to {MOST_EPOCHS} epochs.")
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise ExplorerError(f"A network is pruned in 1 to {MOST_ROUNDS} rounds.")
        if any(each % self.rounds for each in self.epochs):
            raise ExplorerError(
                f"Take epochs that {self.rounds} rounds can share: multiples of {self.rounds}."
            )
        if self.rounds > 1 and method.seeded:
            raise ExplorerError("In rounds a network is ranked anew each time: take a method without chance.")
        if self.shares == "sensitivity" and (method.kind != "mask" or self.rounds > 1):
            raise ExplorerError("Shares by sensitivity are those of masks made in one round: take a mask.")
        if self.left_out and self.shares == "method":
            raise ExplorerError(
                "Layers are left whole where the shares are found by sensitivity: choose these."
            )

    @property
    def states(self) -> tuple[State, ...]:
        """What there is a row for: the quick ones of all ratios first, the longest training last.

        >>> RepairSettings(100, ratios=(0.5,), epochs=(1,)).states
        ((0.5, 'none', 0), (0.5, 'recalibrated', 0), (0.5, 're-fitted', 0), (0.5, 'fine-tuned', 1))
        >>> RepairSettings(100, ratios=(0.5,), epochs=(2,), rounds=2).states
        ((0.5, 'fine-tuned', 2),)
        """
        quick = ("none", "recalibrated", "re-fitted") if self.rounds == 1 else ()
        return (
            *((ratio, repair, 0) for repair in quick for ratio in self.ratios),
            *((ratio, "fine-tuned", epochs) for epochs in sorted(self.epochs) for ratio in self.ratios),
        )


@dataclass(frozen=True)
class RepairRow:
    """One pruned and repaired network, counted.

    Attributes:
        method: how it was pruned, by key.
        plan: what else tells the rows of one plan from those of another; empty for one round at a low rate.
        ratio: the share that was asked for.
        repair: "none", "recalibrated", "re-fitted" or "fine-tuned".
        epochs: that it was trained on for; 0 for the others.
        correct: right answers.
        total: images.
        params: parameters that are stored, zeros included.
        nonzero: parameters that are not zero.
        mult_adds: multiply-adds for one image; masked weights count in full.
        trained_on: training images that were trained on; 0 for the others.
        rate: peak of the learning rate; 0 for the others.
    """

    method: str
    plan: str
    ratio: float
    repair: str
    epochs: int
    correct: int
    total: int
    params: int
    nonzero: int
    mult_adds: int
    trained_on: int
    rate: float

    @property
    def state(self) -> State:
        """Which row of its plan it is."""
        return self.ratio, self.repair, self.epochs

    @property
    def row(self) -> tuple[str, str, State, int]:
        """Which of all rows it is."""
        return self.method, self.plan, self.state, self.trained_on

    @property
    def accuracy(self) -> Accuracy:
        """The right answers as an accuracy."""
        return Accuracy(self.correct, self.total)

    @property
    def described(self) -> str:
        """What was done after the pruning, in words.

        >>> RepairRow("global-l1", "", 0.9, "fine-tuned", 5, 0, 1, 1, 1, 1, 55_000, 0.02).described
        'fine-tuned for 5 epochs'
        """
        if self.repair == "none":
            return "as pruned"
        if self.repair != "fine-tuned":
            return self.repair
        return f"fine-tuned for {self.epochs} epoch{'s' * (self.epochs > 1)}"


def name_plan(settings: RepairSettings) -> str:
    """What tells the rows of one plan from those of another with the same method, whatever their ratios and epochs.

    >>> name_plan(RepairSettings(100, rounds=3, epochs=(3,), rewind=True))
    '3 rounds, rewound'
    >>> name_plan(RepairSettings(100, shares="sensitivity", left_out=("fc",)))
    'shares by sensitivity, fc left whole'
    """
    parts = []
    if settings.rounds > 1:
        parts.append(f"{settings.rounds} rounds")
    if settings.rewind:
        parts.append("rewound")
    if settings.shares == "sensitivity":
        parts.append("shares by sensitivity")
    if settings.left_out:
        parts.append(f"{' and '.join(settings.left_out)} left whole")
    return ", ".join(parts)


def ratios_of_rounds(ratio: float, rounds: int) -> tuple[float, ...]:
    """The ratio after each round, each of which takes the same share of what is left; the last is the ratio itself.

    >>> ratios_of_rounds(0.75, 2)
    (0.5, 0.75)
    """
    return (*(1 - (1 - ratio) ** (number / rounds) for number in range(1, rounds)), ratio)


def prune_layers(
    model: nn.Module, method: PruningMethod, ratios: Mapping[str, float], seed: int = 0
) -> nn.Module:
    """A copy of ``model`` with a share of each layer's weights masked; layers that are not named stay whole."""
    pruned = copy.deepcopy(model)
    bake(maskable_weights(pruned), maskable_weights(model), Masker(model, method, seed).layer_masks(ratios))
    return pruned.eval()


def pruned_further(
    model: nn.Module,
    method: PruningMethod,
    ratio: float,
    widths: Mapping[str, int],
    images: ImageSet | None = None,
) -> nn.Module:
    """A copy of a network that may be pruned already, pruned until the ratio of the *first* network is reached.

    Args:
        model: as it is now.
        method: without chance.
        ratio: of all weights, or of the channels that each group had at first.
        widths: how many channels each group had at first, by its key.
        images: the training images, for a method that looks at some.
    """
    if method.kind == "mask":
        # A weight that is zero already ranks lowest, so a mask only ever grows.
        return prune_network(model, method, ratio)
    gradients = loss_gradients(model, images.select(slice(method.images))) if images and method.images else {}
    basis, kept = Basis(model, gradients=gradients), {}
    for group in removable_groups(model):
        first = widths[group.key]
        stay = min(group.width, max(1, first - round(ratio * first)))
        scores = method.channel_scores(basis, group)
        kept[group] = scores.argsort(descending=True, stable=True)[:stay].sort().values
    return remove(model, kept).eval()


def prune_in_rounds(
    model: nn.Module,
    method: PruningMethod,
    ratio: float,
    images: ImageSet,
    *,
    rounds: int,
    epochs: int,
    rate: float = FINETUNE_RATE,
    seed: int = 0,
) -> Generator[Update, None, nn.Module]:
    """A copy of ``model``, pruned in rounds and trained on after each; updates after every step.

    Args:
        model: in eval mode; only read.
        method: without chance where there are several rounds.
        ratio: that is reached in the last round.
        images: training images.
        rounds: how many.
        epochs: of all rounds together.
        rate: peak of the learning rate in each round.
        seed: of the training.
    """
    widths = {group.key: group.width for group in removable_groups(model)}
    per_round, network = epochs // rounds, model
    steps = per_round * (len(images) // FINETUNE_BATCH)
    for number, until in enumerate(ratios_of_rounds(ratio, rounds)):
        network = (
            pruned_further(network, method, until, widths, images)
            if rounds > 1
            else prune_network(model, method, ratio, seed, images)
        )
        for done, _ in enumerate(finetune(network, images, steps, seed + number, rate), start=1):
            yield Update("steps of fine-tuning", number * steps + done, rounds * steps)
    return network


class Repair(Instrument[RepairSettings, RepairRow]):
    """Pruned networks, as they are and after each repair: a row for each."""

    key = KIND
    title = "the repair"
    unit = "networks"
    resumes = True

    def steps(self, spec: InstrumentSpec[RepairSettings]) -> int:
        """A row for each ratio and repair."""
        return len(spec.settings.states)

    def work(self, spec: InstrumentSpec[RepairSettings]) -> float:
        """Every image through every network, and what the repairs compute."""
        settings, whole = spec.settings, 0.0
        removes = get_method(settings.method).kind == "removal"
        for ratio, repair, epochs in settings.states:
            one = cost_when_pruned(spec, ratio * removes)
            learned = {
                "recalibrated": RECALIBRATE * RECALIBRATION_BATCH,
                "re-fitted": REFIT * REFITTING_PASSES,
                "fine-tuned": PASSES_OF_A_STEP * epochs * settings.shard,
            }
            whole += one * (settings.images + learned.get(repair, 0))
        return whole

    def run(
        self, spec: InstrumentSpec[RepairSettings], done: Sequence[RepairRow] = ()
    ) -> Generator[Update | RepairRow, None, None]:
        """The rows that are not done yet."""
        settings = spec.settings
        images = (yield from spec.data.read(spec.use)).stratified(settings.images)
        shard = (yield from spec.data.read("training")).select(slice(settings.shard))
        model, plan = spec.network.load(), name_plan(settings)
        there = {row.row for row in done}
        shares: dict[float, Mapping[str, float]] = {}
        if settings.shares == "sensitivity":
            shares = yield from _shares(spec, model)
        rate = peak_rate(spec) if settings.rewind else FINETUNE_RATE
        for state in settings.states:
            trained_on = len(shard) if state[2] else 0
            if (settings.method, plan, state, trained_on) not in there:
                network = yield from _repaired(model, settings, state, shard, rate, shares.get(state[0]))
                rate_here = rate if trained_on else 0.0
                yield _row(network, images, (settings.method, plan, *state), trained_on, rate_here)

    def describe(self, part: RepairRow) -> str:
        """What this network gets right."""
        return f"{part.ratio:.0%}, {part.described}: {part.accuracy.value:.1%} right"


REPAIR = Repair()


def peak_rate(spec: InstrumentSpec[RepairSettings]) -> float:
    """The peak of the learning rate in the training that made the network.

    Raises:
        ExplorerError: its card does not say how it was trained.
    """
    rate = spec.network.card.recipe.get("max_lr")
    if not isinstance(rate, float):
        raise ExplorerError(
            "This network's card does not say its learning rate: repair it without rewinding."
        )
    return rate


def _shares(
    spec: InstrumentSpec[RepairSettings], model: nn.Module
) -> Generator[Update, None, dict[float, Mapping[str, float]]]:
    """For each ratio what share of each layer goes, as the validation images say: the counted ones must not choose."""
    settings = spec.settings
    validation = yield from spec.data.read("validation")
    some = validation.stratified(min(SENSITIVE_IMAGES, len(validation)))
    cells, most = [], len(maskable_weights(model)) * len(MEASURED_RATIOS)
    for cell in scan(model, some.inputs(), some.targets()):
        cells.append(cell)
        yield Update("looking at each layer", len(cells), most)
    return {ratio: balanced_ratios(cells, ratio, settings.left_out) for ratio in settings.ratios}


def _repaired(
    model: nn.Module,
    settings: RepairSettings,
    state: State,
    shard: ImageSet,
    rate: float,
    shares: Mapping[str, float] | None,
) -> Generator[Update, None, nn.Module]:
    """The network of one state."""
    ratio, repair, epochs = state
    method = get_method(settings.method)
    if settings.rounds > 1:
        network = yield from prune_in_rounds(
            model,
            method,
            ratio,
            shard,
            rounds=settings.rounds,
            epochs=epochs,
            rate=rate,
            seed=settings.seed,
        )
        return network
    if shares is not None:
        pruned = prune_layers(model, method, shares, settings.seed)
    else:
        pruned = prune_network(model, method, ratio, settings.seed, shard)
    if repair == "recalibrated":
        recalibrate(pruned, shard, RECALIBRATE)
    elif repair == "re-fitted":
        kept: Kept = {}
        if method.kind == "removal":
            gradients = loss_gradients(model, shard.select(slice(method.images))) if method.images else None
            kept = kept_channels(model, ratio, method, settings.seed, gradients)
        pruned = yield from refitted(model, pruned, kept, shard.select(slice(REFIT)).inputs())
    elif repair == "fine-tuned":
        steps = epochs * (len(shard) // FINETUNE_BATCH)
        for done, _ in enumerate(finetune(pruned, shard, steps, settings.seed, rate), start=1):
            yield Update("steps of fine-tuning", done, steps)
    return pruned.eval()


def _row(
    network: nn.Module, images: ImageSet, made: tuple[str, str, float, str, int], trained_on: int, rate: float
) -> RepairRow:
    right = accuracy(logits(Setting().ready(network), images.batches()), images.targets())
    return RepairRow(
        *made,
        right.correct,
        right.total,
        parameter_count(network),
        nonzero_count(network),
        cost_of_network(network, images.input_size).mult_adds,
        trained_on,
        rate,
    )
