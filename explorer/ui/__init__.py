"""What the pages share: images and networks, drawing, the turn for heavy work, what a session keeps."""

from explorer.ui.draw import COLUMNS, chart, download, networks_table, page, picked, provenance
from explorer.ui.pins import pin, pinned, set_pinned
from explorer.ui.place import (
    cards,
    forget_folder,
    images,
    names_with_logits,
    networks,
    origin_of_logits,
    read_checkpoints,
    read_folder,
    shared_model,
    shipped_images,
    shipped_logits,
    validation_logits,
    view_logits,
    workspace,
)
from explorer.ui.session import Session, session
from explorer.ui.work import heavy_work, pace, stopwatch

__all__ = [
    "COLUMNS",
    "Session",
    "cards",
    "chart",
    "download",
    "forget_folder",
    "heavy_work",
    "images",
    "names_with_logits",
    "networks",
    "networks_table",
    "origin_of_logits",
    "pace",
    "page",
    "picked",
    "pin",
    "pinned",
    "provenance",
    "read_checkpoints",
    "read_folder",
    "session",
    "set_pinned",
    "shared_model",
    "shipped_images",
    "shipped_logits",
    "stopwatch",
    "validation_logits",
    "view_logits",
    "workspace",
]
