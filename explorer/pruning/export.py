"""A pruned network to take along: as a checkpoint, and as a script that rebuilds it and asserts its numbers."""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer.checkpoints import labelled, stored
from explorer.data import DataSet, Use
from explorer.measure import Accuracy, accuracy
from explorer.networks import describe, nonzero_count, parameter_count, source_code
from explorer.onefile import Described, html_file
from explorer.pruning.answers import AnswersSettings, pruned_network
from explorer.pruning.methods import get_method
from explorer.work.instrument import InstrumentSpec
from explorer.work.progress import Update, follow
from explorer.workspace import uploaded_networks

CLOSE = 1e-3  # logits; another processor rounds differently, so such an answer may turn there


@dataclass(frozen=True)
class Receipt:
    """What a pruned network was measured to be.

    Attributes:
        checkpoint: the shipped network it comes from.
        method: how it was pruned, by key.
        ratio: the share that was asked for.
        recalibrated: batches of the training shard that BatchNorm was recalibrated on.
        seed: of the random methods.
        params: parameters it stores, zeros included.
        nonzero: parameters that are not zero.
        correct: right answers.
        images: on so many test images: the first ones of a stratified choice.
        chosen: how many that choice has.
        close: images whose two highest logits are so close that another processor may decide otherwise.
    """

    checkpoint: str
    method: str
    ratio: float
    recalibrated: int
    seed: int
    params: int
    nonzero: int
    correct: int
    images: int
    chosen: int
    close: int


def receipt(
    network: nn.Module,
    logits: Tensor,
    labels: Tensor,
    chosen: int,
    checkpoint: str,
    method: str,
    ratio: float,
    recalibrated: int = 0,
    seed: int = 0,
) -> Receipt:
    """The numbers of a pruned network with these logits (N, C), labels (N,), on the first of ``chosen`` images."""
    best = logits.topk(2, dim=1).values
    return Receipt(
        checkpoint,
        method,
        ratio,
        recalibrated,
        seed,
        parameter_count(network),
        nonzero_count(network),
        accuracy(logits, labels).correct,
        len(labels),
        chosen,
        int((best[:, 0] - best[:, 1] < CLOSE).sum()),
    )


@dataclass(frozen=True)
class TakenAlong:
    """A pruned network as files.

    Attributes:
        receipt: its numbers.
        content: the .safetensors file.
        code: the class that its weights fit, for torch alone.
        reopened_as: what kind of network the file was found to be when it was opened again.
        reopened_params: how many parameters that has.
    """

    receipt: Receipt
    content: bytes
    code: str
    reopened_as: str
    reopened_params: int

    def load(self) -> nn.Module:
        """The network in the file, for what is made of it."""
        return reopened(self.content)


def take_along(
    spec: InstrumentSpec[AnswersSettings], logits: Tensor, checkpoint: str, code_class: str
) -> Generator[Update, None, TakenAlong]:
    """The pruned network of a spec as files.

    Args:
        spec: what is pruned, and how.
        logits: the pruned network's on the first of the chosen images, (N, C).
        checkpoint: the name of the network that it comes from.
        code_class: the name of the class in its code.
    """
    yield Update("pruning a copy", 0, 2)
    settings, network = spec.settings, (yield from pruned_network(spec))
    images = (yield from spec.data.read(spec.use)).stratified(settings.images)
    numbers = receipt(
        network,
        logits,
        images.targets()[: len(logits)],
        len(images),
        checkpoint,
        settings.method,
        settings.ratio,
        settings.recalibrate,
    )
    yield Update("writing its file", 1, 2)
    content = to_file(network)
    again = reopened(content)
    code = source_code(network, code_class)
    return TakenAlong(numbers, content, code, describe(again), parameter_count(again))


