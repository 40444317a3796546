"""What is chosen above the tabs of the lesson on fewer bits."""

from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from explorer.data import DataSet, Use
from explorer.work.instrument import InstrumentSpec
from explorer.work.kept import Keyed
from explorer.workspace import NetworkSource

USE: Use = "test"
SettingsType = TypeVar("SettingsType")


@dataclass(frozen=True, eq=False)
class BitsSelection:
    """The network that every tab looks at.

    Attributes:
        source: where the network comes from.
        name: its name in the workspace.
        network: the network itself, in eval mode; shared, so only ever read.
        data: the data set.
    """

    source: NetworkSource
    name: str
    network: nn.Module
    data: DataSet

    @property
    def title(self) -> str:
        """The network's title, for people."""
        return self.source.card.title

    @property
    def weights(self) -> str:
        """The sha256 of the network's weights."""
        return self.source.card.sha256

    @property
    def keyed(self) -> Keyed[nn.Module]:
        """The network, for what is computed of it once for all visitors."""
        return Keyed((self.weights,), self.network)

    @property
    def noun(self) -> str:
        """What one of the images is called."""
        return self.data.noun(USE)

    @property
    def images(self) -> str:
        """The key of all the images."""
        return self.data.key_of(USE)

    @property
    def training(self) -> str:
        """The key of the training images, on which ranges are calibrated."""
        return self.data.key_of("training")

    def spec(self, settings: SettingsType) -> InstrumentSpec[SettingsType]:
        """What an instrument with these settings is to measure of this network."""
        return InstrumentSpec(self.source, self.data, USE, self.images, settings)

    def counted(self, images: int) -> str:
        """So many of the images, in words.

        Says "all" where these are all: the first ones of a set need not be as hard as the rest.
        """
        whole = self.data.sizes[USE]
        return f"all {whole:,} {self.noun}s" if images >= whole else f"the first {images:,} {self.noun}s"
