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
from explorer.report.blocks import Provenance
from explorer.report.subject import (
    DistillationSubject,
    MeasuredForms,
    MeasuredSweep,
    PruningSubject,
    ReportSubject,
    report_subject,
)


@pytest.fixture(scope="session")
def measured() -> PruningSubject:
    """A shipped student really pruned, on a few images."""
    model, images = load("student-60k"), BUNDLED.load("test").stratified(40)
    inputs, targets = images.inputs(), images.targets()
    where = Provenance("measured", "in a test")
    rows = tuple(sweep(model, inputs, targets, SweepPlan(("global-l1", "random"), (0.0, 0.5), repeats=1)))
    validation = BUNDLED.load("validation").select(slice(40))
    plan = SweepPlan(("homework",), (0.0, 0.3, 0.6, 0.95), repeats=0)
    curve = tuple(sweep(model, validation.inputs(), validation.targets(), plan))
    return PruningSubject(
        "student-60k",
        MeasuredSweep(curve, where, "validation image"),
        MeasuredSweep(rows, where),
        MeasuredForms(tuple(forms(model, inputs, targets, 0.5, 2)), 0.5, where),
    )


@pytest.fixture(scope="session")
def state(measured: PruningSubject) -> ReportSubject:
    return report_subject(
        ArchitectureState(StudentSpec(48, (48, 96, 192, 105))),
        DistillationSubject(alpha=0.9, temperature=3.0),
        measured,
    )


@pytest.fixture
def bare(state: ReportSubject) -> ReportSubject:
    """The same with nothing measured."""
    return replace(state, curve=None, sweep=None, forms=None)
