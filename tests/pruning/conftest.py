import pytest

from explorer.ui.instrument import results


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Results outlive a session: what one test has measured must not be found by the next."""
    results().clear()


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock reads in short blocks: how well it reads is tested elsewhere, and a busy machine is waited for."""
    monkeypatch.setattr("explorer.measure.clock.BLOCK", 0.01)
