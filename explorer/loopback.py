"""Which addresses are this machine's alone."""

from ipaddress import ip_address


def is_loopback(host: str | None) -> bool:
    """Whether a host, with or without a port, is this machine, which nobody else reaches under that name.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1:8501", "::1", "[::1]:8501", "0.0.0.0", "")]
    [True, True, True, True, False, False]
    """
    name = (host or "").strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
