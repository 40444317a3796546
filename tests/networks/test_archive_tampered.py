"""Archives that someone has tampered with: nothing in them runs, and each is refused in one sentence, or harmless."""

import builtins
import io
import json
import os
import pickle
import random
import resource
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.errors import ExplorerError
from explorer.networks import open_pt2
from tests.networks.examples import images
from tests.networks.test_archive_versions import ARCHIVES, Small

MOST_SECONDS, MOST_MEGABYTES = 2.0, 500
Files = dict[str, bytes]
PROGRAM, CONFIG = "own/models/model.json", "own/data/weights/model_weights_config.json"
OLD, STATE = "serialized_exported_program.json", "serialized_state_dict.pt"


class Canary:
    """Leaves a file behind when it is unpickled the unsafe way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.target}",)


def unpacked(path: Path | io.BytesIO) -> Files:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def own() -> Files:
    """The files of an archive that this torch wrote."""
    content = io.BytesIO()
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(Small().eval(), (images(16),), dynamic_shapes=dynamic)
    torch.export.save(program, content)
    return {f"own/{name.partition('/')[2]}": file for name, file in unpacked(content).items()}


@pytest.fixture(scope="module")
def old() -> Files:
    """The files of an older one, whose weights are in a pickle."""
    return unpacked(ARCHIVES / "torch-2.5.pt2")


@contextmanager
def traps() -> Iterator[None]:
    """Whatever could run something fails the test, but for reading weights alone."""

    def never(*_: Any, **__: Any) -> None:
        pytest.fail("something in an archive would have run")

    load = torch.load

    def weights_only(*args: Any, **kwargs: Any) -> Any:
        return load(*args, **kwargs) if kwargs.get("weights_only") is True else never()

    doors = ((torch.export, "load"), (pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "load", weights_only)
        for module, name in (*doors, (os, "system"), (os, "popen"), (builtins, "eval")):
            patch.setattr(module, name, never)
        yield


def write(files: Mapping[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def said(path: Path) -> str:
    """The sentence with which an archive is refused; empty if it opens. Both within the limits."""
    memory, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        with traps():
            open_pt2(path)
        sentence = ""
    except ExplorerError as error:
        sentence = str(error)
        assert sentence.endswith(".")
        assert sentence.isprintable()  # a line break would be none
        assert len(sentence) < 600
    assert time.process_time() - start < MOST_SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024 < MOST_MEGABYTES
    return sentence


def edited(files: Files, name: str, edit: Callable[[Any], None]) -> Files:
    """The files with one JSON file changed."""
    values = json.loads(files[name])
    edit(values)
    return files | {name: json.dumps(values).encode()}


def graph(program: Any) -> Any:
    return program["graph_module"]["graph"]


def node(program: Any, operator: str) -> Any:
    return next(each for each in graph(program)["nodes"] if f".{operator}." in each["target"])


def argument(program: Any, operator: str, name: str, value: Any) -> None:
    inputs = node(program, operator)["inputs"]
    inputs[:] = [each for each in inputs if each["name"] != name]
    inputs.append({"name": name, "arg": value, "kind": 1})


def meta(config: Any, **values: Any) -> None:
    config["config"]["features.0.weight"]["tensor_meta"].update(values)


def weight(config: Any, **values: Any) -> None:
    config["config"]["features.0.weight"].update(values)


def sizes(*numbers: int) -> list[dict[str, int]]:
    return [{"as_int": number} for number in numbers]


def signature(program: Any) -> Any:
    return program["graph_module"]["signature"]


EDITS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "an operator that is a command": (
        PROGRAM,
        lambda p: node(p, "hardtanh").update(target="torch.serialization.os.system"),
        "uses 'torch.serialization.os.system', which is no aten operator",
    ),
    "an operator that is not known": (
        PROGRAM,
        lambda p: node(p, "linear").update(target="torch.ops.aten.cumsum.default"),
        "uses 'cumsum', which the explorer does not know",
    ),
    "an operator of another library": (
        PROGRAM,
        lambda p: node(p, "linear").update(target="torch.ops.evil.run.default"),
        "is no aten operator",
    ),
    "a higher-order operator": (
        PROGRAM,
        lambda p: node(p, "linear").update(target="torch.ops.higher_order.cond"),
        "is no aten operator",
    ),
    "a graph as an argument": (
        PROGRAM,
        lambda p: argument(p, "linear", "extra", {"as_graph": {"name": "g", "graph": {}}}),
        "linear has an argument of the kind 'as_graph'",
    ),
    "an object as an argument": (
        PROGRAM,
        lambda p: argument(p, "linear", "extra", {"as_custom_obj": {"name": "o", "class_fqn": "os.system"}}),
        "linear has an argument of the kind 'as_custom_obj'",
    ),
    "an object as an input": (
        PROGRAM,
        lambda p: signature(p)["input_specs"].append({"custom_obj": {"arg": {"name": "o"}}}),
        "an input of the kind 'custom_obj'",
    ),
    "two inputs": (
        PROGRAM,
        lambda p: signature(p)["input_specs"].append({"user_input": {"arg": {"as_tensor": {"name": "y"}}}}),
        "takes 2 inputs",
    ),
    "two outputs": (
        PROGRAM,
        lambda p: signature(p)["output_specs"].append(
            {"user_output": {"arg": {"as_tensor": {"name": "add"}}}}
        ),
        "gives 2 outputs",
    ),
    "a parameter that is changed": (
        PROGRAM,
        lambda p: signature(p)["output_specs"].append({"parameter_mutation": {}}),
        "an output of the kind 'parameter_mutation'",
    ),
    "a cycle": (
        PROGRAM,
        lambda p: argument(p, "conv2d", "input", {"as_tensor": {"name": "linear"}}),
        "'linear' is read before it is computed",
    ),
    "steps in another order": (
        PROGRAM,
        lambda p: graph(p)["nodes"].reverse(),
        "is read before it is computed",
    ),
    "two values of one name": (
        PROGRAM,
        lambda p: node(p, "linear").update(outputs=[{"as_tensor": {"name": "x"}}]),
        "two values are called 'x'",
    ),
    "a huge number": (
        PROGRAM,
        lambda p: argument(p, "max_pool2d", "kernel_size", {"as_ints": [10**30, 2]}),
        "too large a number",
    ),
    "a huge window": (
        PROGRAM,
        lambda p: argument(p, "max_pool2d", "kernel_size", {"as_ints": [10**6, 2]}),
        "a kernel_size of 1000000 is more than 1,024",
    ),
    "a number that is none": (
        PROGRAM,
        lambda p: argument(p, "max_pool2d", "kernel_size", {"as_ints": ["2", 2]}),
        "an argument of max_pool2d is not of its type",
    ),
    "an argument of two kinds": (
        PROGRAM,
        lambda p: argument(p, "linear", "bias", {"as_none": True, "as_int": 1}),
        "is not of one kind",
    ),
    "groups that do not divide": (
        PROGRAM,
        lambda p: argument(p, "conv2d", "groups", {"as_int": 5}),
        "The network cannot be built: ",
    ),
    "more groups than filters": (
        PROGRAM,
        lambda p: argument(p, "conv2d", "groups", {"as_int": 2**40}),
        "weights that are none of a convolution",
    ),
    "a layer's name that leads elsewhere": (
        PROGRAM,
        lambda p: node(p, "max_pool2d")["metadata"].update(
            nn_module_stack="a,../../x,torch.nn.modules.pooling.MaxPool2d"
        ),
        "is no name for a layer",
    ),
    "a layer's name that a network has for something else": (
        PROGRAM,
        lambda p: node(p, "max_pool2d")["metadata"].update(
            nn_module_stack="a,__class__,torch.nn.modules.pooling.MaxPool2d"
        ),
        "is a name that every network has for something else",
    ),
    "too many steps": (
        PROGRAM,
        lambda p: graph(p).update(nodes=[{}] * 4_001),
        "at most 4,000 are taken",
    ),
    "no steps": (PROGRAM, lambda p: graph(p).update(nodes=7), "has no 'nodes' of the right type"),
    "no version": (PROGRAM, lambda p: p.pop("schema_version"), "has no 'schema_version' of the right type"),
    "another version": (PROGRAM, lambda p: p["schema_version"].update(major=9), "versions 5 to 8 are read"),
    "a pickled weight": (
        CONFIG,
        lambda c: weight(c, use_pickle=True),
        "is pickled, and a pickle can run code",
    ),
    "a weight's file elsewhere": (CONFIG, lambda c: weight(c, path_name="../../x"), "has no file"),
    "a negative size": (CONFIG, lambda c: meta(c, sizes=sizes(-8, 3, 3, 3)), "which cannot be"),
    "a huge size": (CONFIG, lambda c: meta(c, sizes=sizes(10**6, 10**6, 3, 3)), "a shape that cannot be"),
    "a repeated number": (
        CONFIG,
        lambda c: meta(c, sizes=sizes(10**8), strides=sizes(0)),
        "a shape that cannot be",
    ),
    "more than its file": (CONFIG, lambda c: meta(c, sizes=sizes(80, 3, 3, 3)), "is larger than its file"),
    "an offset behind its file": (
        CONFIG,
        lambda c: meta(c, storage_offset={"as_int": 999}),
        "is larger than its file",
    ),
    "a negative offset": (CONFIG, lambda c: meta(c, storage_offset={"as_int": -1}), "which cannot be"),
    "a symbol for a size": (
        CONFIG,
        lambda c: meta(c, sizes=[{"as_expr": {"expr_str": "exec('1')"}}]),
        "no 'as_int'",
    ),
    "another type of numbers": (CONFIG, lambda c: meta(c, dtype=9), "a type of numbers that is not read"),
    "another layout": (CONFIG, lambda c: meta(c, layout=1), "a type of numbers that is not read"),
    "another shape": (
        CONFIG,
        lambda c: meta(c, sizes=sizes(8, 3, 9), strides=sizes(27, 9, 1)),
        "none of a convolution",
    ),
    "a weight too few": (
        CONFIG,
        lambda c: c["config"].pop("features.1.running_mean"),
        "instead of taking a weight",
    ),
}


@pytest.mark.parametrize("kind", EDITS)
def test_json_that_was_tampered_with_is_refused_in_one_sentence(
    kind: str, own: Files, tmp_path: Path
) -> None:
    name, edit, sentence = EDITS[kind]
    assert sentence in said(write(edited(own, name, edit), tmp_path / "a.pt2"))


FILES: dict[str, tuple[Callable[[Files], Files], str]] = {
    "no JSON": (lambda f: f | {PROGRAM: b"{"}, "is no JSON"),
    "JSON too deep": (lambda f: f | {PROGRAM: b"[" * 100_000}, "is no JSON"),
    "JSON too long": (lambda f: f | {PROGRAM: b" " * (5 * 2**20)}, "more than 4 MB"),
    "a number of many digits": (lambda f: f | {PROGRAM: b"9" * 100_000}, "is no JSON"),
    "two programs": (lambda f: f | {"own/models/b.json": b"{}"}, "it holds 2 programs"),
    "no program": (lambda f: {k: v for k, v in f.items() if k != PROGRAM}, "it holds no exported program"),
    "compiled code": (lambda _: {"own/data/aotinductor/m/m.so": b""}, "it holds compiled code"),
    "a path to the root": (lambda f: f | {"/etc/passwd": b""}, "which leads out of it"),
    "a path upwards": (lambda f: f | {"own/../../x": b""}, "which leads out of it"),
    "too many files": (lambda f: f | {f"own/{n}": b"" for n in range(5_001)}, "more than 5,000 files"),
    "big-endian numbers": (lambda f: f | {"own/byteorder": b"big"}, "little-endian"),
    "no weights": (lambda f: {k: v for k, v in f.items() if k != CONFIG}, "is missing"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_were_tampered_with_are_refused_in_one_sentence(
    kind: str, own: Files, tmp_path: Path
) -> None:
    edit, sentence = FILES[kind]
    assert sentence in said(write(edit(own), tmp_path / "a.pt2"))


def test_a_bomb_a_duplicate_and_no_zip_are_refused_in_one_sentence(own: Files, tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(PROGRAM, bytes(200 * 2**20))
    assert "it is packed" in said(path)
    with zipfile.ZipFile(write(own, path), "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(PROGRAM, b"{}")
    assert "two files in it have the same name" in said(path)
    for content in (b"", b"PK", b"\x80\x02.", random.Random(0).randbytes(9_000)):  # noqa: S311
        path.write_bytes(content)
        assert said(path)


def test_pickles_in_an_archive_are_never_run(own: Files, old: Files, tmp_path: Path) -> None:
    target, path = tmp_path / "ran", tmp_path / "a.pt2"
    raw, saved = pickle.dumps(Canary(target)), io.BytesIO()
    torch.save({"fc.weight": Canary(target)}, saved)
    for content in (raw, saved.getvalue()):
        samples = {name: content for name in own if "sample_inputs" in name}
        assert samples
        assert not said(write(own | samples, path))  # they are not read at all
        weights = {name: content for name in own if "/weight_" in name}
        said(write(own | weights, path))  # numbers like any others, or too few of them
        assert said(write(old | {STATE: content}, path))
    saved = io.BytesIO()
    torch.save({"fc.weight": bytearray(9)}, saved)
    assert "weights have nothing to call" in said(write(old | {STATE: saved.getvalue()}, path))
    saved = io.BytesIO()
    torch.save({"fc.weight": torch.zeros(1).expand(10**9)}, saved)
    assert "a shape that cannot be" in said(write(old | {STATE: saved.getvalue()}, path))
    assert not target.exists()


POOL: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 7, 2**31, 2**62, 10**40, 1e308, -0.5, "", "x", "image", "linear", "x" * 5_000),
    *(
        "../../etc/passwd",
        "torch.ops.aten.relu.default",
        "__import__('os').system('true')",
        "a\nb",
        [],
        {},
        [[[]]],
    ),
    *({"as_int": -1}, {"as_tensor": {"name": "linear"}}, {"as_expr": {"expr_str": "exec('1')"}}, [0, 0]),
)


def mutate(values: Any, chance: random.Random) -> None:
    """Change, take out, repeat or exchange something at a random place."""
    here = values
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = chance.choice(keys)
        below = here[key]
        if isinstance(below, dict | list) and below and chance.random() < 0.85:
            here = below
            continue
        match chance.randrange(5):
            case 0:
                del here[key]
            case 1 if isinstance(here, list):
                here.append(below)
            case 2 if isinstance(here, list):
                chance.shuffle(here)
            case 3 if isinstance(here, dict):
                here[key] = here[chance.choice(keys)]
            case _:
                here[key] = chance.choice(POOL)
        return


def place(values: Any, chance: random.Random) -> Any:
    """Where it matters most: in the arguments of one of the steps."""
    try:
        return chance.choice(graph(values)["nodes"])["inputs"]
    except (KeyError, TypeError, IndexError):
        return values


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), new=st.booleans(), often=st.integers(1, 4), bytes_too=st.booleans())
def test_whatever_is_changed_in_an_archive_it_opens_or_is_refused(
    seed: int, new: bool, often: int, bytes_too: bool, own: Files, old: Files, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311
    files, names = (own, (PROGRAM, PROGRAM, CONFIG)) if new else (old, (OLD,))
    for _ in range(often):
        name, deep = chance.choice(names), chance.random() < 0.6
        files = edited(
            files, name, lambda values, deep=deep: mutate(place(values, chance) if deep else values, chance)
        )
    path = write(files, tmp_path / "a.pt2")
    if bytes_too and chance.random() < 0.5:
        content = bytearray(path.read_bytes())
        for _ in range(chance.randrange(1, 30)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.choice((len(content), chance.randrange(len(content))))])
    said(path)
