"""What pruning did to each class and to each image: two networks' logits side by side."""

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from explorer.data import ImageSet
from explorer.measure import Accuracy


@dataclass(frozen=True)
class Flips:
    """Positions of the images whose answer turned, the largest change of the true class's probability first.

    Attributes:
        lost: right before, wrong after.
        won: wrong before, right after.
    """

    lost: tuple[int, ...]
    won: tuple[int, ...]


def flips(before: Tensor, after: Tensor, labels: Tensor) -> Flips:
    """Which answers turned between two networks, from their logits (N, C) and the labels (N,)."""
    was, now = before.argmax(1) == labels, after.argmax(1) == labels
    sure = [logits.softmax(1).gather(1, labels[:, None])[:, 0] for logits in (before, after)]
    change = (sure[1] - sure[0]).abs()

    def ordered(chosen: Tensor) -> tuple[int, ...]:
        positions = torch.nonzero(chosen)[:, 0]
        return tuple(positions[change[positions].argsort(descending=True, stable=True)].tolist())

    return Flips(ordered(was & ~now), ordered(~was & now))


def per_class(before: Tensor, after: Tensor, labels: Tensor, classes: tuple[str, ...]) -> pd.DataFrame:
    """Accuracy of each class before and after, with 95% intervals; one line per class and network.

    Columns class, network, accuracy, accuracy_low, accuracy_high, images, called: how many images the
    network calls so, whatever they are. Classes without images are left out.
    """
    lines = []
    for number, name in enumerate(classes):
        chosen = labels == number
        if not chosen.any():
            continue
        for network, logits in (("dense", before), ("pruned", after)):
            answers = logits.argmax(1)
            counted = Accuracy(int((answers[chosen] == number).sum()), int(chosen.sum()))
            low, high = counted.interval()
            lines.append(
                {
                    "class": name,
                    "network": network,
                    "accuracy": counted.value,
                    "accuracy_low": low,
                    "accuracy_high": high,
                    "images": counted.total,
                    "called": int((answers == number).sum()),
                }
            )
    return pd.DataFrame(lines)


def distributions(before: Tensor, after: Tensor, position: int, classes: tuple[str, ...]) -> pd.DataFrame:
    """Both networks' probabilities for one image: columns class, network, probability."""
    return pd.DataFrame(
        [
            {"class": name, "network": network, "probability": value}
            for network, logits in (("dense", before), ("pruned", after))
            for name, value in zip(classes, logits[position].softmax(0).tolist(), strict=True)
        ]
    )


def describe_classes(before: Tensor, after: Tensor, labels: Tensor, classes: tuple[str, ...]) -> str:
    """Accuracy before and after, the class that loses the most, and the one that gains or at least keeps the most."""
    rows = per_class(before, after, labels, classes).pivot_table(index="class", columns="network")["accuracy"]
    change = 100 * (rows["pruned"] - rows["dense"])
    was, now = ((logits.argmax(1) == labels).float().mean().item() for logits in (before, after))
    worst, best = change.idxmin(), change.idxmax()

    def path(name: object) -> str:
        return f"{rows['dense'][name]:.0%} to {rows['pruned'][name]:.0%}"

    said = [f"Accuracy {was:.1%} before, {now:.1%} after."]
    if change[worst] < 0:
        said.append(f"**{worst}** loses the most: {path(worst)}.")
    if change[best] > 0:
        said.append(f"**{best}** gains the most: {path(best)}.")
    elif change[best] < 0 and best != worst:
        said.append(f"**{best}** loses the least: {path(best)}.")
    if change[worst] == 0:
        said.append("No class loses any.")
    elif change[worst] < 0 == change[best]:
        said.append(f"**{best}** stays at {rows['dense'][best]:.0%}.")
    return " ".join(said)


def flip_table(before: Tensor, after: Tensor, images: ImageSet) -> pd.DataFrame:
    """Every image whose answer turned: position, label, both answers, the true class's probabilities."""
    labels, classes = images.targets(), images.classes
    turned = flips(before, after, labels)
    lines = []
    for kind, positions in (("right, now wrong", turned.lost), ("wrong, now right", turned.won)):
        for position in positions:
            label = int(labels[position])
            lines.append(
                {
                    "image": images.place(position),
                    "turned": kind,
                    "label": classes[label],
                    "dense says": classes[int(before[position].argmax())],
                    "pruned says": classes[int(after[position].argmax())],
                    "p(label) dense": before[position].softmax(0)[label].item(),
                    "p(label) pruned": after[position].softmax(0)[label].item(),
                }
            )
    columns = ["image", "turned", "label", "dense says", "pruned says", "p(label) dense", "p(label) pruned"]
    return pd.DataFrame(lines, columns=columns)
