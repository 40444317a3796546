"""Take the README's pictures from the real app, in a real browser: ``python -m docs.screenshots``."""

import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.figure import free_port, wait_for
from tests.browser.chromium import QUIET, executable

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 1366, 768
PATIENCE = 180_000  # ms; a machine may be busy


@dataclass(frozen=True)
class Shot:
    """One picture.

    Attributes:
        name: of its file.
        link: the page and what it is opened with.
        theme: of the browser.
        height: pixels of the page that are in it, from the top.
    """

    name: str
    link: str
    theme: Literal["light", "dark"] = "light"
    height: int = HEIGHT

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{self.name}.webp"


SHOTS = (
    Shot("architecture", "architecture?stem=48"),
    Shot("pruning", "pruning"),
    Shot("distillation", "distillation?temperature=4", "dark"),
)


def take(browser: Browser, address: str, shot: Shot) -> bytes:
    """The picture as WebP, once the page has drawn everything."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": shot.height}, color_scheme=shot.theme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{address}/{shot.link}")
    page.wait_for_selector("h1", timeout=PATIENCE)
    page.wait_for_selector('[data-test-script-state="notRunning"]', timeout=PATIENCE)
    page.wait_for_function(
        "document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=PATIENCE
    )
    page.wait_for_timeout(3_000)  # charts are drawn, and what was faded in is there
    picture = Image.open(io.BytesIO(page.screenshot()))
    context.close()
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=80, method=6)
    return written.getvalue()


def main(names: Sequence[str]) -> int:
    """Take the pictures of these names, or all of them."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "explorer.app", "--port", str(port)])  # noqa: S603 (our own)
    try:
        wait_for(f"http://127.0.0.1:{port}")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=executable(), args=list(QUIET))
            for shot in SHOTS:
                if not names or shot.name in names:
                    shot.file.write_bytes(take(browser, f"http://127.0.0.1:{port}", shot))
            browser.close()
    finally:
        server.terminate()
        server.wait(60)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
