"""What the architecture lesson is set to."""

from dataclasses import dataclass, field

from explorer.architecture.presets import LIMITS
from explorer.networks import NetworkSpec, StudentSpec


@dataclass(frozen=True)
class ArchitectureState:
    """A design: the network, its input size in pixels, and the most parameters allowed.

    Without arguments it is the sample report's network against the limit it had to keep.
    """

    spec: NetworkSpec = field(default_factory=StudentSpec)
    size: int = 224
    limit: int = LIMITS["Spring 2023"]
