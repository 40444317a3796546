"""Code of the user's own: run in a process of its own, which hands back an exported program and nothing else."""

from explorer.user_code.allowed import FLAG, may_run
from explorer.user_code.given import Given, named_networks, network_of, read_code, read_given, read_or_refused
from explorer.user_code.run import Code, Limits, UserCodeError, export

__all__ = [
    "FLAG",
    "Code",
    "Given",
    "Limits",
    "UserCodeError",
    "export",
    "may_run",
    "named_networks",
    "network_of",
    "read_code",
    "read_given",
    "read_or_refused",
]
