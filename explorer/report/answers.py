"""The homework's six questions, answered from the current state, the seed report's answers beside them.

An answer is a list of blocks; ``render`` turns them into Markdown or HTML and the page draws them.
Every number in a block comes out of the engine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.architecture.audit import CLAIM, LAST_ROW, audit
from explorer.architecture.budget import LIMITS, blocks, budget, torchsummary_text
from explorer.architecture.fit import cost, fit
from explorer.architecture.source import source
from explorer.distillation.loss import check_alpha, check_temperature, loss_fn_kd
from explorer.distillation.soften import LADDER, effective_classes, entropy
from explorer.ledger import Origin
from explorer.models import StudentSpec
from explorer.pruning import forms as three_forms
from explorer.pruning.forms import Form
from explorer.pruning.sweep import Row
from explorer.pruning.sweep import table as sweep_table
from explorer.report import quoted

CHECKED = 8
SETTINGS = ((0.5, 1.0), (0.9, 4.0), (0.1, 2.0), (0.0, 4.0), (1.0, 8.0))
"""(alpha, T) at which a loss is compared with the engine's, besides the chosen one."""

ANSWER_LOSS = """\
import torch.nn.functional as F


def loss_fn_kd(student_logits, labels, teacher_logits, alpha={alpha:g}, temperature={temperature:g}):
    log_q = F.log_softmax(student_logits / temperature, dim=1)
    log_p = F.log_softmax(teacher_logits / temperature, dim=1)
    soft = F.kl_div(log_q, log_p, reduction="batchmean", log_target=True)  # KL(teacher || student)
    hard = F.cross_entropy(student_logits, labels)
    return alpha * temperature**2 * soft + (1 - alpha) * hard
"""


@dataclass(frozen=True)
class Prose:
    """A paragraph; ``**bold**`` and `` `code` `` are its only markup."""

    text: str


@dataclass(frozen=True)
class Code:
    """A file or a listing, with the name it is saved under."""

    text: str
    file: str


@dataclass(frozen=True, eq=False)
class Rows:
    """A table with its caption; ``formats`` says how its numbers are written, by column."""

    frame: pd.DataFrame
    caption: str
    formats: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart: which one, of what rows, and its text alternative and caption."""

    kind: str
    frame: pd.DataFrame
    alt: str
    caption: str
    limit: int = 0


@dataclass(frozen=True)
class Verdict:
    """One sentence that says whether something holds."""

    text: str
    holds: bool


Block = Prose | Code | Rows | Figure | Verdict


@dataclass(frozen=True)
class Where:
    """How figures were got, and on what: one sentence."""

    origin: Origin
    text: str


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    Attributes:
        number: of the question ("1-2").
        question: in short.
        blocks: the answer.
        audit: the seed report's answer, held against the same measurements.
        facts: the numbers of the answer by name, as the engine gave them.
        where: how they were got.
    """

    number: str
    question: str
    blocks: tuple[Block, ...]
    audit: Verdict
    where: Where
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Batch:
    """Real logits for questions 2-1 and 2-2: teacher's and student's (N, C), labels (N,), and of what."""

    teacher: Tensor
    student: Tensor
    labels: Tensor
    source: str


@dataclass(frozen=True)
class Swept:
    """A sweep of the pruned network, and where it was measured."""

    rows: tuple[Row, ...]
    where: Where


@dataclass(frozen=True)
class Formed:
    """Dense, masked, zeroed and sliced at one share of dropped channels, and where that was measured."""

    rows: tuple[Form, ...]
    ratio: float
    where: Where


@dataclass(frozen=True, eq=False)
class Homework:
    """The state that the report is about.

    Attributes:
        spec: the student network.
        size: side of its input in pixels.
        limit: parameters at most.
        alpha: weight of the soft term.
        temperature: T.
        batch: real logits.
        pruned: title of the network that was pruned.
        sweep: its sweep; None if there is none.
        forms: its three forms; None if they were not measured.
    """

    spec: StudentSpec
    size: int
    limit: int
    alpha: float
    temperature: float
    batch: Batch
    pruned: str
    sweep: Swept | None
    forms: Formed | None

    def __post_init__(self) -> None:
        check_alpha(self.alpha)
        check_temperature(self.temperature)


def answers(state: Homework) -> tuple[Answer, ...]:
    """All six answers, in order."""
    return (
        _architecture(state),
        _table(state),
        _loss(state),
        _temperature(state),
        _curve(state),
        _speed(state),
    )


def _architecture(state: Homework) -> Answer:
    params = cost(state.spec).params
    widths = f"({state.spec.stem}; {', '.join(map(str, state.spec.widths))})"
    return Answer(
        "1-1",
        quoted.question("1-1"),
        (
            Prose(
                f"StudentNet of widths {widths} for {state.spec.classes} classes: a 7x7 stem and four "
                f"depthwise-separable blocks, **{params:,}** parameters."
            ),
            Code(source(state.spec, params), "student_net.py"),
        ),
        Verdict(
            f"The report's code runs; its network has {cost(StudentSpec()).params:,} parameters.", holds=True
        ),
        Where("computed", "the file asserts its own number of parameters when it is run."),
        {"total_params": params},
    )


