"""What a chart's spec says, for tests that read it field by field."""

from typing import Any


def spec_of(chart: Any) -> dict[str, Any]:
    """The chart as Vega-Lite gets it."""
    spec: dict[str, Any] = chart.to_dict()
    return spec


def fields(layer: dict[str, Any]) -> dict[str, str]:
    """Which column stands on which channel."""
    return {name: part["field"] for name, part in layer["encoding"].items() if "field" in part}


def colors(layer: dict[str, Any]) -> dict[str, Any]:
    """The scale of the colours: its domain and range."""
    scale: dict[str, Any] = layer["encoding"]["color"]["scale"]
    return scale


def data_of(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that a layer, or the whole chart, draws."""
    rows: list[dict[str, Any]] = spec["datasets"][layer.get("data", spec.get("data"))["name"]]
    return rows
