"""The projector: larger type, kept by the link, on every page."""

import json

from explorer.ui.projector import LARGER, enlarged
from tests.app import address, arrive, charts


def test_a_chart_gets_larger_type_and_height_and_everything_else_stays() -> None:
    chart = {
        "height": 200,
        "width": 300,
        "encoding": {"y": {"field": "height", "axis": {"labelFontSize": 10}}},
        "layer": [{"mark": {"type": "text", "fontSize": 11, "limit": 150}, "height": {"step": 20}}],
    }
    larger = enlarged(chart)
    assert larger["height"] == round(200 * LARGER)
    assert larger["width"] == 300
    assert larger["encoding"]["y"] == {"field": "height", "axis": {"labelFontSize": round(10 * LARGER)}}
    assert larger["layer"][0] == {
        "mark": {"type": "text", "fontSize": round(11 * LARGER), "limit": round(150 * LARGER)},
        "height": {"step": round(20 * LARGER)},
    }
    assert chart["height"] == 200, "the chart is shared by all visitors"


def test_the_switch_enlarges_the_charts_and_goes_along_to_every_page() -> None:
    app = arrive("report")

    def label_sizes() -> set[object]:
        specs = [json.loads(chart.spec) for chart in charts(app)]
        assert specs
        return {spec["config"]["axis"]["labelFontSize"]["expr"] for spec in specs}

    small = label_sizes()
    app.toggle(key="projector").set_value(True).run()
    assert address(app) == {"projector": ["yes"]}
    large = label_sizes()
    assert large.isdisjoint(small)
    app.switch_page("explorer/your_data/page.py").run()
    assert not app.exception
    assert app.toggle(key="projector").value
    assert address(app) == {"projector": ["yes"]}
    assert label_sizes() == large
    app.toggle(key="projector").set_value(False).run()
    assert label_sizes() == small
    assert address(app) == {}


def test_a_link_opens_on_the_wall() -> None:
    assert arrive("report", projector="yes").toggle(key="projector").value
