"""What the command says before it serves, and what it refuses; ``test_wheel`` has it serve."""

import socket
from collections.abc import Iterator

import pytest

from explorer import app
from explorer.errors import ExplorerError


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture(autouse=True)
def never_served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """Servers that would have been started, by their configuration."""
    started: list[dict[str, object]] = []
    monkeypatch.setattr("streamlit.App.run", lambda _, *, config: started.append(config))
    return started


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104
def test_a_port_in_use_is_refused_with_what_to_do(taken: int, host: str) -> None:
    with pytest.raises(ExplorerError, match=f"Port {taken} is in use: .* --port {taken + 1}"):
        app.check_address(host, taken)


@pytest.mark.parametrize("host", ["192.0.2.7", "no such name"])
def test_an_address_of_another_machine_is_refused_with_what_to_do(host: str) -> None:
    with pytest.raises(ExplorerError, match=f"{host} is no address of this machine: leave out --host"):
        app.check_address(host, 8501)


def test_a_port_that_is_not_permitted_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", forbid)
    with pytest.raises(ExplorerError, match="Port 80 is not permitted to you: take another with --port 8501"):
        app.check_address("127.0.0.1", 80)


def test_only_this_machine_reaches_the_app_unless_it_is_asked_for(
    never_served: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["compression-explorer"])
    monkeypatch.setattr(app, "check_address", lambda *_: None)
    assert app.main([]) == 0
    assert app.main(["--host", "0.0.0.0", "--port", "8080"]) == 0  # noqa: S104
    assert [(each["server.address"], each["server.port"]) for each in never_served] == [
        ("127.0.0.1", 8501),
        ("0.0.0.0", 8080),  # noqa: S104
    ]
    assert {each["server.fileWatcherType"] for each in never_served} == {"none"}


def test_pages_are_given_the_options_that_are_theirs(
    never_served: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["compression-explorer"])
    monkeypatch.setattr(app, "check_address", lambda *_: None)
    assert app.main(["--data", ".", "--port=8080", "--network", "a.pt2", "--code-box"]) == 0
    assert app.sys.argv == [str(app.places.ENTRY), "--data", ".", "--network", "a.pt2", "--code-box"]
    assert len(never_served) == 1


@pytest.mark.parametrize("option", ["--data", "--checkpoints"])
def test_a_folder_that_is_not_there_is_told_at_once(
    option: str, never_served: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main([option, "nowhere"]) == 2
    assert capsys.readouterr().err == "compression-explorer: There is no folder nowhere.\n"
    assert not never_served


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", ""])
def test_what_is_no_port_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        app.main([f"--port={port}"])
    assert stopped.value.code == 2
    assert "expected a number from 1 to 65535" in capsys.readouterr().err


def test_the_address_is_said_and_who_else_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_own_address", lambda: "192.168.1.5")
    assert app.where("127.0.0.1", 80) == "The explorer runs at http://127.0.0.1:80 (stop it with Ctrl+C)."
    assert app.where("::1", 80).startswith("The explorer runs at http://[::1]:80 ")
    for every in ("0.0.0.0", "::"):  # noqa: S104
        assert app.where(every, 80).splitlines() == [
            "The explorer runs at http://localhost:80 (stop it with Ctrl+C).",
            "Everyone in your network who asks for it reaches it at http://192.168.1.5:80.",
        ]
    assert app.where("10.0.0.3", 80).splitlines()[1] == (
        "Everyone in your network who asks for it reaches it at http://10.0.0.3:80."
    )


def test_a_machine_without_a_network_has_no_address_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr("socket.socket.connect", unreachable)
    said = app.where("0.0.0.0", 80).splitlines()  # noqa: S104
    assert said[1] == "Everyone in your network who asks for it reaches it."
