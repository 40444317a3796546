"""The same weights in onnxruntime: the same answers in float32, nearly the same in int8, and a sentence without it."""

import copy
import importlib
import importlib.util
import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from explorer.__main__ import main
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.measure import accuracy, logits
from explorer.networks import remove
from explorer.pruning.methods import METHODS
from explorer.pruning.removal import kept_channels
from explorer.runtime import OnnxNetwork, cpu_flags, to_int8, to_onnx
from explorer.runtime import compare as comparing
from explorer.runtime.compare import (
    HOW,
    RUNTIMES,
    Runtime,
    RuntimeRow,
    RuntimesSettings,
    calibration_batches,
    compare,
    describe_overflow,
    describe_runtimes,
    describe_slower,
    runtime_table,
)
from explorer.runtime.compiler import compiler, describe_compiler
from explorer.runtime.files import int8_file, onnx_file
from explorer.runtime.int8 import describe_cpu
from explorer.runtime.needed import missing
from explorer.work.progress import Update

pytestmark = pytest.mark.usefixtures("known_exports")

onnx = pytest.importorskip("onnx", reason="onnx is an optional package")
pytest.importorskip("onnxruntime", reason="onnxruntime is an optional package")


@pytest.fixture(scope="module")
def student() -> nn.Module:
    return load("student-5k")


@pytest.fixture(scope="module")
def content(student: nn.Module) -> bytes:
    return to_onnx(student, BUNDLED.input_size)


IMAGES = BUNDLED.load("validation").select(slice(0, 5000, 50))


def test_float32_answers_as_torch_does_for_any_number_of_images(student: nn.Module, content: bytes) -> None:
    before = copy.deepcopy(student.state_dict())
    network = OnnxNetwork(content)
    for count in (1, 3, 100):
        images = IMAGES.select(slice(count)).inputs()
        expected = logits(student, images)
        assert torch.allclose(logits(network, images), expected, atol=1e-4)
        assert torch.equal(logits(network, images).argmax(1), expected.argmax(1))
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())
    onnx.checker.check_model(onnx.load(io.BytesIO(content)))


def test_a_network_without_half_of_its_channels_is_exported_as_it_is(student: nn.Module) -> None:
    small = remove(student, kept_channels(student, 0.5, METHODS["channels-l1"])).eval()
    images = IMAGES.inputs()
    assert torch.equal(
        logits(OnnxNetwork(to_onnx(small, 64)), images).argmax(1), logits(small, images).argmax(1)
    )


