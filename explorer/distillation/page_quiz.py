"""Question 2-2 of the homework as a quiz: predict, then reveal."""

import math
from dataclasses import dataclass

import streamlit as st

from explorer import ui
from explorer.distillation.selection import DistillationSelection
from explorer.distillation.soften import TEMPERATURE_LADDER, entropy

OPTIONS = (
    "(a) Using a higher value for T produces a softer probability distribution over classes.",
    "(b) Using a higher value for T produces a harder probability distribution over classes.",
)


@dataclass(frozen=True)
class QuizAttempt:
    """How often this visitor has begun the quiz, and the answer committed to; empty before that."""

    number: int = 1
    committed: str = ""


def show_quiz(selection: DistillationSelection) -> None:
    """Ask; after the answer is committed, let the numbers of the chosen image decide."""
    attempt = ui.session().last(QuizAttempt) or QuizAttempt()
    st.markdown("**Question 2-2.** Which is true about the temperature T of the distillation loss?")
    guess = st.radio(
        "Your answer",
        OPTIONS,
        index=OPTIONS.index(attempt.committed) if attempt.committed else None,
        key=f"quiz_{attempt.number}",  # another attempt is another control, with nothing chosen yet
        label_visibility="collapsed",
        disabled=bool(attempt.committed),
    )
    if not attempt.committed:
        st.button(
            "Commit to this answer",
            on_click=ui.session().keep,
            args=(QuizAttempt(attempt.number, guess or ""),),
            disabled=guess is None,
            type="primary",
        )
        st.caption("Then the numbers of the image above decide; the answer cannot be changed after that.")
        return
    logits = selection.teacher_logits[selection.position]
    entropies = {step: entropy(logits, step).item() for step in TEMPERATURE_LADDER}
    rises = entropies[TEMPERATURE_LADDER[-1]] > entropies[TEMPERATURE_LADDER[0]]
    right = OPTIONS[0] if rises else OPTIONS[1]
    measured = ", ".join(f"{value:.3f} at T = {step:g}" for step, value in entropies.items())
    (st.success if attempt.committed == right else st.error)(
        f"{right[:3]} is true. Entropy of the teacher's distribution on this image, in nats: {measured}; "
        f"an even choice among {len(logits)} classes would be {math.log(len(logits)):.3f}."
    )
    ui.provenance("computed", f"from {ui.logits_in_words(selection.teacher_name)}, of the chosen image.")
    st.button("Ask me again", on_click=ui.session().keep, args=(QuizAttempt(attempt.number + 1),))
