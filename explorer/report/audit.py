"""The audit of the sample report: each of its answers, held against the networks and measurements that ship."""

from explorer.architecture.audit import CLAIM, LAST_ROW, audit, explain_claim
from explorer.architecture.presets import LIMITS
from explorer.networks import StudentSpec, params_of
from explorer.pruning.forms import BATCH, Form, explain_accuracies, told_apart
from explorer.report import quoted
from explorer.report.answers import answer_questions, checked_values
from explorer.report.blocks import Block, CodeBlock, ProseBlock, Provenance, ReportAnswer, VerdictBlock
from explorer.report.subject import ReportSubject

FIRST_LINE = (
    "The sample report was once handed in for this homework. The audit holds each of its answers against the "
    "networks and the measurements that ship with the explorer."
)


def audit_answers(subject: ReportSubject) -> tuple[ReportAnswer, ...]:
    """What the audit finds for each question, in order.

    Args:
        subject: that of the networks that ship; of a session's own nothing is in the audit.
    """
    ours = {answer.number: answer for answer in answer_questions(subject)}
    forms = subject.forms.rows if subject.forms else ()
    price = explain_accuracies(forms, subject.classes) if forms else ""
    found: tuple[tuple[str, VerdictBlock, tuple[Block, ...], tuple[Provenance, ...]], ...] = (
        ("1-1", _code(), (), (Provenance("computed", "that network, built anew."),)),
        ("1-2", _table(), (), (Provenance("computed", "of that network, row by row."),)),
        ("2-1", _loss(subject), (CodeBlock(quoted.LOSS, "sample_loss.py"),), ours["2-1"].where),
        ("2-2", _temperature(ours["2-2"].facts), (), ours["2-2"].where),
        (
            "3-1",
            VerdictBlock("The sample report's plot is missing.", holds=False),
            tuple(_prose(f"Of what the explorer measured: {ours['3-1'].answer.text}"))
            if ours["3-1"].facts
            else (),
            ours["3-1"].where,
        ),
        ("3-2", audit_speed(forms), tuple(_prose(audit_size(forms), price)), ours["3-2"].where),
    )
    return tuple(
        ReportAnswer(number, quoted.QUESTIONS[number], verdict, support, where)
        for number, verdict, support, where in found
    )


def _prose(*texts: str) -> list[ProseBlock]:
    return [ProseBlock(text) for text in texts if text]


def _code() -> VerdictBlock:
    return VerdictBlock(
        f"The network that the sample report's code describes can be built; it has {params_of(StudentSpec()):,} "
        "parameters.",
        holds=True,
    )


def _table() -> VerdictBlock:
    seed = audit()
    missing = int(seed.missing["parameters"].sum())
    limits = ", ".join(
        f"{abs(seed.total - limit):,} {'over' if seed.total > limit else 'inside'} the {term} limit"
        for term, limit in LIMITS.items()
    )
    return VerdictBlock(
        f"The sample report gives “{CLAIM}”. Its table stops at {LAST_ROW}. The rows it shows "
        f"{'are right and sum' if seed.agrees else 'are not all right; they sum'} to {seed.shown:,}, "
        f"the missing ones hold {missing:,}, together {seed.total:,}: {limits}. {explain_claim(seed.total)}",
        holds=False,
    )


def _loss(subject: ReportSubject) -> VerdictBlock:
    worst = checked_values(quoted.LOSS, subject)["difference"].max()
    holds = bool(worst < 1e-9)
    text = f"The sample report's function, run on the same logits, is at most {worst:.1e} nats from the explorer's"
    if holds:
        text += ": alpha weighs the soft term, and what it computes is KL(teacher || student)"
    return VerdictBlock(f"{text}.", holds)


def _temperature(entropies: dict[str, float]) -> VerdictBlock:
    values = list(entropies.values())
    return VerdictBlock(
        f"The sample report answers “{quoted.TEMPERATURE}” The teacher's mean entropy goes from {values[0]:.3f} to "
        f"{values[-1]:.3f} nats as T rises.",
        holds=values == sorted(values),
    )


def audit_speed(rows: tuple[Form, ...]) -> VerdictBlock:
    """The sample report's answer on speed, held against the times, if these can tell."""
    said = f"The sample report: “{quoted.SPEED}”"
    named = {form.name: form for form in rows}
    dense, sliced = named.get("dense"), named.get("sliced")
    masks = [named[name] for name in ("unstructured", "masked") if name in named]
    if dense is None or sliced is None or not masks or any(form.ms is None for form in named.values()):
        return VerdictBlock(f"{said} There are no times here to hold it against, so this stays open.")
    removed, faster = told_apart(sliced, dense), [form for form in masks if told_apart(form, dense)]
    if removed is None:
        return VerdictBlock(f"{said} The times measured here cannot be told apart, so this stays open.")
    if not removed or faster:
        wrong = ["with channels removed it is slower than dense"] if not removed else []
        wrong += [f"{form.name} it is faster than dense" for form in faster]
        return VerdictBlock(f"{said} The times measured here say otherwise: {'; '.join(wrong)}.", holds=False)
    text = (
        f"{said} It holds where structured means that channels are physically removed: that network takes "
        f"{sliced.ms:.1f} ms for a batch of {BATCH}, the dense one {dense.ms:.1f} ms."
    )
    if "masked" in named:
        text += f" Masks on whole filters are structured, too, and take {named['masked'].ms:.1f} ms."
    return VerdictBlock(text, holds=True)


def audit_size(rows: tuple[Form, ...]) -> str:
    """The sample report's aside on the size of an unstructured network, held against it; empty without one."""
    named = {form.name: form for form in rows}
    if not {"dense", "unstructured"} <= set(named):
        return ""
    dense, masks = named["dense"], named["unstructured"]
    said = (
        f"The sample report adds that unstructured pruning “{quoted.SIZE}”. With masks the network keeps "
        f"{masks.params:,} of {dense.params:,}"
    )
    if masks.torchinfo_params < masks.params:
        said += f", of which torchinfo counts the {masks.torchinfo_params:,} that the masks leave"
    return f"{said}; its file takes {masks.file_bytes / 1e6:.2f} MB, the dense one's {dense.file_bytes / 1e6:.2f} MB."
