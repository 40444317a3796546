"""What the controls above the tabs of the pruning lesson have chosen."""

from dataclasses import dataclass

from torch import nn

from explorer.data import ImageSet
from explorer.ledger import Origin
from explorer.networks import parameter_count
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow


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
        name: of the checkpoint, or the title of a network trained in this session.
        title: for people.
        network: in eval mode; shared, so only ever read.
        images: the first so many test images.
        shipped: whether it is a checkpoint that ships, with stored results and a script.
    """

    name: str
    title: str
    network: nn.Module
    images: ImageSet
    shipped: bool

    @property
    def params(self) -> int:
        """Parameters of the dense network."""
        return parameter_count(self.network)

    @property
    def key(self) -> tuple[str, str, int, float]:
        """Tells this network on these images from any other, also from one trained anew under its name."""
        weights = float(sum(parameter.detach().sum() for parameter in self.network.parameters()))
        return self.name, self.images.name, len(self.images), weights
