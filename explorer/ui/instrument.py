"""One panel for every instrument: estimate before, progress and time left during, stop, and a result that is kept.

An instrument is described in its lesson's engine, as a subclass of ``work.instrument.Instrument``: how many parts,
how much work, and a generator that yields the parts. What a page then writes is no more than this::

    spec = InstrumentSpec(source, data, "test", images.key, SensitivitySettings(count))
    panel = Panel(SENSITIVITY, spec, stored=stored)       # draws nothing yet
    panel.controls()                                      # what it takes here, and the button
    shown = panel.result(where, grow=lambda cells: ...)   # runs here if asked, and says what is shown
    if shown is not None:
        with panel.picture:
            draw_beside_stored(shown, draw)

``controls`` and ``result`` may be drawn in different columns: progress and Stop are under the button that was pressed,
where one looks, and what has been measured so far grows in ``panel.picture``, in place of what was shown there. The
result is kept in this process under its identity, so that after a reload the same controls show it again.
Work that begins by itself, without a button, takes ``starts_itself=True`` and needs no ``controls``: its progress is
where the result will be. The instrument runs in the worker: a spec goes in and parts come out, and both can be pickled.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.errors import ExplorerError
from explorer.ledger import Origin
from explorer.measure import forward_speed
from explorer.ui.draw import provenance
from explorer.ui.session import session
from explorer.ui.work import heavy_work, pace, stopwatch, worker
from explorer.work.estimate import Estimator, duration
from explorer.work.identity import Identity, differences
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update
from explorer.work.results import KeptResult, ResultStore, Shelf
from explorer.work.worker import WorkerDiedError

PartType = TypeVar("PartType")
REDRAW = 1.0  # seconds between two figures of a growing result


@dataclass(frozen=True)
class StoredResult(Generic[PartType]):
    """A result that was measured before, for what is not measured here.

    Attributes:
        parts: as the instrument would bring them.
        settings: with which it was measured.
        where: when and on what, for ``provenance``.
    """

    parts: tuple[PartType, ...]
    settings: Any
    where: str


@dataclass(frozen=True)
class ShownResult(Generic[PartType]):
    """What a panel shows.

    Attributes:
        parts: the result so far.
        settings: with which it was measured, which need not be what the controls ask for now.
        origin: whether it was measured here or stored.
        where: where the figures come from, for ``provenance``.
        finished: whether all parts are there.
        beside: the stored result, where this one was measured here: to be drawn next to it.
    """

    parts: tuple[PartType, ...]
    settings: Any
    origin: Origin
    where: str
    finished: bool = True
    beside: StoredResult[PartType] | None = None


def draw_beside_stored(shown: ShownResult[PartType], figure: Callable[[Sequence[PartType]], object]) -> None:
    """Draw a result and say where it comes from; what is stored stands beside what was measured here.

    Args:
        shown: by a panel.
        figure: draws parts, all keys of its elements made from nothing but these.
    """
    if shown.beside is None:
        figure(shown.parts)
        provenance(shown.origin, shown.where)
        return
    own, stored = st.columns(2)
    with own:
        st.markdown("**Measured here**")
        figure(shown.parts)
        provenance(shown.origin, shown.where)
    with stored:
        st.markdown("**Stored**")
        figure(shown.beside.parts)
        provenance("precomputed", shown.beside.where)


@st.cache_resource(show_spinner=False)
def results() -> ResultStore:
    """The results of all instruments and visitors in this process."""
    return ResultStore()


@st.cache_resource(show_spinner=False)
def _estimator() -> Estimator:
    return Estimator()


@st.cache_resource(show_spinner=False)
def _amounts() -> Shelf[Identity, float]:
    """How many multiply-adds each run takes, since counting them opens the network."""
    return Shelf(256)


class Panel(Generic[PartType]):
    """An instrument on a page, for one run of the page's script.

    Args:
        instrument: what measures.
        spec: what is asked for; None where the controls ask for nothing that can be measured.
        stored: what is shown as long as nothing has been measured here; None if there is none.
        starts_itself: whether it runs without a button, until its visitor stops it.
        put: sets the page's controls to settings that are shown though the controls ask for others; it is then
            offered as a button.
    """

    def __init__(
        self,
        instrument: Instrument[Any, PartType],
        spec: InstrumentSpec[Any] | None,
        *,
        stored: StoredResult[PartType] | None = None,
        starts_itself: bool = False,
        put: Callable[[Any], None] | None = None,
    ) -> None:
        self._instrument, self._spec, self._stored = instrument, spec, stored
        self._starts_itself, self._asked = starts_itself, False
        self._put = put
        self._slot: DeltaGenerator | None = None
        self._identity = None if spec is None else instrument.identity(spec)

    # --- Before -----------------------------------------------------------------------------------------

    def controls(self, label: str = "Run it here", *, blocked: str = "", **button: Any) -> None:
        """The button that starts a run here, or goes on with a stopped one, and under it what that takes, estimated.

        While it runs, its progress and Stop stand in place of the estimate.

        Args:
            label: of the button.
            blocked: why it cannot be pressed now; empty if it can.
            button: further settings of the button.
        """
        spec, kept = self._spec, self._kept()
        goes_on = kept is not None and self._goes_on(kept)
        said = "Nothing that can be measured is chosen." if spec is None else ""
        try:
            takes = f"{self.estimate()}, estimated." if spec is not None else ""
        except ExplorerError as error:
            said, takes = str(error), ""
        settings: dict[str, Any] = {
            "key": f"run_{self._instrument.key}",
            "type": "primary",
            "icon": ":material/play_arrow:",
            "width": "stretch",
            "disabled": bool(blocked or said),
            "help": blocked or said or f"Measures {self._instrument.title} on this machine.",
        }
        pressed = st.button("Go on" if goes_on else label, **settings | button)
        wanted = self._instrument.key in session().wanted
        session().wanted.discard(self._instrument.key)
        self._asked = pressed or (wanted and not settings["disabled"] and not self.is_there())
        self._takes, self._slot = said or takes, st.empty()
        self._slot.caption(self._takes)

    def estimate(self) -> str:
        """What a run takes here, in words: how many parts, how many seconds; after a stop those that are missing."""
        assert self._spec is not None
        steps, kept, unit = self._instrument.steps(self._spec), self._kept(), self._instrument.unit
        left, there = steps, ""
        if kept is not None and self._goes_on(kept):
            left, there = steps - len(kept.parts), f"{self._count(kept)} are kept; "
        more = "more " if there else ""
        return f"{there}{left:,} {more}{unit}, about {duration(self._seconds() * left / steps)} here"

    def _seconds(self) -> float:
        spec, identity = self._spec, self._identity
        assert spec is not None
        assert identity is not None
        network: Any = spec.network
        estimated = _estimator().seconds(
            self._amount(),
            (self._instrument.key, identity.weights),
            identity.weights,
            lambda: forward_speed(network.load(), spec.data.input_size),
        )
        return min(estimated, self._instrument.longest(spec))

    def _amount(self) -> float:
        assert self._spec is not None
        assert self._identity is not None
        amount = _amounts().get(self._identity)
        if amount is None:
            amount = self._instrument.work(self._spec)
            _amounts().put(self._identity, amount)
        return amount

    # --- During -----------------------------------------------------------------------------------------

    def result(
        self,
        where: Callable[[InstrumentSpec[Any], Sequence[PartType]], str],
        *,
        grow: Callable[[Sequence[PartType]], object] | None = None,
        nothing: str | None = None,
    ) -> ShownResult[PartType] | None:
        """Run if that was asked for, then say in notices what is shown, and give it; None if there is nothing.

        Args:
            where: on what parts were measured, for ``provenance``.
            grow: draws the parts of a run that is not over yet.
            nothing: what to say where there is nothing to show, in place of that nobody has measured it; empty for
                no word.
        """
        notices, runs = st.container(), self._wants_to_run()
        # Emptied only for a run: an empty place would be drawn anew at every other script, with all that is in it.
        self.picture = st.empty() if runs else st.container()
        with notices:
            if runs:
                self._run(grow, self.picture)
                self.picture = self.picture.container()
            return self._say(where, nothing)

    def _say(
        self, where: Callable[[InstrumentSpec[Any], Sequence[PartType]], str], nothing: str | None
    ) -> ShownResult[PartType] | None:
        """Say in notices what is shown, and give it."""
        kept = self._to_show()
        self._say_stopped(kept)
        if kept is None:
            return self._show_stored(nothing)
        assert self._spec is not None
        self._say_other_settings("This run has", kept.settings)
        if missing := self._instrument.unmeasured(kept.parts):
            beside = " The stored figures stand beside it." if self._stored else ""
            st.warning(f"{missing}{beside}", icon=":material/warning:")
        return ShownResult(
            kept.parts,
            kept.settings,
            "measured",
            kept.measured(where(replace(self._spec, settings=kept.settings), kept.parts)),
            kept.finished,
            self._stored,
        )

    def is_there(self) -> bool:
        """Whether exactly what is asked for has been measured, here or before."""
        kept, stored = self._kept(), self._stored
        if self._spec is None or (kept is not None and kept.finished):
            return True
        return stored is not None and not differences(stored.settings, self._spec.settings)

    def _kept(self) -> KeptResult | None:
        return None if self._identity is None else results().get(self._identity)

    def _goes_on(self, kept: KeptResult) -> bool:
        return self._instrument.resumes and bool(kept.parts) and not kept.finished

    def _wants_to_run(self) -> bool:
        if self._identity is None:
            return False
        if self._starts_itself:
            kept = self._kept()
            done = kept is not None and kept.finished
            return not done and self._identity not in session().stopped
        return self._asked

    def _run(self, grow: Callable[[Sequence[PartType]], object] | None, figure: DeltaGenerator) -> None:
        assert self._identity is not None
        before = self._kept()
        session().runs[self._identity.subject] = self._identity
        session().stopped.discard(self._identity)
        progress, died = self._slot or st.empty(), ""
        try:
            with progress.container(), heavy_work():
                meanwhile = self._kept()
                # While this visitor waited for a turn, another may have had just this measured.
                if not (meanwhile and meanwhile.finished and meanwhile is not before):
                    self._collect(before, grow, figure)
        except WorkerDiedError as error:
            died = str(error)
            session().stopped.add(self._identity)  # what starts itself must not kill the next worker at once
        if self._slot is None:
            progress.empty()
        elif not died:
            st.rerun()  # or the button and its estimate would still tell of before
        else:
            progress.caption(self._takes)
        if died:
            st.error(died, icon=":material/error:")

    def _collect(
        self,
        before: KeptResult | None,
        grow: Callable[[Sequence[PartType]], object] | None,
        figure: DeltaGenerator,
    ) -> None:
        """Run the instrument and keep every part when it is ready, also if the page's script is ended meanwhile."""
        spec, identity, instrument = self._spec, self._identity, self._instrument
        assert spec is not None
        assert identity is not None
        if before is not None and self._goes_on(before):
            result = replace(before, state="running")
        else:
            result = KeptResult(identity, steps=instrument.steps(spec))
        first, earlier = len(result.parts), result.seconds
        said = first / result.steps, f"Starting; about {duration(self._seconds())} here, estimated"
        bar = st.progress(*said)
        st.button(
            "Stop",
            key=f"stop_{instrument.key}",
            icon=":material/stop:",
            on_click=session().stopped.add,
            args=(identity,),
            help=f"Ends the run. The {instrument.unit} that are ready are kept"
            + (", and it can go on from there." if instrument.resumes else "; another run begins anew."),
        )
        due, redraw, drawn = pace(), pace(REDRAW), first

        try:
            for _ in worker().get_ready():
                bar.progress(*said)
            steps = worker().run(instrument.run, spec, result.parts)
            with stopwatch() as clock, closing(steps):
                for step in steps:
                    if isinstance(step, Update):
                        said = (
                            said[0],
                            f"{self._count(result)}, {step.stage}: {step.done:,} of {step.total:,}",
                        )
                    elif step is not None:
                        result = result.with_parts(instrument.collect(result.parts, step), earlier + clock())
                        _keep(result, before)
                        said = self._progress(result, clock() / (len(result.parts) - first))
                    # Also when there is nothing new: at such a call Streamlit ends the script when Stop was pressed.
                    if due() or step is None:
                        bar.progress(*said)
                    if grow is not None and drawn < len(result.parts) and redraw():
                        drawn = len(result.parts)
                        with figure.container():
                            self._grow(grow, result.parts)
            result = result.ended("finished")
            if len(result.parts) == result.steps:  # else it has ended early, and has not done all its work
                _estimator().learn(self._amount(), (instrument.key, identity.weights), result.seconds)
        finally:
            # Streamlit ends a script by an exception at any of the calls above: whatever was ready is kept.
            _keep(result if result.finished else result.ended("stopped"), before)

    def _grow(self, grow: Callable[[Sequence[PartType]], object], parts: Sequence[PartType]) -> None:
        """Draw the parts of a run that is not over, beside what is stored."""
        if self._stored is None:
            grow(parts)
            return
        for column, title, each in zip(
            st.columns(2), ("Measured here", "Stored"), (parts, self._stored.parts), strict=True
        ):
            with column:
                st.markdown(f"**{title}**")
                grow(each)

    def _progress(self, result: KeptResult, seconds_each: float) -> tuple[float, str]:
        done, said = len(result.parts), self._instrument.describe(result.parts[-1])
        left = duration(seconds_each * (result.steps - done)) if done < result.steps else "0 s"
        text = f"{self._count(result)}{f' ({said})' if said else ''}, about {left} left"
        return min(1.0, done / result.steps), text

    def _count(self, result: KeptResult) -> str:
        """How many parts are there."""
        return f"{len(result.parts):,} of {result.steps:,} {self._instrument.unit}"

    # --- After ------------------------------------------------------------------------------------------

    def _to_show(self) -> KeptResult | None:
        """The result of exactly this spec, measured here or stored; else the one that this visitor looks at; else any.

        What was measured by others is only shown where nothing is stored.
        """
        if self._identity is None:
            return None
        exact = self._kept()
        if exact is None and self.is_there():
            return None
        mine = session().runs.get(self._identity.subject)
        other = results().get(mine) if mine else None
        if other is None and self._stored is None:
            other = results().latest(*self._identity.subject)
        return next((kept for kept in (exact, other) if kept is not None and kept.parts), None)

    def _say_stopped(self, kept: KeptResult | None) -> None:
        # What is shown may be another run than the one that its visitor stopped before it brought anything.
        stopped = self._identity in session().stopped
        if kept is not None and kept.state == "running" and kept.identity not in session().stopped:
            st.info(
                f"Another visitor has this measured just now, {self._count(kept)} so far; who presses the button "
                "waits for all of them.",
                icon=":material/hourglass_top:",
            )
        elif kept is not None and not kept.finished:
            after = "" if self._instrument.resumes else "; another run begins anew"
            st.info(
                f"Stopped after {self._count(kept)}; they are kept and shown here{after}.",
                icon=":material/stop_circle:",
            )
        elif stopped:
            instead = " The stored figures are shown." if kept is None and self._stored else ""
            st.info(
                f"Stopped before the first of the {self._instrument.unit}, so this run leaves nothing.{instead}",
                icon=":material/stop_circle:",
            )
        if stopped and self._starts_itself:
            st.button(
                "Go on",
                key=f"go_on_{self._instrument.key}",
                icon=":material/play_arrow:",
                on_click=session().stopped.discard,
                args=(self._identity,),
            )

    def _say_other_settings(self, who: str, shown: Any) -> None:
        others = () if self._spec is None else differences(shown, self._spec.settings)
        if not others:
            return
        st.warning(
            f"{who} other settings than the controls ({'; '.join(map(str, others))}). Run it here to measure what "
            "they ask for.",
            icon=":material/sync_problem:",
        )
        if self._put is not None:
            st.button(
                "Set the controls to what is shown",
                key=f"put_{self._instrument.key}",
                icon=":material/undo:",
                on_click=self._put,
                args=(shown,),
            )

    def _show_stored(self, nothing: str | None) -> ShownResult[PartType] | None:
        stored = self._stored
        if stored is None:
            said = f"Nobody has measured {self._instrument.title} of this network yet: run it here."
            if nothing != "" and not self._starts_itself:
                st.info(nothing or said, icon=":material/play_arrow:")
            return None
        self._say_other_settings("These stored figures have", stored.settings)
        return ShownResult(stored.parts, stored.settings, "precomputed", stored.where)


def _keep(now: KeptResult, before: KeptResult | None) -> None:
    # A run that is not over never takes the place of one that is.
    if now.finished or before is None or not before.finished:
        results().keep(now)
