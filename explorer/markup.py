"""Text of the user's inside marked-up text: a file, a folder or a class may be called anything."""

import re

# What Markdown, and its extensions for formulas, directives and tables, take for markup anywhere in a line. An
# underscore inside a word is no markup, and file names are full of them; an ampersand is only in an entity.
_MARKUP = re.compile(r"([\\`*\[\]<>$~|{}]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|&(?=[#\w]+;)|^[#+-])")
_LINK = re.compile(r"(https?|ftp)(:)(?=//)|\b(www)(\.)", re.IGNORECASE)


def escape_markup(text: str) -> str:
    r"""A text that stands for itself in Markdown, on one line.

    >>> escape_markup("my_net[1].ckpt"), escape_markup("**x** <img src=x>")
    ('my_net\\[1\\].ckpt', '\\*\\*x\\*\\* \\<img src=x\\>')
    """
    line = " ".join(text.split())
    # A bare address becomes a link of its own accord, unless its punctuation is escaped.
    return _LINK.sub(r"\1\3\\\2\4", _MARKUP.sub(r"\\\1", line))


def unescape_markup(text: str) -> str:
    r"""What a text that ``escape_markup`` made stands for.

    >>> unescape_markup(escape_markup("**x** <img src=x>"))
    '**x** <img src=x>'
    """
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
