"""The ledger: every state of a network worth comparing is a row, from whatever lesson it comes.

The lessons write rows and the report reads them, so the ledger is part of the foundation.
"""

from explorer.ledger.carry import MOST_BYTES, from_json, from_link, to_json, to_link
from explorer.ledger.compare import (
    AXES,
    Comparable,
    LedgerAxis,
    comparables,
    describe_apart,
    describe_numbers,
    drawn_table,
    ledger_table,
    pareto_front,
    paths,
    set_to_draw,
)
from explorer.ledger.make import count_network, design_row, network_row
from explorer.ledger.recipe import (
    Export,
    Finetune,
    Prune,
    Recalibrate,
    Recipe,
    Refit,
    Round,
    Step,
    origin_of,
    recipe_of,
    takes_images,
)
from explorer.ledger.row import LedgerRow, Lesson, Origin

__all__ = [
    "AXES",
    "MOST_BYTES",
    "Comparable",
    "Export",
    "Finetune",
    "LedgerAxis",
    "LedgerRow",
    "Lesson",
    "Origin",
    "Prune",
    "Recalibrate",
    "Recipe",
    "Refit",
    "Round",
    "Step",
    "comparables",
    "count_network",
    "describe_apart",
    "describe_numbers",
    "design_row",
    "drawn_table",
    "from_json",
    "from_link",
    "ledger_table",
    "network_row",
    "origin_of",
    "pareto_front",
    "paths",
    "recipe_of",
    "set_to_draw",
    "takes_images",
    "to_json",
    "to_link",
]
