"""Every entry is complete, and what is not complete is refused."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from explorer import palette
from explorer.errors import ExplorerError
from explorer.networks import StudentNet, StudentSpec, channel_groups, maskable_weights
from explorer.pruning import charts, methods
from explorer.pruning.masks import Masker
from explorer.pruning.methods import METHODS, Basis, PruningMethod, baseline, entry, get_method
from explorer.pruning.methods.entry import KINDS, collect, discover
from explorer.pruning.plan import SweepPlan
from explorer.pruning.removal import kept_channels
from explorer.pruning.sweep import sweep, sweep_table
from tests.pruning import toy

SHIPPED = ("global-l1", "layer-l1", "random", "channels-l1", "channels-l2", "channels-random")
FREE = next(color for color in palette.METHOD_SLOTS if color not in {each.color for each in METHODS.values()})
NEW = PruningMethod("new", "a new one", "mask", METHODS["random"].score, FREE, "It is new.")


def student() -> StudentNet:
    torch.manual_seed(0)
    return StudentNet(StudentSpec(6, (7, 8, 9, 10), classes=4)).eval()


def test_the_methods_of_the_shipped_evidence_are_there_each_kinds_baseline_last() -> None:
    assert [key for key in METHODS if key in SHIPPED] == list(SHIPPED)
    for kind in KINDS:
        of_kind = [method for method in METHODS.values() if method.kind == kind]
        assert of_kind[-1] is baseline(kind)
        assert [method.baseline for method in of_kind].count(True) == 1


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_scores_are_finite_one_for_each_and_follow_the_seed(method: PruningMethod) -> None:
    model = student()
    with torch.no_grad():
        model.fc.weight.zero_()  # a dead layer has scores too
    parts: list[list[Tensor]] = []
    for seed in (0, 0, 1):
        if method.kind == "mask":
            scores = method.mask_scores(maskable_weights(model), seed)
            parts.append([scores[name] for name in maskable_weights(model)])
        else:
            gradients = {name: torch.ones_like(each) for name, each in model.named_parameters()}
            basis = Basis(model, torch.Generator().manual_seed(seed), gradients)
            parts.append([method.channel_scores(basis, group) for group in channel_groups(model)])
    assert all(part.isfinite().all() for part in parts[0])
    assert all(torch.equal(one, two) for one, two in zip(*parts[:2], strict=True))
    same = all(torch.equal(one, two) for one, two in zip(parts[0], parts[2], strict=True))
    assert same != method.seeded


def test_what_is_pruned_is_said_as_the_method_does_it() -> None:
    assert {key: METHODS[key].share for key in SHIPPED} == {
        "global-l1": "of the weights masked",
        "layer-l1": "of each layer's weights masked",
        "random": "of the weights masked at random",
        "channels-l1": "of the channels removed",
        "channels-l2": "of the channels removed",
        "channels-random": "of the channels removed at random",
    }
    kinds = {(each.kind, each.headline_ratio, each.kind_color) for each in METHODS.values()}
    assert kinds == {("mask", 0.8, palette.MASKED), ("removal", 0.5, palette.REMOVED)}


def test_the_seed_is_0_unless_another_is_given() -> None:
    model = student()
    masks, zero = (Masker(model, METHODS["random"], *seed).masks(0.5) for seed in ((), (0,)))
    assert all(torch.equal(masks[name], zero[name]) for name in masks)
    stays, zero = (kept_channels(model, 0.5, METHODS["channels-random"], *seed) for seed in ((), (0,)))
    assert all(torch.equal(stays[group], zero[group]) for group in stays)


def test_no_two_methods_prune_alike() -> None:
    model, chosen = student(), {}
    for method in METHODS.values():
        if method.kind == "mask":
            kept = [mask.flatten().tolist() for mask in Masker(model, method).masks(0.4).values()]
        else:
            gradients = {name: (1e3 * each.detach()).cos() for name, each in model.named_parameters()}
            kept = [stay.tolist() for stay in kept_channels(model, 0.4, method, 0, gradients).values()]
        chosen[str(kept)] = method.key
    assert list(chosen.values()) == list(METHODS)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"key": ""}, "needs a key"),
        ({"key": "Global L1"}, "needs a key"),
        ({"title": " "}, "needs a title"),
        ({"kind": "dropout"}, "there are mask, removal"),
        ({"score": None}, "needs a function as its score"),
        ({"color": ""}, "needs a colour"),
        ({"color": "#123456"}, "needs a colour"),
        ({"sentence": ""}, "needs a sentence"),
        ({"sentence": "without a stop"}, "needs a sentence"),
        ({"kind": "removal", "layerwise": True}, "cannot be layerwise"),
        ({"baseline": True}, "needs seeded=True"),
        ({"images": 8}, "cannot look at images"),
    ],
)
def test_an_incomplete_entry_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ExplorerError, match=f"^The pruning method '.*' .*{sentence}"):
        replace(NEW, **change)


@pytest.mark.parametrize("field", ["key", "title", "kind", "score", "color", "sentence"])
def test_nothing_of_an_entry_may_be_forgotten(field: str) -> None:
    values = {name: getattr(NEW, name) for name in ("key", "title", "kind", "score", "color", "sentence")}
    assert PruningMethod(**values) == NEW
    values.pop(field)
    with pytest.raises(TypeError, match=field):
        PruningMethod(**values)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"key": "random"}, "the same key, 'random'"),
        ({"title": "masked at random"}, "the same title"),
        ({"color": palette.OCHRE}, "'global-l1' and 'new' have the same color"),
        ({"sentence": METHODS["random"].sentence}, "the same sentence"),
        ({"baseline": True, "seeded": True}, r"'mask' needs one baseline, not 2: \['new', 'random'\]"),
    ],
)
def test_what_an_entry_may_not_share_is_refused(change: dict[str, Any], sentence: str) -> None:
    order = list(collect([NEW, *METHODS.values()]))
    assert order.index("global-l1") < order.index("new") < order.index("random")
    with pytest.raises(ExplorerError, match=sentence):
        collect([*METHODS.values(), replace(NEW, **change)])


def test_a_kind_without_a_baseline_is_refused() -> None:
    with pytest.raises(ExplorerError, match="'removal' needs one baseline, not 0"):
        collect(method for method in METHODS.values() if method.key != "channels-random")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package of methods on the disk, still empty."""
    package = ModuleType("planted")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "planted", package)
    return package


