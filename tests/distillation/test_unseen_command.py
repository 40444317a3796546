"""``unseen`` from a terminal: what was trained is counted, kept, and written as what ships."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, card, catalogue
from explorer.checkpoints.evidence import damaged, find_rows
from explorer.data import BUNDLED, ImageSet
from explorer.distillation import unseen, unseen_command
from explorer.distillation.live import EpochEnd, pack_logits
from explorer.distillation.unseen_command import UnseenPlan, name_of, train_without
from explorer.errors import ExplorerError
from explorer.workspace import NetworkSource

TEACHER = card("teacher")


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UnseenPlan:
    """Where pairs of two classes were trained: what ships stands for what a training brings."""

    def brought(_: object, spec: object) -> tuple[EpochEnd, ...]:
        settings = spec.settings  # type: ignore[attr-defined]
        found = unseen.find_pair(
            settings, TEACHER.sha256, BUNDLED.key_of("training"), BUNDLED.load("validation")
        )
        assert found is not None
        ends = []
        for end in found[0]:
            weights = (unseen.FOLDER / f"{name_of(settings.left_out, end.way)}.safetensors").read_bytes()
            earlier = EpochEnd(end.way, 1, 9.0, 1.0, 0.1, b"", b"")
            ends += [
                earlier,
                EpochEnd(end.way, 8, end.loss, 5.0, end.validation_accuracy, weights, end.scores),
            ]
        return tuple(ends)

    monkeypatch.setattr(unseen_command, "measure", brought)
    made = UnseenPlan(NetworkSource(TEACHER, SHIPPED / TEACHER.file), tmp_path / "out")
    for label in (1, 8):
        assert train_without(label, made) == label
    return made


def test_it_counts_what_was_trained_as_the_page_does(
    plan: UnseenPlan, capsys: pytest.CaptureFixture[str], validation: ImageSet
) -> None:
    assert main(["unseen", "Bag", "--out", str(plan.folder), "--json"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("1 of 1 pairs are there already.")
    rows = json.loads(said[said.index("[") :])
    found = unseen.find_pair(
        unseen.settings_for(BUNDLED, 8), TEACHER.sha256, BUNDLED.key_of("training"), validation
    )
    assert found is not None
    pair = unseen.raise_bias({end.way: end.logits for end in found[0]}, validation, 8)
    for row, student in zip(rows, pair.students, strict=True):
        assert (row["class"], row["trained with"]) == ("Bag", student.way)
        assert row["then found"] == student.found[student.usual]
        assert row["accuracy"] == student.right[0] / 5000
        assert row["raised by"] == pair.raises[student.usual]


def test_what_it_writes_is_found_again_and_what_was_written_before_stays(
    plan: UnseenPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: ImageSet
) -> None:
    def quick(_: object, inputs: Tensor) -> Tensor:  # the test images are counted elsewhere
        return torch.nn.functional.one_hot(torch.zeros(len(inputs), dtype=torch.int64), 10).float()

    monkeypatch.setattr(unseen_command, "logits", quick)
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    shutil.copy(SHIPPED / "manifest.json", folder)
    for name in ("Bag", "Trouser"):
        arguments = ["unseen", name, "--out", str(plan.folder), "--checkpoints", str(folder), "--evidence"]
        assert main(arguments) == 0
    there = folder / unseen.FOLDER.name
    assert damaged(there) == ()
    stored = find_rows(unseen.KIND, unseen.UnseenPair, TEACHER.sha256, BUNDLED.key_of("training"), there)
    assert stored is not None
    assert [row.settings.left_out for row in stored.rows] == [1, 8]
    for label in (1, 8):
        found = unseen.find_pair(
            unseen.settings_for(BUNDLED, label), TEACHER.sha256, BUNDLED.key_of("training"), validation, there
        )
        assert found is not None
        assert [end.epoch for end in found[0]] == [8, 8]
    entry = catalogue(there)["without-bag-kd"]
    shipped = catalogue(unseen.FOLDER)["without-bag-kd"]
    assert (entry.spec, entry.distillation) == (shipped.spec, shipped.distillation)
    assert entry.test_accuracy == pytest.approx(0.1), "of the images that it was counted on"
    assert "labels alone" in catalogue(there)["without-bag"].title


def test_what_is_no_class_or_was_trained_in_another_way_is_refused(
    plan: UnseenPlan, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["unseen", "Hat"]) == 2
    assert "There is no class 'Hat'" in capsys.readouterr().err
    monkeypatch.setattr(unseen, "TEMPERATURE", 4.0)
    assert main(["unseen", "Bag", "--out", str(plan.folder)]) == 2
    assert "was trained in another way" in capsys.readouterr().err
    plan.path(name_of(8), "json").write_text("{}")
    assert main(["unseen", "Bag", "--out", str(plan.folder)]) == 2
    assert "is not a result: remove it" in capsys.readouterr().err


def test_a_pair_that_was_cut_short_is_not_kept(plan: UnseenPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = (EpochEnd("labels alone", 8, 0.1, 600.0, 0.9, b"w", pack_logits(torch.zeros(1, 10))),)
    monkeypatch.setattr(unseen_command, "measure", lambda *_: cut)
    with pytest.raises(ExplorerError, match="not done after 600 s: run fewer --jobs"):
        train_without(3, plan)
    assert not plan.path(name_of(3), "json").exists()
