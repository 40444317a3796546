"""The ledger: every state of a network worth comparing is a row, from whatever lesson it comes.

The lessons write rows and the report reads them, so the ledger is part of the foundation.
"""

from explorer.ledger.carry import MOST_BYTES, from_json, from_link, to_json, to_link
from explorer.ledger.compare import AXES, LedgerAxis, explain_differences, ledger_table, pareto_front
from explorer.ledger.make import count_network, design_row, network_row
from explorer.ledger.row import LedgerRow, Lesson, Origin

__all__ = [
    "AXES",
    "MOST_BYTES",
    "LedgerAxis",
    "LedgerRow",
    "Lesson",
    "Origin",
    "count_network",
    "design_row",
    "explain_differences",
    "from_json",
    "from_link",
    "ledger_table",
    "network_row",
    "pareto_front",
    "to_json",
    "to_link",
]
