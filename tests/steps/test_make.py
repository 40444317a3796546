"""Each state is the one that the engines make, in an order that can be, and its file holds its numbers."""

import pytest
import torch
from torch import nn

from explorer.bits.network import round_network
from explorer.bits.packed import pack, packed, unpack
from explorer.bits.rounding import Rounding
from explorer.checkpoints import load
from explorer.data import BUNDLED
from explorer.errors import ExplorerError
from explorer.ledger import Export, Finetune, Prune, Recalibrate, Recipe, Refit, Round, Step, recipe_of
from explorer.measure import logits
from explorer.networks import nonzero_count, parameter_count
from explorer.pruning.engine import prune_network, prunings
from explorer.pruning.methods import get_method
from explorer.pruning.recovery import finetune, recalibrate
from explorer.pruning.refit import refitted
from explorer.pruning.step import prune_step
from explorer.runtime.int8 import to_int8
from explorer.runtime.onnx_file import to_onnx
from explorer.steps.make import check_order, describe_step, made, states
from explorer.steps.state import State
from explorer.work.progress import follow

pytestmark = pytest.mark.usefixtures("known_exports")

TRAINING = BUNDLED.load("training")
IMAGES = BUNDLED.load("test").stratified(40).inputs()
STUDENT = load("student-5k")
KEY = BUNDLED.key_of("training")


def path(*steps: Step, model: nn.Module = STUDENT) -> list[State]:
    return [state for state in states(model, steps, 64, TRAINING) if isinstance(state, State)]


def same(one: nn.Module, other: nn.Module) -> bool:
    return torch.equal(logits(one, IMAGES), logits(other, IMAGES))


def test_each_state_is_what_the_engines_make_and_none_changes_the_one_before() -> None:
    before = {name: tensor.clone() for name, tensor in STUDENT.state_dict().items()}
    dense, pruned, refit, tuned = path(Prune("global-l1", 0.6), Refit(32), Finetune(2, 5))
    assert dense.network is STUDENT
    assert all(torch.equal(STUDENT.state_dict()[name], tensor) for name, tensor in before.items())
    by_hand = prune_network(STUDENT, get_method("global-l1"), 0.6)
    assert same(pruned.network, by_hand)
    again = follow(refitted(STUDENT, by_hand, {}, TRAINING.select(slice(32)).inputs()), lambda update: None)
    assert same(refit.network, again)
    for _ in finetune(again, TRAINING, 2, 5):
        pass
    assert same(tuned.network, again)
    assert nonzero_count(tuned.plain) == nonzero_count(pruned.plain) < nonzero_count(STUDENT)
    assert not same(tuned.network, refit.network)


def test_removed_channels_are_refitted_against_the_network_before_and_may_go_in_rounds() -> None:
    _, once, refit, twice, recalibrated = path(
        Prune("channels-l1", 0.3), Refit(32), Prune("channels-l2", 0.3), Recalibrate(1)
    )
    kept = next(prunings(STUDENT, get_method("channels-l1"), (0.3,))).kept
    expected = follow(
        refitted(STUDENT, once.plain, kept, TRAINING.select(slice(32)).inputs()), lambda update: None
    )
    assert same(refit.network, expected)
    assert parameter_count(twice.plain) < parameter_count(refit.plain) == parameter_count(once.plain)
    by_hand = prune_network(expected, get_method("channels-l2"), 0.3)
    recalibrate(by_hand, TRAINING, 1)
    assert same(recalibrated.network, by_hand)


