"""The network that a lesson's controls have chosen: what the lessons on one network share."""

from dataclasses import dataclass

from torch import nn

from explorer.data import DataSet, Use
from explorer.work.kept import Keyed
from explorer.workspace import NetworkSource

USE: Use = "test"
"""The images that these lessons count on."""


@dataclass(frozen=True, eq=False)
class NetworkSelection:
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

    def counted(self, images: int) -> str:
        """On how many of the images something was counted, in words."""
        return self.data.counted(USE, images)
