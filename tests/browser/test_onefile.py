"""The network in one file, in a browser without a network: its logits are torch's, and it answers to what is drawn."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from explorer import palette
from explorer.bits.network import round_network
from explorer.bits.rounding import Rounding
from explorer.checkpoints import load
from explorer.data import BUNDLED, ImageSet
from explorer.measure import logits
from explorer.onefile import Codes, Described, html_file
from explorer.onefile.document import first_of_each
from explorer.onefile.steps import written
from explorer.onefile.tensors import TensorStore
from explorer.pruning.engine import prune_network
from explorer.pruning.methods import METHODS
from tests.networks.examples import trained_like
from tests.networks.nets import images_for
from tests.onefile.nets import EVERY

INTERPRETER = Path(__file__).parents[2] / "explorer" / "onefile" / "interpreter.js"
IMAGES = BUNDLED.load("test").select(slice(200))
CLOSE = 1e-3


class Taken:
    """A file that was taken home, opened from the disk where there is no network."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.context = browser.new_context(viewport={"width": 1366, "height": 768})
        self.context.set_offline(True)
        self.page, self.folder = self.context.new_page(), folder
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def open(self, content: bytes) -> Page:
        path = self.folder / "network.html"
        path.write_bytes(content)
        self.page.goto(path.as_uri())
        self.page.locator('body[data-checked="yes"]').wait_for(timeout=60_000)
        assert self.asked == [path.as_uri()]
        return self.page


@pytest.fixture
def taken(browser: Browser, tmp_path: Path) -> Iterator[Taken]:
    opened = Taken(browser, tmp_path)
    yield opened
    opened.context.close()


def shown_logits(page: Page) -> torch.Tensor:
    return torch.tensor(page.evaluate("network.photographs.map((each) => network.logits(each))"))


def test_every_operator_computes_in_the_browser_what_it_computes_in_torch(browser: Browser) -> None:
    given, expected = {}, {}
    for name, build in EVERY.items():
        network, store = trained_like(build), TensorStore()
        if name == "StudentNet":
            network.half().float()  # so that its weights are stored as float16
        image = images_for(network, 32)[:1]
        wiring = written(network, 32, store)
        with torch.no_grad():
            expected[name] = network(image.clone())[0]
        given[name] = {
            "network": {"image": wiring.image, "steps": wiring.steps, "logits": wiring.logits},
            "entries": store.entries,
            "bytes": base64.b64encode(store.content).decode(),
            "image": base64.b64encode(image.numpy().tobytes()).decode(),
        }
    page = browser.new_page()
    page.add_script_tag(content=INTERPRETER.read_text(encoding="utf-8"))
    found = page.evaluate(
        """(text) => {
            const raw = (letters) => Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0));
            const answer = ({ network, entries, bytes, image }) => Array.from(
                networkOf(network, readTensors(raw(bytes), entries), entries)(new Float32Array(raw(image).buffer)),
            );
            return Object.entries(JSON.parse(text)).map(([name, given]) => [name, answer(given)]);
        }""",
        json.dumps(given),
    )
    page.close()
    assert [name for name, _ in found] == list(EVERY)
    for name, logits_there in found:
        assert torch.allclose(torch.tensor(logits_there), expected[name], rtol=1e-5, atol=1e-5), name


@pytest.mark.parametrize("how", ["dense", "masked", "removed", "rounded"])
def test_its_logits_are_those_of_torch_and_no_request_is_made(taken: Taken, how: str) -> None:
    network, codes = load("student-5k"), {}
    if how == "masked":
        network = prune_network(network, METHODS["global-l1"], 0.7)
    elif how == "removed":
        network = prune_network(network, METHODS["channels-l1"], 0.4)
    elif how == "rounded":
        rounded = round_network(network, Rounding(5, "channel", symmetric=False))
        network = rounded.model
        codes = {
            f"{layer}.weight": Codes(each.codes, each.scale, each.zero_point)
            for layer, each in rounded.weights.items()
        }
    page = taken.open(html_file(network, IMAGES, Described("A student"), codes))
    chosen = IMAGES.select(first_of_each(IMAGES))
    expected = logits(network, chosen.inputs())
    apart = (shown_logits(page) - expected).abs().max()
    assert apart < CLOSE
    assert float(page.evaluate("document.body.dataset.apart")) == pytest.approx(float(apart), abs=1e-5)
    right = int((expected.argmax(1) == chosen.targets()).sum())
    said = page.locator("#checked").inner_text()
    assert said.startswith(
        f"{right} of these 20 are right. Against torch's logits: the same answer to 20 of 20"
    )
    assert page.locator("#pictures .wrong").count() == 20 - right
    assert ("are zeros, which these loops leave out" in page.locator("#time").inner_text()) == (
        how in ("masked", "rounded")
    )
    # Whoever adds a request finds it refused.
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'answered', () => 'refused')") == "refused"
    assert all("Content Security Policy" in error for error in taken.errors), taken.errors


