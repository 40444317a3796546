"""The code box: paste the class of a network, read it, see what it costs; or the one line to run at home."""

import sys
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from explorer import ui
from explorer.architecture.budget import MAX_SIZE, Budget, budget
from explorer.architecture.presets import LIMITS
from explorer.arguments import PROGRAM
from explorer.checkpoints.reading import EXPORT
from explorer.errors import ExplorerError
from explorer.files import temporary_folder
from explorer.networks import channel_groups, group_titles, unsliceable
from explorer.user_code import Code, Limits, UserCodeError, export, may_run, network_of
from explorer.user_code.child import STAGES
from explorer.user_code.run import Exported
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource

LIMITS_HERE = Limits(seconds=60)
FILE = "pasted.py"
EXAMPLE = """\
from torch import nn

class StudentNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 32, 3, stride=2), nn.BatchNorm2d(32), nn.ReLU())
        self.fc = nn.Linear(32, 10)

    def forward(self, x):
        return self.fc(self.cnn(x).mean((2, 3)))"""


@dataclass(frozen=True)
class ReadCode:
    """What was made of the code that was read last.

    Attributes:
        text: the code.
        name: of the class or function that was asked for; empty for the only one.
        size: side in pixels of the images that it was tried with.
        source: the network; None if there is none.
        problem: why there is none.
        trace: the lines of the code that Python complains of.
    """

    text: str
    name: str
    size: int
    source: NetworkSource | None = None
    problem: str = ""
    trace: str = ""


def draw_code_box() -> None:
    """Draw the box where the visitor's code may run, else what to do instead."""
    st.header("Your own code")
    if code_may_run():
        _take_code()
        return
    st.markdown(
        "Any network of `torch.nn`, not only a StudentNet: run this line where it is, then upload `network.pt2`."
    )
    st.code(EXPORT, "python", wrap_lines=True)
    st.caption(
        f"Code is not run here. Started with `{PROGRAM} --code-box` or `make app` on your own machine, this page has a "
        f"box that takes it; `{PROGRAM} --network student.py:StudentNet` opens it in every lesson."
    )


def code_may_run() -> bool:
    """Whether this app runs its visitor's code: ``user_code.may_run`` has the rule."""
    return may_run(
        sys.argv[1:],
        st.get_option("server.address"),
        _host(),
        bool(st.get_option("server.enableCORS")),
    )


def _host() -> str | None:
    """The machine that the visitor's browser has asked for."""
    return st.context.headers.get("Host")


def _take_code() -> None:
    last = ui.session().last(ReadCode)
    # Code is not prose, and Streamlit has no text area for it.
    st.html(
        "<style>.st-key-code textarea {font-family: monospace; white-space: pre; overflow-x: auto}</style>"
    )
    text = st.text_area(
        "Paste the class of a network",
        last.text if last else "",
        key="code",
        height=320,
        placeholder=EXAMPLE,
        help="With its imports. It runs on this machine in a process of its own, at most "
        f"{LIMITS_HERE.seconds:g} seconds and {LIMITS_HERE.megabytes:,} MB.",
    )
    first, second = st.columns(2)
    name = first.text_input(
        "Class or function",
        last.name if last else "",
        key="code_name",
        placeholder="the only one",
        help="What builds the network, if there are several that could.",
    )
    size = second.number_input(
        "Side of its images, pixels",
        1,
        MAX_SIZE,
        last.size if last else ui.workspace().data.input_size,
        key="code_size",
    )
    if st.button("Read it", type="primary", icon=":material/terminal:", width="stretch") and text.strip():
        ui.session().keep(_read(text, name.strip(), int(size)))
        st.rerun()  # the network is one of the session's now: everything above is drawn with it
    if last is not None and (last.text, last.name, last.size) == (text, name.strip(), size):
        _show(last)


def _read(text: str, name: str, size: int) -> ReadCode:
    """Run the code and open what it exports; the network joins the session's."""
    try:
        with temporary_folder() as folder:
            code = Code(folder / FILE, name, size=size)
            code.file.write_text(text, encoding="utf-8")
            source = network_of(code, _run(code))
            budget(source.load(), size)  # whatever cannot be counted is refused here
    except ExplorerError as error:
        trace = error.trace if isinstance(error, UserCodeError) else ""
        return ReadCode(text, name, size, None, str(error), trace)
    # Read again after a change, it takes the place of what it was before.
    ui.session().uploads[f"{FILE} {source.card.title}"] = source
    return ReadCode(text, name, size, source)


def _run(code: Code) -> Exported:
    """Export the code, saying all the time what is going on; a press on Stop ends the process."""
    with ui.heavy_work(), ui.stopwatch() as clock:
        bar, due = st.progress(0.0, "Starting"), ui.pace()
        st.button("Stop", key="stop_code", icon=":material/stop:", help="Ends the process; nothing is kept.")

        def show(update: Update) -> None:
            if due():
                seconds = f"{clock():.0f} s of at most {LIMITS_HERE.seconds:g} s"
                stage = STAGES[update.done - 1]
                bar.progress(update.done / update.total, f"{stage.capitalize()}: {seconds}")

        return follow(export(code, LIMITS_HERE), show)


def _show(read: ReadCode) -> None:
    """The verdict on the code that was read last."""
    if read.source is None:
        st.error(ui.escape_markup(read.problem), icon=":material/block:")
        if read.trace:
            st.code(read.trace, None, wrap_lines=True)
        return
    card, model = read.source.card, read.source.load()
    costs = budget(model, read.size)
    st.markdown(
        f"**{ui.escape_markup(card.title)}**, {card.classes} classes, is one of this session's networks. Its weights "
        "are fresh: nothing has trained it."
    )
    total, adds = st.columns(2)
    total.metric("Parameters", f"{costs.total_params:,}", border=True)
    adds.metric(
        "Multiply-adds", f"{costs.mult_adds / 1e6:.1f} M", border=True, help="For one image, by torchinfo."
    )
    for term, limit in LIMITS.items():
        _compare(costs, term, limit)
    titles = group_titles(model)
    groups = [
        {"channels made by": titles[group.key], "width": group.width, "layers": len(group.members)}
        for group in channel_groups(model)
    ]
    layers, channels = st.tabs([f"{len(costs.layers)} layers", f"{len(groups)} channel groups"])
    with layers:
        st.dataframe(
            costs.layer_table().drop(columns="share"),
            hide_index=True,
            placeholder="--",
            column_config={
                name: st.column_config.NumberColumn(format="localized")
                for name in ("parameters", "mult-adds")
            },
        )
    channels.dataframe(pd.DataFrame(groups), hide_index=True)
    for title, why in unsliceable(model).items():
        channels.caption(f"Not to be sliced: {ui.escape_markup(f'{title}. {why}')}")
    ui.provenance("computed", f"by torchinfo and from the graph of your code, one image of {_image(costs)}.")


def _compare(costs: Budget, term: str, limit: int) -> None:
    over = costs.total_params - limit
    if over > 0:
        st.error(f"**{term}**: over {limit:,} by {over:,} parameters.", icon=":material/block:")
    else:
        st.success(f"**{term}**: within {limit:,}, {-over:,} parameters to spare.", icon=":material/check:")


def _image(costs: Budget) -> str:
    return " x ".join(map(str, costs.image))
