"""Every figure of a report is defined, once, and the page of definitions says so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from engine.figures import channels, cohorts, journeys, overview, points
from engine.figures.customer_metrics import CUSTOMER_METRICS
from engine.figures.definitions_page import page
from engine.figures.experiments.metrics import EXPERIMENT, SINCE
from engine.figures.metrics import COMPARED, METRICS
from tests.conftest import Golden

ROOT = Path(__file__).parents[2]


def test_the_page_says_what_the_reports_compute(golden: Golden) -> None:
    golden(str(ROOT / "docs/metrics.md"), page())


def test_every_figure_of_a_report_is_on_the_page() -> None:
    assert set(SINCE) <= set(EXPERIMENT)
    shown = {*overview.OVERVIEW, *overview.CUSTOMERS, *overview.CATEGORIES, *overview.PARTS}
    shown |= {measure.metric for measure in cohorts.MEASURES}
    assert shown <= {*METRICS, *CUSTOMER_METRICS}
    shown = {*channels.CHANNELS, *journeys.OVERVIEW, *journeys.ONE, *journeys.STEPS, *journeys.PARTS}
    assert shown <= set(METRICS)
    assert [
        name
        for name, times in Counter(
            metric.name for metric in (*METRICS, *CUSTOMER_METRICS, *points.POINTS_METRICS, *EXPERIMENT)
        ).items()
        if times > 1
    ] == []
    everything = (*METRICS, *CUSTOMER_METRICS, *points.POINTS_METRICS, *EXPERIMENT)
    assert all(metric.of for metric in everything if metric.unit == "share")
    assert {metric.name for metric in METRICS} >= COMPARED
