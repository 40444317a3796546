"""What runs in the process of its own: imports the user's file, builds its network and exports it.

``run`` starts this file as a program and never imports the user's. It needs torch alone and nothing of the explorer,
so that a module of the user's may have any name. Whatever goes wrong becomes a ``Refusal``: one sentence, and the
lines of the traceback that are the user's own, as Python prints them.
"""

import contextlib
import importlib.util
import inspect
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

STAGES = ("starting", "running your file", "trying an image", "exporting", "writing the archive")
MOST_CHARACTERS = 6000
LARGEST_FILE = 1 << 30  # bytes that it may write into one
COUNTS = ("num_classes", "n_classes", "num_class", "classes", "class_num")
"""What people call the argument that is the number of classes."""

LIBRARIES = ("site-packages", "dist-packages")


class Refusal(Exception):  # noqa: N818 (it is an answer, not a mistake of this program)
    """Why there is no archive.

    Attributes:
        sentence: for people.
        trace: the user's part of the traceback, as Python prints it; empty if there is none.
    """

    def __init__(self, sentence: str, trace: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.trace = sentence, trace


# --- How mistakes are told ------------------------------------------------------------------------------


def is_users(file: str, folder: Path) -> bool:
    """Whether a source file is the user's own: it lies in their folder, and in no library that is installed there."""
    path = Path(file)
    return path.is_relative_to(folder) and not any(part in LIBRARIES for part in path.parts)


def trace_of(error: BaseException, folder: Path) -> str:
    """The traceback as Python prints it, of the user's own lines alone, with names of files within ``folder``."""
    told = traceback.TracebackException.from_exception(error)
    told.stack = traceback.StackSummary.from_list(
        [frame for frame in told.stack if is_users(frame.filename, folder)]
    )
    # What another error was the reason of is often told inside torch: the last one names the user's line.
    told.__cause__ = told.__context__ = None
    text = "".join(told.format()).replace(f"{folder}{os.sep}", "").strip()
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} ..."


def place_of(error: BaseException, folder: Path) -> str:
    """The file and line of the user's that an error comes from: ``student.py, line 12``; empty if it has none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename, folder)
    ]
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


def words_of(error: BaseException) -> str:
    """Kind and first line of an error: ``TypeError: ...``."""
    lines = str(error.msg if isinstance(error, SyntaxError) else error).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
    return said.rstrip(".:")


@contextlib.contextmanager
def refusing(folder: Path, what: str) -> Iterator[None]:
    """Make whatever is raised inside a ``Refusal``; ``what`` begins its sentence: "StudentNet cannot be built"."""
    try:
        yield
    except Refusal:
        raise
    # The user's code may raise anything, SystemExit and what derives from BaseException included.
    except BaseException as error:
        place = place_of(error, folder)
        where = f"{place}: " if place else ""
        if isinstance(error, SystemExit):
            raise Refusal(
                f"{what}: {where}it ends the program (sys.exit).", trace_of(error, folder)
            ) from None
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            raise Refusal(
                f"{what}: {where}it needs more memory than it may have.", trace_of(error, folder)
            ) from None
        raise Refusal(f"{what}: {where}{words_of(error)}.", trace_of(error, folder)) from None


# --- From a file to a network ---------------------------------------------------------------------------


def import_file(file: Path) -> ModuleType:
    """The user's file as a module: its name is not ``__main__``, and it may import what lies beside it."""
    sys.path.insert(0, str(file.parent))
    # A file called json.py must not take the place of what others have imported.
    name = file.stem if file.stem not in sys.modules else f"users_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with refusing(file.parent, f"{file.name} cannot be imported"):
        spec.loader.exec_module(module)
    return module


def needed(maker: Callable[..., Any]) -> list[str]:
    """Names of the arguments that it cannot be called without."""
    parameters = inspect.signature(maker).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variable]


