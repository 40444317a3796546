"""The files of a ``torch.export`` archive: a zip of JSON and raw bytes, read without running anything in it.

``torch.export.load`` is not safe for a stranger's file: it unpickles, and it looks up what the file names. Here a zip
entry is either JSON, or numbers whose shape the JSON tells, or it is not read at all.
"""

import json
import mmap
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from math import prod
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeVar

import torch
from torch import Tensor

from explorer.errors import ExplorerError

MAX_MEGABYTES = 150
MAX_JSON = 4 * 2**20  # bytes; a DenseNet-169 has 2 MB, and empty lists of more would take seconds
MAX_ENTRIES = 5_000
MAX_NUMBERS = 32_000_000  # in all tensors together
SCHEMAS = (5, 6, 7, 8)
"""Major versions of the graph's schema, which torch 2.4 to 2.14 write."""

DTYPES: Mapping[int, torch.dtype] = {
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    13: torch.bfloat16,
}
"""Types of numbers that are read, by their number in the schema (``torch/_export/serde/schema.py``)."""

_STRIDED = 7
# A state_dict that torch saved calls nothing else. Its pickle is looked through before torch reads it.
_PICKLED = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *(f"torch {kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long")),
}
_Kind = TypeVar("_Kind")


@dataclass(frozen=True, eq=False)
class ArchiveFile:
    """What an archive holds, nothing of it interpreted.

    Attributes:
        program: the exported program, as JSON.
        tensors: parameters, buffers and constants by name; float32, or int64 where they count something.
        dtype: of the weights as they are stored.
    """

    program: dict[str, Any]
    tensors: Mapping[str, Tensor]
    dtype: str


def refuse(reason: str) -> NoReturn:
    """Raise the one sentence for an archive that cannot be opened."""
    raise ExplorerError(f"The archive cannot be opened: {reason}.")


def pick(values: Any, key: str, kind: type[_Kind], where: str) -> _Kind:
    """An entry of a JSON object, of the type that it must have."""
    value = values.get(key) if isinstance(values, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool) is not (kind is bool):
        refuse(f"{where} has no {key!r} of the right type")
    return value


def read_archive(path: Path) -> ArchiveFile:
    """The program and the tensors of an archive.

    Raises:
        ExplorerError: it is no archive that can be read safely; the sentence says why.
    """
    try:
        _check_entries(path)
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise ExplorerError("The archive cannot be opened: it is damaged, or no zip file.") from error


def _check_entries(path: Path) -> None:
    """Refuse a zip by what its table of contents says, before anything in it is read."""
    size = path.stat().st_size
    if not 0 < size <= MAX_MEGABYTES * 2**20:
        refuse(f"it has {size / 2**20:,.0f} MB, and at most {MAX_MEGABYTES} MB are taken")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # Before zipfile builds an object for each of them, of which a small file can have millions.
        entries = sum(1 for _ in islice(re.finditer(rb"PK\x01\x02", content), MAX_ENTRIES + 1))
    if entries > MAX_ENTRIES:
        refuse(f"it has more than {MAX_ENTRIES:,} files in it")
    with zipfile.ZipFile(path) as archive:
        check_unpacked(archive, size)