def test_a_file_is_all_a_method_takes(package: ModuleType, tmp_path: Path) -> None:
    source = (Path(entry.__file__).parent / "magnitude.py").read_text(encoding="utf-8")
    (tmp_path / "fresh.py").write_text(source, encoding="utf-8")
    (tmp_path / "user.py").write_text("from planted.fresh import GLOBAL_L1\n", encoding="utf-8")
    assert [method.key for method in discover(package)] == ["global-l1", "layer-l1"], "each is counted once"


def test_the_shipped_methods_are_those_of_every_file() -> None:
    assert list(collect(discover(methods)).items()) == list(METHODS.items())


def test_a_file_without_its_entry_is_refused(package: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "hidden.py").write_text("METHODS = ()\n", encoding="utf-8")
    with pytest.raises(ExplorerError, match=r"planted\.hidden holds no pruning method"):
        discover(package)


def test_scores_that_do_not_fit_are_refused() -> None:
    model = student()

    def one_layer(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
        return dict([next(iter(weights.items()))])

    with pytest.raises(ExplorerError, match="'new' are not one for each weight"):
        Masker(model, replace(NEW, score=one_layer))
    with pytest.raises(ExplorerError, match="'new' are not one for each of 6 channels"):
        kept_channels(model, 0.5, replace(NEW, kind="removal", score=lambda *_: torch.ones(3)))


def test_an_unknown_key_names_the_known_ones() -> None:
    with pytest.raises(ExplorerError, match=f"no method 'channels-magic'; there are {', '.join(METHODS)}"):
        get_method("channels-magic")
    with pytest.raises(ExplorerError, match="no method 'channels-magic'"):
        SweepPlan(methods=("channels-magic",))


def test_every_method_of_the_rows_is_in_the_domain_of_the_colours() -> None:
    """What a domain leaves out is not drawn, and no error says so."""
    plan = SweepPlan(tuple(METHODS), (0.0, 0.5), repeats=0)
    swept = sweep(
        toy.ToyNetwork().load(), torch.randn(2, 3, 32, 32), torch.zeros(2), plan, shard=toy.images("training")
    )
    rows = sweep_table(list(swept))
    rows["gone"], rows["speed_up"] = 0.5, 1.0
    scales = []
    for spec in (charts.accuracy_curve(rows).to_dict(), charts.speed_curve(rows).to_dict()):
        scales += [
            layer["encoding"]["color"]["scale"] for layer in spec["layer"] if "color" in layer["encoding"]
        ]
    assert len(scales) == 3
    for scale in scales:
        pairs = dict(zip(scale["domain"], scale["range"], strict=True))
        assert pairs == {method.title: method.color for method in METHODS.values()}
    some = charts.accuracy_curve(rows[rows["method"] == "masked at random"]).to_dict()
    assert some["layer"][0]["encoding"]["color"]["scale"]["domain"] == ["masked at random"]
    with pytest.raises(ValueError, match="not in list"):
        charts.accuracy_curve(rows.assign(method="unknown"))