def _table(state: Homework) -> Answer:
    found, seed = budget(state.spec, state.size), audit()
    over = found.total_params - state.limit
    parts = blocks(found)
    text = (
        f"**{found.total_params:,}** parameters against a limit of {state.limit:,}: "
        f"{abs(over):,} {'over' if over > 0 else 'to spare'}. The heaviest layer is `{found.heaviest.name}` with "
        f"{found.heaviest.params:,}."
    )
    if over > 0:
        nearest = fit(state.spec, state.limit)
        text += (
            f" The largest network of these proportions within it is ({nearest.stem}; "
            f"{', '.join(map(str, nearest.widths))}), {cost(nearest).params:,} parameters."
        )
    missing = int(seed.missing["parameters"].sum())
    return Answer(
        "1-2",
        quoted.question("1-2"),
        (
            Verdict(text, holds=over <= 0),
            Figure(
                "budget",
                parts,
                f"{found.total_params:,} parameters stacked by part of the network, limit {state.limit:,}.",
                f"Parameters by part, against the limit of {state.limit:,} (red line).",
                state.limit,
            ),
            Code(torchsummary_text(found, state.size), "torchsummary.txt"),
        ),
        Verdict(
            f"The report gives “{CLAIM}”. Its table stops at {LAST_ROW}; the rows it shows sum to {seed.shown:,}, "
            f"the missing ones hold {missing:,}, together {seed.total:,}: "
            + ", ".join(
                f"{abs(seed.total - limit):,} {'over' if seed.total > limit else 'inside'} the {term} limit"
                for term, limit in LIMITS.items()
            )
            + ". Nor is 0.38M 38,000.",
            holds=False,
        ),
        Where("computed", f"by torchinfo, for one image of 3 x {state.size} x {state.size}."),
        {"total_params": found.total_params, "limit": state.limit, "mult_adds": found.mult_adds},
    )


def run_loss(text: str) -> Callable[..., Tensor]:
    """The ``loss_fn_kd`` that a listing defines, so that what is shown is what is checked."""
    names: dict[str, Any] = {"nn": nn, "F": functional}
    exec(compile(text, "loss_fn_kd", "exec"), names)  # noqa: S102 (our own listings only)
    function: Callable[..., Tensor] = names["loss_fn_kd"]
    return function


def checked_values(text: str, state: Homework) -> pd.DataFrame:
    """A listing's loss on the first images beside the engine's, in float64.

    Columns alpha, T, loss, engine, difference.
    """
    few = slice(CHECKED)
    z, v = state.batch.student[few].double(), state.batch.teacher[few].double()
    labels, function = state.batch.labels[few], run_loss(text)
    rows = []
    for alpha, temperature in dict.fromkeys(((state.alpha, state.temperature), *SETTINGS)):
        value = function(z, labels, v, alpha=alpha, temperature=temperature).item()
        engine = loss_fn_kd(z, labels, v, alpha, temperature).item()
        rows.append(
            {
                "alpha": alpha,
                "T": temperature,
                "loss": value,
                "engine": engine,
                "difference": abs(value - engine),
            }
        )
    return pd.DataFrame(rows)


def _loss(state: Homework) -> Answer:
    text = ANSWER_LOSS.format(alpha=state.alpha, temperature=state.temperature)
    values, seed = checked_values(text, state), checked_values(quoted.LOSS, state)
    worst = seed["difference"].max()
    return Answer(
        "2-1",
        quoted.question("2-1"),
        (
            Code(text, "loss_fn_kd.py"),
            Rows(
                values,
                f"The listing above, run on the logits of the first {CHECKED} images of {state.batch.source}, "
                "beside the engine's loss; in nats, float64.",
                {"alpha": "g", "T": "g", "loss": ".6f", "engine": ".6f", "difference": ".1e"},
            ),
        ),
        Verdict(
            f"The report's function, run on the same logits, differs from the engine's by at most {worst:.1e} nats: "
            "alpha weighs the soft term and what it computes is KL(teacher || student).",
            holds=bool(worst < 1e-9),
        ),
        Where("computed", f"from precomputed logits of {state.batch.source}."),
        {"alpha": state.alpha, "temperature": state.temperature, "loss": float(values["loss"].iloc[0])},
    )


