"""The homework's six questions, answered for a subject, the sample report's answers beside them.

An answer is a list of blocks; ``render`` turns them into Markdown or HTML and the page draws them.
Every number in a block comes out of the engine.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.architecture.audit import CLAIM, LAST_ROW, audit
from explorer.architecture.budget import budget, torchsummary_text
from explorer.architecture.fit import fit_to_limit
from explorer.architecture.presets import LIMITS
from explorer.distillation.loss import loss_fn_kd
from explorer.distillation.soften import TEMPERATURE_LADDER, effective_classes, entropy
from explorer.networks import (
    StudentSpec,
    describe,
    layers_in_words,
    params_of,
    source_of_spec,
    widths_text,
    wiring_of,
)
from explorer.report import quoted
from explorer.report.answers_pruning import answer_curve, answer_speed
from explorer.report.blocks import (
    ChartBlock,
    CodeBlock,
    ProseBlock,
    Provenance,
    ReportAnswer,
    TableBlock,
    VerdictBlock,
)
from explorer.report.subject import ReportSubject

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


def answer_questions(subject: ReportSubject) -> tuple[ReportAnswer, ...]:
    """The answers to all six questions, in order."""
    return (
        _architecture(subject),
        _counted(subject),
        _loss(subject),
        _temperature(subject),
        answer_curve(subject),
        answer_speed(subject),
    )


def _architecture(subject: ReportSubject) -> ReportAnswer:
    params = params_of(subject.spec)
    return ReportAnswer(
        "1-1",
        quoted.QUESTIONS["1-1"],
        (
            ProseBlock(
                f"{describe(subject.spec)} for {subject.spec.classes} classes: "
                f"{layers_in_words(wiring_of(subject.spec))}, **{params:,}** parameters."
            ),
            CodeBlock(source_of_spec(subject.spec), "student_net.py"),
        ),
        VerdictBlock(
            f"The sample report's code runs; its network has {params_of(StudentSpec()):,} parameters.",
            holds=True,
        ),
        Provenance("computed", "the file asserts its own number of parameters when it is run."),
        {"total_params": params},
    )


def _counted(subject: ReportSubject) -> ReportAnswer:
    costs, seed = budget(subject.spec, subject.size), audit()
    over = costs.total_params - subject.limit
    parts = costs.part_table()
    text = (
        f"**{costs.total_params:,}** parameters against a limit of {subject.limit:,}: "
        f"{abs(over):,} {'over' if over > 0 else 'to spare'}. The heaviest layer is `{costs.heaviest.name}` with "
        f"{costs.heaviest.params:,}."
    )
    if over > 0:
        nearest = fit_to_limit(subject.spec, subject.limit)
        text += (
            f" The largest that scaling every width by one factor gives within it is {widths_text(nearest.channels)}, "
            f"{params_of(nearest):,} parameters."
        )
    missing = int(seed.missing["parameters"].sum())
    return ReportAnswer(
        "1-2",
        quoted.QUESTIONS["1-2"],
        (
            VerdictBlock(text, holds=over <= 0),
            ChartBlock(
                "budget",
                parts,
                f"{costs.total_params:,} parameters stacked by part of the network, limit {subject.limit:,}.",
                f"Parameters by part, against the limit of {subject.limit:,} (red line).",
                subject.limit,
            ),
            CodeBlock(torchsummary_text(costs), "torchsummary.txt"),
        ),
        VerdictBlock(
            f"The sample report gives “{CLAIM}”. Its table stops at {LAST_ROW}. "
            f"The rows it shows sum to {seed.shown:,}, the missing ones hold {missing:,}, together {seed.total:,}: "
            + ", ".join(
                f"{abs(seed.total - limit):,} {'over' if seed.total > limit else 'inside'} the {term} limit"
                for term, limit in LIMITS.items()
            )
            + ". Nor is 0.38M 38,000.",
            holds=False,
        ),
        Provenance("computed", f"by torchinfo, for one image of 3 x {subject.size} x {subject.size}."),
        {"total_params": costs.total_params, "limit": subject.limit, "mult_adds": costs.mult_adds},
    )


def run_loss(text: str) -> Callable[..., Tensor]:
    """The ``loss_fn_kd`` that a listing defines, so that what is shown is what is checked."""
    names: dict[str, Any] = {"nn": nn, "F": functional}
    exec(compile(text, "loss_fn_kd", "exec"), names)  # noqa: S102 (our own listings only)
    function: Callable[..., Tensor] = names["loss_fn_kd"]
    return function


def checked_values(text: str, subject: ReportSubject) -> pd.DataFrame:
    """A listing's loss on the first images beside the engine's, in float64.

    Columns alpha, T, loss, engine, difference.
    """
    few = slice(CHECKED)
    z, v = subject.batch.student[few].double(), subject.batch.teacher[few].double()
    labels, function = subject.batch.labels[few], run_loss(text)
    rows = []
    for alpha, temperature in dict.fromkeys(((subject.alpha, subject.temperature), *SETTINGS)):
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


def _loss(subject: ReportSubject) -> ReportAnswer:
    text = ANSWER_LOSS.format(alpha=subject.alpha, temperature=subject.temperature)
    values, seed = checked_values(text, subject), checked_values(quoted.LOSS, subject)
    worst = seed["difference"].max()
    return ReportAnswer(
        "2-1",
        quoted.QUESTIONS["2-1"],
        (
            CodeBlock(text, "loss_fn_kd.py"),
            TableBlock(
                values,
                f"The listing above, run on the logits of the first {CHECKED} of {subject.batch.source}, "
                "beside the engine's loss; in nats, float64.",
                {"alpha": "g", "T": "g", "loss": ".6f", "engine": ".6f", "difference": ".1e"},
            ),
        ),
        VerdictBlock(
            "The sample report's function, run on the same logits, differs from the engine's by at most "
            f"{worst:.1e} nats: "
            "alpha weighs the soft term and what it computes is KL(teacher || student).",
            holds=bool(worst < 1e-9),
        ),
        subject.batch.where,
        {"alpha": subject.alpha, "temperature": subject.temperature, "loss": float(values["loss"].iloc[0])},
    )


def _temperature(subject: ReportSubject) -> ReportAnswer:
    steps = sorted({*TEMPERATURE_LADDER, subject.temperature})
    rows = pd.DataFrame(
        {
            "T": steps,
            "entropy": [entropy(subject.batch.teacher, step).mean().item() for step in steps],
            "effective classes": [
                effective_classes(subject.batch.teacher, step).mean().item() for step in steps
            ],
            "largest probability": [
                torch.softmax(subject.batch.teacher / step, 1).max(1).values.mean().item() for step in steps
            ],
        }
    )
    rises = bool(rows["entropy"].is_monotonic_increasing)
    here = rows[rows["T"] == subject.temperature].iloc[0]
    even = torch.tensor(float(subject.batch.teacher.shape[1])).log().item()
    return ReportAnswer(
        "2-2",
        quoted.QUESTIONS["2-2"],
        (
            ProseBlock(
                f"**{'(a)' if rises else 'Not (a)'}**: the teacher's mean entropy "
                f"{'rises' if rises else 'does not rise'} with T, from {rows['entropy'].iloc[0]:.3f} nats at T = "
                f"{steps[0]:g} to {rows['entropy'].iloc[-1]:.3f} at T = {steps[-1]:g}; an even choice would be "
                f"{even:.3f}."
            ),
            TableBlock(
                rows,
                f"Means over {subject.batch.source}.",
                {"T": "g", "entropy": ".4f", "effective classes": ".3f", "largest probability": ".4f"},
            ),
        ),
        VerdictBlock(f"The sample report answers “{quoted.TEMPERATURE}”", holds=rises),
        subject.batch.where,
        {"temperature": subject.temperature, "entropy": float(here["entropy"])},
    )
