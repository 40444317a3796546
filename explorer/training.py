"""One training loop: it takes its loss as an argument and yields its progress.

Every image of a batch is drawn in one of a fixed list of *views* (flipped or not, shifted by whole
pixels), so that a teacher's logits can be computed once per view and looked up ever after.
"""

import io
import pickle
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.files import write_file
from explorer.measure import accuracy, at_once, eval_mode, logit_batches, logits

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(student logits (N, C), labels (N,), teacher logits (N, C) or None) -> scalar loss."""

_UNREADABLE = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, TypeError, LookupError)
"""What ``torch.load`` and reading its result raise for a file that is not such a state."""

View = tuple[bool, int, int]
"""(flipped left to right, shift down, shift right), shifts in pixels of the original image."""


def labels_alone(scores: Tensor, labels: Tensor, teacher: Tensor | None) -> Tensor:
    """The loss of training without a teacher: cross-entropy."""
    return functional.cross_entropy(scores, labels)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; a card carries it whole.

    Attributes:
        epochs: passes over the training images.
        batch_size: images per step.
        max_lr: the peak of the one-cycle schedule.
        weight_decay: L2 penalty of SGD (momentum 0.9, Nesterov).
        seed: of the initial weights, the order of the images and their views.
        shift: the largest shift in pixels; 0 for none.
        diagonal: whether images shift in both directions at once.
        erase: side in pixels of a random grey square put on every image; 0 for none.
        precision: ``bfloat16`` runs forward and backward passes under autocast.
    """

    epochs: int
    batch_size: int = 128
    max_lr: float = 0.1
    weight_decay: float = 5e-4
    seed: int = 0
    shift: int = 1
    diagonal: bool = False
    erase: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2 or self.max_lr <= 0:
            raise ExplorerError(
                "A recipe needs at least 1 epoch, 2 images a batch and a positive learning rate."
            )
        if self.shift < 0 or self.erase < 0:
            raise ExplorerError("Shift and erase are sizes in pixels: 0 or more.")

    @property
    def views(self) -> tuple[View, ...]:
        """Every view an image can be drawn in.

        >>> len(Recipe(epochs=1).views), len(Recipe(epochs=1, shift=2, diagonal=True).views)
        (10, 50)
        """
        steps = range(-self.shift, self.shift + 1)
        shifts = [
            (down, right)
            for down, right in product(steps, steps)
            if self.diagonal or (down == 0 or right == 0)
        ]
        return tuple((flip, down, right) for flip in (False, True) for down, right in shifts)

    @property
    def views_key(self) -> str:
        """Tells recipes with other views apart, where logits are stored.

        >>> Recipe(epochs=1, shift=2, diagonal=True).views_key
        'views-2d'
        """
        return f"views-{self.shift}{'d' if self.diagonal else ''}"


@dataclass(frozen=True)
class Progress:
    """Where a training stands after a step.

    ``validation_accuracy`` is set on the last step of an epoch only, where it is counted; ``loss`` is the step's.
    ``seconds`` are those of all sittings: a run that was stopped and goes on counts from where it was.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    seconds: float
    validation_accuracy: float | None = None

    @property
    def is_epochs_last(self) -> bool:
        """Whether the epoch ends with this step."""
        return self.step * self.epochs == self.epoch * self.steps


def train(
    model: nn.Module,
    images: ImageSet,
    validation: ImageSet | None,
    recipe: Recipe,
    loss: Loss,
    *,
    teacher_logits: Tensor | None = None,
    resume: Path | None = None,
) -> Iterator[Progress]:
    """Train ``model`` in place, yielding its progress after every step.

    SGD with Nesterov momentum and a one-cycle schedule. An epoch depends on the recipe's seed and
    its number alone, so a run that was stopped and resumed ends with the weights it would have had.

    Args:
        validation: what the accuracy is counted on after every epoch; None to count none.
        teacher_logits: (views, N, C), as ``view_logits`` makes it; the matching rows go to ``loss``.
        resume: a file that keeps the state after each epoch; if it exists the run goes on from it.

    Raises:
        ExplorerError: the resume file belongs to another recipe or network, or the recipe asks for
            a teacher's logits of erased images, which cannot be looked up.
    """
    if teacher_logits is not None and recipe.erase:
        raise ExplorerError("Distillation looks the teacher's logits up per view: set erase to 0.")
    labels = images.targets()
    count = None if validation is None else _counter(model, validation)
    per_epoch = len(labels) // recipe.batch_size
    if not per_epoch:
        raise ExplorerError(f"{len(labels)} images are fewer than one batch: take a smaller batch.")
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe.max_lr,
        momentum=0.9,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.max_lr,
        total_steps=max(recipe.epochs * per_epoch, 8),  # its warm-up cannot be shorter than a step
        pct_start=0.25,
        cycle_momentum=False,
    )
    state = _RunState(model, optimizer, schedule, recipe, resume)
    done, before = state.restore()
    started = time.monotonic() - before
    for epoch in range(done, recipe.epochs):
        model.train()
        generator = torch.Generator().manual_seed(recipe.seed * 10_000 + epoch)
        order = torch.randperm(len(labels), generator=generator)
        for step, rows in enumerate(torch.split(order, recipe.batch_size)[:per_epoch], start=1):
            chosen = torch.randint(len(recipe.views), (len(rows),), generator=generator)
            shown = _view(images.pixels(rows.numpy()), chosen, recipe)
            mean_pixel = images.transform.mean_pixel
            batch = images.to_inputs(_erase(shown, recipe.erase, mean_pixel, generator))
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                scores = model(batch)
            value = loss(
                scores.float(),
                labels[rows],
                None if teacher_logits is None else teacher_logits[chosen, rows].float(),
            )
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            result = None
            if step == per_epoch:
                result = None if count is None else count()
                state.save(epoch + 1, time.monotonic() - started)
            yield Progress(
                epoch + 1,
                recipe.epochs,
                epoch * per_epoch + step,
                recipe.epochs * per_epoch,
                value.item(),
                time.monotonic() - started,
                result,
            )


def _counter(model: nn.Module, validation: ImageSet) -> Callable[[], float]:
    """What counts the accuracy of the model as it then is, 0 to 1."""
    # Piece by piece, each time again: 5,000 images at 64 pixels are 245 MB, for each network that is trained in turn.
    inputs, targets = validation.batches(), validation.targets()

    def count() -> float:
        with eval_mode(model):
            return accuracy(logits(model, inputs), targets).value

    return count


def spent(resume: Path) -> float:
    """The seconds that all sittings of the run took whose state ``train`` keeps in ``resume``.

    Of an epoch that was cut off, which the next sitting repeats, the repetition alone counts.

    Raises:
        ExplorerError: the file is no such state.
    """
    return float(_read_state(resume)["seconds"])


def view_logits(teacher: nn.Module, images: ImageSet, recipe: Recipe) -> Iterator[Tensor]:
    """The teacher's logits (N, C) for every view of the recipe, view by view; stack them for ``train``."""
    step = at_once(images.input_size)
    for number in range(len(recipe.views)):
        scores: list[Tensor] = []
        for start in range(0, len(images), step):
            pixels = images.pixels(slice(start, start + step))
            shown = _view(pixels, torch.full((len(pixels),), number), recipe)
            scores += logit_batches(teacher, images.to_inputs(shown))
        yield torch.cat(scores)


