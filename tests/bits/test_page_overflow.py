"""The overflow trap on its page: what is stored, the chart with its words, and the CPU's own flags."""

import pytest

from explorer.bits import page_overflow
from explorer.bits.overflow import OverflowSettings
from explorer.runtime.int8 import describe_cpu
from explorer.ui.instrument import StoredResult
from tests.app import arrive, charts, downloads, said
from tests.bits.test_overflow import ROW


def test_what_is_cut_off_is_drawn_and_said_beside_the_cpus_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = StoredResult((ROW,), OverflowSettings(100, "t"), "some day; a student.")
    monkeypatch.setattr(page_overflow, "_stored", lambda selection: stored)
    app = arrive("bits", checkpoint="student-60k-kd", bits_tab="The overflow trap")
    assert not app.error
    (chart,) = charts(app)
    assert chart.alt.startswith("With 8-bit weights 25 of 1,010 sums of two products are cut off")
    assert said(app, "255 x 127 + 255 x 127 = 64,770 becomes 32,767")
    assert said(app, describe_cpu())
    assert "Sums as CSV" in downloads(app)


def test_a_network_that_nobody_counted_says_so() -> None:
    app = arrive("bits", checkpoint="student-5k", bits_tab="The overflow trap")
    assert said(app, "Nobody has counted the sums of this network yet")
    assert app.button(key="run_overflow")
