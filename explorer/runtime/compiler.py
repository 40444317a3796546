"""``torch.compile``: torch's own way to run a network faster, where a C++ compiler is at hand."""

import os
import shutil
import sysconfig
from pathlib import Path

import torch
from torch import nn

COMPILERS = ("g++", "clang++", "cl")


def compiler() -> str | None:
    """The C++ compiler that ``torch.compile`` would call here; None without one, or without Python's headers."""
    asked = os.environ.get("CXX")
    found = next((name for name in ((asked,) if asked else COMPILERS) if shutil.which(name)), None)
    # What it compiles is called from Python, so the headers are needed as well.
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return found if headers.exists() else None


def describe_compiler() -> str:
    """Whether ``torch.compile`` can be tried here, in a sentence."""
    found = compiler()
    if found is None:
        return (
            "`torch.compile` cannot be tried here: it writes C++ at run time, and this machine has no compiler for it "
            "(a hosted app seldom has)."
        )
    return f"`torch.compile` can be tried here: it writes C++ at run time, and {found} compiles it."


def compiled(model: nn.Module) -> nn.Module:
    """The network as ``torch.compile`` runs it; compiled at its first pass, and anew for every other shape."""
    made: nn.Module = torch.compile(model, dynamic=False)  # type: ignore[assignment]  # it is called as one
    return made.eval()
