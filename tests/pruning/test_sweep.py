import copy
import json
from pathlib import Path

import pytest
import torch
import torchinfo
from torch.nn.utils import prune

from explorer.__main__ import main
from explorer.checkpoints import SHIPPED, load
from explorer.data import fashion_mnist
from explorer.errors import ExplorerError
from explorer.measure import latencies, logits, multiply_adds
from explorer.models import StudentNet, StudentSpec, parameter_count
from explorer.pruning.masks import prunable
from explorer.pruning.sweep import Evidence, Plan, read_evidence, sweep, table, write_evidence

QUICK = Plan(("global-l1", "random", "channels-l1"), (0.0, 0.5), repeats=2)


def test_a_sweep_measures_what_a_plain_loop_does() -> None:
    """Global L1 on real weights and images: the same right answers as torch's own pruning."""
    test = fashion_mnist.load("test").select(slice(60))
    model = load("student-60k")
    rows = list(sweep(model, test.inputs(), test.targets(), Plan(("global-l1",), (0.0, 0.3, 0.6), repeats=1)))
    for row in rows:
        plain = load("student-60k")
        layers = [(plain.get_submodule(name), "weight") for name in prunable(plain)]
        prune.global_unstructured(layers, prune.L1Unstructured, amount=row.ratio)
        assert row.correct == int((logits(plain, test.inputs()).argmax(1) == test.targets()).sum())
        assert row.params == parameter_count(model)
    assert rows[0].nonzero > rows[1].nonzero > rows[2].nonzero


def test_the_network_that_is_swept_is_left_alone() -> None:
    torch.manual_seed(0)
    model = StudentNet(StudentSpec(4, (5, 6, 7, 8), classes=10)).eval()
    before = copy.deepcopy(model.state_dict())
    images = fashion_mnist.load("test").select(slice(8))
    rows = list(sweep(model, images.inputs(), images.targets(), QUICK))
    assert [(row.method, row.ratio) for row in rows] == [
        (method, ratio) for method in QUICK.methods for ratio in QUICK.ratios
    ]
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    removed = rows[-1]
    assert removed.params < rows[0].params
    assert removed.mult_adds < rows[0].mult_adds
    assert table(rows)["accuracy"].between(0, 1).all()


def test_multiply_adds_are_those_of_the_convolutions_and_the_head() -> None:
    model = StudentNet(StudentSpec()).eval()
    counted = multiply_adds(model, torch.zeros(1, 3, 64, 64))
    found = torchinfo.summary(model, (1, 3, 64, 64), verbose=0)
    expected = sum(info.macs for info in found.summary_list if info.class_name == "Conv2d") + 141 * 11
    assert counted == expected


def test_latency_is_read_off_a_clock() -> None:
    small, large = StudentNet(StudentSpec(2, (2, 2, 2, 2), 3)).eval(), StudentNet(StudentSpec()).eval()
    quick, slow = latencies((small, large), torch.zeros(2, 3, 64, 64), repeats=5)
    assert 0 < quick.low <= quick.median <= quick.high
    assert quick.median < slow.median
    assert (quick.batch, quick.repeats, quick.threads) == (2, 5, torch.get_num_threads())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ratios": (1.0,)}, "from 0 to below 1"),
        ({"ratios": ()}, "at least one"),
        ({"methods": ("magic",)}, "no method 'magic'"),
        ({"device": "tpu"}, "no device 'tpu' here; there are cpu"),
    ],
)
def test_an_impossible_plan_is_refused(values: dict, sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        Plan(**values)


def test_a_stored_sweep_is_only_shown_for_the_weights_it_was_measured_on(tmp_path: Path) -> None:
    for name in ("manifest.json", "student-60k.safetensors"):
        (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    images = fashion_mnist.load("test").select(slice(4))
    rows = tuple(sweep(load("student-60k"), images.inputs(), images.targets(), QUICK))
    evidence = Evidence(rows, "student-60k", "2026-01-01", "here", "x")
    path = write_evidence(evidence, tmp_path)
    assert read_evidence("student-60k", tmp_path) == evidence
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"sha256": "other"}), encoding="utf-8")
    assert read_evidence("student-60k", tmp_path) is None
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ExplorerError, match="run it again"):
        read_evidence("student-60k", tmp_path)


def test_the_shipped_sweep_of_the_teacher_holds_on_a_sample() -> None:
    """The precomputed accuracy at ratio 0 is the dense teacher's on those images, counted again."""
    found = read_evidence("teacher")
    assert found is not None
    dense = next(row for row in found.rows if row.method == "global-l1" and row.ratio == 0)
    test = fashion_mnist.load("test").select(slice(dense.total))
    assert int((logits(load("teacher"), test.inputs()).argmax(1) == test.targets()).sum()) == dense.correct


def test_the_terminal_prunes_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["prune", "student-60k", "--method", "global-l1", "--ratios", "0,0.5", "--images", "50"]
    assert main([*arguments, "--repeats", "1", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["ratio"] for row in rows] == [0.0, 0.5]
    assert main(["prune", "student-60k", "--ratios", "1"]) == 2
    assert main(["prune", "student-60k", "--images", "0"]) == 2
    assert "1 to 10,000" in capsys.readouterr().err
