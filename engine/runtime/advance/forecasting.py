"""The nightly forecasts: a model of the shop, held against what came of one that is older, and from it the
value of each customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.core.facts.forecasts import Forecast, ForecastRefusal, Shortcoming
from engine.core.facts.rule import FactRule
from engine.core.happening import ProfileChanged
from engine.core.journeys import Journeys
from engine.forecast import is_installed
from engine.forecast.result import ForecastResult
from engine.runtime.advance.maintenance import follow_attributes
from engine.store import watermarks
from engine.store.customers import forecasts
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.serialization import pack
from engine.store.watermarks import Watermark
from engine.values import Instant, Money, Value, at_local, local_date, zone

if TYPE_CHECKING:
    from engine.forecast.purchases import Floats, Integers, PurchaseDays

CHUNK = 2_000
"""Customers who get a value in one transaction: between two chunks others may write."""

SWEEP = "forecast"
"""The kind of these looks in the table of sweeps."""

SAME = 100
"""A value that differs from the one before by less than one part in so many stays as it was, and so does a
chance that moved by less than a tenth of a percent: else everybody would be written anew every night."""

_NOTHING = " of nobody"
"""Behind the definition in the watermark of a look that found no forecast: the next values are the first."""

_SAME_CHANCE, _SAME_SUM = 0.001, 0.01
_PLACES = 4
"""Of a chance: hundredths of a percent."""


@dataclass(slots=True)
class ForecastBase:
    """Everybody whom forecasts of one event and field are about. `people`: (bucket, customer) by number.
    `stored`: by fact, what they have now, NaN where it is not set."""

    people: list[tuple[int, str]]
    table: PurchaseDays
    stored: dict[str, Floats] = field(default_factory=dict)


def forecast(store: Store, journeys: Journeys, now: Instant, chunk: int = CHUNK) -> dict[str, int]:
    """Makes every forecast once per day of the shop's calendar, and anew when a definition changed. fact ->
    how many customers have another value now.

    The days up to yesterday count. Values are written beside the decisions about customers; who is inside a
    journey whose goal or exit asks for one is told of it as of any other change, and the segments that ask
    are looked at once all have their values. The first values start nothing, nor those of a changed
    definition. Reading keeps nobody from writing. After a crash the look is made again: it finds the rest.
    """
    shop, changed = zone(journeys.timezone), dict[str, int]()
    today = local_date(now, shop)
    with store.read() as conn:
        looks = {
            rule.name: watermarks.get(conn, SWEEP, rule.name) for rule in journeys.facts if rule.is_forecast
        }
    due = [
        rule for rule in journeys.facts if rule.is_forecast and _is_due(looks[rule.name], rule, today, shop)
    ]
    seen, first, later = dict[str, str](), list[str](), list[str]()
    for rule, result, base in _results(store, due, journeys, today):
        last = looks[rule.name]
        is_first = last is None or last.hash != rule.fingerprint
        # Before the values: nobody sees one without what it was made by.
        store.write(partial(forecasts.put, forecast=result.forecast, now=now))
        changes = _changes(store, rule, journeys, result, base, exactly=is_first)
        _write(store, changes, _told(store, rule, journeys), now, starts=not is_first, chunk=chunk)
        (first if is_first else later).append(rule.name)
        seen[rule.name] = rule.fingerprint if result.forecast.is_made else f"{rule.fingerprint}{_NOTHING}"
        changed[rule.name] = len(changes.set) + len(changes.taken)
    # Once all have their values: a segment may ask for several. What is found here is not found below.
    follow_attributes(store, journeys, first, now, starts=False, chunk=chunk)
    follow_attributes(store, journeys, later, now, starts=True, chunk=chunk)
    # Last: a crash before it only makes the next look find what is missing, as quietly as this one.
    for name, written in seen.items():
        store.write(partial(watermarks.put, kind=SWEEP, name=name, until=now, hash_=written))
    return changed


def as_if(conn: Connection, journeys: Journeys, last: dt.date) -> list[Forecast]:
    """What every forecast would have been at the end of a day. Changes nothing."""
    found = []
    day_after = last + dt.timedelta(days=1)
    for rules in _alike([rule for rule in journeys.facts if rule.is_forecast]):
        base = read_base(conn, rules, journeys, day_after) if is_installed() else None
        found += [result.forecast for _, result in _made(rules, base, day_after)]
    return found


def read_base(
    conn: Connection, rules: Sequence[FactRule], journeys: Journeys, today: dt.date
) -> ForecastBase:
    """The days of everybody before `today`, for facts of one event and at most one field."""
    import numpy as np

    from engine.forecast.purchases import PurchaseDays, local_days

    shop = zone(journeys.timezone)
    until = at_local(today, dt.time.min, shop)
    rule = next((each for each in rules if each.field is not None), rules[0])
    names = [each.name for each in rules]
    people: list[tuple[int, str]] = []
    parts: list[tuple[Integers, Integers, Floats]] = []
    stored: list[Floats] = []
    for page in forecasts.activity(conn, rule, names, journeys.currency, until):
        who = np.array(page.who, dtype=np.int64) + len(people)
        at, amount = np.array(page.at, dtype=np.int64), np.array(page.amount, dtype=np.float64)
        parts.append((who, at, amount))
        people += [(each.bucket, each.customer) for each in page.people]
        stored.append(
            np.array([each.values for each in page.people], dtype=np.float64).reshape(-1, len(names))
        )
    who, at, amount = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    table = PurchaseDays.of(who, local_days(at, shop), amount)
    values = np.concatenate(stored)
    return ForecastBase(people, table, {name: values[:, place] for place, name in enumerate(names)})


def last_forecasts(conn: Connection) -> dict[str, Forecast]:
    """By fact: the forecast that was made last."""
    return {name: found for name, (found, _) in forecasts.known(conn).items()}


@dataclass(frozen=True, slots=True)
class ForecastChanges:
    """Customers (bucket, id) whose value of a fact is another one, and those who are to have none."""

    name: str
    set: list[tuple[int, str, Value]] = field(default_factory=list)
    taken: list[tuple[int, str]] = field(default_factory=list)


def _is_due(last: Watermark | None, rule: FactRule, today: dt.date, shop: ZoneInfo) -> bool:
    return (
        last is None
        or last.hash.removesuffix(_NOTHING) != rule.fingerprint
        or local_date(last.until, shop) < today
    )


def _alike(rules: Sequence[FactRule]) -> Iterator[list[FactRule]]:
    """Facts that are made from one reading and share their fits: of one event, and of one field of it."""
    by_event: dict[str, dict[str | None, list[FactRule]]] = {}
    for rule in rules:
        by_event.setdefault(rule.event, {}).setdefault(rule.field, []).append(rule)
    for by_field in by_event.values():
        # A chance needs no amounts, and takes part in any reading.
        chances = by_field.pop(None, [])
        for some in by_field.values():
            yield [*chances, *some]
            chances = []
        if chances:
            yield chances


def _results(
    store: Store, rules: Sequence[FactRule], journeys: Journeys, today: dt.date
) -> Iterator[tuple[FactRule, ForecastResult, ForecastBase | None]]:
    for alike in _alike(rules):
        base = None
        if is_installed():
            with store.read() as conn:
                base = read_base(conn, alike, journeys, today)
        for rule, result in _made(alike, base, today):
            yield rule, result, base


def _made(
    rules: Sequence[FactRule], base: ForecastBase | None, today: dt.date
) -> Iterator[tuple[FactRule, ForecastResult]]:
    """`base` None: the extra is not installed."""
    last = today - dt.timedelta(days=1)
    if base is None:
        for rule in rules:
            made = Forecast(rule.name, rule.event, rule.field, rule.ahead or 0, last.isoformat(),
                            rule.fingerprint, shortcoming=Shortcoming(ForecastRefusal.NO_EXTRA))  # fmt: skip
            yield rule, ForecastResult(made)
        return
    from engine.forecast.forecasting import forecast_facts

    yield from zip(rules, forecast_facts(base.table, last.toordinal(), rules), strict=True)


def _changes(
    store: Store,
    rule: FactRule,
    journeys: Journeys,
    result: ForecastResult,
    base: ForecastBase | None,
    *,
    exactly: bool,
) -> ForecastChanges:
    """`exactly`: also what has hardly moved."""
    if base is None or result.values is None:
        with store.read() as conn:
            return ForecastChanges(rule.name, taken=forecasts.having(conn, rule.name))
    import numpy as np

    is_share = rule.type.kind == "share"
    old, new = base.stored[rule.name], np.full(len(base.people), np.nan)
    new[result.values.customers] = np.round(result.values.values, _PLACES if is_share else 2)
    moved = np.abs(new - old)
    if exactly:
        is_same = moved == 0
    else:
        is_same = (moved * SAME < np.abs(old)) | (moved < (_SAME_CHANCE if is_share else _SAME_SUM))
    is_set = ~np.isnan(new) & ~is_same
    currency = journeys.currency if rule.type.kind == "money" else None
    return ForecastChanges(
        rule.name,
        [
            (*base.people[place], _value(value, _PLACES if is_share else 2, currency))
            for place, value in zip(np.flatnonzero(is_set).tolist(), new[is_set].tolist(), strict=True)
        ],
        [base.people[place] for place in np.flatnonzero(np.isnan(new) & ~np.isnan(old)).tolist()],
    )


def _value(number: float, places: int, currency: str | None) -> Value:
    amount = Decimal(f"{number:.{places}f}")
    return amount if currency is None else Money(amount, currency)


def _told(store: Store, rule: FactRule, journeys: Journeys) -> set[tuple[int, str]]:
    """Customers inside a journey whose goal or exit asks for the fact."""
    asking = sorted(
        subscription.journey.name
        for name, subscription in journeys.index.subscriptions.items()
        if name == subscription.journey.name and rule.name in subscription.exit_dependencies.attributes
    )
    if not asking:
        return set()
    with store.read() as conn:
        return forecasts.inside(conn, asking)


def _write(
    store: Store,
    changes: ForecastChanges,
    told: set[tuple[int, str]],
    now: Instant,
    *,
    starts: bool,
    chunk: int,
) -> None:
    name = changes.name
    rows = [
        _row(bucket, customer, name, value, now, starts=starts)
        for bucket, customer, value in (
            *(change for change in changes.set if change[:2] in told),
            *((*customer, None) for customer in changes.taken if customer in told),
        )
    ]
    for start in range(0, len(rows), chunk):
        store.write(partial(inbox.append_rows, inbox=rows[start : start + chunk]))
    for start in range(0, len(changes.set), chunk):
        values = [
            (bucket, customer, pack({name: value}))
            for bucket, customer, value in changes.set[start : start + chunk]
            if (bucket, customer) not in told
        ]
        store.write(partial(forecasts.write, values=values))
    for start in range(0, len(changes.taken), chunk):
        taken = [customer for customer in changes.taken[start : start + chunk] if customer not in told]
        store.write(partial(forecasts.take, customers=taken, name=name))


def _row(
    bucket: int, customer: str, name: str, value: Value, now: Instant, *, starts: bool
) -> tuple[int, str, str, int, str]:
    kind, body = to_row(ProfileChanged(0, now, {name: value}, starts=starts))
    return bucket, customer, kind, now, body
