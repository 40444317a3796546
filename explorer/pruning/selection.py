"""What the controls above the tabs of the pruning lesson have chosen, and what the lesson last showed of it."""

from dataclasses import dataclass
from typing import TypeVar

from explorer.data import ImageSet
from explorer.ledger import Origin
from explorer.networks import parameter_count
from explorer.pruning.forms import Form
from explorer.pruning.sweep import SweepRow
from explorer.selection import USE, NetworkSelection
from explorer.work.instrument import InstrumentSpec
from explorer.workspace import Workspace

SettingsType = TypeVar("SettingsType")


@dataclass(frozen=True, eq=False)
class PruningSelection(NetworkSelection):
    """The network and the images that every tab looks at.

    Attributes, besides those of a network:
        images: so many of its test images, each class by its share.
    """

    images: ImageSet

    @property
    def params(self) -> int:
        """Parameters of the dense network."""
        return parameter_count(self.network)

    def training_key(self, *, needed: bool) -> str:
        """The key of the training images, for the settings of what needs them; else empty."""
        return self.data.key_of("training") if needed else ""

    def spec(self, settings: SettingsType) -> InstrumentSpec[SettingsType]:
        """What an instrument with these settings is to measure of this network on these images."""
        return InstrumentSpec(self.source, self.data, USE, self.images.whole, settings)


@dataclass(frozen=True)
class MeasuredNetwork:
    """Of what figures are: a network by name, title and sha256 of its weights, and the key of all the images."""

    name: str
    title: str
    weights: str
    images: str

    @classmethod
    def of(cls, selection: PruningSelection) -> "MeasuredNetwork":
        """The network and the images of a selection."""
        return cls(selection.name, selection.title, selection.weights, selection.images.whole)

    def is_in(self, workspace: Workspace) -> bool:
        """Whether a workspace has just this network, under this name, and just these images."""
        card = workspace.cards.get(self.name)
        return card is not None and card.sha256 == self.weights and workspace.data.key_of(USE) == self.images


@dataclass(frozen=True)
class SweepShown:
    """The sweep that the lesson last showed, for the report: of what, and where it was measured."""

    measured: MeasuredNetwork
    rows: tuple[SweepRow, ...]
    origin: Origin
    where: str


@dataclass(frozen=True)
class FormsShown:
    """The forms that the lesson last showed, for the report: of what, and where they were measured."""

    measured: MeasuredNetwork
    rows: tuple[Form, ...]
    ratio: float
    origin: Origin
    where: str
