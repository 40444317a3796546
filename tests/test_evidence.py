from pathlib import Path

import pytest
import torch

from explorer import checkpoints, evidence
from explorer.data import ImageSet
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import StudentNet, StudentSpec
from tests.checkpoints.test_catalogue import card_for

SAMPLE = slice(100, 140)


@pytest.mark.parametrize("name", ["teacher", "student-60k", "student-60k-kd", "report", "report-kd"])
def test_the_shipped_logits_are_those_of_the_shipped_weights(name: str, validation: ImageSet) -> None:
    table = evidence.read_logits(name)
    fresh = logits(checkpoints.load(name), validation.select(SAMPLE).inputs())
    assert torch.allclose(table[SAMPLE], fresh, atol=1e-3)
    assert accuracy(table, validation.targets()).value == checkpoints.card(name).validation_accuracy


def test_logits_of_other_weights_are_refused(tmp_path: Path) -> None:
    spec = StudentSpec(3, (2, 3, 4, 5), classes=10)
    for seed in (0, 1):
        torch.manual_seed(seed)
        checkpoints.write(card_for("net", spec), StudentNet(spec).state_dict(), tmp_path)
        if seed == 0:
            assert list(evidence.write_logits(["net"], "validation", tmp_path)) == ["net"]
            assert evidence.read_logits("net", "validation", tmp_path).shape == (5_000, 10)
    with pytest.raises(ExplorerError, match="are not those of net"):
        evidence.read_logits("net", "validation", tmp_path)
    with pytest.raises(ExplorerError, match="There are no logits of other"):
        evidence.read_logits("other", "validation", tmp_path)
    with pytest.raises(ExplorerError, match="cannot be read"):
        evidence.read_logits("net", "test", tmp_path)
