"""What is chosen above the tabs of the lesson on fewer bits."""

from dataclasses import dataclass
from typing import TypeVar

from explorer.selection import USE, NetworkSelection
from explorer.work.instrument import InstrumentSpec

SettingsType = TypeVar("SettingsType")


@dataclass(frozen=True, eq=False)
class BitsSelection(NetworkSelection):
    """The network that every tab looks at."""

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