def _view(pixels: Tensor, chosen: Tensor, recipe: Recipe) -> Tensor:
    """Each image of (N, H, W) or (N, H, W, 3) in its chosen view; what a shift uncovers is black."""
    margin = recipe.shift
    height, width = pixels.shape[1:3]
    channels = (0, 0) * (pixels.ndim - 3)  # not padded
    padded = torch.nn.functional.pad(pixels, (*channels, margin, margin, margin, margin))
    flip, down, right = torch.tensor(recipe.views)[chosen].unbind(1)
    # Image i takes its rows and columns from its own padded copy by one gather: an index (N, 1, 1) for the
    # image, (N, H, 1) for the rows, (N, 1, W) for the columns broadcast to (N, H, W). Moving the image down
    # means reading further up, so the shift is subtracted; the margin keeps every index inside. A flipped
    # image is the mirror image of the shifted one: what went to the right is then seen on the left.
    rows = torch.arange(height) + (margin - down)[:, None]
    columns = torch.arange(width) + (margin - right)[:, None]
    columns = torch.where(flip.bool()[:, None], columns.flip(1), columns)
    return padded[torch.arange(len(pixels))[:, None, None], rows[:, :, None], columns[:, None, :]]


def _erase(pixels: Tensor, side: int, mean_pixel: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """A square of ``side`` pixels at a random place of each image, in the mean pixel."""
    if not side:
        return pixels
    height, width = pixels.shape[1:3]
    top = torch.randint(1 - side, height, (len(pixels), 1, 1), generator=generator)
    left = torch.randint(1 - side, width, (len(pixels), 1, 1), generator=generator)
    row, column = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
    inside = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
    # The mean pixel, so that the square carries no signal after normalisation.
    if pixels.ndim == 4:
        return torch.where(inside[..., None], torch.tensor(mean_pixel, dtype=torch.uint8), pixels)
    return pixels.masked_fill(inside, mean_pixel[0])


class _RunState:
    """The state of a run on disk, written after every epoch, so that an interruption costs one at most."""

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        recipe: Recipe,
        path: Path | None,
    ) -> None:
        self.parts: dict[str, Any] = {
            "model": model,
            "optimizer": optimizer,
            "schedule": schedule,
        }
        self.recipe, self.path = recipe, path

    def restore(self) -> tuple[int, float]:
        """Load the last saved epoch, if any; how many epochs are done, and the seconds that they took."""
        if self.path is None or not self.path.exists():
            return 0, 0.0
        saved = _read_state(self.path)
        if saved["recipe"] != asdict(self.recipe):
            raise ExplorerError(
                f"{self.path} holds an unfinished run with another recipe: delete it or train "
                "under another name."
            )
        try:
            for name, part in self.parts.items():
                part.load_state_dict(saved[name])
        except (RuntimeError, ValueError, KeyError) as error:
            raise ExplorerError(
                f"{self.path} holds an unfinished run of another network: delete it or train "
                "under another name."
            ) from error
        return saved["epochs_done"], saved["seconds"]

    def save(self, epochs_done: int, seconds: float) -> None:
        if self.path is None:
            return
        content = io.BytesIO()
        torch.save(
            {name: part.state_dict() for name, part in self.parts.items()}
            | {"recipe": asdict(self.recipe), "epochs_done": epochs_done, "seconds": seconds},
            content,
        )
        write_file(self.path, content.getbuffer())


def _read_state(path: Path) -> dict[str, Any]:
    """What ``_RunState.save`` wrote, as far as it is the same for every network."""
    try:
        # weights_only: a resume file from elsewhere may hold code, and none of it must run.
        saved = torch.load(path, weights_only=True)
        known = {"epochs_done": int(saved["epochs_done"]), "seconds": float(saved["seconds"])}
        return {**saved, **known, "recipe": saved["recipe"]}
    except _UNREADABLE as error:
        raise ExplorerError(
            f"{path} is no unfinished run, or a damaged one: delete it, and the run starts anew."
        ) from error
