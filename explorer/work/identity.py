"""What a result is a result of, and in which settings two results of the same thing differ."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Identity:
    """Two results are of the same thing exactly if their identities are equal; titles never count.

    Attributes:
        instrument: key of the instrument that measured.
        weights: sha256 of the network's weights.
        images: key of the images, which depends on their content.
        settings: everything else that the figures depend on, as a frozen value.
    """

    instrument: str
    weights: str
    images: str
    settings: Hashable

    @property
    def subject(self) -> tuple[str, str, str]:
        """The same without the settings: what a run with other settings shares with this one."""
        return self.instrument, self.weights, self.images


def setting(title: str, said: Callable[[Any], str] = str, **options: Any) -> Any:
    """A field of a settings dataclass that knows its name for people and how its values are written.

    >>> @dataclass(frozen=True)
    ... class Settings:
    ...     images: int = setting("images", "{:,}".format)
    >>> differences(Settings(1000), Settings(500))
    (Difference(title='images', shown='1,000', asked='500'),)
    """
    return field(metadata={"title": title, "said": said}, **options)


def percentages(ratios: tuple[float, ...]) -> str:
    """Ratios for people.

    >>> percentages((0.0, 0.125, 0.8))
    '0%, 12.5%, 80%'
    """
    return ", ".join(f"{100 * ratio:g}%" for ratio in ratios)


@dataclass(frozen=True)
class Difference:
    """One setting in which what is shown is not what is asked for, both in words."""

    title: str
    shown: str
    asked: str

    def __str__(self) -> str:
        return f"{self.title}: shown {self.shown}, asked {self.asked}"


def differences(shown: object, asked: object) -> tuple[Difference, ...]:
    """The settings, dataclasses of one class made of ``setting`` fields, whose values differ.

    Values are compared, not the words for them: two ratios that are written alike still differ.
    """
    if type(shown) is not type(asked):
        raise TypeError(f"settings of {type(shown).__name__} and {type(asked).__name__} cannot be compared")
    differing = []
    for each in fields(asked):  # type: ignore[arg-type]  # the caller's settings are a dataclass
        values = getattr(shown, each.name), getattr(asked, each.name)
        if values[0] != values[1]:
            said = each.metadata.get("said", str)
            differing.append(
                Difference(each.metadata.get("title", each.name), *(said(value) for value in values))
            )
    return tuple(differing)