def test_int8_is_smaller_holds_whole_numbers_and_changes_few_answers(student: nn.Module) -> None:
    whole = load("student-60k-kd")
    written = to_onnx(whole, 64)
    small = to_int8(written, calibration_batches(BUNDLED.load("training"), 64))
    assert len(small) < len(written) / 2
    kinds = {each.data_type for each in onnx.load(io.BytesIO(small)).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    images = IMAGES.inputs()
    agreeing = (logits(OnnxNetwork(small), images).argmax(1) == logits(whole, images).argmax(1)).sum()
    assert 90 <= agreeing <= 100


def test_reduced_range_leaves_the_weights_seven_bits(content: bytes) -> None:
    batches = calibration_batches(BUNDLED.load("training"), 32)
    most = {}
    for reduced in (False, True):
        graph = onnx.load(io.BytesIO(to_int8(content, batches, reduce_range=reduced))).graph
        codes = [onnx.numpy_helper.to_array(each) for each in graph.initializer if each.data_type == 3]
        most[reduced] = max(int(abs(each.astype(int)).max()) for each in codes if each.ndim == 4)
    assert most == {False: 127, True: 64} or most == {False: 127, True: 63}


def test_rows_are_counted_and_timed_beside_torch(student: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[nn.Module] = []
    monkeypatch.setattr(comparing, "compiled", lambda model: asked.append(model) or model)
    batches = calibration_batches(BUNDLED.load("training"), 32)
    images, threads = IMAGES.select(slice(40)), torch.get_num_threads()
    steps = compare(student, images.batches(), images.targets(), batches, with_compile=True, repeats=1)
    rows = [step for step in steps if not isinstance(step, Update)]
    assert {(row.runtime, row.batch) for row in rows} == {(each, batch) for each in HOW for batch in (1, 32)}
    assert asked, "torch.compile was tried"
    expected = accuracy(logits(student, images.inputs()), images.targets())
    assert {row.accuracy for row in rows if "int8" not in row.runtime} == {expected}
    assert {row.agreeing for row in rows if row.runtime == "onnxruntime"} == {40}
    assert torch.get_num_threads() == threads
    assert list(runtime_table(rows)["runtime"]) == [row.runtime for row in rows]
    without = RuntimesSettings(40, "t")
    spec = SimpleNamespace(settings=without)
    assert RUNTIMES.steps(spec) * len(HOW) == len(rows) * (len(HOW) - 1)  # type: ignore[arg-type]
    assert RUNTIMES.steps(SimpleNamespace(settings=replace(without, compiled=True))) == len(rows)  # type: ignore[arg-type]


def test_what_is_not_fused_answers_as_what_is(content: bytes) -> None:
    small = to_int8(content, calibration_batches(BUNDLED.load("training"), 32))
    images = IMAGES.inputs()
    fused, plain = (logits(OnnxNetwork(small, fused=fused), images).argmax(1) for fused in (True, False))
    assert (fused == plain).sum() >= 97, "the same codes; sums are rounded elsewhere"


def row(runtime: Runtime, ms: float | None, batch: int = 1, spread: float = 0.0) -> RuntimeRow:
    low, high = (None, None) if ms is None else (ms - spread, ms + spread)
    return RuntimeRow(runtime, batch, 1, ms, low, high, 4.0, 90, 99, 100, 1000, ms is None)


def test_the_sentence_tells_measured_ratios_and_nothing_without_them() -> None:
    rows = [row("torch", 4.0), row("onnxruntime", 2.0), row("int8", 5.0)]
    assert describe_runtimes(rows) == (
        "One image on one thread: the same float32 weights run 2.00 times as fast in onnxruntime as in torch, in int8 "
        "0.80 times, with 99.0% of the answers unchanged."
    )
    assert describe_runtimes([*rows[:2], row("int8", None)]) == ""
    assert describe_runtimes([replace(each, batch=32) for each in rows]) == ""


def test_where_int8_is_slower_is_said_with_the_reason() -> None:
    rows = [row("onnxruntime", 2.0), row("int8", 1.0), row("int8, not fused", 4.0)]
    assert describe_slower(rows) == (
        "Int8, not fused is **slower** than float32 in the same runtime, 0.50 times as fast at batch 1 on one thread: "
        "it still multiplies float32, and rounds and reads back around every layer besides."
    )
    slow = [*rows, row("onnxruntime", 10.0, 32), row("int8", 12.5, 32), row("int8, not fused", 10.5, 32, 1.0)]
    assert (
        "Int8 is **slower** than float32 in the same runtime, 0.80 times as fast at batch 32"
        in describe_slower(slow)
    )
    assert "0.50 times as fast at batch 1" in describe_slower(slow)
    assert describe_slower(rows[:2]) == ""
    assert describe_slower([row("onnxruntime", 2.0, spread=0.5), row("int8", 2.2, spread=0.5)]) == "", (
        "not told apart"
    )
    assert describe_slower([row("onnxruntime", None), row("int8", None)]) == ""


def test_sums_that_were_cut_off_show_in_the_answers() -> None:
    def counted(runtime: Runtime, agreeing: int) -> RuntimeRow:
        return replace(row(runtime, 1.0), agreeing=agreeing, total=1000)

    reduced = counted("int8, 7-bit weights", 990)
    assert describe_overflow([counted("int8", 900), reduced]) == (
        "Of 1,000 answers int8 leaves 900 as they were with 8-bit weights, 990 with 7-bit ones: sums were cut off "
        "(**the overflow trap**), so take 7 bits on such a CPU."
    )
    assert "nothing was cut off" in describe_overflow([counted("int8", 988), reduced])
    assert describe_overflow([reduced]) == ""


def test_without_the_packages_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ExplorerError, match=r"needs onnxruntime, .*pip install 'compression-explorer\[runtime\]'"
    ):
        OnnxNetwork(b"")


def test_what_to_install_is_said_where_a_package_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing() == ""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else real(name)
    )
    assert missing().startswith("This needs onnxscript, which is not installed: pip install")


def test_without_a_compiler_or_pythons_headers_nothing_is_compiled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: name if name == "clang++" else None)
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    assert compiler() == "clang++"
    assert "clang++ compiles it" in describe_compiler()
    (tmp_path / "Python.h").unlink()
    assert compiler() is None
    assert describe_compiler().startswith("`torch.compile` cannot be tried here")
    (tmp_path / "Python.h").touch()
    monkeypatch.setenv("CXX", "icpc")
    assert compiler() is None, "the one that is asked for is not there"


def test_the_files_are_those_of_the_network_and_int8_has_seven_bits(
    student: nn.Module, content: bytes
) -> None:
    source = SimpleNamespace(load=lambda: student)
    assert len(onnx_file(source, BUNDLED)) == len(content)  # type: ignore[arg-type]
    graph = onnx.load(io.BytesIO(int8_file(source, BUNDLED, 32))).graph  # type: ignore[arg-type]
    codes = [onnx.numpy_helper.to_array(each) for each in graph.initializer if each.data_type == 3]
    assert max(int(abs(each.astype(int)).max()) for each in codes if each.ndim == 4) <= 64


def test_a_cpu_is_described_by_its_flags() -> None:
    assert describe_cpu(("avx2", "avx512_vnni")) == (
        "This CPU has avx2, avx512_vnni: avx512_vnni adds products of small numbers in 32 bits, so none is cut off."
    )
    assert "pairs are added in 16 and may be cut off" in describe_cpu(("avx2", "avx512f"))
    assert describe_cpu(()) == "This system does not tell what its CPU has for whole numbers."


def test_the_flags_of_another_system_are_not_invented() -> None:
    assert cpu_flags("Features : fp asimd asimddp\n") == ("asimd", "asimddp")
    assert cpu_flags("model name : x\n") == ()


def test_the_command_prints_rows_and_writes_the_files(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["runtimes", "student-5k", "--images", "20", "--repeats", "1", "--out", str(tmp_path), "--json"]
    assert main(options) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {each["total"] for each in rows} == {20}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student-5k-int8.onnx", "student-5k.onnx"]
