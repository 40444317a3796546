"""A network as one HTML file: its weights, a few photographs and a plain JavaScript program that runs it, no server."""

from explorer.onefile.document import Described, html_file
from explorer.onefile.tensors import Codes

__all__ = ["Codes", "Described", "html_file"]
