"""One network before and after pruning: both networks' answers to every image."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.measure import at_once, logit_batches
from explorer.pruning.amount import cost_when_pruned
from explorer.pruning.engine import prune_network
from explorer.pruning.masks import check_ratio
from explorer.pruning.methods import get_method
from explorer.pruning.recovery import RECALIBRATION_BATCH, recalibrate
from explorer.work.identity import setting
from explorer.work.instrument import Instrument, InstrumentSpec
from explorer.work.progress import Update

BATCH = 50


@dataclass(frozen=True)
class AnswersSettings:
    """How one network is pruned, and on how many of the images its answers are looked at.

    Attributes:
        images: so many of the images, each class by its share.
        method: how it is pruned, by key.
        ratio: share of the weights, or of each group's channels.
        recalibrate: batches of 100 training images that BatchNorm is recalibrated on; 0 for none.
        training: key of the training images that the recalibration and some methods take; else empty.
    """

    images: int = setting("images", "{:,}".format)
    method: str = setting("method", lambda key: get_method(key).title)
    ratio: float = setting("ratio", "{:.0%}".format)
    recalibrate: int = setting("recalibration", "{} batches".format, default=0)
    training: str = setting("training images", lambda key: key[:6] or "none", default="")

    def __post_init__(self) -> None:
        get_method(self.method)  # refuses an unknown one
        check_ratio(self.ratio)

    @property
    def needs_training(self) -> bool:
        """Whether training images are needed: to recalibrate, or by a method that looks at some."""
        return bool(self.recalibrate or get_method(self.method).images)

    @property
    def title(self) -> str:
        """How it was pruned, for people."""
        recovery = f", BatchNorm recalibrated on {self.recalibrate} batches" if self.recalibrate else ""
        return f"{get_method(self.method).title}, {self.ratio:.0%}{recovery}"


@dataclass(frozen=True, eq=False)
class AnswerBatch:
    """Logits (n, C) of the same n images, of the dense and of the pruned network."""

    dense: Tensor
    pruned: Tensor


def pruned_network(spec: InstrumentSpec[AnswersSettings]) -> Generator[Update, None, nn.Module]:
    """The network of a spec, pruned and recalibrated as it asks for: the same weights whenever it is made."""
    settings = spec.settings
    shard = (yield from spec.data.read("training")) if settings.needs_training else None
    network = prune_network(spec.network.load(), get_method(settings.method), settings.ratio, images=shard)
    if settings.recalibrate and shard is not None:
        recalibrate(network, shard, settings.recalibrate)
    return network


class Answers(Instrument[AnswersSettings, AnswerBatch]):
    """The answers of both networks, batch by batch."""

    key = "answers"
    title = "both networks' answers"
    unit = "batches of images"
    resumes = True

    def steps(self, spec: InstrumentSpec[AnswersSettings]) -> int:
        """A part for every batch."""
        return -(-spec.settings.images // _batch(spec))

    def work(self, spec: InstrumentSpec[AnswersSettings]) -> float:
        """Every image through both networks."""
        settings = spec.settings
        removes = get_method(settings.method).kind == "removal"
        dense, pruned = (cost_when_pruned(spec, ratio) for ratio in (0.0, settings.ratio * removes))
        return settings.images * (dense + pruned) + settings.recalibrate * RECALIBRATION_BATCH * pruned

    def run(
        self, spec: InstrumentSpec[AnswersSettings], done: Sequence[AnswerBatch] = ()
    ) -> Generator[Update | AnswerBatch, None, None]:
        """The batches that are not done yet."""
        pruned = yield from pruned_network(spec)
        images = (yield from spec.data.read(spec.use)).stratified(spec.settings.images)
        inputs = images.select(slice(sum(len(part.dense) for part in done), None)).batches()
        batches = (logit_batches(network, inputs, BATCH) for network in (spec.network.load(), pruned))
        for dense, after in zip(*batches, strict=True):
            yield AnswerBatch(dense, after)


ANSWERS = Answers()


def _batch(spec: InstrumentSpec[AnswersSettings]) -> int:
    return at_once(spec.data.input_size, BATCH)


@dataclass(frozen=True, eq=False)
class PrunedAnswers:
    """The answers so far: logits (N, C) of the first N images, of the dense and of the pruned network."""

    settings: AnswersSettings
    dense: Tensor
    pruned: Tensor

    @classmethod
    def joined(cls, settings: AnswersSettings, parts: Sequence[AnswerBatch]) -> "PrunedAnswers":
        """From the parts of a run, one or more."""
        return cls(
            settings,
            torch.cat([part.dense for part in parts]),
            torch.cat([part.pruned for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.dense)
