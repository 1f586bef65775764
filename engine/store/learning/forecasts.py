"""Forecasts in the store: the events that they are made from, read page by page, the values of customers,
written slice by slice, and the document of each with its parameters and its calibration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import sqlalchemy as sa

from engine.core.facts.forecasts import Forecast
from engine.core.facts.rule import FactRule
from engine.store.learning.event_amounts import amount_keys, amount_sql
from engine.store.learning.learned import FORECAST, put_documents
from engine.store.serialization import dump, load
from engine.store.sql import change_many, rows
from engine.values import Instant

PAGE = 20_000
"""Customers per query: their rows are in memory at once."""

_decoder = msgspec.json.Decoder(Forecast)


@dataclass(frozen=True, slots=True)
class StoredForecasts:
    """A customer, and the amounts of the facts that were asked for as they are stored; None: not set."""

    bucket: int
    customer: str
    values: tuple[float | None, ...]


@dataclass(slots=True)
class EventPage:
    """Some customers, in the order of the key, and their events in the order of customers and time. `who`:
    the place of the customer of each event among `people`. `amount`: None where an event has none."""

    people: list[StoredForecasts] = field(default_factory=list)
    who: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    amount: list[float | None] = field(default_factory=list)


def event_pages(
    conn: sa.Connection,
    rule: FactRule,
    names: Sequence[str],
    currency: str,
    until: Instant,
    page: int = PAGE,
) -> Iterator[EventPage]:
    """Everybody, with their events of `rule.event` before a moment and the amounts of `rule.field`. `names`:
    facts whose stored values are wanted. Two queries per page of customers."""
    dialect = conn.dialect.name
    spent = amount_sql(rule, dialect, exact=False) if rule.field is not None else "NULL"
    query = sa.text(
        f"SELECT c.bucket, c.id, e.occurred_at, {spent}"  # noqa: S608 - texts of the engine
        " FROM (SELECT bucket, id FROM customer WHERE (bucket, id) > (:bucket, :after)"
        " ORDER BY bucket, id LIMIT :size) c"
        " JOIN event e ON e.bucket = c.bucket AND e.customer = c.id AND e.name = :event"
        " AND e.occurred_at < :until ORDER BY c.bucket, c.id, e.occurred_at"
    )
    known = {"event": rule.event, "until": until, "size": page}
    if rule.field is not None:
        known |= {**amount_keys(rule, dialect), "currency": currency}
    bucket, after = -1, ""
    while True:
        found = EventPage(_stored(conn, names, bucket, after, page))
        places = {(each.bucket, each.customer): place for place, each in enumerate(found.people)}
        for number, customer, at, amount in conn.execute(query, {**known, "bucket": bucket, "after": after}):
            found.who.append(places[number, customer])
            found.at.append(at)
            found.amount.append(amount)
        yield found
        if len(found.people) < page:
            return
        bucket, after = found.people[-1].bucket, found.people[-1].customer


def _stored(
    conn: sa.Connection, names: Sequence[str], bucket: int, after: str, page: int
) -> list[StoredForecasts]:
    document = "attributes -> ?" if conn.dialect.name == "sqlite" else "CAST(attributes -> ? AS TEXT)"
    keys = [f'$."{name}"' if conn.dialect.name == "sqlite" else name for name in names]
    columns = "".join(f", {document}" for _ in names)
    found = rows(
        conn,
        f"SELECT bucket, id{columns} FROM customer WHERE (bucket, id) > (?, ?) ORDER BY bucket, id LIMIT ?",  # noqa: S608
        (*keys, bucket, after, page),
    )
    return [StoredForecasts(number, id_, tuple(map(_amount, texts))) for number, id_, *texts in found]


def _amount(text: str | None) -> float | None:
    """The number of a value as it is stored: a share, a number, or money."""
    if text is None:
        return None
    value = load(text)
    return float(value["amount"] if isinstance(value, dict) else value)


def write(conn: sa.Connection, values: Sequence[tuple[int, str, dict[str, object]]]) -> int:
    """Writes values beside the other attributes of customers: (bucket, customer, values in the form that is
    stored). In a transaction of the writer, beside which nobody decides. How many."""
    merged = (
        "json_patch(attributes, ?)"
        if conn.dialect.name == "sqlite"
        else "attributes || CAST(CAST(? AS TEXT) AS JSONB)"
    )
    return change_many(
        conn,
        f"UPDATE customer SET attributes = {merged} WHERE bucket = ? AND id = ?",  # noqa: S608 - own texts
        [(dump(new), bucket, customer) for bucket, customer, new in values],
    )


def take(conn: sa.Connection, customers: Sequence[tuple[int, str]], name: str) -> int:
    """Takes the value of a fact away from customers (bucket, id). How many."""
    is_sqlite = conn.dialect.name == "sqlite"
    without = "json_remove(attributes, ?)" if is_sqlite else "attributes - CAST(? AS TEXT)"
    key = f'$."{name}"' if is_sqlite else name
    return change_many(
        conn,
        f"UPDATE customer SET attributes = {without} WHERE bucket = ? AND id = ?",  # noqa: S608 - own texts
        [(key, bucket, customer) for bucket, customer in customers],
    )


def having(conn: sa.Connection, name: str) -> list[tuple[int, str]]:
    """(bucket, customer) of everybody who has a value of a fact."""
    is_sqlite = conn.dialect.name == "sqlite"
    place = "json_type(attributes, ?)" if is_sqlite else "jsonb_typeof(attributes -> CAST(? AS TEXT))"
    key = f'$."{name}"' if is_sqlite else name
    found = rows(conn, f"SELECT bucket, id FROM customer WHERE {place} IS NOT NULL", (key,))  # noqa: S608
    return [(bucket, customer) for bucket, customer in found]


def inside(conn: sa.Connection, journeys: Sequence[str]) -> set[tuple[int, str]]:
    """(bucket, customer) of everybody with an open run of one of these journeys."""
    return {
        (bucket, customer)
        for name in journeys
        for bucket, customer in rows(
            conn,
            "SELECT DISTINCT bucket, customer FROM enrollment WHERE journey = ? AND ended_at IS NULL",
            (name,),
        )
    }


def put(conn: sa.Connection, made: Iterable[Forecast], now: Instant) -> None:
    """Keeps the forecast of each fact in place of the one before."""
    put_documents(conn, {f"{FORECAST}{forecast.fact}": dump(forecast) for forecast in made}, now)


def mean_value(conn: sa.Connection, name: str) -> float | None:
    """The mean of the values of a fact, of the customers who have one."""
    if conn.dialect.name == "sqlite":
        path = f'$."{name}"'
        value = (
            "CASE json_type(attributes, ?) WHEN 'object' THEN json_extract(attributes, ?)"
            " ELSE json_extract(attributes, ?) END"
        )
        parameters = (path, f"{path}.amount", path)
    else:
        value = (
            "CASE jsonb_typeof(attributes -> CAST(? AS TEXT)) WHEN 'object'"
            " THEN attributes -> CAST(? AS TEXT) ->> 'amount' ELSE attributes ->> CAST(? AS TEXT) END"
        )
        parameters = (name, name, name)
    ((found,),) = rows(conn, f"SELECT avg(CAST({value} AS DOUBLE PRECISION)) FROM customer", parameters)  # noqa: S608
    return float(found) if found is not None else None


def known(conn: sa.Connection) -> dict[str, tuple[Forecast, Instant]]:
    """By fact: the forecast that was made last, and when."""
    found = rows(conn, f"SELECT value, at FROM learned WHERE name LIKE '{FORECAST}%'")  # noqa: S608
    forecasts = [(_decoder.decode(value), Instant(at)) for value, at in found]
    return {forecast.fact: (forecast, at) for forecast, at in forecasts}
