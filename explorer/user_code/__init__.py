"""Code of the user's own: run in a process of its own, which hands back an exported program and nothing else."""

from explorer.user_code.given import Given, given_networks, read_given
from explorer.user_code.run import Code, Limits, UserCodeError, export

__all__ = ["Code", "Given", "Limits", "UserCodeError", "export", "given_networks", "read_given"]
