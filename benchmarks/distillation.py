"""Figures of the distillation lesson: how exact the loss is, and how live the drag."""

import shutil
from collections.abc import Iterator

import torch
from torch.nn import functional

from benchmarks.figure import APP, BenchFigure, served
from explorer.distillation.loss import loss_fn_kd
from explorer.errors import ExplorerError

BATCHES = 1000
MOVES = 12


def figures() -> Iterator[BenchFigure]:
    """Both figures of this lesson."""
    worst = largest_difference(BATCHES)
    yield BenchFigure(
        "largest difference of the loss from torch.nn.functional.kl_div and cross_entropy",
        worst,
        "nats",
        "below 1e-12",
        worst < 1e-12,
        f"{BATCHES:,} random batches in float64: 1 to 64 images, 2 to 30 classes, logits of spread 0 to 10, "
        "alpha 0 to 1, T 0.5 to 20",
    )
    states = drag_states()
    yield BenchFigure(
        "different states of the bars during one drag of the temperature",
        states,
        "states",
        "at least 5",
        states >= 5,
        f"{MOVES} mouse moves with the button held, from T = 1, in Chromium",
    )


def largest_difference(batches: int) -> float:
    """The largest absolute difference in nats of ``loss_fn_kd`` from torch's own words, in float64."""
    generator = torch.Generator().manual_seed(0)

    def number(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=generator).item()

    worst = 0.0
    for _ in range(batches):
        size, classes, spread = int(number(1, 65)), int(number(2, 31)), number(0, 10)
        alpha, temperature = number(0, 1), number(0.5, 20)
        student, teacher = (
            spread * torch.randn(size, classes, dtype=torch.float64, generator=generator) for _ in range(2)
        )
        labels = torch.randint(classes, (size,), generator=generator)
        kl = functional.kl_div(
            (student / temperature).log_softmax(1),
            (teacher / temperature).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        theirs = alpha * temperature**2 * kl + (1 - alpha) * functional.cross_entropy(student, labels)
        worst = max(worst, (loss_fn_kd(student, labels, teacher, alpha, temperature) - theirs).abs().item())
    return worst


def drag_states() -> int:
    """How many different states one bar shows while the temperature is dragged once, in a real browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ExplorerError(
            "This figure drives a browser: pip install -r requirements-dev.txt first."
        ) from error
    with served(APP) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(f"{server.address}/distillation?temperature=1")
        slider, bar = page.locator("#temperature"), page.locator("#bars .bar").first
        slider.wait_for(timeout=90_000)
        page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=90_000)
        box = slider.bounding_box()
        assert box is not None
        middle, start = box["y"] + box["height"] / 2, box["x"] + 0.2 * box["width"]
        page.mouse.move(start, middle)
        page.mouse.down()
        states = set()
        for move in range(1, MOVES + 1):
            page.mouse.move(start + 0.05 * move * box["width"], middle)
            states.add(bar.get_attribute("data-probability"))
        page.mouse.up()
        browser.close()
    return len(states)
