import pytest

from explorer.ui.instrument import results


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Results outlive a session: what one test has measured must not be found by the next."""
    results().clear()