def _temperature(state: Homework) -> Answer:
    steps = sorted({*LADDER, state.temperature})
    rows = pd.DataFrame(
        {
            "T": steps,
            "entropy": [entropy(state.batch.teacher, step).mean().item() for step in steps],
            "effective classes": [
                effective_classes(state.batch.teacher, step).mean().item() for step in steps
            ],
            "largest probability": [
                torch.softmax(state.batch.teacher / step, 1).max(1).values.mean().item() for step in steps
            ],
        }
    )
    rises = bool(rows["entropy"].is_monotonic_increasing)
    here = rows[rows["T"] == state.temperature].iloc[0]
    even = torch.tensor(float(state.batch.teacher.shape[1])).log().item()
    return Answer(
        "2-2",
        quoted.question("2-2"),
        (
            Prose(
                f"**{'(a)' if rises else 'Not (a)'}**: the teacher's mean entropy "
                f"{'rises' if rises else 'does not rise'} with T, from {rows['entropy'].iloc[0]:.3f} nats at T = "
                f"{steps[0]:g} to {rows['entropy'].iloc[-1]:.3f} at T = {steps[-1]:g}; an even choice would be "
                f"{even:.3f}."
            ),
            Rows(
                rows,
                f"Means over {len(state.batch.teacher):,} images of {state.batch.source}.",
                {"T": "g", "entropy": ".4f", "effective classes": ".3f", "largest probability": ".4f"},
            ),
        ),
        Verdict(f"The report answers “{quoted.TEMPERATURE}”", holds=rises),
        Where("computed", f"from precomputed logits of {state.batch.source}."),
        {"temperature": state.temperature, "entropy": float(here["entropy"])},
    )


def _unmeasured(number: str, what: str) -> Answer:
    """An answer that has to wait, and where to get it."""
    return Answer(
        number,
        quoted.question(number),
        (Verdict(f"Not measured yet: run {what} in the pruning lesson.", holds=False),),
        Verdict("It can be held against a measurement once there is one.", holds=False),
        Where("computed", "nothing yet."),
    )


def _curve(state: Homework) -> Answer:
    if state.sweep is None:
        return _unmeasured("3-1", "a sweep of this network")
    found = state.sweep.rows
    rows = sweep_table(found)
    shown = rows[["method", "ratio", "accuracy", "accuracy_low", "accuracy_high", "nonzero", "parameters"]]
    dense = max(row.accuracy.value for row in found if row.ratio == min(each.ratio for each in found))
    text = "; ".join(
        f"{method}: {part['accuracy'].iloc[-1]:.1%} at {part['ratio'].iloc[-1]:.0%}"
        for method, part in rows.sort_values("ratio").groupby("method", sort=False)
    )
    return Answer(
        "3-1",
        quoted.question("3-1"),
        (
            Figure(
                "sweep",
                rows,
                f"Top-1 accuracy of {state.pruned} against the pruning ratio, a line per method.",
                f"{state.pruned}, {found[0].total:,} images, no retraining; bands are 95 % intervals.",
            ),
            Prose(f"Dense **{dense:.1%}**. At the highest ratio, {text}."),
            Rows(
                shown,
                "Ratio means the share of all convolution and linear weights that is masked, or of each layer's "
                "channels that is removed.",
                {"ratio": ".0%", "nonzero": ",", "parameters": ","}
                | dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"), ".4f"),
            ),
        ),
        Verdict("The report's plot is missing.", holds=False),
        state.sweep.where,
        {f"accuracy, {row.method} at {row.ratio:g}": row.accuracy.value for row in found},
    )


def _speed(state: Homework) -> Answer:
    if state.forms is None:
        return _unmeasured("3-2", "“Masked, zeroed, sliced” on this network")
    found, ratio = list(state.forms.rows), state.forms.ratio
    rows = three_forms.table(found)
    named = {form.name: form for form in found}
    sentence = three_forms.answer(found, ratio)
    return Answer(
        "3-2",
        quoted.question("3-2"),
        (
            Prose(f"**{sentence}**"),
            Rows(
                rows,
                f"{state.pruned} with {ratio:.0%} of its channels dropped in three ways.",
                {"accuracy": ".4f", "file_mb": ".2f", "zipped_mb": ".2f", "speed_up": ".2f"}
                | dict.fromkeys(("parameters", "torchinfo says", "mult_adds"), ",")
                | dict.fromkeys(("ms", "ms_low", "ms_high"), ".2f"),
            ),
        ),
        Verdict(
            f"The report: “{quoted.SPEED}” Right where structured means that channels are physically removed; "
            "structured masks are as slow as dense, as measured above.",
            holds=_faster(named, "sliced") and not _faster(named, "masked"),
        ),
        state.forms.where,
        {
            f"{quantity}, {form.name}": value
            for form in found
            for quantity, value in (
                ("parameters", form.params),
                ("mult_adds", form.mult_adds),
                ("ms", form.ms),
            )
            if value is not None
        },
    )


def _faster(named: dict[str, Form], name: str) -> bool:
    """Whether a form is clearly faster than the dense network: by a tenth."""
    dense, form = named["dense"].ms, named[name].ms
    return bool(dense and form and dense / form > 1.1)


def facts(found: Sequence[Answer]) -> pd.DataFrame:
    """Every number of the answers: columns question, name, value."""
    return pd.DataFrame(
        [
            {"question": answer.number, "name": name, "value": value}
            for answer in found
            for name, value in answer.facts.items()
        ]
    )
