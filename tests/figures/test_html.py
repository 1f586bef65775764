"""A report as a page: one file that fetches nothing, every chart with its words and its numbers, and nothing
that anybody has said becomes markup."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from xml.etree import ElementTree as ET

from engine.figures import customer_metrics as c
from engine.figures import metrics as m
from engine.figures.html import as_html, breakable, with_code
from engine.figures.html.charts import column_chart, merged, spark_path
from engine.figures.number_format import change
from engine.figures.period import Period
from engine.figures.report import FiguresReport, Row, Table

PERIOD = Period(dt.date(2026, 3, 1), dt.date(2026, 3, 3))
NASTY = '<script>alert(1)</script>"'


def report(*tables: Table) -> FiguresReport:
    return FiguresReport(
        "overview", "The shop", PERIOD, PERIOD.before(), "EUR", "Europe/Berlin", "2026-03-04T00:00:00Z",
        tables, (NASTY,), PERIOD.year_before(),
    )  # fmt: skip


WHOLE = Table(
    "overview", "The shop", "shop", (c.ALL_REVENUE, c.REPEAT_RATE),
    (Row("the shop", (Decimal(30), Decimal("0.5")), (Decimal(20), None), year_before=(None, None),
         trends={"all_revenue": (Decimal(10), Decimal(0), Decimal(20))}),),
    is_whole=True,
)  # fmt: skip
LINES = Table(
    "journeys", NASTY, "journey", (m.STARTED, m.COST),
    (Row(NASTY, (4, Decimal("0.5")), (2, Decimal(0)), (1, 0, 3), note=NASTY), Row("b", (0, None), (0, None))),
    "starts",
)  # fmt: skip


def test_a_page_fetches_and_runs_nothing_and_escapes_what_people_wrote() -> None:
    page = as_html(report(WHOLE, LINES), NASTY)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(src|href|srcset|action)\s*=|url\(|@import""", page)
    assert "default-src 'none'" in page


def test_names_break_behind_their_underscores_and_stay_text() -> None:
    assert breakable("cart_last_reminder") == "cart_<wbr/>last_<wbr/>reminder"
    assert breakable(NASTY) == "&lt;script&gt;alert(1)&lt;/script&gt;&#34;"


def test_what_stands_between_backticks_is_code_and_stays_text() -> None:
    assert with_code("see `report codes`, or not") == "see <code>report codes</code>, or not"
    assert with_code(f"`{NASTY}` {NASTY}") == (
        "<code>&lt;script&gt;alert(1)&lt;/script&gt;&#34;</code> &lt;script&gt;alert(1)&lt;/script&gt;&#34;"
    )
    assert with_code("one ` alone") == "one ` alone"


def test_a_share_that_fell_by_less_than_is_shown_did_not_fall() -> None:
    assert change(Decimal("0.9502"), Decimal("0.9504"), "share") == "+0.0 pt"
    assert change(Decimal("99.99"), Decimal(100), "money") == "+0%"
    assert change(Decimal("0.94"), Decimal("0.95"), "share") == "-1.0 pt"


def test_bars_of_one_length_are_not_drawn() -> None:
    rows = tuple(Row(name, (n, None), ()) for name, n in (("a", 4), ("b", 4)))
    same = Table("journeys", "Same", "journey", (m.STARTED, m.COST), rows)
    assert 'class="bar"' not in as_html(report(same), "Shop")
    other = Table("journeys", "Other", "journey", (m.STARTED, m.COST), (*rows, Row("c", (2, None), ())))
    assert as_html(report(other), "Shop").count('class="bar"') == 3


def test_the_markup_is_whole_and_every_chart_says_what_it_shows() -> None:
    page = as_html(report(WHOLE, LINES), "Bean There")
    body = re.sub(r"<meta[^>]*>", "", page.replace("<!doctype html>", ""))
    tree = ET.fromstring(body)
    ids = [each.get("id") for each in tree.iter() if each.get("id")]
    assert len(ids) == len(set(ids))
    charts = [each for each in tree.iter("svg") if each.get("role") == "img"]
    assert len(charts) == 2
    named = {each for chart in charts for each in (chart.get("aria-labelledby") or "").split()}
    assert named <= set(ids)
    assert charts[1].get("aria-label") == "starts by day: 4 in all, at most 3, on 2026-03-03"
    days = [[cell.text for cell in line] for line in tree.findall(".//details//tbody/tr")]
    assert days == [["2026-03-01", "10.00"], ["2026-03-02", "0.00"], ["2026-03-03", "20.00"]]
    for table in tree.iter("table"):
        heads = table.findall("./thead/tr/th")
        assert all(head.get("scope") == "col" for head in heads)
        assert {len(line) for line in table.findall("./tbody/tr")} == {len(heads)}


def test_columns_are_as_high_as_their_numbers() -> None:
    chart = column_chart("orders", [Decimal(5), Decimal(-3), Decimal(10)], ["a", "b", "c"], ["5", "-3", "10"])
    assert chart is not None
    low, none, high = (column.height for column in chart.columns)
    assert (low * 2, none) == (high, 0)
    assert all(column.y + column.height == chart.baseline for column in chart.columns)
    assert column_chart("orders", [Decimal(0)], ["a"], ["0"]) is None


def test_many_days_share_columns_and_lose_nothing() -> None:
    numbers = [Decimal(each) for each in range(400)]
    found, wide = merged(numbers)
    assert (len(found) <= 62, wide, sum(found)) == (True, 7, sum(numbers))
    assert spark_path([0, 0]) == ""
    assert spark_path([1, 2]).count(",") == 2
