"""The nightly forecasts: a model of the shop, held against what came of one that is older, and from it the
value of each customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.learning import forecasts
from engine.store.serialization import pack
from engine.store.watermarks import Watermark
from engine.values import Instant, Money, Value, at_local, local_date, zone

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    seen, first = dict[str, str](), set[str]()
    for rules in _alike(due):
        base = _read(store, rules, journeys, today)
        results = _made(rules, base, today)
        for rule, result in zip(rules, results, strict=True):
            last = looks[rule.name]
            if last is None or last.hash != rule.fingerprint:
                first.add(rule.name)
            seen[rule.name] = rule.fingerprint if result.forecast.is_made else f"{rule.fingerprint}{_NOTHING}"
        # Before the values: nobody sees one without what it was made by.
        store.write(partial(forecasts.put, made=[result.forecast for result in results], now=now))
        told = {rule.name: _told(store, rule, journeys) for rule in rules}
        changed |= dict.fromkeys((rule.name for rule in rules), 0)
        for some in _changes(store, rules, journeys, results, base, first, chunk):
            store.write(partial(_write, some=some, told=told, first=first, now=now))
            for name in (name for values in some.values() for name in values):
                changed[name] += 1
    # Once all have their values: a segment may ask for several. What is found here is not found below.
    follow_attributes(store, journeys, sorted(first), now, starts=False, chunk=chunk)
    follow_attributes(store, journeys, sorted(seen.keys() - first), now, starts=True, chunk=chunk)
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
        found += [result.forecast for result in _made(rules, base, day_after)]
    return found


def read_base(
    conn: Connection, rules: Sequence[FactRule], journeys: Journeys, today: dt.date
) -> ForecastBase:
    """The days of everybody before `today`, for facts of one event and at most one field."""
    import numpy as np

    from engine.forecast.purchases import PurchaseDays, local_days

    shop = zone(journeys.timezone)
    # whole days alone: today is not over
    until = at_local(today, dt.time.min, shop)
    # the one that needs amounts decides what is read; the others take part
    rule = next((each for each in rules if each.field is not None), rules[0])
    names = [each.name for each in rules]
    people: list[tuple[int, str]] = []
    parts: list[tuple[Integers, Integers, Floats]] = []
    stored: list[Floats] = []
    for page in forecasts.event_pages(conn, rule, names, journeys.currency, until):
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


def is_current(last: Watermark, rule: FactRule) -> bool:
    """Whether a look was made by the definition that the fact has now, whatever it found."""
    return last.hash.removesuffix(_NOTHING) == rule.fingerprint


def _is_due(last: Watermark | None, rule: FactRule, today: dt.date, shop: ZoneInfo) -> bool:
    return last is None or not is_current(last, rule) or local_date(last.until, shop) < today


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


def _read(store: Store, rules: Sequence[FactRule], journeys: Journeys, today: dt.date) -> ForecastBase | None:
    """None: the extra is not installed."""
    if not is_installed():
        return None
    with store.read() as conn:
        return read_base(conn, rules, journeys, today)


def _made(rules: Sequence[FactRule], base: ForecastBase | None, today: dt.date) -> list[ForecastResult]:
    """The forecast of each."""
    last = today - dt.timedelta(days=1)
    if base is not None:
        from engine.forecast.forecasting import forecast_facts

        return list(forecast_facts(base.table, last.toordinal(), rules))
    return [
        ForecastResult(
            Forecast(rule.name, rule.event, rule.field, rule.ahead or 0, last.isoformat(), rule.fingerprint,
                     shortcoming=Shortcoming(ForecastRefusal.NO_EXTRA))
        )
        for rule in rules
    ]  # fmt: skip


_Customer = tuple[int, str]
"""Bucket and id."""

_Values = dict[str, Value]
"""Of one customer: the facts that are another value now, with it; None: there is to be none."""


def _changes(
    store: Store,
    rules: Sequence[FactRule],
    journeys: Journeys,
    results: Sequence[ForecastResult],
    base: ForecastBase | None,
    first: Collection[str],
    chunk: int,
) -> Iterator[dict[_Customer, _Values]]:
    """Everybody of whom something is another value, some at a time. `first`: facts of which also what has
    hardly moved is written."""
    # without the extra a fact has no value: one of before would grow old unseen
    if base is None:
        with store.read() as conn:
            having = {rule.name: forecasts.having(conn, rule.name) for rule in rules}
        for name, people in having.items():
            for begin in range(0, len(people), chunk):
                yield {customer: {name: None} for customer in people[begin : begin + chunk]}
        return
    import numpy as np

    new = np.full((len(rules), len(base.people)), np.nan)
    is_set, is_taken = np.zeros(new.shape, dtype=bool), np.zeros(new.shape, dtype=bool)
    for row, (rule, result) in enumerate(zip(rules, results, strict=True)):
        if result.values is not None:
            new[row, result.values.customers] = np.round(result.values.values, _places(rule))
        # NaN is no value: a comparison with it says nothing
        is_set[row] = ~np.isnan(new[row]) & ~_is_same(
            base.stored[rule.name], new[row], rule, exactly=rule.name in first
        )
        is_taken[row] = np.isnan(new[row]) & ~np.isnan(base.stored[rule.name])
    places = np.flatnonzero(np.any(is_set | is_taken, axis=0))
    for begin in range(0, len(places), chunk):
        some: dict[_Customer, _Values] = {}
        for place in places[begin : begin + chunk].tolist():
            values = some[base.people[place]] = {}
            for row, rule in enumerate(rules):
                if is_set[row, place]:
                    values[rule.name] = _value(float(new[row, place]), rule, journeys.currency)
                elif is_taken[row, place]:
                    values[rule.name] = None
        yield some


def _is_same(old: Floats, new: Floats, rule: FactRule, *, exactly: bool) -> NDArray[np.bool_]:
    """Where a value stays as it was; `exactly`: only where it has not moved at all."""
    import numpy as np

    moved = np.abs(new - old)
    if exactly:
        return np.equal(moved, 0)
    least = _SAME_CHANCE if rule.type.kind == "share" else _SAME_SUM
    return np.logical_or(moved * SAME < np.abs(old), moved < least)


def _places(rule: FactRule) -> int:
    """How many digits behind the point are kept: hundredths of a percent, or of the currency."""
    return 4 if rule.type.kind == "share" else 2


def _value(number: float, rule: FactRule, currency: str) -> Value:
    amount = Decimal(f"{number:.{_places(rule)}f}")
    return Money(amount, currency) if rule.type.kind == "money" else amount


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
    conn: Connection,
    some: Mapping[_Customer, _Values],
    told: Mapping[str, Collection[_Customer]],
    first: Collection[str],
    now: Instant,
) -> None:
    """Writes what is another value, in one transaction; `told`: by fact, who hears of it as of any other
    change. `first`: facts whose values start nothing."""
    heard: list[tuple[int, str, str, int, str]] = []
    written: list[tuple[int, str, dict[str, object]]] = []
    taken: dict[str, list[_Customer]] = {}
    for customer, values in some.items():
        quietly, loudly, kept = _Values(), _Values(), _Values()
        for name, value in values.items():
            # who is inside such a journey is told by the inbox, which keeps the order of decisions; all
            # others are written to at once
            if customer in told[name]:
                (quietly if name in first else loudly)[name] = value
            elif value is None:
                taken.setdefault(name, []).append(customer)
            else:
                kept[name] = value
        for changes, starts in ((quietly, False), (loudly, True)):
            if changes:
                kind, body = to_row(ProfileChanged(0, now, changes, starts=starts))
                heard.append((*customer, kind, now, body))
        if kept:
            written.append((*customer, pack(kept)))
    inbox.append_rows(conn, heard)
    forecasts.write(conn, written)
    for name, customers in taken.items():
        forecasts.take(conn, customers, name)