@pytest.mark.parametrize("rounding", [Rounding(3), Rounding(5, "tensor", symmetric=False), Rounding(8)])
def test_a_rounded_state_is_stored_in_as_many_bits_as_it_says(rounding: Rounding) -> None:
    step = Round(rounding.bits, rounding.per, rounding.symmetric)
    _, pruned, state = path(Prune("global-l1", 0.5), step)
    expected = round_network(pruned.plain, rounding)
    assert same(state.network, expected.model)
    for layer, rounded in expected.weights.items():
        content = packed(expected)[f"{layer}.codes"]
        assert len(content) == -(-rounded.codes.numel() * rounding.bits // 8)
        assert torch.equal(unpack(content, rounded), rounded.codes)
    # The file's header, and half a byte at the end of each layer, are not in the bits.
    assert expected.stored_bytes <= state.bytes[0] < expected.stored_bytes + 8_000
    assert state.bytes[1] < path(step)[1].bytes[1], "zeros compress"
    assert state.bytes[0] < pruned.bytes[0]


def test_codes_are_packed_side_by_side_the_highest_bit_first() -> None:
    rounded = round_network(STUDENT, Rounding(4)).weights["layer1.0"]
    codes = (rounded.codes.flatten()[:2] + 7).tolist()
    assert pack(rounded)[0] == 16 * codes[0] + codes[1]


def test_an_export_is_of_the_state_before_it_and_runs_as_that_does() -> None:
    pytest.importorskip("onnxruntime")
    _, rounded, exported = path(Round(4, activations=8), Export())
    assert exported.file is not None
    assert exported.bytes[0] == len(exported.file)
    given = logits(exported.network, IMAGES)
    assert torch.allclose(given, logits(rounded.plain, IMAGES), atol=1e-4)
    assert not torch.allclose(given, logits(rounded.network, IMAGES), atol=1e-4), "activations are float32"
    _, _, refit, sliced = path(Prune("channels-l1", 0.3), Refit(32), Export())
    assert torch.allclose(logits(sliced.network, IMAGES), logits(refit.network, IMAGES), atol=1e-4)
    _, small = path(Export("int8", calibration=32))
    batches = [TRAINING.select(torch.linspace(0, 4999, 32).round().long().numpy()).inputs()]
    assert small.file == to_int8(to_onnx(STUDENT, 64), batches)


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ((Refit(),), "directly after a pruning"),
        ((Prune("lamp", 0.5), Recalibrate(), Refit()), "directly after a pruning"),
        ((Round(), Prune("lamp", 0.5)), "before rounding and export"),
        ((Export(), Round()), "before rounding and export"),
        ((Export(), Export()), "exported once, at the end"),
        ((Export(), Finetune()), "before rounding and export"),
    ],
)
def test_steps_that_cannot_follow_each_other_are_refused(steps: tuple[Step, ...], sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        check_order(steps)
    with pytest.raises(ExplorerError, match=sentence):
        path(*steps)


def test_a_method_that_looks_at_images_is_given_those_that_the_recipe_names() -> None:
    step = prune_step("channels-taylor", 0.3)
    assert recipe_of(KEY, step).training == KEY
    assert step.images > 0
    by_hand = prune_network(STUDENT, get_method("channels-taylor"), 0.3, images=TRAINING)
    assert same(path(step)[1].network, by_hand)
    with pytest.raises(ExplorerError, match="take training images, and there are none"):
        list(states(STUDENT, (step,), 64))


def test_steps_without_their_training_images_are_refused() -> None:
    with pytest.raises(ExplorerError, match="take training images, and there are none"):
        list(states(STUDENT, (Recalibrate(),), 64))
    with pytest.raises(ExplorerError, match="training images that it was made with are not here"):
        follow(made(STUDENT, Recipe((Recalibrate(),), "others"), 64, (BUNDLED,)), lambda update: None)
    assert follow(made(STUDENT, Recipe(), 64, ()), lambda update: None).network is STUDENT
    for step, sentence in ((Round(per="layer"), "per 'layer'"), (Round(9), "2 to 8 bits")):
        with pytest.raises(ExplorerError, match=sentence):
            path(step)


def test_a_recipe_is_told_in_words() -> None:
    recipe = recipe_of(KEY, Prune("channels-l1", 0.5), Finetune(7), Round(6, "tensor", symmetric=False))
    assert ", ".join(map(describe_step, recipe.steps)) == (
        "removed channels, L1 50%, fine-tuned for 7 steps, 6 bits, a scale per tensor, affine"
    )
    assert describe_step(Export("int8", reduce_range=True)) == "onnxruntime int8, 7-bit weights"


def test_a_recipe_comes_back_from_its_plain_values() -> None:
    every = (
        Prune("lamp", 0.5, 3),
        Refit(9),
        Recalibrate(1),
        Finetune(5, 2),
        Round(4, "tensor"),
        Export("int8", 8),
    )
    for number in range(len(every) + 1):
        recipe = recipe_of(KEY, *every[:number], precision="bfloat16")
        assert Recipe.from_dict(recipe.to_dict()) == recipe
        assert recipe.training == (KEY if number > 1 else "")
