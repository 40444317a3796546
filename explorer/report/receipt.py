"""The receipt of a row: a short script that rebuilds its network and asserts its numbers."""

from collections.abc import Iterable, Mapping
from pprint import pformat
from typing import Any

from explorer.checkpoints import SHIPPED
from explorer.data import BUNDLED, USES
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow
from explorer.report.rebuild import why_not_rebuilt
from explorer.workspace import NetworkSource

_IMPORTS = '''"""Rebuilds a row of the ledger and asserts its numbers; in the explorer's folder: python receipt.py"""

from pathlib import Path

{data}from explorer.ledger import count_network
{measure}from explorer.report.rebuild import rebuild
from explorer.workspace import networks_in
'''

_COUNTS = """
WEIGHTS = {weights!r}
RECIPE = {recipe}

networks, _ = networks_in(Path({folder!r}))
model = rebuild(WEIGHTS, RECIPE, networks)
params, nonzero, mult_adds = count_network(model, {size})
print(f"{{params:,}} parameters, {{nonzero:,}} not zero, {{mult_adds:,}} multiply-adds")
assert params == {params}
{nonzero}
assert mult_adds == {mult_adds}
"""

_ACCURACY = """
images = BUNDLED.load({use!r}).select(slice({total}))
scores = logits(model, images.inputs())
right, best = accuracy(scores, images.targets()), scores.topk(2, dim=1).values
print(f"{{right.correct:,}} of {{right.total:,}} right, accuracy {{right.value:.4f}}")
# Another processor rounds differently and may turn answers whose two best logits are this close.
close = int((best[:, 0] - best[:, 1] < 1e-3).sum())
assert abs(right.correct - {correct}) <= close
"""

_FRESH = "# How many of its fresh weights are zero says nothing: a design counts all of them as not zero."
MOST_LINES = 12  # of a recipe

_DATA = "from explorer.data import BUNDLED\n"
_MEASURE = "from explorer.measure import accuracy, logits\n"


def why_no_receipt(row: LedgerRow, shipped: Iterable[NetworkSource]) -> str:
    """Why not every copy of the explorer can rebuild this row, as a sentence; empty if each can."""
    if not row.weights:
        return "" if "spec" in row.recipe else "This row has no receipt: it does not say how it was made."
    if all(source.card.sha256 != row.weights for source in shipped):
        return "This row has no receipt: its weights do not ship with the explorer."
    return why_not_rebuilt(row.recipe)


def receipt(row: LedgerRow, shipped: Iterable[NetworkSource], folder: str = SHIPPED.name) -> str:
    """A script of fewer than 60 lines that ends with status 0 only if the row's numbers are reproduced.

    ``folder`` is that of the shipped checkpoints, relative to where the script is run. Milliseconds are not
    in it: they belong to one machine. Right answers are, if they were counted on images that ship.

    Raises:
        ExplorerError: not every copy of the explorer can rebuild the row.
    """
    refusal = why_no_receipt(row, shipped)
    if refusal:
        raise ExplorerError(refusal)
    use = next((use for use in USES if BUNDLED.key_of(use) == row.images_key), None)
    counted = row.correct is not None and use is not None
    text = _IMPORTS.format(data=_DATA if counted else "", measure=_MEASURE if counted else "")
    text += _COUNTS.format(
        weights=row.weights,
        recipe=_written(row.recipe),
        folder=folder,
        size=row.input_size,
        params=row.params,
        nonzero=f"assert nonzero == {row.nonzero}" if row.weights else _FRESH,
        mult_adds=row.mult_adds,
    )
    if counted:
        text += _ACCURACY.format(use=use, total=row.total, correct=row.correct)
    return text


def _written(recipe: Mapping[str, Any]) -> str:
    """A recipe as code: laid out to be read, unless it holds a whole wiring, which is one line."""
    text = pformat(recipe, sort_dicts=False)
    return text if text.count("\n") < MOST_LINES else repr(recipe)