def check_unpacked(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse a zip of ``size`` bytes whose entries are packed, overlap, or have names that lead elsewhere."""
    entries = archive.infolist()
    for entry in entries:
        name = entry.filename
        if (
            name.startswith("/")
            or "\\" in name
            or ".." in PurePosixPath(name).parts
            or not name.isprintable()
        ):
            refuse(f"a file in it is called {name!r:.100}, which leads out of it")
        if entry.flag_bits & 1:
            refuse("it is encrypted")
        if entry.compress_type != zipfile.ZIP_STORED:
            refuse("it is packed, as torch.export.save never does: export it again")
    if min((entry.header_offset for entry in entries), default=0):
        refuse("it is damaged: its end is missing")  # what was found is a zip that lay inside it
    if len({entry.filename for entry in entries}) < len(entries):
        refuse("two files in it have the same name")
    if sum(entry.file_size for entry in entries) > size:
        refuse("its files claim to be larger than it is itself")


def _read(archive: zipfile.ZipFile) -> ArchiveFile:
    names = archive.namelist()
    if "serialized_exported_program.json" in names:  # torch 2.7 and older
        return _collected(
            _json(archive, "serialized_exported_program.json"),
            _pickled(archive, "serialized_state_dict.pt"),
            _pickled(archive, "serialized_constants.pt"),
        )
    programs = [name for name in names if re.fullmatch(r"[^/]+/models/[^/]+\.json", name)]
    if len(programs) != 1:
        refuse(
            _what_it_is(names) if not programs else f"it holds {len(programs)} programs, and one is needed"
        )
    root, _, file = programs[0].split("/")
    if f"{root}/byteorder" in names and archive.read(f"{root}/byteorder") != b"little":
        refuse("its numbers are not in little-endian order")
    model = file.removesuffix(".json")
    parts = []
    for part in ("weights", "constants"):
        folder = f"{root}/data/{part}/"
        if f"{folder}{model}.pt" in names:  # torch 2.8
            parts.append(_pickled(archive, f"{folder}{model}.pt"))
        else:
            parts.append(_raw(archive, folder, f"{folder}{model}_{part}_config.json"))
    return _collected(_json(archive, programs[0]), *parts)


def _what_it_is(names: list[str]) -> str:
    """What a zip without a program is, as far as its names tell."""
    if any("aotinductor" in name or name.endswith((".so", ".pyd", ".dll")) for name in names):
        return "it holds compiled code, not an exported program: save it with torch.export.save"
    if any(name.endswith("/data.pkl") for name in names):
        return "it is a file of torch.save or TorchScript, not of torch.export.save"
    return "it holds no exported program: save it with torch.export.save"


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    """A JSON entry, which must be there."""
    if name not in archive.NameToInfo or archive.getinfo(name).file_size > MAX_JSON:
        refuse(f"{name!r:.100} is missing, or has more than {MAX_JSON // 2**20} MB")
    try:
        return json.loads(archive.read(name))
    except (ValueError, RecursionError) as error:
        raise ExplorerError(f"The archive cannot be opened: {name!r:.100} is no JSON.") from error


def _collected(program: Any, weights: Mapping[str, Tensor], constants: Mapping[str, Tensor]) -> ArchiveFile:
    _check_version(program)
    both = sorted(weights.keys() & constants.keys())
    if both:
        refuse(f"{both[0]!r:.100} is a weight and a constant")
    tensors = {**weights, **constants}
    total = sum(tensor.numel() for tensor in tensors.values())
    if total > MAX_NUMBERS:
        refuse(f"it has {total:,} numbers among its weights, and at most {MAX_NUMBERS:,} are taken")
    stored = next((tensor.dtype for tensor in weights.values() if tensor.is_floating_point()), torch.float32)
    return ArchiveFile(
        program,
        # A counter stays one; everything else becomes float32, one after the other to spare memory.
        {name: _plain(tensor) for name, tensor in tensors.items()},
        str(stored).removeprefix("torch."),
    )


def _plain(tensor: Tensor) -> Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
    return tensor.detach().to(dtype).clone(memory_format=torch.contiguous_format)


def _check_version(program: Any) -> None:
    version = pick(program, "schema_version", dict, "the program")
    major = pick(version, "major", int, "the schema's version")
    if major not in SCHEMAS:
        refuse(
            f"its schema has version {major}, and versions {SCHEMAS[0]} to {SCHEMAS[-1]} are read, which torch 2.4 to "
            "2.14 write"
        )


def _raw(archive: zipfile.ZipFile, folder: str, config: str) -> dict[str, Tensor]:
    """Tensors whose bytes lie in files of their own, and whose shapes in a JSON file beside them."""
    entries = pick(_json(archive, config), "config", dict, config.rpartition("/")[2])
    contents: dict[str, bytearray] = {}
    return {name: _raw_tensor(archive, folder, name, entry, contents) for name, entry in entries.items()}


def _raw_tensor(
    archive: zipfile.ZipFile, folder: str, name: str, entry: Any, contents: dict[str, bytearray]
) -> Tensor:
    where = f"the weight {name!r:.100}"
    if not isinstance(entry, dict) or entry.get("use_pickle") is not False:
        refuse(f"{where} is pickled, and a pickle can run code")
    file = f"{folder}{pick(entry, 'path_name', str, where)}"
    if file not in archive.NameToInfo:
        refuse(f"{where} has no file")
    meta = pick(entry, "tensor_meta", dict, where)
    dtype, layout = DTYPES.get(pick(meta, "dtype", int, where)), pick(meta, "layout", int, where)
    if dtype is None or layout != _STRIDED:
        refuse(f"{where} has a type of numbers that is not read")
    sizes, strides = sizes_of(meta, "sizes", where), sizes_of(meta, "strides", where)
    offset = size_of(meta.get("storage_offset"), where)
    if len(sizes) != len(strides) or not sizes_fit(sizes):
        refuse(f"{where} has a shape that cannot be")
    content = contents.get(file)
    if content is None:
        content = contents[file] = bytearray(archive.read(file))
    last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
    if (last + 1) * dtype.itemsize > len(content):
        refuse(f"{where} is larger than its file")
    numbers = torch.frombuffer(content, dtype=dtype, count=len(content) // dtype.itemsize)
    return numbers.as_strided(sizes, strides, offset)


def size_of(value: Any, where: str) -> int:
    """A size, stride or offset in JSON, ``{"as_int": n}``."""
    number = pick(value, "as_int", int, f"a size of {where}")
    if not 0 <= number < 2**40:
        refuse(f"a size of {where} is {number}, which cannot be")
    return number


def sizes_of(meta: Mapping[str, Any], key: str, where: str) -> list[int]:
    """A list of sizes or strides."""
    return [size_of(value, where) for value in pick(meta, key, list, where)[:9]]


def sizes_fit(sizes: list[int]) -> bool:
    """Whether a tensor may have these sizes: some number, not too many, at most 8 axes."""
    return len(sizes) <= 8 and 0 < prod(sizes) <= MAX_NUMBERS


def _pickled(archive: zipfile.ZipFile, name: str) -> dict[str, Tensor]:
    """A state_dict as torch up to 2.8 saved it into its archives: a zip with a pickle that only names tensors."""
    if name not in archive.NameToInfo:
        refuse(f"{name!r:.100} is missing")
    content = archive.read(name)
    with zipfile.ZipFile(BytesIO(content)) as inner:
        check_unpacked(inner, len(content))
        pickles = [each for each in inner.namelist() if each.endswith("/data.pkl")]
        if len(pickles) != 1:
            refuse(f"{name!r:.100} is no state_dict")
        unknown = next((call for call in _called(inner.read(pickles[0])) if call not in _PICKLED), None)
    if unknown is not None:
        refuse(f"its weights call {unknown!r:.100}, and weights have nothing to call")
    try:
        state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    # Reading runs no code, but on damaged bytes it can raise anything.
    except Exception as error:
        raise ExplorerError(f"The archive cannot be opened: {name!r:.100} is damaged.") from error
    if not isinstance(state, dict):
        refuse(f"{name!r:.100} is no state_dict")
    return {_checked_name(key): _checked_tensor(key, value) for key, value in state.items()}


def _called(pickled: bytes) -> Iterator[str]:
    """What a pickle would call; its words are read one by one, and none is run."""
    try:
        for word, argument, _ in pickletools.genops(pickled):
            if word.name == "GLOBAL":
                yield str(argument)
            elif word.name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"):
                yield word.name
    except Exception as error:
        raise ExplorerError("The archive cannot be opened: its weights are damaged.") from error


def _checked_name(key: Any) -> str:
    if not isinstance(key, str):
        refuse("a weight has no name")
    return key


def _checked_tensor(name: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.dtype not in DTYPES.values():
        refuse(f"the weight {name!r:.100} has a type of numbers that is not read")
    # A tensor can repeat one stored number: its shape, not its bytes, says what memory it takes.
    if not sizes_fit(list(value.shape)):
        refuse(f"the weight {name!r:.100} has a shape that cannot be")
    return value
