"""One colour for one meaning, on every page, in the report and in the components.

Every colour of a mark stands out from the page by 3 to 1 on the light theme and on the dark one, and those that are
drawn together (``TOGETHER``) are told apart by readers with deuteranopia, too: tests/test_palette.py measures both. No
colour that does so has the 4.5 to 1 of words on both themes; these are written in ``INK``.
"""

# Networks, and what taught them.
TEACHER = "#3787c7"
STUDENT = "#ea6b20"
SOFT = "#369979"
HARD = "#b763a5"

# What the others are compared with: the dense network, a line of reference.
DENSE = "#7f7b84"

# Forms of a pruned network.
UNSTRUCTURED = "#2b54ef"
MASKED = "#a57309"
ZEROED = "#9766dc"
REMOVED = "#07a367"
INT8 = "#bf1197"
# The same float32 weights, run by another runtime than torch.
RUNTIME = "#9b8ab4"

# Verdicts.
WITHIN = "#458756"
OVER = "#d53323"

# Parts of the Kullback-Leibler divergence.
TCKD = "#c35d3c"
NCKD = "#686cd7"

# What a network costs.
PARAMETERS = "#4d77aa"
MULT_ADDS = "#776744"

# Lessons of the ledger.
ARCHITECTURE = "#6d85e8"
DISTILLATION = "#c27848"
PRUNING = "#1b7162"

# Splits of a data set.
TRAINING = "#6c6899"
VALIDATION = "#547b7d"
TEST = "#948453"

# Pruning methods.
OCHRE = "#b58712"
VIOLET = "#7a57ba"
PEBBLE = "#7f919e"
LEAF = "#39a34e"
LAGOON = "#1b93ab"
PINK = "#e84090"
BROWN = "#98665b"
LIME = "#5c6c0f"
MAGENTA = "#e155cd"
AZURE = "#4488ff"
SLATE = "#556677"
INDIGO = "#5544ff"

METHOD_SLOTS = (OCHRE, VIOLET, PEBBLE, LEAF, LAGOON, PINK, BROWN, LIME, MAGENTA, AZURE, SLATE, INDIGO)
"""The colours of pruning methods, each for one of them at most; whoever adds a method takes a free one."""

TOGETHER = {
    "networks": (TEACHER, STUDENT, SOFT, HARD, DENSE, OVER),
    "forms": (DENSE, UNSTRUCTURED, MASKED, ZEROED, REMOVED, INT8, RUNTIME),
    "methods": (*METHOD_SLOTS, DENSE, OVER),
    "divergence": (TCKD, NCKD, DENSE),
    "costs": (PARAMETERS, MULT_ADDS, OVER),
    "lessons": (ARCHITECTURE, DISTILLATION, PRUNING, DENSE),
    "splits": (TRAINING, VALIDATION, TEST),
    "verdicts": (WITHIN, OVER),
}
"""What one picture may show at once."""

LIGHT, DARK = "#fbfcfd", "#10161e"
"""The pages of the two themes, and below the ink on them: as in .streamlit/config.toml."""
LIGHT_INK, DARK_INK = "#0d1722", "#e6ebf1"


def themed(light: str, dark: str) -> dict[str, str]:
    """A colour of a chart that the browser chooses by its theme: the chart that it gets is the same for both.

    >>> themed("#18212c", "#e6ebf1")
    {'expr': "luminance(background) < 0.5 ? '#e6ebf1' : '#18212c'"}
    """
    return {"expr": f"luminance(background) < 0.5 ? '{dark}' : '{light}'"}


INK = themed(LIGHT_INK, DARK_INK)
"""Words in a chart, and symbols of a legend that stand for any colour."""
PAPER = themed(LIGHT, DARK)
"""The page itself: rims and gaps."""

RAMP = (themed("#eaf2fa", "#16202c"), "#2f7fc8", themed("#123a63", "#cfe3f7"))
"""From none to much: the least lies close to the page on either theme."""
LOSS = (themed("#f4efe6", "#211d17"), "#b8860b", themed("#5c2018", "#ffdfc2"))
"""The same for what is lost."""
CHANGE = (HARD, themed("#f1f4f7", "#1c2530"), SOFT)
"""From worse to better than labels alone."""

FIRST, LAST = "#6497ac", "#7f5b94"
"""Of what has an order: parts of a network from input to output, steps of one quantity; see ``steps``."""


def ink_on(cell: str) -> str:
    """The test of a heat map's number for being white, not black, on its cell; one of them has 4.5 to 1 on any colour.

    Args:
        cell: the column that the colour of the cell stands for.
    """
    color = f"scale('color', datum['{cell}'])"
    return f"contrast({color}, 'white') > contrast({color}, 'black')"


def ink(fill: str) -> str:
    """Black or white, whichever is read better on a colour.

    >>> ink("#123a63"), ink("#eaf2fa")
    ('white', 'black')
    """
    linear = [(int(fill[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    luminance = sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    # Where a colour has the same contrast with both.
    return "white" if luminance < 0.179 else "black"


def steps(count: int) -> list[str]:
    """So many colours in a row, from ``FIRST`` to ``LAST``."""
    return [mixed(FIRST, LAST, number / max(1, count - 1)) for number in range(count)]


def mixed(one: str, other: str, share: float) -> str:
    """The colour that lies between two, ``share`` of the way to the other.

    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    channels = (int(each[at : at + 2], 16) for at in (1, 3, 5) for each in (one, other))
    pairs = zip(channels, channels, strict=True)  # taken in turn from the same iterator
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)
