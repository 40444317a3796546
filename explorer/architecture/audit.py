"""The sample report's answer 1-2, held against the network whose code it shows."""

from dataclasses import dataclass

import pandas as pd

from explorer.architecture.budget import Budget, budget
from explorer.networks import StudentSpec

CLAIM = "0.38M ~ 38000"
CLAIMED = 38_000
LAST_ROW = "ReLU-22"
QUOTED = (
    *(9_408, 128, 0, 0),
    *(576, 128, 0, 4_096, 128, 0),
    *(576, 128, 0, 8_192, 256, 0),
    *(1_152, 256, 0, 32_768, 512, 0),
)
"""The parameter column of the table that the sample report shows."""


@dataclass(frozen=True)
class Audit:
    """What the sample report's table leaves out, computed from its own network.

    Attributes:
        total: parameters of the network.
        shown: sum of the rows the sample report shows.
        missing: the rows it does not show: columns layer, type, parameters.
        agrees: whether the rows it shows are right as far as they go.
    """

    total: int
    shown: int
    missing: pd.DataFrame
    agrees: bool


def audit() -> Audit:
    """Hold the quoted table against the engine's.

    >>> result = audit()
    >>> result.total, result.shown, int(result.missing["parameters"].sum()), result.agrees
    (99060, 58304, 40756, True)
    """
    costs: Budget = budget(StudentSpec())
    first = costs.layers[: len(QUOTED)]
    rows = costs.layer_table()[["layer", "type", "parameters"]].iloc[len(QUOTED) :].reset_index(drop=True)
    return Audit(costs.total_params, sum(QUOTED), rows, tuple(layer.params for layer in first) == QUOTED)


def explain_claim(total: int) -> str:
    """What the claim is not, and where its figure stands in the torchsummary table of a network of so many parameters.

    >>> explain_claim(50_000)
    'Nor is 0.38M 38,000: it is 380,000.'
    """
    said = f"Nor is 0.38M {CLAIMED:,}: it is 380,000."
    megabytes = f"{total * 4 / 1024**2:.2f}"  # torchsummary's megabytes are of 2^20 bytes
    if CLAIM.startswith(f"{megabytes}M"):
        said += f" torchsummary ends with “Params size (MB): {megabytes}”, which is {total:,} parameters of 4 bytes."
    return said
