"""Masks as the homework asks for them: of each convolution the same share of weights, linear layers left alone.

It is what ``torch.nn.utils.prune.l1_unstructured(module, "weight", amount=ratio)`` does, called for every
``nn.Conv2d`` of the network in turn.
"""

from explorer import palette
from explorer.pruning.methods.entry import PruningMethod
from explorer.pruning.methods.magnitude import magnitudes

HOMEWORK = PruningMethod(
    key="homework",
    title="masked, Conv2d layer by layer",
    kind="mask",
    score=magnitudes,
    color=palette.LIME,
    sentence="Of each convolution the same share of weights is masked, its smallest ones; linear layers stay whole.",
    order=2,
    layerwise=True,
    layers=("convolution",),
)
