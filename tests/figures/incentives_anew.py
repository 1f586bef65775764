"""What reports of codes, recommended products and points must say, counted one by one from the rows of a
store and without the code that counts them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from engine.figures.period import Period
from engine.values import DAY
from tests.figures.reports_anew import day_of

Counts = Mapping[str, Counter[str]]
"""Label of a line -> name of a figure -> how many."""


def _rows(conn: Connection, sql: str) -> list[Any]:
    return [tuple(row) for row in conn.exec_driver_sql(sql)]


def codes_anew(conn: Connection, period: Period, now: int) -> tuple[Counts, Counts]:
    """By pool, and by the journey that gave them."""
    codes = _rows(conn, "SELECT pool, journey, value, customer, taken_at, expires_at, used_at, given_back_at"
                        " FROM code ORDER BY taken_at")  # fmt: skip
    found: tuple[defaultdict[str, Counter[str]], ...] = (defaultdict(Counter), defaultdict(Counter))
    for pool, journey, _, _, taken_at, expires_at, used_at, back_at in codes:
        for of_line in (found[0][pool], found[1][journey or "of no journey"]):
            of_line["codes_given"] += day_of(taken_at) in period
            of_line["codes_used"] += used_at is not None and day_of(used_at) in period
            is_back = used_at is None and back_at is not None
            of_line["codes_given_back"] += is_back and day_of(back_at) in period
            is_over = used_at is None and back_at is None and expires_at < now
            of_line["codes_expired"] += is_over and day_of(expires_at) in period
    shown = _rows(conn, "SELECT pool, value, customer, at, amount, currency, verdict FROM code_use")
    for pool, value, customer, at, amount, currency, verdict in shown:
        if day_of(at) not in period:
            continue
        givers = [code[1] for code in codes if code[2:4] == (value, customer)]
        for of_line in (found[0][pool], found[1][(givers or [""])[-1] or "of no journey"]):
            of_line["code_orders"] += verdict == "used"
            of_line["codes_refused"] += verdict != "used"
            if verdict == "used" and currency == "EUR":
                of_line["code_revenue"] += (amount or 0) // 1_000_000
    return found[0], found[1]


def recommended_anew(
    conn: Connection, period: Period, order: Callable[[Any], set[str]], within: int = 5 * DAY
) -> Counts:
    """By list, and by list and source. `order`: the products that the fields of an order name."""
    clicked = set(_rows(conn, "SELECT bucket, send_key FROM reaction"
                              " WHERE who = 'human' AND kind = 'clicked'"))  # fmt: skip
    bought: defaultdict[str, list[tuple[int, set[str]]]] = defaultdict(list)
    orders = "SELECT customer, occurred_at, CAST(fields AS TEXT) FROM event WHERE name = 'order_placed'"
    for customer, at, fields in _rows(conn, orders):
        bought[customer].append((at, order(json.loads(fields))))
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    messages: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
    shown = "SELECT bucket, customer, send_key, name, product, source, at FROM shown_product"
    for bucket, customer, key, name, product, source, at in _rows(conn, shown):
        if day_of(at) not in period:
            continue
        is_hit = any(at < when <= at + within and product in products for when, products in bought[customer])
        for label in (name, f"{name}, from {source}"):
            found[label]["products_shown"] += 1
            found[label]["products_bought"] += is_hit
            messages[label].add((bucket, key))
    for label, of_label in messages.items():
        found[label]["list_messages"] = len(of_label)
        found[label]["list_clicked"] = len(of_label & clicked)
    return found


PointsRow = tuple[int, str, int]
"""When, kind of entry, points."""

POINTS_SQL = "SELECT at, kind, points FROM points_entry"
_SIGNS = {"earned": 1, "given": 1, "taken back": -1, "spent": -1, "expired": -1, "forgotten": -1}


def points_anew(entries: list[PointsRow], period: Period) -> dict[str, int]:
    """From all entries, those of people who were erased among them, and what was forgotten with them."""
    found = {
        f"points_{kind.replace(' ', '_')}":
            sign * sum(points for at, each, points in entries if each == kind and day_of(at) in period)
        for kind, sign in _SIGNS.items()
    }  # fmt: skip
    found["points_outstanding"] = sum(points for at, _, points in entries if day_of(at) <= period.last)
    found["points_issued"] = found["points_earned"] + found["points_given"]
    return found
