"""One pruned network and its answers beside the dense one's, for the tabs that look at single images."""

from dataclasses import dataclass
from typing import Any

import streamlit as st
import torch
from torch import Tensor, nn

from explorer import ui
from explorer.data import ImageSet
from explorer.measure import logit_batches
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS, PruningMethod
from explorer.pruning.page_controls import METHODS_HELP, title_of
from explorer.pruning.recovery import recalibrate
from explorer.pruning.scene import Scene
from explorer.ui import address

BATCH = 50
REMEMBERED = 6
OPENS_WITH = "global-l1"


@dataclass(frozen=True, eq=False)
class Choice:
    """A pruned network; ``before`` and ``after`` are logits (N, C) of the first N images of the scene."""

    scene: Scene
    method: PruningMethod
    ratio: float
    recalibrated: int
    network: nn.Module
    before: Tensor
    after: Tensor

    @property
    def images(self) -> ImageSet:
        """The images that were counted."""
        return self.scene.images.select(slice(len(self.after)))

    @property
    def title(self) -> str:
        """How it was pruned, for people."""
        recovery = f", BatchNorm recalibrated on {self.recalibrated} batches" if self.recalibrated else ""
        return f"{self.method.title}, {self.ratio:.0%}{recovery}"

    @property
    def color(self) -> str:
        """Of its kind, on every chart."""
        return self.method.kind_color


def choose(scene: Scene) -> Choice | None:
    """Method and ratio, and the answers of both networks; None as long as nothing has been counted."""
    left, middle, right = st.columns([2, 2, 1], gap="large")
    key = address.choice(
        "method",
        "Method",
        tuple(METHODS),
        draw=left.selectbox,
        default=OPENS_WITH,
        format_func=title_of,
        help=f"How the network is pruned.\n\n{METHODS_HELP}",
    )
    ratio = address.slider(
        "ratio",
        "Ratio",
        at=middle,
        step=0.05,
        format="percent",
        help="Share of weights that is masked, or of each layer's channels that is removed.",
    )
    batches = address.slider(
        "recalibrate_one",
        "Recalibrate",
        at=right,
        help="Batches of 100 training images for BatchNorm, after the pruning; 0 for none.",
    )
    method, share, batches = METHODS[key], round(ratio, 4), int(batches)
    identity = (*scene.key, method.key, share, batches)
    memory: dict[Any, Choice] = st.session_state.setdefault("choices", {})
    found = memory.get(identity)
    done = 0 if found is None else len(found.after)
    if done < len(scene.images):
        stopped = st.session_state.get("choice_stopped") == identity
        if stopped:
            st.info(f"Stopped after {done} of {len(scene.images)} images.", icon=":material/stop_circle:")
            st.button("Go on", on_click=_stop, args=(None,), icon=":material/play_arrow:")
        else:
            found = _count(scene, method, share, batches, memory, identity)
    while len(memory) > REMEMBERED:
        memory.pop(next(iter(memory)))
    return found


def _stop(key: object) -> None:
    st.session_state["choice_stopped"] = key


def _count(
    scene: Scene, method: PruningMethod, ratio: float, batches: int, memory: dict[Any, Choice], key: object
) -> Choice:
    """Count the rest of the images; what is there survives a stop."""
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, "Pruning a copy")
        st.button("Stop", on_click=_stop, args=(key,), icon=":material/stop:", key="stop_one_network")
    with ui.heavy_work():
        found = memory.get(key)
        network = found.network if found else _prune(scene, method, ratio, batches)
        before, after = ([], []) if found is None else ([found.before], [found.after])
        start = 0 if found is None else len(found.after)
        inputs = scene.images.select(slice(start, None)).inputs()
        pairs = zip(
            logit_batches(scene.network, inputs, BATCH), logit_batches(network, inputs, BATCH), strict=True
        )
        for one, other in pairs:
            before.append(one)
            after.append(other)
            found = Choice(scene, method, ratio, batches, network, torch.cat(before), torch.cat(after))
            memory[key] = found
            bar.progress(
                len(found.after) / len(scene.images),
                f"{len(found.after):,} of {len(scene.images):,} images through both networks",
            )
    place.empty()
    assert found is not None
    return found


def _prune(scene: Scene, method: PruningMethod, ratio: float, batches: int) -> nn.Module:
    network = prune_network(scene.network, method, ratio)
    if batches:
        recalibrate(network, ui.images("training"), batches)
    return network


def provenance(choice: Choice) -> None:
    """Where the figures of a choice come from."""
    ui.provenance(
        "computed",
        f"both networks on the first {len(choice.after):,} of {choice.scene.images.name}: {choice.scene.title}, "
        f"{choice.title}.",
    )
