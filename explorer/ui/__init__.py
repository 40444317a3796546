"""What the pages share: images and networks, drawing, the turn for heavy work, what a session keeps."""

from explorer.markup import escape_markup
from explorer.ui.component import component
from explorer.ui.draw import (
    COLUMNS,
    bare_chart,
    chart,
    download,
    kept,
    networks_table,
    page,
    picked,
    picture,
    provenance,
)
from explorer.ui.pins import pin, pinned, set_pinned
from explorer.ui.predict import LIVE, board_name, boards, draw_tally, may_reveal, predict, predictions
from explorer.ui.projector import projector
from explorer.ui.session import Session, session
from explorer.ui.shared import (
    forget_folder,
    given_networks,
    images,
    logits_in_words,
    networks,
    origin_of_logits,
    read_folder,
    read_networks,
    shared_model,
    shipped,
    validation_logits,
    view_logits,
    workspace,
)
from explorer.ui.work import heavy_work, make_file, pace, prepare, start_worker, stopwatch

__all__ = [
    "COLUMNS",
    "LIVE",
    "Session",
    "bare_chart",
    "board_name",
    "boards",
    "chart",
    "component",
    "download",
    "draw_tally",
    "escape_markup",
    "forget_folder",
    "given_networks",
    "heavy_work",
    "images",
    "kept",
    "logits_in_words",
    "make_file",
    "may_reveal",
    "networks",
    "networks_table",
    "origin_of_logits",
    "pace",
    "page",
    "picked",
    "picture",
    "pin",
    "pinned",
    "predict",
    "predictions",
    "prepare",
    "projector",
    "provenance",
    "read_folder",
    "read_networks",
    "session",
    "set_pinned",
    "shared_model",
    "shipped",
    "start_worker",
    "stopwatch",
    "validation_logits",
    "view_logits",
    "workspace",
]
