"""The app as a process of its own."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figure import answers, free_port


@contextmanager
def serving(
    command: Sequence[str], log: Path, **settings: Any
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address and the process of a server that the command starts, with a port of its own; it is ended after.

    ``log`` is the file that it writes what it says into; ``settings`` are those of the process.
    """
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--port", str(port)], stdout=output, stderr=subprocess.STDOUT, **settings
        )
        try:
            _wait_for(address, server, log)
            yield address, server
        finally:
            server.terminate()
            server.wait(60)


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text(encoding="utf-8")
        if answers(address):
            return
        time.sleep(0.25)
    pytest.fail(f"the app did not start: {log.read_text(encoding='utf-8')}")
