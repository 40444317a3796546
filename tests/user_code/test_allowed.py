"""Where a visitor's code may run: every condition alone forbids it."""

import pytest

from explorer.user_code import may_run

HERE = (["--data", "Food-11", "--code-box"], "127.0.0.1", "localhost:8501", True)


def test_on_ones_own_machine_it_may_if_the_app_was_started_for_it() -> None:
    assert may_run(*HERE)
    assert may_run(["--code-box"], "localhost", "127.0.0.1:8501", True)
    assert may_run(["--code-box"], "::1", "[::1]:8501", True)


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, []),
        (0, ["--code-boxes"]),
        *((1, address) for address in (None, "", "0.0.0.0", "::", "192.168.1.7", "example.org")),  # noqa: S104
        *(
            (2, host)
            for host in (
                None,
                "",
                "example.org",
                "localhost.example.org",
                "192.168.1.7:8501",
                "127.0.0.1.example.org",
            )
        ),
        (3, False),
    ],
)
def test_everywhere_else_it_may_not(position: int, value: object) -> None:
    conditions = list(HERE)
    conditions[position] = value
    assert not may_run(*conditions)  # type: ignore[arg-type]
