"""The homework's six questions, answered for a subject: the answer first, then what supports it.

An answer is made of blocks; the renderers turn them into HTML, Markdown or PDF, and the page draws them.
Every number in a block comes out of the engine.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.architecture.budget import budget, torchsummary_text
from explorer.architecture.fit import fit_to_limit
from explorer.distillation.loss import loss_fn_kd
from explorer.distillation.soften import TEMPERATURE_LADDER, effective_classes, entropy
from explorer.markup import escape_markup
from explorer.networks import describe, layers_in_words, params_of, source_of_spec, widths_text, wiring_of
from explorer.report import quoted
from explorer.report.answers_pruning import answer_curve, answer_speed
from explorer.report.blocks import (
    ChartBlock,
    CodeBlock,
    Provenance,
    ReportAnswer,
    TableBlock,
    VerdictBlock,
)
from explorer.report.subject import HOMEWORK_ALPHA, HOMEWORK_TEMPERATURE, ReportSubject

SETTINGS = ((0.5, 1.0), (0.9, 4.0), (0.1, 2.0), (0.0, 4.0), (1.0, 8.0))
"""(alpha, T) at which a loss is compared with the engine's, besides the chosen one; the homework's comes first."""

ANSWER_LOSS = f"""\
import torch.nn.functional as F


def loss_fn_kd(student_logits, labels, teacher_logits, alpha={HOMEWORK_ALPHA}, temperature={HOMEWORK_TEMPERATURE}):
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
        VerdictBlock(
            f"**{describe(subject.spec)}** for {subject.spec.classes} classes: "
            f"{layers_in_words(wiring_of(subject.spec))}, **{params:,}** parameters."
        ),
        (CodeBlock(source_of_spec(subject.spec), "student_net.py"),),
        (Provenance("computed", "the file asserts its own number of parameters when it is run."),),
        {"total_params": params},
    )


def _counted(subject: ReportSubject) -> ReportAnswer:
    costs = budget(subject.spec, subject.size)
    over = costs.total_params - subject.limit
    text = (
        f"**{'No' if over > 0 else 'Yes'}**: **{costs.total_params:,}** parameters against a limit of "
        f"{subject.limit:,}, {abs(over):,} {'over' if over > 0 else 'to spare'}. The heaviest layer is "
        f"`{costs.heaviest.name}` with {costs.heaviest.params:,}."
    )
    if over > 0:
        nearest = fit_to_limit(subject.spec, subject.limit)
        text += (
            f" The largest that scaling every width by one factor gives within it is {widths_text(nearest.channels)}, "
            f"{params_of(nearest):,} parameters."
        )
    return ReportAnswer(
        "1-2",
        quoted.QUESTIONS["1-2"],
        VerdictBlock(text, holds=over <= 0),
        (
            ChartBlock(
                "budget",
                costs.part_table(),
                f"{costs.total_params:,} parameters stacked by part of the network, limit {subject.limit:,}.",
                f"Parameters by part, against the limit of {subject.limit:,} (red line).",
                subject.limit,
            ),
            CodeBlock(torchsummary_text(costs), "torchsummary.txt"),
        ),
        (Provenance("computed", f"for one image of 3 x {subject.size} x {subject.size}."),),
        {"total_params": costs.total_params, "limit": subject.limit, "mult_adds": costs.mult_adds},
    )


def run_loss(text: str) -> Callable[..., Tensor]:
    """The ``loss_fn_kd`` that a listing defines, so that what is shown is what is checked."""
    names: dict[str, Any] = {"nn": nn, "F": functional}
    exec(compile(text, "loss_fn_kd", "exec"), names)  # noqa: S102 (our own listings only)
    function: Callable[..., Tensor] = names["loss_fn_kd"]
    return function


def checked_values(text: str, subject: ReportSubject) -> pd.DataFrame:
    """A listing's loss on the subject's logits beside the engine's, in float64, the homework's settings first.

    Columns alpha, T, loss, engine, difference.
    """
    z, v = subject.batch.student.double(), subject.batch.teacher.double()
    labels, function = subject.batch.labels, run_loss(text)
    rows = []
    for alpha, temperature in dict.fromkeys((*SETTINGS, (subject.alpha, subject.temperature))):
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
    values = checked_values(ANSWER_LOSS, subject)
    homework = float(values["loss"].iloc[0])
    facts = {"alpha": HOMEWORK_ALPHA, "temperature": HOMEWORK_TEMPERATURE, "loss": homework}
    text = (
        f"With the homework's alpha {HOMEWORK_ALPHA:g} and T {HOMEWORK_TEMPERATURE:g} the function below gives "
        f"**{homework:.4f}** nats on {escape_markup(subject.batch.source)}."
    )
    if not subject.has_homework_loss:
        chosen = values[(values["alpha"] == subject.alpha) & (values["T"] == subject.temperature)]
        own = float(chosen["loss"].iloc[0])
        text += f" At your alpha {subject.alpha:g} and T {subject.temperature:g}: **{own:.4f}**."
        facts |= {"own alpha": subject.alpha, "own temperature": subject.temperature, "own loss": own}
    return ReportAnswer(
        "2-1",
        quoted.QUESTIONS["2-1"],
        VerdictBlock(text),
        (CodeBlock(ANSWER_LOSS, "loss_fn_kd.py"),),
        (subject.batch.where,),
        facts,
        (
            TableBlock(
                "2-1-loss",
                values,
                f"The listing of 2-1, run on {subject.batch.source}, beside the explorer's loss; in nats, float64.",
                {"alpha": "g", "T": "g", "loss": ".6f", "engine": ".6f", "difference": ".1e"},
            ),
        ),
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
    first, last = rows.iloc[0], rows.iloc[-1]
    rises = bool(rows["entropy"].is_monotonic_increasing)
    even = torch.tensor(float(subject.batch.teacher.shape[1])).log().item()
    return ReportAnswer(
        "2-2",
        quoted.QUESTIONS["2-2"],
        VerdictBlock(
            (
                "**(a)**, a higher T gives a softer distribution: "
                if rises
                else "**Not (a)**, a higher T does not always give a softer distribution here: "
            )
            + f"the teacher's mean entropy goes from {first['entropy']:.3f} nats at T = {first['T']:g} to "
            f"{last['entropy']:.3f} at T = {last['T']:g}, where an even choice would have {even:.3f}; its largest "
            f"probability goes from {first['largest probability']:.1%} to {last['largest probability']:.1%}."
        ),
        (),
        (subject.batch.where,),
        {f"entropy at T {row['T']:g}": float(row["entropy"]) for _, row in rows.iterrows()},
        (
            TableBlock(
                "2-2-temperature",
                rows,
                f"Means over {subject.batch.source}.",
                {"T": "g", "entropy": ".4f", "effective classes": ".3f", "largest probability": ".1%"},
            ),
        ),
    )
