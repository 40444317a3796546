"""Finding the state_dicts in what a checkpoint holds, whatever they lie under, and cleaning what tools leave on them.

The tensors come under names that a wrapper has lengthened (DataParallel's ``module.``, torch.compile's
``_orig_mod.``, Lightning's ``model.``), with pruning's masks beside them, or with the counter of an average: what
``model.state_dict()`` of the bare network would have given is restored here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.errors import ExplorerError

MOST_DEEP = 4  # so deep inside each other dictionaries are looked into
COMPILED = "_orig_mod"
AVERAGED = "n_averaged"
ORIGINAL, MASK = "_orig", "_mask"


@dataclass(frozen=True, eq=False)
class StateDict:
    """The tensors of one network.

    Attributes:
        part: what they lie under in their file, where it holds several networks ("ema", "teacher"); else empty.
        tensors: by name.
        notices: what was done to them, in sentences.
    """

    part: str
    tensors: Mapping[str, Tensor]
    notices: tuple[str, ...] = ()

    def inner(self) -> "tuple[StateDict, ...]":
        """The tensors by the first part of their names, as if each were a network: ``student.*`` and ``teacher.*``."""
        piles: dict[str, dict[str, Tensor]] = {}
        for key, tensor in self.tensors.items():
            piles.setdefault(key.partition(".")[0], {})[key] = tensor
        parts = ((f"{self.part}.{first}" if self.part else first, pile) for first, pile in piles.items())
        return tuple(StateDict(part, _without_prefixes(pile), self.notices) for part, pile in parts)


def states_in(loaded: object, source: str) -> tuple[StateDict, ...]:
    """Every state_dict in what was loaded, under whatever keys.

    Raises:
        ExplorerError: there is none.
    """
    found = dict(_dictionaries(loaded))
    if not found:
        if isinstance(loaded, dict) and not loaded:
            raise ExplorerError(f"{source} is empty: it holds no tensor.")
        raise ExplorerError(f"{source} is not a state_dict of tensors: save model.state_dict().")
    # A pile without a single matrix or filter holds statistics or scores; it only counts if there is nothing else.
    networks = {path: state for path, state in found.items() if _has_layers(state)} or found
    return tuple(_cleaned(path if len(networks) > 1 else "", state) for path, state in networks.items())


def find_part(states: Sequence[StateDict], part: str, source: str) -> StateDict:
    """The state_dict of a part, see ``StateDict.part``.

    Raises:
        ExplorerError: there is none.
    """
    for state in states:
        for each in (state, *state.inner()):
            if each.part == part:
                return each
    raise ExplorerError(f"{source} has no part {part!r}: it holds another network than before.")


def _dictionaries(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every dictionary of tensors in plain values, with the keys that lead to it.

    An optimizer numbers its parameters, so what lies under a number is none of a network's.
    """
    if not isinstance(value, dict) or depth > MOST_DEEP:
        return
    named = {key: inside for key, inside in value.items() if isinstance(key, str)}
    tensors = {key: inside for key, inside in named.items() if isinstance(inside, Tensor)}
    if tensors:
        yield path, tensors
    for key, inside in named.items():
        yield from _dictionaries(inside, f"{path}.{key}" if path else key, depth + 1)


def _has_layers(state: Mapping[str, Tensor]) -> bool:
    return any(tensor.ndim > 1 for tensor in state.values())


def _cleaned(part: str, state: Mapping[str, Tensor]) -> StateDict:
    """A state_dict as the bare network would have given it."""
    names = {key: ".".join(each for each in key.split(".") if each != COMPILED) for key in state}
    notices = []
    for key, name in names.items():
        if name.rpartition(".")[2] == AVERAGED:
            notices.append(f"Its weights are an average over {int(state[key]):,} steps of training.")
    tensors = {name: state[key] for key, name in names.items() if name.rpartition(".")[2] != AVERAGED}
    tensors, masked = _masked(_without_prefixes(tensors))
    return StateDict(part, tensors, (*notices, *masked))


def _without_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the prefixes that all of their names have."""
    names = list(state)
    while names and all("." in name for name in names):
        if len({name.partition(".")[0] for name in names}) > 1:
            break
        names = [name.partition(".")[2] for name in names]
    return dict(zip(names, state.values(), strict=True))


def _masked(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with the masks of ``torch.nn.utils.prune`` applied, and what that did."""
    result: dict[str, Tensor] = {}
    zeros = total = layers = 0
    for key, tensor in state.items():
        name = key.removesuffix(ORIGINAL)
        mask = state.get(name + MASK)
        if key.endswith(ORIGINAL) and mask is not None and mask.shape == tensor.shape:
            # Of a masked infinity the product would be no number.
            result[name] = torch.where(mask != 0, tensor, torch.zeros_like(tensor))
            zeros, total, layers = zeros + int((mask == 0).sum()), total + mask.numel(), layers + 1
        elif not (key.endswith(MASK) and key.removesuffix(MASK) + ORIGINAL in state):
            result[key] = tensor
    if not layers:
        return result, ()
    return result, (
        f"The masks of torch.nn.utils.prune were left on it and are applied: {zeros:,} of the {total:,} weights in "
        f"{layers} pruned layers are zero.",
    )