def test_a_hand_draws_on_a_photograph_and_on_an_empty_pad_and_the_network_answers(taken: Taken) -> None:
    page = taken.open(html_file(load("student-5k"), IMAGES, Described("A student")))
    page.get_by_role("button", name="Ankle boot").first.click()
    page.locator("#verdict", has_text="is labelled Ankle boot").wait_for()
    before = page.locator("#bars").get_attribute("aria-label")
    page.get_by_role("button", name="Clear").click()
    page.locator("#verdict", has_text="A drawing has no label").wait_for()
    empty = page.locator("#bars").get_attribute("aria-label")
    assert empty != before
    box = page.locator("#pad").bounding_box()
    assert box is not None
    page.locator("#width").fill("5")
    for share in (0.35, 0.65):
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + 0.1 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * share, box["y"] + 0.9 * box["height"], steps=6)
        page.mouse.up()
    page.locator("#verdict", has_text="Trouser").wait_for()
    assert page.locator("#bars").get_attribute("aria-label") != empty
    drawn = page.evaluate(
        "[...document.querySelector('#pad').getContext('2d').getImageData(0, 0, 28, 28).data]"
    )
    pixels = np.array(drawn, np.uint8).reshape(28, 28, 4)
    assert pixels[14, 9, 0] == pixels[14, 18, 0] == 255
    assert pixels[14, 0, 0] == pixels[14, 13, 0] == 0
    page.get_by_role("button", name="Dark").click()
    page.mouse.click(box["x"] + 0.35 * box["width"], box["y"] + 0.5 * box["height"])
    assert (
        page.evaluate("document.querySelector('#pad').getContext('2d').getImageData(9, 14, 1, 1).data[0]")
        == 0
    )
    assert taken.errors == []


def test_images_in_colour_of_three_classes_are_fed_as_torch_is_fed(taken: Taken) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (6, 48, 48, 3), np.uint8)
    images = ImageSet("colours", pixels, np.array([0, 1, 2, 0, 1, 2]), ("red", "green", "blue"))
    network = trained_like(EVERY["StudentNet"])
    page = taken.open(html_file(network, images, Described("In colour")))
    expected = logits(network, images.select(first_of_each(images)).inputs())
    assert (shown_logits(page) - expected).abs().max() < CLOSE
    assert page.locator("input[type=color]").input_value() == palette.STUDENT
    page.locator("#pad").click()
    drawn = page.evaluate(
        "[...document.querySelector('#pad').getContext('2d').getImageData(24, 24, 1, 1).data].slice(0, 3)"
    )
    assert "#" + "".join(f"{each:02x}" for each in drawn) == palette.STUDENT
    assert taken.errors == []


def test_it_fits_the_screen_and_a_phone(taken: Taken) -> None:
    described = Described("A student that was pruned, recalibrated and rounded", ("One sentence. " * 8,) * 3)
    page = taken.open(html_file(load("student-5k"), IMAGES, described))
    for width, height in ((1366, 768), (1280, 720), (360, 800)):
        page.set_viewport_size({"width": width, "height": height})
        wide, bottom = page.evaluate(
            "[document.documentElement.scrollWidth, document.querySelector('main').getBoundingClientRect().bottom]"
        )
        assert wide <= width
        assert bottom < height or width < 1000
