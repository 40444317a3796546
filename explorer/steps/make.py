"""From a checkpoint and its recipe to the network: one step after the other, the same weights whenever it is made."""

import copy
from collections.abc import Generator, Sequence

from torch import nn

from explorer.bits.network import input_ranges, round_activations, round_network
from explorer.bits.packed import packed
from explorer.bits.rounding import Per, Rounding, describe_scheme
from explorer.data import DataSet, ImageSet
from explorer.errors import ExplorerError
from explorer.ledger import (
    Export,
    Finetune,
    Prune,
    Recalibrate,
    Recipe,
    Refit,
    Round,
    Step,
    takes_images,
)
from explorer.networks import Kept
from explorer.pruning.engine import prunings
from explorer.pruning.methods import get_method
from explorer.pruning.recovery import finetune, recalibrate
from explorer.pruning.refit import refitted
from explorer.runtime.compare import calibration_batches
from explorer.runtime.int8 import to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.runtime.session import OnnxNetwork
from explorer.steps.state import Phase, State
from explorer.work.progress import Update

EXACT = (Prune, Round)
"""Steps that every machine does alike; the sums of the others depend on how a processor rounds."""


def describe_step(step: Step) -> str:
    """A step in a few words, for titles and axes.

    >>> describe_step(Prune("global-l1", 0.9)), describe_step(Round(8, activations=8)), describe_step(Export("int8"))
    ('masked, global L1 90%', '8 bits, activations 8', 'onnxruntime int8')
    """
    match step:
        case Prune():
            return f"{get_method(step.method).title} {step.ratio:.0%}"
        case Refit():
            return f"re-fitted on {step.images} images"
        case Recalibrate():
            return f"recalibrated on {step.batches} batches"
        case Finetune():
            return f"fine-tuned for {step.steps} steps"
        case Round():
            affine = "" if (step.per, step.symmetric) == ("channel", True) else f", {_scheme(step)}"
            return (
                f"{step.bits} bits{f', activations {step.activations}' if step.activations else ''}{affine}"
            )
        case Export():
            return f"onnxruntime {step.numbers}{', 7-bit weights' if step.reduce_range else ''}"


def _scheme(step: Round) -> str:
    return describe_scheme("tensor" if step.per == "tensor" else "channel", symmetric=step.symmetric)


_AFTER: dict[type[Step], tuple[Phase, ...]] = {
    Prune: ("dense", "pruned", "repaired"),
    Refit: ("pruned",),
    Recalibrate: ("dense", "pruned", "repaired"),
    Finetune: ("dense", "pruned", "repaired"),
    Round: ("dense", "pruned", "repaired", "rounded"),
    Export: ("dense", "pruned", "repaired", "rounded"),
}
_THEN: dict[type[Step], Phase] = {
    Prune: "pruned",
    Refit: "repaired",
    Recalibrate: "repaired",
    Finetune: "repaired",
    Round: "rounded",
    Export: "exported",
}


def check_order(steps: Sequence[Step]) -> None:
    """Refuse steps that cannot follow each other.

    Raises:
        ExplorerError: one stands where it cannot be done.
    """
    phase: Phase = "dense"
    for step in steps:
        if phase not in _AFTER[type(step)]:
            after = "directly after a pruning" if isinstance(step, Refit) else "before rounding and export"
            raise ExplorerError(
                f"The step {describe_step(step)!r} cannot follow there: it is done {after}."
                if not isinstance(step, Export)
                else "A network is exported once, at the end."
            )
        phase = _THEN[type(step)]


def states(
    model: nn.Module, steps: Sequence[Step], size: int, training: ImageSet | None = None
) -> Generator[Update | State, None, None]:
    """The network as it is, then after each step; updates in between where one takes long.

    Args:
        model: in eval mode; it is only read.
        steps: what is done.
        size: side of the images in pixels.
        training: training images; steps that take images need them.

    Raises:
        ExplorerError: the steps cannot follow each other, or there are no training images and one takes some.
    """
    check_order(steps)
    if training is None and any(map(takes_images, steps)):
        raise ExplorerError("These steps take training images, and there are none.")
    state = State(model, model)
    yield state
    for step in steps:
        state = yield from _done(step, state, size, training)
        yield state


def made(
    model: nn.Module, recipe: Recipe, size: int, data_sets: Sequence[DataSet]
) -> Generator[Update, None, State]:
    """The network after all steps of a recipe, with the training images that it names.

    Raises:
        ExplorerError: as for ``states``, or its training images are not here.
    """
    training = yield from training_images(recipe, data_sets)
    for step in states(model, recipe.steps, size, training):
        if isinstance(step, Update):
            yield step
        else:
            state = step
    return state


def training_images(recipe: Recipe, data_sets: Sequence[DataSet]) -> Generator[Update, None, ImageSet | None]:
    """The training images that a recipe names; None if it takes none.

    Raises:
        ExplorerError: no data set here has them.
    """
    if not any(map(takes_images, recipe.steps)):
        return None
    for data in data_sets:
        if data.key_of("training") == recipe.training:
            return (yield from data.read("training"))
    raise ExplorerError("This row cannot be rebuilt: the training images that it was made with are not here.")


def _done(step: Step, state: State, size: int, training: ImageSet | None) -> Generator[Update, None, State]:
    """The state after one more step."""
    match step:
        case Prune():
            pruned = next(
                prunings(state.plain, get_method(step.method), (step.ratio,), step.seed, images=training)
            )
            network = pruned.plain().eval()
            return State(network, network, "pruned", state.plain, pruned.kept)
        case Round():
            return _rounded(step, state, training)
        case Export():
            yield Update("writing the ONNX file", 0, 1)
            return _exported(step, state, size, training)
    assert training is not None, "told above"
    network = copy.deepcopy(state.plain)
    match step:
        case Refit():
            assert state.before is not None, "it follows a pruning"
            kept: Kept = state.kept
            network = yield from refitted(
                state.before, network, kept, training.select(slice(step.images)).inputs()
            )
        case Recalibrate():
            recalibrate(network, training, step.batches)
        case Finetune():
            for done, _ in enumerate(finetune(network, training, step.steps, step.seed), start=1):
                yield Update("steps of fine-tuning", done, step.steps)
    return State(network, network, "repaired", state.before, state.kept)


def _rounded(step: Round, state: State, training: ImageSet | None) -> State:
    per: Per = "tensor" if step.per == "tensor" else "channel"
    if step.per not in ("tensor", "channel"):
        raise ExplorerError(f"There is a scale per tensor or per channel, not per {step.per!r}.")
    rounded = round_network(state.plain, Rounding(step.bits, per, step.symmetric))
    # Hooks for the activations are put on a copy: an export has to see the layers as they are.
    plain = copy.deepcopy(rounded.model)
    if step.activations:
        assert training is not None, "told above"
        ranges = input_ranges(rounded.model, calibration_batches(training, step.calibration))
        round_activations(rounded.model, ranges, step.activations)
    return State(rounded.model, plain, "rounded", stored=packed(rounded))


def _exported(step: Export, state: State, size: int, training: ImageSet | None) -> State:
    content = to_onnx(state.plain, size)
    if step.numbers == "int8":
        assert training is not None, "told above"
        batches = calibration_batches(training, step.calibration)
        content = to_int8(content, batches, reduce_range=step.reduce_range)
    elif step.numbers != "float32":
        raise ExplorerError(f"A network is exported in float32 or int8, not in {step.numbers!r}.")
    return State(OnnxNetwork(content), state.plain, "exported", file=content)
