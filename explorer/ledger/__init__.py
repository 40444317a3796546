"""The ledger: every state of a network worth comparing is a row, from whatever lesson it comes.

The lessons write rows and the report reads them, so the ledger is part of the foundation.
"""

from explorer.ledger.carry import from_json, from_link, to_json, to_link
from explorer.ledger.pin import counts, of_design, of_network
from explorer.ledger.state import AXES, Axis, Lesson, Origin, State, front, table

__all__ = [
    "AXES",
    "Axis",
    "Lesson",
    "Origin",
    "State",
    "counts",
    "from_json",
    "from_link",
    "front",
    "of_design",
    "of_network",
    "table",
    "to_json",
    "to_link",
]
