"""Every figure of a report is defined, once, and the page of definitions says so."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from engine.figures.customer_metrics import CUSTOMER_METRICS
from engine.figures.definitions_page import page
from engine.figures.experiments.metrics import EXPERIMENT, SINCE
from engine.figures.metrics import COMPARED, METRICS, Metric
from engine.figures.reports import (
    audit,
    channels,
    codes,
    cohorts,
    deployments,
    journeys,
    overview,
    points,
    reach,
    recommendations,
    segments,
    year,
)  # fmt: skip
from engine.figures.reports.forecasts_section import FORECASTS_BESIDE
from tests.conftest import Golden

ROOT = Path(__file__).parents[2]


def test_the_page_says_what_the_reports_compute(golden: Golden) -> None:
    golden(str(ROOT / "docs/metrics.md"), page())


def test_every_figure_of_a_report_is_on_the_page_once() -> None:
    assert set(SINCE) <= set(EXPERIMENT)
    shown = {*overview.OVERVIEW, *overview.CUSTOMERS, *overview.CATEGORIES, *overview.PARTS}
    shown |= {measure.metric for measure in cohorts.MEASURES}
    assert shown <= {*METRICS, *CUSTOMER_METRICS}
    shown = {*channels.CHANNELS, *journeys.OVERVIEW, *journeys.ONE, *journeys.STEPS, *journeys.PARTS}
    assert shown <= set(METRICS)
    others = (
        *EXPERIMENT, *FORECASTS_BESIDE,
        *reach.REACH, *segments.SEGMENTS, *codes.CODES, *recommendations.RECOMMENDATIONS,
        *deployments.DEPLOYMENTS, *points.POINTS_METRICS, *deployments.CONTROLLED, *audit.AUDIT, *year.YEAR,
    )  # fmt: skip
    everything: list[Metric] = [*METRICS, *CUSTOMER_METRICS, *others]
    assert [name for name, n in Counter(metric.name for metric in everything).items() if n > 1] == []
    assert [metric.name for metric in everything if (metric.unit == "share") and not metric.of] == []
    assert {metric.name for metric in METRICS} >= COMPARED
