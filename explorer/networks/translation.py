"""Writing down a network while the graph of an archive is read: its layers, its steps, and which value is which."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from torch import Tensor

from explorer.networks.archive_file import refuse
from explorer.networks.archive_graph import ArchiveGraph, Node, Value
from explorer.networks.program import IMAGE, PARAMETER, LayerEntry, StepEntry, layer_types

BATCH = "batch"
"""Stands for the number of images, which no network may depend on."""


@dataclass(frozen=True, eq=False)
class Translation:
    """What has been read so far of an archive's graph.

    Attributes:
        graph: the archive's graph.
        tensors: its weights by name.
        layers: by name.
        steps: in order.
        used: names of the weights that they take.
        padded: values that are padded for the convolution that reads them: (what is padded, its padding, the mode).
    """

    graph: ArchiveGraph
    tensors: Mapping[str, Tensor]
    layers: dict[str, LayerEntry] = field(default_factory=dict)
    steps: list[StepEntry] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    padded: dict[str, tuple[Any, list[int], Any]] = field(default_factory=dict)
    _values: dict[str, Any] = field(default_factory=dict)
    _memory: dict[str, str] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _spread: set[str] = field(default_factory=set)
    _names: Counter[str] = field(default_factory=lambda: Counter([IMAGE]))

    def __post_init__(self) -> None:
        self.set(self.graph.image, {"value": IMAGE})

    def set(self, name: str, value: Any, memory: str = "", *, spread: bool = False) -> None:
        """Note what a value of the archive is here; ``memory`` names the value whose memory it shares."""
        if name in self._values or name in self.graph.weights:
            refuse(f"two values are called {name!r:.100}")
        self._values[name] = value
        self._memory[name] = self._memory.get(memory, memory) or name
        if spread:
            self._spread.add(name)

    def change(self, name: str, value: Any) -> None:
        """Note that a value was changed in place: what is the same value from now on reads the new one."""
        old = self._values[name]
        for other, memory in self._memory.items():
            if memory == self._memory[name]:
                if self._values[other] == old:
                    self._values[other] = value
                else:
                    # Another view of the same numbers has changed with it, which steps without memory cannot say.
                    self._changed.add(other)

    def read(self, argument: Any, *, spread: bool = False) -> Any:
        """An argument of a node as one of a step."""
        if isinstance(argument, list):
            return [self.read(each) for each in argument]
        if not isinstance(argument, Value):
            return argument
        name = argument.name
        if name in self._changed:
            refuse(f"{name!r:.100} is read after it was changed in place through another view of it")
        if name in self._spread and not spread:
            refuse(f"{name!r:.100} is expanded for something else than adding or multiplying")
        if name in self._values:
            return self._values[name]
        return self._constant(name)

    def is_spread(self, argument: Any) -> bool:
        """Whether an argument is a value that was expanded, and is kept here as it was before."""
        return isinstance(argument, Value) and argument.name in self._spread

    def _constant(self, name: str) -> Any:
        """A weight outside of a layer: a parameter, or a constant that is a single number."""
        weight = self.graph.weights.get(name)
        tensor = None if weight is None else self.tensors.get(weight)
        if weight is None or tensor is None:
            refuse(f"{name!r:.100} is read before it is computed")
        if name not in self.graph.buffers:
            self.used.add(weight)
            self.layers.setdefault(weight, LayerEntry(weight, PARAMETER, {"shape": list(tensor.shape)}))
            return {"parameter": weight}
        if tensor.numel() > 1:
            refuse(f"it computes with {weight!r:.100}, a tensor that is neither a parameter nor in a layer")
        return tensor.item()

    def tensor(self, node: Node, key: str) -> tuple[str, Tensor] | None:
        """The weight that an operator takes, with its name; None if it takes none."""
        value = node.args.get(key)
        if value is None:
            return None
        name = self.graph.weights.get(value.name) if isinstance(value, Value) else None
        tensor = None if name is None else self.tensors.get(name)
        if name is None or tensor is None:
            refuse(f"{node.target} computes its {key} instead of taking a weight")
        return name, tensor

    def owner(self, node: Node, keys: Sequence[str]) -> str:
        """Name of the layer whose weights an operator takes: they are called like the arguments."""
        owners = set()
        for key in keys:
            weight = self.tensor(node, key)
            if weight is not None:
                holder, _, last = weight[0].rpartition(".")
                if last != key or not holder:
                    refuse(f"{node.target} takes {weight[0]!r:.100} as its {key}, outside of a layer")
                self.used.add(weight[0])
                owners.add(holder)
        if len(owners) != 1:
            refuse(f"{node.target} takes the weights of {len(owners)} layers, and one is needed")
        return owners.pop()

    def layer(self, name: str, kind: str, settings: Mapping[str, Any], value: Any) -> Any:
        """The step that calls a layer, which is noted with its first call."""
        entry = LayerEntry(name, kind, _without_defaults(kind, settings))
        if self.layers.setdefault(name, entry) != entry:
            refuse(f"{name!r:.100} is called as two different layers")
        return self._step(StepEntry(self._fresh(name.replace(".", "_")), name, "", [value], {}))

    def call(self, call: str, args: Sequence[Any], settings: Mapping[str, Any] | None = None) -> Any:
        """The step that calls a function or a tensor's method."""
        name = self._fresh(call.rpartition(".")[2])
        return self._step(StepEntry(name, "", call, list(args), dict(settings or {})))

    def _step(self, step: StepEntry) -> Any:
        self.steps.append(step)
        return {"value": step.name}

    def _fresh(self, base: str) -> str:
        """A name for a value that no other has."""
        base = re.sub(r"[^A-Za-z0-9_]", "_", base)[:80]
        base = f"_{base}" if not base or base[0].isdigit() else base
        name = base
        while name in self._names:
            name = f"{base}_{self._names[base]}"
            self._names[base] += 1
        self._names[name] += 1
        return name

    def sizes(self, name: str) -> tuple[int, ...]:
        """Lengths of the axes of a value; the first one is that of the images."""
        sizes = self.graph.sizes.get(name)
        if not sizes:
            refuse(f"the archive does not tell the shape of {name!r:.100}")
        return sizes


def _without_defaults(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a layer that it takes and that are not so by default."""
    takes = signature(layer_types()[kind].__init__).parameters
    return {key: value for key, value in settings.items() if key in takes and takes[key].default != value}
