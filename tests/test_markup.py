import html

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from explorer.markup import escape_markup, unescape_markup

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "**x** _y_ `z`",
    "[here](http://x.y)",
    "&lt;b&gt; $x$ ~~z~~",
    "a | b",
    "# x",
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), max_size=40)


@given(texts)
@example(HOSTILE[0])
@example(HOSTILE[1])
@example(HOSTILE[2])
@example(HOSTILE[3])
@example("https://example.org/_a_")
def test_an_escaped_text_stands_for_itself_in_markdown(text: str) -> None:
    """By a parser that is not ours: HTML allowed, tables and strikethrough on."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    line = " ".join(text.split())
    shown = parser.render(f"On {escape_markup(text)}, said")
    assert shown == f"<p>On {html.escape(line, quote=True)}, said</p>\n".replace("&#x27;", "'")


@given(texts)
def test_what_was_escaped_is_found_again(text: str) -> None:
    assert unescape_markup(escape_markup(text)) == " ".join(text.split())


def test_plain_names_stay_as_they_are() -> None:
    for name in (
        "resnet18_teacher.ckpt",
        "Teacher, ResNet-18",
        "dishes, validation, all 6 images",
        "R&D (2)",
    ):
        assert escape_markup(name) == name
    assert all(escape_markup(text) != text for text in HOSTILE)
