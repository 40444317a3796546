"""How many images the user's networks get right, as an instrument."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from explorer.data import DataSet
from explorer.measure import Accuracy, accuracy, other_order
from explorer.networks import cost_of
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec, SeveralNetworks
from explorer.work.progress import Update
from explorer.workspace import NetworkSource, Workspace

NAMED = 12  # classes


@dataclass(frozen=True)
class AccuraciesSettings:
    """How many validation images there are, at most: all are counted."""

    images: int = setting("images", "{:,}".format)


@dataclass(frozen=True)
class NetworkAccuracy:
    """The right answers of one network.

    Attributes:
        weights: sha256 of its weights.
        title: for people.
        right: of all validation images.
        order: if it seems to have its classes in another order, for each logit the label it seems to stand for.
    """

    weights: str
    title: str
    right: Accuracy
    order: tuple[int, ...] = ()


class NetworkAccuracies(Instrument[AccuraciesSettings, NetworkAccuracy]):
    """Each network's right answers on all validation images; its logits are kept on disk, for the lessons."""

    key, title, unit, resumes = "accuracies", "the accuracy of your networks", "networks", True

    def steps(self, spec: InstrumentSpec[AccuraciesSettings]) -> int:
        """One part for each network."""
        return len(_networks(spec))

    def work(self, spec: InstrumentSpec[AccuraciesSettings]) -> float:
        """One pass of each network over the images."""
        cards = [source.card for source in _networks(spec)]
        specs = [card.network_spec() for card in cards]
        return float(
            spec.settings.images * sum(cost_of(each, spec.data.input_size).mult_adds for each in specs)
        )

    def run(
        self, spec: InstrumentSpec[AccuraciesSettings], done: Sequence[NetworkAccuracy] = ()
    ) -> Generator[Update | NetworkAccuracy, None, None]:
        """Each network in turn."""
        networks = _networks(spec)
        assert isinstance(spec.data, DataSet)
        images = yield from spec.data.read("validation")
        for source in networks[len(done) :]:
            workspace = Workspace(spec.data, (source,))
            (name,) = workspace.sources
            logits = yield from workspace.logits(name, images)
            labels = images.targets()
            right, order = accuracy(logits.values, labels), other_order(logits.values, labels)
            yield NetworkAccuracy(source.card.sha256, source.card.title, right, order)

    def describe(self, part: NetworkAccuracy) -> str:
        """Its title."""
        return part.title


ACCURACIES = NetworkAccuracies()


def accuracies_spec(sources: Sequence[NetworkSource], data: DataSet) -> InstrumentSpec[AccuraciesSettings]:
    """What measures these networks on a data set's validation images."""
    settings = AccuraciesSettings(data.sizes["validation"])
    networks = SeveralNetworks(tuple(sources))
    return InstrumentSpec(networks, data, "validation", data.key_of("validation"), settings)


def said_of_order(title: str, classes: Sequence[str], order: Sequence[int]) -> str:
    """What is told of a network that seems to have its classes in another order than its images."""
    names = ", ".join(classes[label] for label in order[:NAMED])
    return (
        f"{title} would be right far more often if its classes came in another order: {names}"
        f"{', ...' if len(order) > NAMED else ''}. They may be in another order than the folder's: name the class "
        "folders so that they sort as they did when it was trained."
    )


def _networks(spec: InstrumentSpec[AccuraciesSettings]) -> tuple[NetworkSource, ...]:
    assert isinstance(spec.network, SeveralNetworks)
    return spec.network.networks
