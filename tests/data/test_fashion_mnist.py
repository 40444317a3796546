import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.__main__ import main
from explorer.data import BUNDLED, USES, fashion_mnist
from explorer.data.fashion_mnist import DEBIAN, FILES, SPLITS, TRANSFORM, FashionMNIST, load
from explorer.errors import ExplorerError

needs_originals = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="the original files are not here (Debian: dataset-fashion-mnist)"
)


def copy_bundle(target: Path) -> Path:
    target.mkdir()
    for path in FILES.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(("split", "count"), [("test", 10_000), ("validation", 5_000), ("shard", 5_000)])
def test_every_split_is_whole_and_balanced(split: fashion_mnist.Split, count: int) -> None:
    images = load(split)
    assert images.images.shape == (count, 28, 28)
    assert images.images.dtype == np.uint8
    assert np.bincount(images.labels).tolist() == [count // 10] * 10
    assert len(images.classes) == 10


def test_the_bundle_is_at_most_10_megabytes_and_carries_its_licence() -> None:
    assert sum(path.stat().st_size for path in FILES.iterdir()) <= 10_000_000
    assert "MIT License" in (FILES / "LICENSE").read_text(encoding="utf-8")


def test_validation_and_shard_share_no_position_of_the_training_set() -> None:
    labels = np.arange(12_000, dtype=np.uint8) % 10
    chosen = np.intersect1d(fashion_mnist.validation_indices(labels), fashion_mnist.shard_indices(labels))
    assert len(chosen) == 0


@needs_originals
def test_the_bundle_equals_the_original_files_bit_for_bit() -> None:
    assert main(["data", "check"]) == 0


@needs_originals
def test_the_training_set_holds_no_validation_image_position() -> None:
    training = fashion_mnist.training_set()
    assert len(training) == 55_000
    assert np.bincount(training.labels).tolist() == [5_500] * 10


def test_a_bundle_can_be_built_and_checked_from_a_named_folder(originals: Path, tmp_path: Path) -> None:
    arguments = ["--data", str(originals), "--out", str(tmp_path / "built")]
    assert main(["data", "build", *arguments]) == 0
    assert main(["data", "check", *arguments]) == 0
    training = fashion_mnist.training_set(originals)
    assert len(training) == 1_000
    for split in SPLITS:
        built = load(split, tmp_path / "built")
        assert len(built) == (20 if split == "test" else 5_000)


def test_a_changed_bundle_no_longer_checks(
    originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "built"
    assert main(["data", "build", "--data", str(originals), "--out", str(out)]) == 0
    path, manifest = out / "shard-labels.idx.gz", out / "manifest.json"
    payload = bytearray(gzip.decompress(path.read_bytes()))
    before = hashlib.sha256(payload).hexdigest()
    payload[-1] = (payload[-1] + 1) % 10
    path.write_bytes(gzip.compress(bytes(payload)))
    # The manifest is changed along, so that the bundle is sound in itself and only the originals tell.
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(before, hashlib.sha256(payload).hexdigest()), encoding="utf-8")
    capsys.readouterr()
    assert main(["data", "check", "--data", str(originals), "--out", str(out)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "test: 20 images, equal",
        "validation: 5,000 images, equal",
        "shard: 5,000 images, NOT EQUAL",
    ]


def test_the_key_of_a_split_follows_the_manifests_sha256(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path / "bundle")
    keys = {BUNDLED.load(use).key for use in USES}
    assert len(keys) == 3
    assert {FashionMNIST(folder).load(use).key for use in USES} == keys
    for name in ("test-images.idx.gz", "test-labels.idx.gz"):
        payload = bytearray(gzip.decompress((folder / name).read_bytes()))
        before = hashlib.sha256(payload).hexdigest()
        payload[-1] ^= 1
        (folder / name).write_bytes(gzip.compress(bytes(payload), 1))
        manifest = folder / "manifest.json"
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(text.replace(before, hashlib.sha256(payload).hexdigest()), encoding="utf-8")
        key = FashionMNIST(folder).load("test").key
        assert key not in keys
        keys.add(key)
    assert FashionMNIST(folder).key != BUNDLED.key


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "truncated"),
        (lambda path: path.write_bytes(b"no gzip at all"), "truncated or not gzip"),
        (Path.unlink, "missing"),
        (
            lambda path: path.write_bytes((path.parent / "validation-images.idx.gz").read_bytes()),
            "sha256 differs",
        ),
    ],
)
def test_a_damaged_bundle_is_refused_in_one_sentence(damage, sentence: str, tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path / "bundle")
    damage(folder / "shard-images.idx.gz")
    with pytest.raises(ExplorerError, match=sentence):
        load("shard", folder)


def test_a_folder_without_the_original_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match="does not hold Fashion-MNIST"):
        fashion_mnist.find_originals(tmp_path)


def test_networks_are_fed_three_equal_channels_at_64_pixels() -> None:
    inputs = load("test").select(slice(4)).inputs()
    assert inputs.shape == (4, 3, 64, 64)
    assert torch.equal(inputs[:, 0], inputs[:, 1])
    assert torch.equal(inputs[:, 0], inputs[:, 2])
    black = TRANSFORM.to_inputs(torch.zeros(1, 28, 28, dtype=torch.uint8))
    assert torch.allclose(black, torch.tensor(-0.2860 / 0.3530))
    assert TRANSFORM.mean_pixel == (73,)
