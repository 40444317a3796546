"""A text as one value of a link, and back: compressed, in letters that no address changes."""

import base64
import zlib


def packed(text: str) -> str:
    """The text as a value for a link."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpacked(value: str, most: int) -> bytes:
    """The bytes of the text in a link's value, of which no more than ``most`` are unpacked.

    Raises:
        ValueError: no text was packed into it, or one of more bytes than that.
    """
    # Bounded while it is unpacked: a short value could stand for gigabytes.
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), most)
    except zlib.error as error:
        raise ValueError("no packed text") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("cut off, or too long")
    return text
