"""Code of the user's own: run in a process of its own, which hands back an exported program and nothing else."""

from explorer.user_code.allowed import may_run
from explorer.user_code.given import Given, network_of, read_code, read_given, read_or_refused
from explorer.user_code.run import Code, Limits, UserCodeError, export

__all__ = [
    "Code",
    "Given",
    "Limits",
    "UserCodeError",
    "export",
    "may_run",
    "network_of",
    "read_code",
    "read_given",
    "read_or_refused",
]
