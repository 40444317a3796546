"""Opening a checkpoint of the user's: the networks in it, what each was recognised as, and what is good to know."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from explorer.checkpoints.card import Card
from explorer.checkpoints.labelled import label_of
from explorer.checkpoints.reading import identity, is_program, read_states
from explorer.checkpoints.states import StateDict
from explorer.data import CHECKPOINT_SUFFIXES
from explorer.errors import ExplorerError
from explorer.networks import (
    NetworkSpec,
    assumed,
    load_weights,
    open_archive,
    parameter_count,
    recognise,
    spec_of,
)


@dataclass(frozen=True, eq=False)
class Opened:
    """A network that was found in a checkpoint.

    Attributes:
        card: what it was recognised to be; without accuracies (NaN), since nothing has been measured yet.
        model: the network in eval mode, float32.
        notices: what was done to it and what was assumed, in sentences.
        part: which network of the file it is, as ``read_state`` takes it; empty where the file is one network.
    """

    card: Card
    model: nn.Module
    notices: tuple[str, ...] = ()
    part: str = ""


def check_name(name: str) -> None:
    """Refuse a file that by its name is no checkpoint."""
    if not name.lower().endswith(CHECKPOINT_SUFFIXES):
        raise ExplorerError(
            f"{name} is not a checkpoint: its name must end in {', '.join(CHECKPOINT_SUFFIXES)}."
        )


def open_checkpoint(path: Path, title: str | None = None) -> tuple[Opened, ...]:
    """The networks in a checkpoint of the user's: nearly always one.

    Its card's name is told apart from another file of the same name by the beginning of its sha256.

    Args:
        path: the file.
        title: for people; by default the file's name.

    Raises:
        ExplorerError: it cannot be opened safely, holds no network of ours, or its weights are no numbers.
    """
    check_name(path.name)
    if is_program(path):
        return (_open_program(path, title or path.name),)
    found: list[tuple[StateDict, nn.Module]] = []
    refused: list[tuple[StateDict, ExplorerError]] = []
    spec = label_of(path)
    for state in read_states(path):
        try:
            found.append((state, _network(state, path.name, spec)))
        except ExplorerError as error:
            inside = list(_recognised(state.inner(), path.name))
            found += inside
            if not inside:
                refused.append((state, error))
    if not found:
        said = str(refused[0][1])
        raise refused[0][1] if said.startswith(path.name) else ExplorerError(f"{path.name}: {said}")
    others = [f"It also holds {state.part}, which is no network known here." for state, _ in refused]
    opened = []
    for state, model in found:
        check_values(model, path.name)
        name = title or path.name
        weights = next(tensor for tensor in state.tensors.values() if tensor.is_floating_point())
        dtype = str(weights.dtype).removeprefix("torch.")
        card = _card(path, state.part, model, f"{name}, {state.part}" if len(found) > 1 else name, dtype)
        # A file with a label leaves nothing to be assumed.
        notices = (*state.notices, *others, *(() if spec else (assumed(model, path.name),)))
        opened.append(Opened(card, model, notices, state.part))
    return tuple(opened)


def _open_program(path: Path, title: str) -> Opened:
    """The network in an exported program, which says itself what it is and what image it was exported with."""
    if not path.is_file():
        raise ExplorerError(f"There is no file {path}.")
    opened = open_archive(path)
    check_values(opened.model, path.name)
    card = _card(path, "", opened.model, title, opened.dtype)
    return Opened(
        replace(card, input_size=opened.input_size or card.input_size), opened.model, opened.notices
    )


def _network(state: StateDict, source: str, spec: NetworkSpec | None) -> nn.Module:
    """The network of a state_dict: that of its label, else the one that it is recognised as."""
    if spec is None:
        return recognise(state.tensors, source)
    return load_weights(spec.build(), state.tensors, source).eval()


def _recognised(states: tuple[StateDict, ...], source: str) -> Iterator[tuple[StateDict, nn.Module]]:
    """Those of several state_dicts that are networks, each told what else lies beside it."""
    models = {}
    for state in states:
        with suppress(ExplorerError):
            models[state.part] = recognise(state.tensors, source)
    rest = [state.part for state in states if state.part not in models]
    notice = (f"What is under {', '.join(rest)} is left out: it is no network known here.",) if rest else ()
    for state in states:
        if state.part in models:
            yield replace(state, notices=(*state.notices, *notice)), models[state.part]


def check_values(model: nn.Module, source: str) -> None:
    """Refuse a network whose weights are NaN or infinite."""
    for key, tensor in model.state_dict().items():
        if not bool(tensor.isfinite().all()):
            raise ExplorerError(
                f"{source}: {key!r} has values that are NaN or infinite, so its training has diverged: "
                "take the checkpoint of an earlier epoch."
            )


def _card(path: Path, part: str, model: nn.Module, title: str, dtype: str) -> Card:
    digest = identity(path, part)
    spec = spec_of(model)
    return Card(
        name=f"{path.name}-{digest[:8]}",
        title=title,
        network=spec.kind,
        classes=spec.classes,
        params=parameter_count(model),
        dtype=dtype,
        bytes=path.stat().st_size,
        sha256=digest,
        dataset="not known: a checkpoint of your own",
        recipe={},
        validation_accuracy=math.nan,
        test_accuracy=math.nan,
        torch="",
        seconds=0.0,
        spec=spec.to_dict(),
    )
