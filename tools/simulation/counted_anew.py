"""What the table of daily counts must say, counted anew from the rows of runs, decisions, messages and
reactions, one by one and without the code that counts."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

Line = tuple[int, str, str, str, str, str]
"""Day (since 1970), journey, step, channel, what, why."""

_STATES = {
    "delivered": ("accepted", "delivered", "complained"),
    "complained": ("complained",),
    "bounced": ("bounced",),
    "failed": ("failed", "cancelled", "expired", "suppressed"),
    "unknown": ("unknown", "held"),
    "assumed": ("treated_as_sent",),
}


def counted(conn: Connection) -> Counter[Line]:
    """What the table says. Leavings are left out: no row says by which message somebody left."""
    sql = (
        "SELECT day, journey, step, channel, what, why, sum(n) FROM daily WHERE what <> 'unsubscribed'"
        " GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0"
    )
    return Counter({tuple(row[:6]): int(row[6]) for row in conn.exec_driver_sql(sql)})


def counted_by_domain(conn: Connection) -> Counter[Line]:
    """What the table of domains says: day, "", domain, channel, what, why. Without leavings."""
    sql = (
        "SELECT day, '', domain, channel, what, why, sum(n) FROM daily_domain WHERE what <> 'unsubscribed'"
        " GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0"
    )
    return Counter({tuple(row[:6]): int(row[6]) for row in conn.exec_driver_sql(sql)})


def domains_anew(conn: Connection, timezone: str, domain_of: Mapping[str, str]) -> Counter[Line]:
    """What it must say. `domain_of`: what each address counts as."""
    zone = ZoneInfo(timezone)
    of = {
        (bucket, key): domain_of[address] if address is not None else ""
        for bucket, key, address in conn.exec_driver_sql("SELECT bucket, send_key, address FROM outbox")
    }
    found: Counter[Line] = Counter()
    for bucket, key, (day, _, _, channel, what, why) in _of_messages(conn, zone):
        found[day, "", of[bucket, key], channel, what, why] += 1
    for at, _, _, click in orders(conn):
        if click is not None:
            is_marketing, *_, channel, bucket, key = click
            what = "attributed" if is_marketing else "after service"
            found[_day(at, zone), "", of[bucket, key], channel, what, ""] += 1
    return found


def cost(conn: Connection) -> dict[str, int]:
    """What the table says that sending cost, by channel, in millionths."""
    sql = "SELECT channel, sum(money) FROM daily WHERE what = 'sent' GROUP BY 1"
    return {channel: int(money) for channel, money in conn.exec_driver_sql(sql)}


def counted_anew(conn: Connection, timezone: str) -> Counter[Line]:
    """What it must say, but for leavings, and but for steps where files changed (`renamed`)."""
    zone = ZoneInfo(timezone)
    found: Counter[Line] = Counter()
    found.update(_of_traces(conn, zone))
    found.update(line for _, _, line in _of_messages(conn, zone))
    found.update(_of_orders(conn, zone))
    found.update(_of_customers(conn, zone))
    found.update(line for line, _, is_whole in _taken_back(conn, zone) if is_whole)
    found.update(_of_segments(conn, zone))
    ends = conn.exec_driver_sql(
        "SELECT journey, outcome, ended_at FROM enrollment WHERE ended_at IS NOT NULL"
    )
    found.update((_day(at, zone), journey, "", "", "ended", outcome) for journey, outcome, at in ends)
    return found


def _of_traces(conn: Connection, zone: ZoneInfo) -> Iterator[Line]:
    lines: list[list[Any]] = []
    for (text,) in conn.exec_driver_sql("SELECT lines FROM trace ORDER BY number"):
        lines += json.loads(text)
    held_out = {line[3] for line in lines if line[1] == "holdout"}
    for at, kind, journey, run, step, _, subject, detail, *_ in lines:
        day = _day(at, zone)
        if kind == "start" and run not in held_out:
            yield day, journey, "", "", "started", ""
        elif kind == "holdout":
            yield day, journey, "", "", "refused", "holdout"
        elif kind == "ignored":
            yield day, journey, "", "", "refused", subject
        elif kind == "skip":
            yield day, journey, step, "", "skipped", detail
        elif kind in ("goal", "goal (late)") or (kind, subject) == ("note", "goal"):
            why = "after" if kind == "note" else "late" if kind != "goal" else "before" if detail else ""
            yield day, journey, "", "", "goal", "holdout" if run in held_out else why


def _of_segments(conn: Connection, zone: ZoneInfo) -> Iterator[Line]:
    for segment, entered_at, left_at in conn.exec_driver_sql(
        "SELECT segment, entered_at, left_at FROM membership"
    ):
        yield _day(entered_at, zone), "", "", "", "entered", segment
        if left_at is not None:
            yield _day(left_at, zone), "", "", "", "left", segment


def reached_anew(conn: Connection, timezone: str) -> Counter[Line]:
    """How many runs came to each step: those with a word about it. Right where no file has changed, and for
    steps that are not done by a goal."""
    zone = ZoneInfo(timezone)
    first: dict[tuple[str, str], Line] = {}
    for (text,) in conn.exec_driver_sql("SELECT lines FROM trace ORDER BY number"):
        for at, kind, journey, run, step, *_ in json.loads(text):
            if step and kind != "ignored":
                first.setdefault((run, step), (_day(at, zone), journey, step, "", "reached", ""))
    return Counter(first.values())


def _of_messages(conn: Connection, zone: ZoneInfo) -> Iterator[tuple[int, str, Line]]:
    """Bucket and send key of each message, with what it counts as."""
    kinds: dict[tuple[int, str], set[str]] = {}
    people = "SELECT bucket, send_key, kind FROM reaction WHERE who = 'human'"
    for bucket, key, kind in conn.exec_driver_sql(people):
        kinds.setdefault((bucket, key), set()).add(kind)
    messages = "SELECT bucket, send_key, journey, step, channel, state, handed_at, settled_at FROM outbox"
    for bucket, key, journey, step, channel, state, handed_at, settled_at in conn.exec_driver_sql(messages):
        is_refused = handed_at is None and state in ("bounced", "failed")
        at = settled_at if is_refused else handed_at
        if at is None:
            continue
        day = _day(at, zone)
        yield bucket, key, (day, journey, step, channel, "sent", "")
        for what, states in _STATES.items():
            if state in states:
                yield bucket, key, (day, journey, step, channel, what, "")
        did = kinds.get((bucket, key), set())
        if did:
            yield bucket, key, (day, journey, step, channel, "opened", "")
        for what, kind in (("clicked", "clicked"), ("replied", "replied")):
            if kind in did:
                yield bucket, key, (day, journey, step, channel, what, "")


def credited(conn: Connection) -> Iterator[tuple[str, int]]:
    """The journey that each order belongs to ("": to none), and what it came to, in whole units."""
    for _, _, total, click in orders(conn):
        yield click[3] if click is not None else "", total


def _of_orders(conn: Connection, zone: ZoneInfo) -> Iterator[Line]:
    for at, _, _, click in orders(conn):
        day = _day(at, zone)
        yield day, "", "", "", "order", ""
        if click is not None:
            is_marketing, _, _, *place, _, _ = click
            yield day, *place, "attributed" if is_marketing else "after service", ""


def money(conn: Connection) -> Counter[tuple[int, str, str]]:
    """What the table says that cohorts brought and what was taken back: by day, what and why, in
    millionths."""
    sql = (
        "SELECT day, what, why, sum(money) FROM daily WHERE what IN ('cohort order', 'taken back')"
        " GROUP BY 1, 2, 3 HAVING sum(money) <> 0"
    )
    return Counter({(day, what, why): int(total) for day, what, why, total in conn.exec_driver_sql(sql)})


def money_anew(conn: Connection, timezone: str) -> Counter[tuple[int, str, str]]:
    """What it must say."""
    zone = ZoneInfo(timezone)
    found: Counter[tuple[int, str, str]] = Counter()
    for orders in _by_customer(conn).values():
        first = orders[0][0]
        for at, _, fields in orders:
            found[_day(at, zone), "cohort order", f"{_local(first, zone):%Y-%m}"] += _millionths(fields)
    for (day, *_, what, why), amount, _ in _taken_back(conn, zone):
        found[day, what, why] += amount
    return found


def _of_customers(conn: Connection, zone: ZoneInfo) -> Iterator[Line]:
    """First orders, orders again with the days between, cohorts and categories."""
    for orders in _by_customer(conn).values():
        days = [_day(at, zone) for at, _, _ in orders]
        dates = [_local(at, zone) for at, _, _ in orders]
        cohort = f"{dates[0]:%Y-%m}"
        for number, (_, _, fields) in enumerate(orders):
            if number:
                yield days[number], "", "", "", "order again", str(days[number] - days[number - 1])
            else:
                yield days[0], "", "", "", "new customer", ""
            yield days[number], "", "", "", "cohort order", cohort
            if f"{dates[number]:%Y-%m}" not in {f"{date:%Y-%m}" for date in dates[:number]}:
                yield days[number], "", "", "", "cohort active", cohort
            if number < 2:
                what = ("first category", "second category")[number]
                for category in {item["category"] for item in fields.get("items", ())}:
                    yield days[number], "", "", "", what, category
        if len(orders) > 1:
            yield days[0], "", "", "", "second order", str(days[1] - days[0])


def _taken_back(conn: Connection, zone: ZoneInfo) -> Iterator[tuple[Line, int, bool]]:
    """Of each order that another event takes back, how much (millionths), and whether it is the whole."""
    returns: dict[tuple[int, str, str], list[tuple[str, Any]]] = {}
    sql = (
        "SELECT bucket, customer, name, CAST(fields AS TEXT) FROM event"
        " WHERE name IN ('order_returned', 'order_cancelled')"
    )
    for bucket, customer, name, text in conn.exec_driver_sql(sql):
        fields = json.loads(text)
        returns.setdefault((bucket, customer, fields["order_id"]), []).append((name, fields))
    for (bucket, customer), orders in _by_customer(conn).items():
        keys: set[str] = set()
        for at, _, fields in orders:
            key = fields.get("order_id")
            if not key or key in keys:
                continue
            keys.add(key)
            taken = returns.get((bucket, customer, key), [])
            is_whole = any(name == "order_cancelled" for name, _ in taken)
            back = sum(_millionths(each) for name, each in taken if name == "order_returned")
            amount = _millionths(fields) if is_whole else min(back, _millionths(fields))
            yield (_day(at, zone), "", "", "", "taken back", ""), amount, is_whole


def _by_customer(conn: Connection) -> dict[tuple[int, str], list[tuple[int, str, Any]]]:
    """The orders of each customer by time: moment, id, fields."""
    found: dict[tuple[int, str], list[tuple[int, str, Any]]] = {}
    sql = (
        "SELECT bucket, customer, occurred_at, id, CAST(fields AS TEXT) FROM event"
        " WHERE name = 'order_placed'"
    )
    for bucket, customer, at, id_, fields in conn.exec_driver_sql(sql):
        found.setdefault((bucket, customer), []).append((at, id_, json.loads(fields)))
    for orders in found.values():
        orders.sort(key=lambda order: order[:2])
    return found


def _millionths(fields: Any) -> int:
    total = fields.get("total", 0)
    return int(total["amount"] if isinstance(total, dict) else total) * 1_000_000


def orders(conn: Connection) -> Iterator[tuple[int, str, int, Any]]:
    """An order belongs to the last message that was clicked in the 5 days before it; one of service only
    where there is no other."""
    clicks: dict[tuple[int, str], list[Any]] = {}
    sql = (
        "SELECT r.bucket, r.customer, o.purpose IS NOT NULL, r.at, r.number, o.journey, o.step, o.channel,"
        " o.bucket, o.send_key"
        " FROM reaction r JOIN outbox o ON o.bucket = r.bucket AND o.send_key = r.send_key"
        " WHERE r.kind = 'clicked' AND r.who = 'human'"
    )
    for bucket, customer, *click in conn.exec_driver_sql(sql):
        clicks.setdefault((bucket, customer), []).append(tuple(click))
    orders = (
        "SELECT bucket, customer, occurred_at, CAST(fields AS TEXT) FROM event WHERE name = 'order_placed'"
    )
    for bucket, customer, at, fields in conn.exec_driver_sql(orders):
        total = json.loads(fields).get("total", 0)
        amount = int(total["amount"] if isinstance(total, dict) else total)
        known = clicks.get((bucket, customer), ())
        inside = [click for click in known if at - 5 * 86_400_000 <= click[1] <= at]
        yield at, customer, amount, max(inside, default=None)


def _day(at: int, zone: ZoneInfo) -> int:
    return (_local(at, zone) - dt.date(1970, 1, 1)).days


def _local(at: int, zone: ZoneInfo) -> dt.date:
    return dt.datetime.fromtimestamp(at / 1000, zone).date()
