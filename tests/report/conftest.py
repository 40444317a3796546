"""One state of the homework, with everything measured, small and quick."""

from dataclasses import replace

import pytest

from explorer.architecture.state import ArchitectureState
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.networks import StudentSpec
from explorer.pruning.forms import forms
from explorer.pruning.plan import SweepPlan
from explorer.pruning.sweep import sweep
from explorer.report.blocks import Where
from explorer.report.current import Formed, Homework, Pruned, Swept, Taught, homework


@pytest.fixture(scope="session")
def measured() -> Pruned:
    """A shipped student really pruned, on a few images."""
    model, images = load("student-60k"), BUNDLED.load("test").select(slice(40))
    inputs, targets = images.inputs(), images.targets()
    where = Where("measured", "in a test")
    rows = tuple(sweep(model, inputs, targets, SweepPlan(("global-l1", "random"), (0.0, 0.5), repeats=1)))
    return Pruned(
        "student-60k",
        "",
        Swept(rows, where),
        Formed(tuple(forms(model, inputs, targets, 0.5, 2)), 0.5, where),
    )


@pytest.fixture(scope="session")
def state(measured: Pruned) -> Homework:
    return homework(
        ArchitectureState(StudentSpec(48, (48, 96, 192, 105))), Taught(alpha=0.9, temperature=3.0), measured
    )


@pytest.fixture
def bare(state: Homework) -> Homework:
    """The same with nothing measured."""
    return replace(state, sweep=None, forms=None)
