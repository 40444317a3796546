"""Your data: a folder of labelled images, and checkpoints, for all lessons to work on."""

import sys
from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer import places, ui
from explorer.arguments import PROGRAM
from explorer.checkpoints import MAX_MEGABYTES, Card
from explorer.data import CHECKPOINT_SUFFIXES, DataSet
from explorer.data.folder import named_folder
from explorer.data.notices import summarise_notices
from explorer.errors import ExplorerError
from explorer.measure import Accuracy
from explorer.networks import builder_of
from explorer.ui.instrument import Panel
from explorer.user_code import UserCodeError
from explorer.workspace import NetworkSource, uploaded_networks
from explorer.your_data import charts
from explorer.your_data.accuracies import ACCURACIES, accuracies_spec, said_of_order
from explorer.your_data.page_code import draw_code_box

SHOWN_NOTICES = 4
LAYOUTS = """\
# the homework's: label, underscore, index
Food-11/training/0_12.jpg
Food-11/validation/3_7.jpg
Food-11/resnet18_teacher.ckpt

# one folder per class
Food-11/training/Bread/12.jpg

# without splits, every fifth of a class
# is for validation
dishes/ramen/1.jpg"""


def draw_your_data_page() -> None:
    """Draw the page."""
    st.markdown(
        "Every lesson also works on **your** images and **your** networks: the homework's Food-11 folder with its "
        "teacher, or any folder of labelled images. Nothing is sent anywhere, and nothing is written into your folder."
    )
    left, right = st.columns(2, gap="large")
    with left:
        _describe_images()
    sources = {name: source for name, source in ui.workspace().all_sources.items() if not source.ships}
    with right:
        _take_uploads()
        if not sources:
            _say_there_is_none()
        draw_code_box()
    if sources:
        _list_networks(sources)


def _describe_images() -> None:
    st.header("Images")
    data = ui.workspace().data
    name = ui.escape_markup(data.name)
    # The bundled set's provenance begins with its name, a folder's does not.
    from_where = ui.escape_markup(data.provenance.removeprefix(data.name).strip())
    st.markdown(f"The lessons use **{name}**{' ' if from_where.startswith('(') else ', '}{from_where}.")
    if named_folder(sys.argv[1:]) is None:
        st.markdown(f"To use a folder of yours, start the app with its path: `{PROGRAM} --data Food-11`")
    rows = data.counts()
    ui.images("validation")  # opened here, so that what is wrong with a file is known
    total = rows.groupby("split", sort=False)["images"].sum()
    said = ", ".join(f"{count:,} {split}" for split, count in total.items())
    ui.chart(
        partial(charts.class_counts, rows),
        f"Images per class of {data.name}: {said}.",
        f"**{name}**, {len(data.classes)} classes: {said} images. {ui.escape_markup(data.rule)}",
    )
    names = (
        "; labels 0 to 10 get Food-11's names where the folder's name or the course's layout says so"
        if data.can_change
        else ""
    )
    ui.provenance("computed", f"images counted by class and split{names}.")
    _list_notices()
    with st.expander("Which folders can be read"):
        st.code(LAYOUTS, None)
        st.caption(
            f"`{PROGRAM} --data Food-11`; in a copy of the repository `make app DATA=Food-11`; or the environment "
            "variable EXPLORER_DATA."
        )
    ui.download("Counts as CSV", rows, "images.csv")


def _list_notices() -> None:
    """What was left out or is good to know: a few sentences, the rest folded away."""
    data = ui.workspace().data
    notices = (*data.notices, *ui.images("validation").notices)
    sentences = [ui.escape_markup(sentence) for sentence in summarise_notices(notices)]
    if sentences:
        lost = any(notice.lost for notice in notices)
        text = "\n".join(f"- {sentence}" for sentence in sentences[:SHOWN_NOTICES])
        (st.warning if lost else st.info)(text, icon=":material/warning:" if lost else ":material/info:")
    if len(sentences) > SHOWN_NOTICES:
        with st.expander(f"{len(sentences) - SHOWN_NOTICES} more"):
            st.markdown("\n".join(f"- {sentence}" for sentence in sentences[SHOWN_NOTICES:]))
    if not data.can_change:
        return
    st.caption(
        "Validation images are opened here; training images when a lesson needs them. "
        "`python -m explorer data check` opens them all."
    )
    if st.button("Read the folder again", icon=":material/refresh:", help="After files in it have changed."):
        ui.forget_folder()
        st.rerun()


def _take_uploads() -> None:
    st.header("Networks")
    st.file_uploader(
        f"A checkpoint, at most {MAX_MEGABYTES} MB",
        [suffix.removeprefix(".") for suffix in CHECKPOINT_SUFFIXES],
        accept_multiple_files=True,
        key="upload",
        on_change=_open_uploads,
        help="An exported program (.pt2) of any network; or a state_dict of a StudentNet, a ResNet or a network of "
        "torchvision's, under whatever keys: what its shapes do not tell is assumed, and said. No code in it is run, "
        "and it is kept for this session only.",
    )
    listed = {file.file_id for file in st.session_state["upload"]}  # empty again after another page
    refused = [said for number, said in ui.session().refused_uploads.items() if number in listed]
    for sentence in dict.fromkeys(refused):
        st.error(ui.escape_markup(sentence), icon=":material/block:")
    workspace = ui.workspace()
    for sentence in dict.fromkeys(file.sentence for file in workspace.refused):
        st.error(ui.escape_markup(sentence), icon=":material/block:")
    for error in ui.given_networks(workspace.data.input_size)[1]:
        st.error(ui.escape_markup(str(error)), icon=":material/block:")
        if isinstance(error, UserCodeError) and error.trace:
            st.code(error.trace, None, wrap_lines=True)
    for sentence in workspace.misfits:
        st.warning(ui.escape_markup(sentence), icon=":material/category:")
    if ui.session().uploads and st.button("Forget the uploaded networks", icon=":material/delete:"):
        ui.session().uploads.clear()
        st.rerun()


