"""Checkpoints: their cards, reading them safely, the catalogue, and results that were computed from them before."""

from explorer.checkpoints.card import Card, cards_table
from explorer.checkpoints.catalogue import SHIPPED, card, catalogue, load, stored, write
from explorer.checkpoints.labelled import labelled
from explorer.checkpoints.opening import Opened, check_name, open_checkpoint
from explorer.checkpoints.reading import MAX_MEGABYTES, identity, read_state, sha256
from explorer.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "MAX_MEGABYTES",
    "SHIPPED",
    "Card",
    "Opened",
    "card",
    "cards_table",
    "catalogue",
    "check_name",
    "identity",
    "labelled",
    "load",
    "open_checkpoint",
    "read_state",
    "sha256",
    "stored",
    "write",
]
