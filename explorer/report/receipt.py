"""The receipt of a state: a short script that rebuilds it and asserts its numbers."""

from pprint import pformat

from explorer.checkpoints import SHIPPED
from explorer.errors import ExplorerError
from explorer.ledger import State
from explorer.report.rebuild import BUNDLED_USES

_IMPORTS = '''"""Rebuilds one state and asserts its numbers. Run it in the explorer's folder: python receipt.py"""

from pathlib import Path
{more}
from explorer.ledger import counts
from explorer.report.rebuild import rebuild
'''

_COUNTS = """
RECIPE = {recipe}

model = rebuild(RECIPE, Path({folder!r}))
params, nonzero, mult_adds = counts(model, {size})
print(f"{{params:,}} parameters, {{nonzero:,}} not zero, {{mult_adds:,}} multiply-adds")
assert params == {params}
assert nonzero == {nonzero}
assert mult_adds == {mult_adds}
"""

_ACCURACY = """
images = BUNDLED.load({use!r}).select(slice({total}))
scores = logits(model, images.inputs())
found, best = accuracy(scores, images.targets()), scores.topk(2, dim=1).values
print(f"{{found.correct:,}} of {{found.total:,}} right, accuracy {{found.value:.4f}}")
# Another processor rounds differently and may turn answers whose two best logits are this close.
close = int((best[:, 0] - best[:, 1] < 1e-3).sum())
assert abs(found.correct - {correct}) <= close
"""

_MEASURE = """
from explorer.data import BUNDLED
from explorer.measure import accuracy, logits"""


def receipt(state: State, folder: str = SHIPPED.name) -> str:
    """A script of fewer than 60 lines that ends with status 0 only if the state's numbers are reproduced.

    ``folder`` is that of the checkpoints, relative to where the script is run. Milliseconds are not
    in it: they belong to one machine.

    Raises:
        ExplorerError: the state does not say how it was made.
    """
    if not state.recipe:
        raise ExplorerError(f"{state.title} has no receipt: its row does not say how it was made.")
    counted = state.correct is not None and state.images in BUNDLED_USES
    text = _IMPORTS.format(more=_MEASURE if counted else "")
    text += _COUNTS.format(
        recipe=pformat(state.recipe, sort_dicts=False),
        folder=folder,
        size=state.input_size,
        params=state.params,
        nonzero=state.nonzero,
        mult_adds=state.mult_adds,
    )
    if counted:
        text += _ACCURACY.format(use=BUNDLED_USES[state.images], total=state.total, correct=state.correct)
    return text