def to_file(network: nn.Module) -> bytes:
    """The network as a .safetensors file that says what it is; in float16 where that loses nothing, else in float32."""
    halves = stored(network, torch.float16)
    exact = all(
        torch.equal(tensor.to(halves[name].dtype).to(tensor.dtype), tensor)
        for name, tensor in network.state_dict().items()
    )
    return labelled(network, torch.float16 if exact else torch.float32)


def one_page(taken: TakenAlong, title: str, data: DataSet, use: Use) -> bytes:
    """The network as an HTML page that runs it by itself; the first images of each class are in it."""
    numbers, noun = taken.receipt, data.noun(use)
    counted = Accuracy(numbers.correct, numbers.images)
    sentences = (
        f"Torch gets {counted.correct:,} right, {counted.value:.1%}, of {data.counted(use, counted.total)}.",
        f"The photographs are {noun}s of {data.provenance}.",
    )
    images = follow(data.read(use), lambda _: None)
    return html_file(taken.load(), images, Described(title, sentences))


def reopened(content: bytes) -> nn.Module:
    """The network in such a file, opened as any visitor's file is."""
    (network,) = uploaded_networks("pruned.safetensors", content)
    return network.load()


_SCRIPT = '''"""{checkpoint}, {title}, {ratio:.0%}: rebuilt from the shipped weights, its numbers asserted.

{sentence}
Run it in the folder of the Compression Explorer, in its environment: python {file}
"""

from pathlib import Path

from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.measure import accuracy, logits
from explorer.networks import nonzero_count, parameter_count
from explorer.pruning.engine import prune_network
from explorer.pruning.export import to_file
from explorer.pruning.methods import get_method
{imports}
model = load("{checkpoint}")  # the file is checked by its sha256
pruned = prune_network(model, get_method("{method}"), {ratio!r}, seed={seed}{images_used})
{recovery}

params = parameter_count(pruned)
nonzero = nonzero_count(pruned)
print(f"{{params:,}} parameters stored, {{nonzero:,}} of them not zero")
assert params == {params}
assert nonzero == {nonzero}

test = BUNDLED.load("test").stratified({chosen}){part}
counted = accuracy(logits(pruned, test.inputs()), test.targets())
print(f"{{counted.correct}} of {{counted.total}} test images right, {{counted.value:.2%}}")
# The two highest logits of {close} of these images differ by less than {limit:g}: another processor may turn them.
assert abs(counted.correct - {correct}) <= {close}

Path("{stem}.safetensors").write_bytes(to_file(pruned))
'''


def stem(receipt: Receipt) -> str:
    """A file name for it, without its ending.

    >>> stem(Receipt("teacher", "global-l1", 0.8, 0, 0, 1, 1, 1, 1, 1, 0))
    'teacher-global-l1-80'
    """
    ending = "-recalibrated" if receipt.recalibrated else ""
    return f"{receipt.checkpoint}-{receipt.method}-{100 * receipt.ratio:g}{ending}"


def script(receipt: Receipt) -> str:
    """A Python script that rebuilds the network, asserts the receipt's numbers and stores it."""
    imports = recovery = ""
    if receipt.recalibrated:
        imports = "from explorer.pruning.recovery import recalibrate\n"
        recovery = f'recalibrate(pruned, BUNDLED.load("training"), {receipt.recalibrated})\n'
    method = get_method(receipt.method)
    return _SCRIPT.format(
        title=method.title,
        sentence=method.sentence,
        method=method.key,
        images_used=', images=BUNDLED.load("training")' if method.images else "",
        seed=receipt.seed,
        ratio=receipt.ratio,
        checkpoint=receipt.checkpoint,
        file=f"{stem(receipt)}.py",
        stem=stem(receipt),
        imports=imports,
        recovery=recovery,
        params=receipt.params,
        nonzero=receipt.nonzero,
        chosen=receipt.chosen,
        part="" if receipt.images == receipt.chosen else f".select(slice({receipt.images}))",
        correct=receipt.correct,
        close=receipt.close,
        limit=CLOSE,
    )
