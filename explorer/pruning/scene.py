"""What the controls above the tabs of the pruning lesson have chosen."""

from dataclasses import dataclass

from torch import nn

from explorer.data import ImageSet
from explorer.ledger import Origin
from explorer.networks import parameter_count
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow
from explorer.workspace import NetworkSource


@dataclass(frozen=True)
class SweepShown:
    """The sweep that the lesson last showed, for the report: of which network, and where it was measured."""

    name: str
    title: str
    rows: tuple[SweepRow, ...]
    origin: Origin
    where: str


@dataclass(frozen=True)
class FormsShown:
    """The three forms that the lesson last showed, for the report."""

    name: str
    rows: tuple[Form, ...]
    ratio: float
    where: str


@dataclass(frozen=True, eq=False)
class Scene:
    """The network and the images that every tab looks at.

    Attributes:
        source: where the network comes from.
        name: its name in the workspace.
        network: in eval mode; shared, so only ever read.
        images: the first so many test images.
    """

    source: NetworkSource
    name: str
    network: nn.Module
    images: ImageSet

    @property
    def title(self) -> str:
        """The network's title, for people."""
        return self.source.card.title

    @property
    def params(self) -> int:
        """Parameters of the dense network."""
        return parameter_count(self.network)

    @property
    def key(self) -> tuple[str, str]:
        """Tells these weights on these images from any other."""
        return self.source.card.sha256, self.images.key
