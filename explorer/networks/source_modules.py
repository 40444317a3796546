"""The modules of a network as code: how each is built, and how each is reached from ``self``."""

from collections.abc import Iterator

from torch import nn

from explorer.errors import ExplorerError
from explorer.networks.graph import CONTAINERS
from explorer.networks.settings import layer_settings
from explorer.networks.source_text import Text, is_name, quoted, text_of

HOLDER = '''

class Layers(nn.Module):
    """Layers by their names."""

    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
'''
"""Holds the layers of a module with a forward pass of its own, which the graph has taken apart."""

_UNNAMED = ("in_channels", "out_channels", "num_features", "in_features", "out_features", "output_size")
"""Settings of a layer that are written without their names."""


class ModuleTree:
    """Every module of a network as code.

    Attributes:
        paths: how each is reached, by module name.
        sequences: of every Sequential that may be called as one, by name, the layers that it runs through.
        is_sequence: whether the network itself is a numbered Sequential.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        # A module may be registered twice; the first name is the one that the graph knows.
        self._names = {id(module): name for name, module in model.named_modules()}
        self.paths: dict[str, str] = {}
        self.sequences: dict[str, tuple[str, ...]] = {}
        self.is_sequence = isinstance(model, nn.Sequential) and _is_numbered(model)
        self.statements = tuple(self._statements())

    def _statements(self) -> Iterator[Text]:
        """The assignments in ``__init__``."""
        for number, (key, module) in enumerate(_children(self._model)):
            path = f"self[{number}]" if self.is_sequence else _attribute("self", key)
            built = self._built(module, key, path)
            if self.is_sequence:
                yield Text("self.append(", (built or Text("nn.Identity()"),), ")")
            elif built is not None and is_name(key):
                yield built.put(f"{path} = ")
            elif built is not None:
                yield Text("self.add_module(", (Text(quoted(key)), built), ")")
        for name, module in self._model.named_modules():
            if _is_holder(module):
                yield from _bare_tensors(module, self.paths.get(name, "self"))
        for name, module in self._model.named_modules(remove_duplicate=False):
            if self._is_second(module, name) and name not in self.paths:
                holder, _, key = name.rpartition(".")
                before, first = self.paths.get(holder, "self"), self.paths[self._names[id(module)]]
                yield Text(f"{before}.add_module(", (Text(quoted(key)), Text(first)), ")")

    def bare(self, name: str) -> str:
        """How a bare parameter or buffer is reached."""
        holder, _, key = name.rpartition(".")
        return f"{self.paths.get(holder, 'self')}.{key}"

    def _is_second(self, module: nn.Module, name: str) -> bool:
        """Whether a module with weights stands under its second name here; one without can as well be built anew."""
        return self._names[id(module)] != name and bool(module.state_dict())

    def _built(self, module: nn.Module, name: str, path: str) -> Text | None:
        """The expression that builds a module; None if it holds nothing, or is built under its first name."""
        if self._is_second(module, name):
            return None
        self.paths[name] = path
        if not _is_holder(module):
            return _layer(module, name)
        if isinstance(module, nn.Sequential) and _is_plain(module):
            self.sequences[name] = self._run_through(module)
        if isinstance(module, nn.Sequential | nn.ModuleList) and _is_numbered(module):
            items = self._numbered(module, name, path)
            if isinstance(module, nn.Sequential):
                return Text("nn.Sequential(", items, ")")
            return Text("nn.ModuleList(", (Text("[", items, "]"),), ")")
        items = self._named(module, name, path)
        if isinstance(module, nn.Sequential) and _is_plain(module):
            return Text("nn.Sequential(", (Text("OrderedDict(", items, ")"),), ")")
        return Text("Layers(", items, ")") if items or any(_bare_tensors(module, path)) else None

    def _numbered(self, module: nn.Module, name: str, path: str) -> tuple[Text, ...]:
        items = []
        for number, (key, child) in enumerate(_children(module)):
            built = self._built(child, f"{name}.{key}", f"{path}[{number}]")
            if built is None and child.state_dict():
                raise ExplorerError(
                    f"{name}.{key} is a layer under a second name in a list, which cannot be written as code."
                )
            # What holds nothing keeps its place: the numbers after it must stay.
            items.append(built or Text("nn.Identity()"))
        return tuple(items)

    def _named(self, module: nn.Module, name: str, path: str) -> tuple[Text, ...]:
        items = []
        for key, child in _children(module):
            built = self._built(child, f"{name}.{key}", _attribute(path, key))
            if built is not None and is_name(key):
                items.append(built.put(f"{key}="))
            elif built is not None:
                items.append(Text("**{", (built.put(f"{quoted(key)}: "),), "}"))
        return tuple(items)

    def _run_through(self, module: nn.Module) -> tuple[str, ...]:
        """First names of the layers that a Sequential of plain layers and of such Sequentials runs through."""
        if not _is_holder(module):
            return (self._names[id(module)],)
        return tuple(layer for _, child in _children(module) for layer in self._run_through(child))


def _bare_tensors(module: nn.Module, path: str) -> Iterator[Text]:
    """The assignments of a module's own parameters and buffers, which begin with the value that all of one have."""
    for key, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        shape = text_of(tuple(tensor.shape), {})
        first = tensor.detach().flatten()[:1]
        alike = tensor.device.type != "meta" and bool((tensor == first).all())
        values = Text("torch.ones(", (shape,), ")")
        if alike and first != 1:
            values = Text("torch.full(", (shape, Text(repr(float(f"{first.item():g}")))), ")")
        if isinstance(tensor, nn.Parameter):
            yield Text(f"{path}.{key} = nn.Parameter(", (values,), ")")
        else:
            yield Text(f"{path}.register_buffer(", (Text(quoted(key)), values), ")")


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Names and modules, also of those that are registered a second time."""
    return [(key, child) for key, child in module._modules.items() if child is not None]


def _is_numbered(module: nn.Module) -> bool:
    """Whether its modules are called 0, 1, 2, ..."""
    children = _children(module)
    return [key for key, _ in children] == [str(number) for number in range(len(children))]


def _is_holder(module: nn.Module) -> bool:
    """Whether a module is no layer of torch's, but holds some."""
    return isinstance(module, CONTAINERS) or not type(module).__module__.startswith("torch.nn.")


def _is_plain(module: nn.Module) -> bool:
    """Whether a module is a layer, or a Sequential of nothing but plain ones."""
    if not _is_holder(module):
        return True
    children = _children(module)
    # A name that every Sequential has for something else would hide the layer.
    named = all(is_name(key) and not hasattr(nn.Sequential, key) for key, _ in children)
    is_sequence = isinstance(module, nn.Sequential) and (named or _is_numbered(module))
    return is_sequence and all(_is_plain(child) for _, child in children)


def _attribute(path: str, key: str) -> str:
    return f"{path}.{key}" if is_name(key) else f"{path}.get_submodule({quoted(key)})"


def _layer(module: nn.Module, name: str) -> Text:
    """The call that builds a layer."""
    items = (
        text_of(value, {}).put("" if setting in _UNNAMED else f"{setting}=")
        for setting, value in layer_settings(module, name).items()
    )
    return Text(f"nn.{type(module).__name__}(", tuple(items), ")")
