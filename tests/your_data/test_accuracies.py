"""The accuracy of the user's networks as an instrument: right answers against a plain loop, identities, pickles."""

import pickle
from pathlib import Path

import pytest
import torch

from explorer.data import open_data_set
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec
from explorer.work.instrument import measure
from explorer.work.progress import follow
from explorer.workspace import trained_network
from explorer.your_data.accuracies import ACCURACIES, accuracies_spec
from tests.data.conftest import cache, dishes  # noqa: F401


def two_of_one_title() -> tuple:
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = StudentNet(StudentSpec(4, (4, 5, 6, 7), classes=3)).eval()
        with torch.no_grad():
            model.fc.bias.copy_(torch.nn.functional.one_hot(torch.tensor(seed), 3) * 9.0)
        made.append(trained_network("student.ckpt", model, input_size=64, trained_on="nothing"))
    return tuple(made)


def test_each_network_gets_the_right_answers_of_its_own_weights(dishes: Path) -> None:  # noqa: F811
    for index in (9, 10, 11):  # so that the classes are not equally frequent
        (dishes / "bread" / f"{index}.png").unlink()
    data = open_data_set(dishes, size=64)
    images = follow(data.read("validation"), lambda update: None)
    sources = two_of_one_title()
    spec = pickle.loads(pickle.dumps(accuracies_spec(sources, data)))  # noqa: S301 (written here)
    parts = measure(ACCURACIES, spec)
    assert len(parts) == ACCURACIES.steps(spec) == 2
    for source, part in zip(sources, parts, strict=True):
        assert part.weights == source.card.sha256
        assert part.right == accuracy(logits(source.load(), images.inputs()), images.targets())
    assert parts[0].right != parts[1].right, "two inputs, two outputs"
    assert tuple(measure(ACCURACIES, accuracies_spec(sources[1:], data))) == parts[1:]
    rest = [part for part in ACCURACIES.run(spec, parts[:1]) if hasattr(part, "right")]
    assert tuple(rest) == parts[1:], "it goes on where it was stopped"


def test_the_identity_follows_weights_and_images(dishes: Path) -> None:  # noqa: F811
    one, other = two_of_one_title()
    data, fewer = open_data_set(dishes, size=64), open_data_set(dishes, 3, size=64)
    identities = {
        ACCURACIES.identity(accuracies_spec(sources, images))
        for sources in ((one,), (other,), (one, other))
        for images in (data, fewer)
    }
    assert len(identities) == 6
    assert ACCURACIES.work(accuracies_spec((one, other), data)) == pytest.approx(
        2 * ACCURACIES.work(accuracies_spec((one,), data))
    )
