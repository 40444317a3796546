"""One colour for one meaning, on every page; each is readable on the light and on the dark theme.

Hues differ in lightness as well as in tone, so that they stay apart for colour-blind readers.
"""

TEACHER = "#2f7fc8"
STUDENT = "#d9660b"
SOFT = "#0e9488"
HARD = "#b5579b"
DENSE = "#7a8594"
MASKED = "#b8860b"
REMOVED = "#2e9b57"
RANDOM = "#a0a7b4"
WITHIN = "#2e9b57"
OVER = "#d33f3f"

VIOLET = "#7d5fb2"
BROWN = "#9e654c"
LIME = "#789504"
MAGENTA = "#d81ab0"

METHOD_SLOTS = (MASKED, VIOLET, RANDOM, REMOVED, SOFT, HARD, BROWN, LIME, MAGENTA)
"""The colours of pruning methods, each for one of them at most; whoever adds a method takes a free one."""
