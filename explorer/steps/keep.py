"""What a path leaves: a network that every lesson can go on with, and a file for another runtime."""

from collections.abc import Generator, Sequence
from dataclasses import replace

from explorer.data import DataSet
from explorer.errors import ExplorerError
from explorer.ledger import Export, Round, Step, origin_of, recipe_of
from explorer.steps.make import describe_step, made
from explorer.work.progress import Update, follow
from explorer.workspace import NetworkSource, trained_network


def kept_network(
    source: NetworkSource, steps: Sequence[Step], data: DataSet
) -> Generator[Update, None, NetworkSource]:
    """The network after these steps as one of the session's, which knows what it was made from.

    It is what can be stored as weights: without an export, and with activations in float32.
    """
    stored = [
        replace(step, activations=0) if isinstance(step, Round) else step
        for step in steps
        if not isinstance(step, Export)
    ]
    training = data.key_of("training")
    state = yield from made(source.load(), recipe_of(training, *stored), data.input_size, (data,))
    base, recipe = origin_of(source, training, *stored)
    title = ", ".join((source.card.title, *map(describe_step, stored)))
    return trained_network(
        title,
        state.plain,
        input_size=data.input_size,
        trained_on=f"made here from {source.card.title}",
        base=base,
        recipe=recipe,
    )


def onnx_file(source: NetworkSource, steps: Sequence[Step], data: DataSet) -> bytes:
    """The content of the .onnx file that these steps end in.

    Raises:
        ExplorerError: they do not end in an export.
    """
    recipe = recipe_of(data.key_of("training"), *steps)
    state = follow(made(source.load(), recipe, data.input_size, (data,)), lambda update: None)
    if state.file is None:
        raise ExplorerError(
            "Only a network that was exported has such a file: add an export as the last step."
        )
    return state.file
