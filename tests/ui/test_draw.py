from streamlit.testing.v1 import AppTest


def script() -> None:
    from explorer import ui

    ui.provenance("computed", "logits of <img src=x onerror=alert(1)>.ckpt, see `python -m explorer verify`")


def test_the_name_of_a_file_is_neither_html_nor_markdown() -> None:
    app = AppTest.from_function(script).run()
    (text,) = (element.value for element in app.markdown)
    assert r"logits of \<img src=x onerror=alert(1)\>.ckpt, see \`python" in text
    assert not app.markdown[0].allow_html
