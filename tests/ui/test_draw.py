from streamlit.testing.v1 import AppTest


def script() -> None:
    from explorer import ui

    ui.provenance("computed", "logits of <img src=x onerror=alert(1)>.ckpt, see `python -m explorer verify`")


def test_the_name_of_a_file_does_not_become_html() -> None:
    app = AppTest.from_function(script).run()
    (text,) = (element.value for element in app.markdown)
    assert "&lt;img src=x onerror=alert(1)&gt;.ckpt" in text
    assert "<img" not in text
