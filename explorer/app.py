"""The command ``compression-explorer``: serves the app; with the name of a command, the engine from a terminal."""

import argparse
import errno
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from explorer import places
from explorer.arguments import PROGRAM, app_options, started_with
from explorer.errors import ExplorerError
from explorer.loopback import is_loopback

HOST, PORT = "127.0.0.1", 8501
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (said, not listened to)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the app until it is stopped, or run a command of the terminal; 2 for what cannot be done."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and not given[0].startswith("-"):
        from explorer.__main__ import (
            main as terminal,  # the engine takes seconds to import; serving does without
        )

        return terminal(given, PROGRAM)
    try:
        serve(given)
    except ExplorerError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    return 0


def serve(arguments: Sequence[str]) -> None:
    """Serve the app until it is stopped.

    Raises:
        ExplorerError: a folder that is named does not exist, or the address cannot be listened to.
    """
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--port", type=_port, default=PORT, help=f"to listen to; {PORT} by default")
    own.add_argument(
        "--host",
        default=HOST,
        metavar="ADDRESS",
        help=f"address to listen to; by default {HOST}, which this machine alone reaches; with 0.0.0.0 others "
        "in your network reach it too",
    )
    parser = argparse.ArgumentParser(
        PROGRAM,
        description="Serve the explorer to a browser.",
        epilog=f"{PROGRAM} COMMAND runs the engine without a browser, as does python -m explorer COMMAND: "
        f"{PROGRAM} budget --help.",
        parents=[own],
        allow_abbrev=False,
    )
    app_options(parser)
    parser.parse_args(arguments)
    options, for_pages = own.parse_known_args(arguments)
    started = started_with(for_pages)
    for folder in (started.data, started.checkpoints):
        if folder is not None and not folder.is_dir():
            raise ExplorerError(f"There is no folder {folder}.")
    check_address(options.host, options.port)
    # Imported here: a process that is spawned by this one imports its main module, and needs no server.
    import streamlit as st

    from explorer import serving

    # Streamlit looks for its configuration beside what was started, and gives pages the arguments after it.
    sys.argv = [str(places.ENTRY), *for_pages]

    @asynccontextmanager
    async def say_where(_: object) -> AsyncIterator[dict[str, Any]]:
        serving.prepare_process()  # the engine is on its way before the first visitor
        print(where(options.host, options.port), flush=True)
        yield {}

    st.App(places.ENTRY, lifespan=say_where).run(
        config={
            "server.address": options.host,
            "server.port": options.port,
            "server.headless": True,
            "server.fileWatcherType": "none",  # nobody edits the source of what serves a class
            # Streamlit's own greeting asks a host in the internet for this machine's address.
            "logger.hideWelcomeMessage": True,
        }
    )


def where(host: str, port: int) -> str:
    """At which address the app is found, and who else reaches it.

    >>> where("127.0.0.1", 8501)
    'The explorer runs at http://127.0.0.1:8501 (stop it with Ctrl+C).'
    """
    here = f"http://{'localhost' if host in EVERY_ADDRESS else _in_url(host)}:{port}"
    text = f"The explorer runs at {here} (stop it with Ctrl+C)."
    if is_loopback(host):
        return text
    others = _own_address() if host in EVERY_ADDRESS else host
    there = f" at http://{_in_url(others)}:{port}" if others else ""
    return f"{text}\nEveryone in your network who asks for it reaches it{there}."


def check_address(host: str, port: int) -> None:
    """Notice before anything is loaded that an address cannot be listened to.

    Raises:
        ExplorerError: the port is in use or not permitted, or the address is none of this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":
                # As the server does: a port that was in use a moment ago may be taken.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise ExplorerError(_why_not(error, host, port)) from None


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use: stop what listens there, or take another with --port {port + 1}."
    if error.errno == errno.EACCES:
        return f"Port {port} is not permitted to you: take another with --port {PORT}."
    return f"{host} is no address of this machine: leave out --host, or use --host 0.0.0.0 to let others in."


def _own_address() -> str | None:
    """This machine's address in the local network; None if it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # an address that is never given out; connecting UDP sends nothing
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if is_loopback(address) else address


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 65535, not {text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
