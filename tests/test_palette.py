"""Colours: each has one meaning, is seen on both themes, and is told apart from those beside it."""

import re
import tomllib
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
from coloraide import Color

from explorer import palette
from explorer.pruning.methods import METHODS

ROOT = Path(__file__).parent.parent
THEMES = {"light": palette.LIGHT, "dark": palette.DARK}
INKS = {"light": palette.LIGHT_INK, "dark": palette.DARK_INK}
MEANINGS = {
    name: value
    for name, value in vars(palette).items()
    if isinstance(value, str) and value.startswith("#") and value not in {*THEMES.values(), *INKS.values()}
}


@cache
def seen(color: str) -> Color:
    return Color(color).convert("lab-d65")


@cache
def seen_with_deuteranopia(color: str) -> Color:
    return Color(color).filter("deutan").convert("srgb").clip().convert("lab-d65")


def apart(one: Color, other: Color) -> float:
    """How different two colours look, in units of CIEDE2000."""
    return one.delta_e(other, method="2000")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", MEANINGS)
def test_a_mark_is_seen_on_the_page(name: str, theme: str) -> None:
    """WCAG 2, 1.4.11."""
    assert Color(MEANINGS[name]).contrast(THEMES[theme]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_words_are_read_on_the_page(theme: str) -> None:
    """WCAG 2, 1.4.3."""
    assert Color(INKS[theme]).contrast(THEMES[theme]) >= 4.5


def test_no_two_meanings_look_alike() -> None:
    for one, other in combinations(MEANINGS, 2):
        difference = apart(seen(MEANINGS[one]), seen(MEANINGS[other]))
        assert difference >= 6, f"{one} and {other} are {difference:.1f} apart"


@pytest.mark.parametrize("group", palette.TOGETHER)
def test_what_is_drawn_together_is_told_apart_with_deuteranopia(group: str) -> None:
    """Methods are too many for the room there is; they have a shape each besides."""
    least = 7 if group == "methods" else 10
    for one, other in combinations(palette.TOGETHER[group], 2):
        difference = apart(seen_with_deuteranopia(one), seen_with_deuteranopia(other))
        assert difference >= least, f"{one} and {other} are {difference:.1f} apart"


def test_methods_have_colours_of_their_own() -> None:
    colors = [method.color for method in METHODS.values()]
    assert len({*colors}) == len(colors)
    others = {value for name, value in MEANINGS.items() if value not in palette.METHOD_SLOTS}
    assert not others & {*palette.METHOD_SLOTS}


@pytest.mark.parametrize("scale", [palette.RAMP, palette.LOSS, palette.CHANGE])
@pytest.mark.parametrize("theme", THEMES)
def test_a_heat_map_starts_at_the_page_and_ends_far_from_it(scale: tuple[object, ...], theme: str) -> None:
    colors = [said_in(theme, each) for each in scale]
    nothing = colors[1 if scale is palette.CHANGE else 0]
    assert Color(nothing).contrast(THEMES[theme]) < 1.3
    assert all(Color(each).contrast(THEMES[theme]) > 3 for each in colors if each != nothing)


def said_in(theme: str, color: object) -> str:
    """The colour that the browser chooses in a theme."""
    if not isinstance(color, dict):
        return str(color)
    dark, light = re.findall(r"#\w{6}", color["expr"])
    return dark if theme == "dark" else light


@pytest.mark.parametrize("fill", [*MEANINGS.values(), "#000000", "#767676", "#777777", "#ffffff"])
def test_words_on_a_colour_are_read(fill: str) -> None:
    chosen = palette.ink(fill)
    assert Color(fill).contrast(chosen) >= 4.5


def test_steps_go_from_pale_to_dark() -> None:
    shades = palette.steps(6)
    assert (shades[0], shades[-1]) == (palette.FIRST, palette.LAST)
    light = [Color(shade).luminance() for shade in shades]
    assert light == sorted(light, reverse=True)
    assert palette.steps(1) == [palette.FIRST]
    assert palette.steps(0) == []


def test_the_themes_are_those_of_the_app() -> None:
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    for name, page in THEMES.items():
        assert (theme[name]["backgroundColor"], theme[name]["textColor"]) == (page, INKS[name])
    assert theme["chartCategoricalColors"] == [*palette.TOGETHER["networks"]]


def test_no_colour_is_written_anywhere_else() -> None:
    """The report's sheet has greys of its own: it is paper, without a theme."""
    for file in sorted((ROOT / "explorer").rglob("*")):
        if file.suffix in {".py", ".js", ".css", ".html"} and file.name not in {"palette.py", "report.html"}:
            found = re.findall(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\b", file.read_text(encoding="utf-8"))
            assert not found, f"{file.name} writes {found} itself"
