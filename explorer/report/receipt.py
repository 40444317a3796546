"""The receipt of a row: a short script that rebuilds its network and asserts its numbers."""

from collections.abc import Iterable, Mapping
from pprint import pformat
from types import MappingProxyType
from typing import Any

from explorer.checkpoints import SHIPPED
from explorer.data import BUNDLED, USES
from explorer.errors import ExplorerError
from explorer.ledger import LedgerRow, Recipe
from explorer.report.rebuild import why_not_rebuilt
from explorer.steps.make import EXACT
from explorer.workspace import NetworkSource

_IMPORTS = '''"""Rebuilds a row of the ledger and asserts it; in the explorer's folder: python receipt.py{folder}"""

{sys}from pathlib import Path

{data}from explorer.ledger import count_network
{measure}from explorer.report.rebuild import rebuild
from explorer.workspace import networks_in
'''

_COUNTS = """
WEIGHTS = {weights!r}{which}
RECIPE = {recipe}

networks, _ = networks_in(Path({folder}))
state = rebuild(WEIGHTS, RECIPE, networks, size={size})
params, nonzero, mult_adds = count_network(state.plain, {size})
print(f"{{params:,}} parameters, {{nonzero:,}} not zero, {{mult_adds:,}} multiply-adds")
assert params == {params}
{nonzero}
assert mult_adds == {mult_adds}
"""

_ACCURACY = """
images = BUNDLED.load({use!r}).stratified({total})
scores = logits(state.network, images.inputs())
right, best = accuracy(scores, images.targets()), scores.topk(2, dim=1).values
print(f"{{right.correct:,}} of {{right.total:,}} right, accuracy {{right.value:.4f}}")
# {why}
close = int((best[:, 0] - best[:, 1] < {limit:g}).sum())
assert abs(right.correct - {correct}) <= close
"""

_FRESH = "# How many of its fresh weights are zero says nothing: a design counts all of them as not zero."
_CLOSE = (
    "Another processor rounds differently and may turn answers whose two best logits are this close.",
    1e-3,
)
_FITTED = "Sums of a fit, of a training or of whole numbers differ more from one processor to another.", 0.5
MOST_LINES = 12  # of a recipe

_DATA = "from explorer.data import BUNDLED\n"
_MEASURE = "from explorer.measure import accuracy, logits\n"


def why_no_receipt(
    row: LedgerRow, shipped: Iterable[NetworkSource], files: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Why no other copy of the explorer can rebuild this row, as a sentence; empty if each can.

    ``files`` are names of the user's own files by the sha256 of the networks in them.
    """
    if not row.weights:
        return "" if "spec" in row.recipe else "This row has no receipt: it does not say how it was made."
    if row.weights not in {*(source.card.sha256 for source in shipped), *files}:
        return (
            "This row has no receipt: its weights do not ship with the explorer and are in no file of yours."
        )
    takes = Recipe.from_dict(row.recipe).training if not (why := why_not_rebuilt(row.recipe)) else ""
    if takes and takes != BUNDLED.key_of("training"):
        return "This row has no receipt: it was made with training images of yours."
    return why


def receipt(
    row: LedgerRow,
    shipped: Iterable[NetworkSource],
    folder: str = SHIPPED.name,
    files: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A script of fewer than 60 lines that ends with status 0 only if the row's numbers are reproduced.

    Milliseconds are not in it: they belong to one machine. Right answers are, if they were counted on images that ship.

    Args:
        row: what is rebuilt.
        shipped: the networks that every copy of the explorer has.
        folder: that of the shipped checkpoints, relative to where the script is run.
        files: names of the user's own files by the sha256 of the networks in them; the folder that such a file lies
            in is given to the script.

    Raises:
        ExplorerError: no other copy of the explorer can rebuild the row.
    """
    shipped = tuple(shipped)
    refusal = why_no_receipt(row, shipped, files)
    if refusal:
        raise ExplorerError(refusal)
    own = bool(row.weights) and all(source.card.sha256 != row.weights for source in shipped)
    use = next((use for use in USES if BUNDLED.key_of(use) == row.images_key), None)
    counted = row.correct is not None and use is not None
    text = _IMPORTS.format(
        folder=" FOLDER" if own else "",
        sys="import sys\n" if own else "",
        data=_DATA if counted else "",
        measure=_MEASURE if counted else "",
    )
    text += _COUNTS.format(
        weights=row.weights,
        which=f"  # the sha256 of {files[row.weights]!a}, which must lie in FOLDER" if own else "",
        recipe=_written(row.recipe),
        folder="sys.argv[1]" if own else repr(folder),
        size=row.input_size,
        params=row.params,
        nonzero=f"assert nonzero == {row.nonzero}" if row.weights else _FRESH,
        mult_adds=row.mult_adds,
    )
    if counted:
        exact = row.weights and all(isinstance(step, EXACT) for step in Recipe.from_dict(row.recipe).steps)
        why, limit = _CLOSE if exact else _FITTED
        text += _ACCURACY.format(use=use, total=row.total, correct=row.correct, why=why, limit=limit)
    return text


def _written(recipe: Mapping[str, Any]) -> str:
    """A recipe as code: laid out to be read, unless it holds a whole wiring, which is one line."""
    text = pformat(recipe, sort_dicts=False)
    return text if text.count("\n") < MOST_LINES else repr(recipe)