def _open_uploads() -> None:
    """Open what was just uploaded; a refused file is told, the others join the session's networks."""
    kept, listed = ui.session(), st.session_state["upload"]
    numbers = {file.file_id for file in listed}
    kept.refused_uploads = {
        number: said for number, said in kept.refused_uploads.items() if number in numbers
    }
    for file in listed:
        if isinstance(file, UploadedFile):
            kept.opened_uploads.add(file.file_id)
            try:
                for network in uploaded_networks(file.name, file.getvalue()):
                    kept.uploads[network.card.name] = network
            except ExplorerError as error:
                kept.refused_uploads[file.file_id] = str(error)
            _let_go(file)
        elif file.file_id not in kept.opened_uploads:
            # The browser still lists files that went with the process it uploaded them to.
            said = "A file of the session before is not here any more: upload it again."
            kept.refused_uploads[file.file_id] = said


def _let_go(file: UploadedFile) -> None:
    """Drop an uploaded file as it came, which Streamlit would keep beside what was made of it for the whole session."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    file.truncate(0)  # the session holds it, too


def _say_there_is_none() -> None:
    data = ui.workspace().data
    st.info(
        f"No network of yours is open: put its checkpoint into {ui.escape_markup(str(data.checkpoints))}, or upload it."
        if data.can_change
        else "No network of yours is open: upload one, or put its checkpoint into your folder. The lessons use "
        "the shipped ones.",
        icon=":material/upload_file:",
    )


def _list_networks(sources: Mapping[str, NetworkSource]) -> None:
    """What the user's networks are, and how many images they get right."""
    workspace = ui.workspace()
    st.header("Your networks")
    fitting = {name: source for name, source in sources.items() if name in workspace.cards}
    measured = _measure(tuple(fitting.values()), workspace.data) if fitting else {}
    rows = []
    for name, card in ((name, source.card) for name, source in sources.items()):
        right = measured.get(card.sha256)
        rows.append(
            {
                "network": card.title,
                "accuracy": right.value if right else None,
                "right": f"{right.correct:,} of {right.total:,}" if right else "not measured",
                "parameters": card.params,
                "95% Wilson interval": "{:.1%} to {:.1%}".format(*right.interval()) if right else "",
                "used as": "teacher or student" if name in fitting else "counted only",
                "kind": _kind(card),
                "classes": card.classes,
                "stored as": card.dtype,
            }
        )
    table = pd.DataFrame(rows)
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "parameters": st.column_config.NumberColumn(format="localized"),
            "accuracy": st.column_config.NumberColumn(format="percent"),
        },
    )
    if measured:
        ui.provenance("measured", f"on {ui.images('validation').name}.")
    for source in fitting.values():
        order = ui.session().orders.get((workspace.data.key_of("validation"), source.card.sha256))
        if order:
            sentence = said_of_order(source.card.title, workspace.data.classes, order)
            st.warning(ui.escape_markup(sentence), icon=":material/shuffle:")
    _list_assumptions(sources)
    ui.download("Your networks as CSV", table, "networks.csv")
    for file, label, icon in (
        ("architecture", "Edit the widths of your network", ":material/account_tree:"),
        ("distillation", "Distil from your teacher", ":material/local_fire_department:"),
        ("pruning", "Prune your network", ":material/content_cut:"),
    ):
        st.page_link(places.page(file), label=label, icon=icon)


def _kind(card: Card) -> str:
    """What a network is: its kind, or the name that it was recognised by or that its class has."""
    name: str = getattr(card.network_spec(), "name", builder_of(card.network).title)
    return name


def _list_assumptions(sources: Mapping[str, NetworkSource]) -> None:
    """What was done to each file and assumed of it."""
    told = {source.card.title: source.notices for source in sources.values() if source.notices}
    if not told:
        return
    with st.expander("What was assumed of your files", icon=":material/info:"):
        st.markdown(
            "\n".join(
                f"- **{ui.escape_markup(title)}**: {ui.escape_markup(' '.join(notices))}"
                for title, notices in told.items()
            )
        )


def _measure(sources: tuple[NetworkSource, ...], data: DataSet) -> Mapping[str, Accuracy]:
    """The right answers that were counted here, by the sha256 of the weights; run if that is asked for."""
    spec = accuracies_spec(sources, data)
    panel = Panel(ACCURACIES, spec)
    panel.controls("Measure their accuracy here", icon=":material/timer:", width="content")
    shown = panel.result(lambda spec, parts: "", nothing="")
    # What was counted before another network joined still holds: it is a result of the same weights and images.
    kept = ui.session().accuracies
    for part in shown.parts if shown else ():
        kept[spec.images, part.weights] = part.right
        ui.session().orders[spec.images, part.weights] = part.order
    here = (source.card.sha256 for source in sources)
    return {weights: kept[spec.images, weights] for weights in here if (spec.images, weights) in kept}


draw_your_data_page()
