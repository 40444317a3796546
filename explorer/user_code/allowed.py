"""Where a visitor's code may run: on the visitor's own machine, and only if that was asked for."""

from collections.abc import Sequence

from explorer.arguments import started_with
from explorer.loopback import is_loopback


def may_run(arguments: Sequence[str], address: str | None, host: str | None, checks_origin: bool) -> bool:
    """Whether the app may run code that its visitor types in.

    >>> may_run(["--code-box"], "127.0.0.1", "localhost:8501", True)
    True
    >>> may_run(["--code-box"], None, "localhost:8501", True)  # without an address, a server listens to everyone
    False

    Args:
        arguments: of the app; it must have been started with ``--code-box``.
        address: that the server listens on; nothing but loopback will do.
        host: the machine that the visitor's browser asked for, as it says: another name than loopback's means that
            the request came through a proxy, or from a page that has bent its own name to this machine.
        checks_origin: whether the server refuses requests that the pages of others make.
    """
    return started_with(arguments).code_box and checks_origin and is_loopback(address) and is_loopback(host)
