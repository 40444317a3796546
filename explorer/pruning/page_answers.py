"""One pruned network and its answers beside the dense one's, for the tabs that look at single images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import streamlit as st
from torch import Tensor

from explorer import ui
from explorer.data import ImageSet
from explorer.pruning.answers import ANSWERS, AnswerBatch, AnswersSettings, PrunedAnswers
from explorer.pruning.methods import METHODS, PruningMethod, get_method
from explorer.pruning.page_controls import METHODS_HELP, title_of
from explorer.pruning.page_one import METHOD, opening_ratio
from explorer.pruning.selection import PruningSelection
from explorer.pruning.wall import STEP
from explorer.selection import USE
from explorer.ui import address
from explorer.ui.instrument import Panel
from explorer.work.kept import Keyed


class JudgedTwice(NamedTuple):
    """Images, and what the network said to each before and after the pruning: logits (N, C)."""

    images: ImageSet
    before: Tensor
    after: Tensor


@dataclass(frozen=True, eq=False)
class AnswersShown:
    """The answers of a selection's network, dense and pruned, and where they come from."""

    selection: PruningSelection
    answers: PrunedAnswers
    where: str

    @property
    def settings(self) -> AnswersSettings:
        """How the network was pruned; after a stop not always as the controls now ask for."""
        return self.answers.settings

    @cached_property
    def images(self) -> ImageSet:
        """The images that were answered."""
        return ui.images(USE).stratified(self.settings.images).select(slice(len(self.answers)))

    @property
    def judged(self) -> Keyed[JudgedTwice]:
        """The images with both networks' logits, for what is computed of them once for all visitors."""
        judged = JudgedTwice(self.images, self.answers.dense, self.answers.pruned)
        return Keyed((self.selection.weights, self.images.key, repr(self.settings)), judged)

    @property
    def method(self) -> PruningMethod:
        """How it was pruned."""
        return METHODS[self.settings.method]


def show_answers(selection: PruningSelection) -> AnswersShown | None:
    """Draw the controls, and get both networks' answers; None as long as there are none."""
    left, middle, right = st.columns([2, 2, 1], gap="small")
    method = address.choice(
        "method",
        "Method",
        **METHOD,
        draw=left.selectbox,
        format_func=title_of,
        help=f"How the network is pruned.\n\n{METHODS_HELP}",
    )
    ratio = address.slider(
        "ratio",
        "Ratio",
        at=middle,
        default=opening_ratio(selection),
        step=STEP,
        format="percent",
        help="Share of weights that is masked, or of each layer's channels that is removed.",
    )
    batches = int(
        address.slider(
            "recalibrate_one",
            "Recalibrate",
            at=right,
            help="Batches of 100 training images for BatchNorm, after the pruning; 0 for none.",
        )
    )
    settings = AnswersSettings(
        len(selection.images),
        method,
        round(ratio, 4),
        batches,
        selection.training_key(needed=batches > 0 or get_method(method).images > 0),
    )
    shown = Panel(ANSWERS, selection.spec(settings), starts_itself=True).result(
        lambda spec, parts: (
            f"both networks on {_counted(selection, spec.settings.images, parts)}: "
            f"{selection.title}, {spec.settings.title}."
        )
    )
    if shown is None:
        return None
    return AnswersShown(selection, PrunedAnswers.joined(shown.settings, shown.parts), shown.where)


def _counted(selection: PruningSelection, images: int, parts: Sequence[AnswerBatch]) -> str:
    done, whole = sum(len(part.dense) for part in parts), selection.counted(images)
    return whole if done == images else f"the first {done:,} of {whole}"


def provenance(shown: AnswersShown) -> None:
    """Where the answers come from."""
    ui.provenance("computed", shown.where)
