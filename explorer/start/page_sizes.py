"""The first thing to touch: one photograph, and networks of ever smaller size that answer what it shows."""

import base64
from functools import partial
from typing import Any

import streamlit as st
import torch

from explorer import palette, ui
from explorer.data import ImageSet
from explorer.start.sizes import Photographs, best_for_their_size, photographs
from explorer.ui import address
from explorer.work.kept import Keyed
from explorer.workspace import Workspace

SIZES = "sizes"  # the component's key


def draw_sizes() -> None:
    """Draw the photograph, the size under the hand and what the network of that size answers."""
    shipped = ui.shipped()
    cards = best_for_their_size(shipped.cards.values())
    if len(cards) < 2:
        return
    images = ui.images("validation", shipped)
    logits = tuple(ui.validation_logits(card.name, shipped) for card in cards)
    names = tuple(card.sha256 for card in cards)
    chosen = ui.kept(partial(_chosen, Keyed((*names, images.key), (logits, images))))
    positions = (*chosen.first, *chosen.decided)
    opening = positions.index(chosen.decided[0]) if chosen.decided else 0
    data = {
        "classes": images.classes,
        "photographs": [
            {
                "source": _source(images, position),
                "label": int(images.labels[position]),
                "caption": images.caption(position),
            }
            for position in positions
        ],
        "groups": _groups(chosen, shipped),
        "networks": [
            {
                "name": card.name,
                "title": card.title,
                "parameters": card.params,
                "right": card.test_accuracy,
                "images": card.images,
                "color": palette.TEACHER if number == 0 else palette.STUDENT,
                "probabilities": torch.softmax(scores[list(positions)], 1).tolist(),
            }
            for number, (card, scores) in enumerate(zip(cards, logits, strict=True))
        ],
        "shown": address.value("shown", options=tuple(card.name for card in cards)),
        "photograph": address.value("photograph", default=opening, high=len(positions) - 1),
    }
    ui.component(__file__, "sizes")(
        key=SIZES, data=data, on_shown_change=_take("shown"), on_photograph_change=_take("photograph")
    )
    origin, _ = ui.origin_of_logits(*(card.name for card in cards), within=shipped)
    ui.provenance(
        origin,
        f"answers of the best network of each size on {images.name}; accuracies from their cards, on the "
        f"{shipped.data.describe('test')}.",
    )


def _chosen(shown: Keyed[Any]) -> Photographs:
    logits, images = shown.value
    return photographs(logits, images.targets())


def _groups(chosen: Photographs, shipped: Workspace) -> list[dict[str, Any]]:
    """The photographs in two rows, each with a word on how they were chosen."""
    noun = shipped.data.noun("validation")
    groups = [{"title": f"The first {noun} of each class", "count": len(chosen.first)}]
    if chosen.decided:
        groups.append(
            {
                "title": f"Where size decides: {chosen.share:.1%} of all are right with the largest and wrong with the "
                "smallest",
                "count": len(chosen.decided),
            }
        )
    return groups


def _source(images: ImageSet, position: int) -> str:
    return "data:image/png;base64," + base64.b64encode(ui.picture(images, position)).decode()


def _take(key: str) -> "partial[None]":
    return partial(_put, key)


def _put(key: str) -> None:
    address.put(key, st.session_state[SIZES][key])