def makers_in(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The networks' classes and the functions that a file defines itself, by name."""
    from torch import nn

    return {
        name: value
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__
        and not name.startswith("_")
        and (isinstance(value, FunctionType) or (isinstance(value, type) and issubclass(value, nn.Module)))
    }


def choose(module: ModuleType, name: str, file: str) -> Any:
    """What builds the network: what is called ``name``; without a name the one class, else the one function.

    Classes and functions that need arguments are parts or helpers: they are chosen only by name.
    """
    makers = makers_in(module)
    listed = ", ".join(makers)
    if name:
        if not hasattr(module, name):
            there = f"; there are {listed}" if listed else ""
            raise Refusal(f"{file} has no {name!r}{there}.")
        return getattr(module, name)
    ready = {key: maker for key, maker in makers.items() if not needed(maker)}
    chosen: list[Callable[..., Any]] = [maker for maker in ready.values() if isinstance(maker, type)]
    chosen = chosen or [*ready.values()]
    if len(chosen) == 1:
        return chosen[0]
    if not makers:
        raise Refusal(f"{file} has no class of torch.nn.Module and no function that builds one.")
    if not chosen and len(makers) == 1:
        return next(iter(makers.values()))
    raise Refusal(
        f"{file} has several that could be the network: name one of {listed}, as in {file}:{list(makers)[-1]}."
    )


def build(maker: Any, classes: int | None, folder: Path) -> Any:
    """The network in eval mode on the CPU; ``classes`` goes to the argument that is a number of classes."""
    from torch import nn

    if isinstance(maker, nn.Module):
        return maker.cpu().eval()
    name = getattr(maker, "__name__", str(maker))
    if not callable(maker):
        raise Refusal(f"{name} is a {type(maker).__name__}, not a class or a function that builds a network.")
    parameters = inspect.signature(maker).parameters
    count = next((each for each in COUNTS if each in parameters), None)
    if classes is not None and count is None:
        raise Refusal(f"{name} takes no number of classes: leave it out.")
    settings = {} if classes is None or count is None else {count: classes}
    missing = [each for each in needed(maker) if each not in settings]
    if missing:
        raise Refusal(
            f"{name} needs arguments ({', '.join(missing)}): give them defaults, or write a function without arguments "
            "that builds it."
        )
    with refusing(folder, f"{name} cannot be built"):
        model = maker(**settings)
    if not isinstance(model, nn.Module):
        raise Refusal(f"{name} gives a {type(model).__name__}, not a network.")
    return model.cpu().eval()


def fill(model: Any, file: Path) -> None:
    """Put the weights of a safetensors file into the network."""
    from safetensors.torch import load_file

    try:
        model.load_state_dict(load_file(file))
    except RuntimeError as error:
        # torch lists everything that does not fit, a line each: the first says enough.
        first = str(error).partition("\n")[2].strip().partition("\n")[0][:300]
        raise Refusal(f"The checkpoint does not fit {type(model).__name__}: {first.rstrip('. ')}.") from None


def colours(model: Any) -> int:
    """How many colours the images have that it takes: 3, unless its first convolution says otherwise."""
    from torch import nn

    return next((each.in_channels for each in model.modules() if isinstance(each, nn.Conv2d)), 3)


def try_images(model: Any, size: int, folder: Path) -> Any:
    """Two images that the network takes, (2, C, size, size), after it has really been called with them."""
    import torch

    name, count = type(model).__name__, colours(model)
    with refusing(folder, f"{name} does not take images of {count} x {size} x {size}"), torch.no_grad():
        images = torch.randn(2, count, size, size)
        logits = model(images)
    if not isinstance(logits, torch.Tensor):
        raise Refusal(f"{name} gives a {type(logits).__name__}, not one tensor of logits.")
    if logits.ndim != 2 or len(logits) != 2:
        raise Refusal(
            f"{name} gives a tensor of shape {tuple(logits.shape)} for 2 images, not logits of shape (2, classes)."
        )
    return images


def export(model: Any, images: Any, folder: Path) -> Any:
    """The network as an exported program that takes any number of images, without the user's paths in it."""
    import torch
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    name = type(model).__name__
    with refusing(folder, f"{name} cannot be exported as one graph"):
        try:
            program = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
        except GuardOnDataDependentSymNode as error:
            place = place_of(error, folder)
            where = f" ({place})" if place else ""
            raise Refusal(
                f"{name} is no graph: its forward pass depends on the values of the image{where}.",
                trace_of(error, folder).partition("\n\n")[0],
            ) from None
        except torch._dynamo.exc.UserError as error:
            if "Constraints violated" not in str(error):
                raise
            raise Refusal(
                f"{name} takes only one number of images at once: write x.flatten(1) or x.view(x.size(0), -1), "
                "without int()."
            ) from None
        for node in program.graph.nodes:
            node.meta.pop("stack_trace", None)  # names the user's folders, and an archive is handed on
    return program


# --- The process ----------------------------------------------------------------------------------------


def limit(seconds: float, megabytes: int) -> None:
    """Bound this process, where the system can: its memory, its files, and its time should nobody end it."""
    if sys.platform != "win32":
        import resource

        # Private memory; RLIMIT_AS would also count what torch and a graphics card only reserve.
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        signal.alarm(int(seconds) + 5)


def users_files(folder: Path) -> list[str]:
    """The source files of the user's that were imported, within their folder."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return sorted({str(Path(file).relative_to(folder)) for file in files if file and is_users(file, folder)})


def answer(request: Mapping[str, Any], tell: Callable[[str], object]) -> dict[str, Any]:
    """Do what is asked for; gives what the answer says beside the archive, or why there is none."""
    file, folder = Path(request["file"]), Path(request["file"]).parent
    try:
        with refusing(folder, f"{file.name} cannot be used"):
            return _exported(request, file, folder, tell)
    except Refusal as refusal:
        return {"problem": refusal.sentence, "trace": refusal.trace}


def _exported(
    request: Mapping[str, Any], file: Path, folder: Path, tell: Callable[[str], object]
) -> dict[str, Any]:
    import torch

    torch.manual_seed(0)  # the same code gives the same network every time
    tell(STAGES[1])
    model = build(choose(import_file(file), request["name"], file.name), request["classes"], folder)
    if request["weights"]:
        fill(model, Path(request["weights"]))
    tell(STAGES[2])
    images = try_images(model, request["size"], folder)
    tell(STAGES[3])
    program = export(model, images, folder)
    tell(STAGES[4])
    torch.export.save(program, request["out"])
    return {"name": type(model).__name__, "files": users_files(folder)}


def main(request_file: str) -> int:
    """Answer the request in a file with a file beside it; exit status 0 if there is an archive, 1 if not."""
    home = Path(request_file).parent
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    limit(request["seconds"], request["megabytes"])
    said = answer(request, lambda stage: (home / "stage").write_text(stage, encoding="utf-8"))
    (home / "answer.json").write_text(json.dumps(said), encoding="utf-8")
    return int("problem" in said)


if __name__ == "__main__":
    # At once: a thread that the user's file has started would keep the process from ending.
    os._exit(main(sys.argv[1]))
