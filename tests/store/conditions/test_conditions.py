"""A condition has the same answer as a closure and as SQL, on both databases."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise, product
from typing import Any, Literal, get_args

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel

from engine.core.conditions.closure import Scope, compile_condition
from engine.core.conditions.condition import (
    BeforeAfter,
    Between,
    Compare,
    Condition,
    Did,
    GoalReached,
    IsOneOf,
    IsSet,
    Not,
    Reacted,
    Ref,
    RelativeAge,
    TextMatch,
    Today,
)
from engine.core.facts.customer import Facts
from engine.store import serialization
from engine.store.conditions.compiler import Columns, NotInSqlError, sql_condition
from engine.store.customers.customer_codec import dump_event_counters, dump_reach
from engine.values import DAY, HOUR, UTC, Birthday, Duration, Instant, Money, Value, iso, minus
from tests.strategies import ATTRIBUTES, CONDITIONS, JOURNEYS, NOW, TEXT, ZONES, customers

TABLES = SQLModel.metadata.tables
FIRST_MARCH = Instant(NOW - DAY)
LEAP_DAY = Instant(NOW + 728 * DAY)
"""28 and 29 February 2028, depending on the zone."""

LENGTHS_AGO = [Duration(days=1), Duration(days=30), Duration(months=1), Duration(days=1, elapsed=HOUR)]
Search = Literal["contains", "starts with", "ends with"]
How = Literal["at least", "at most", "more than", "less than"]
CUSTOMER, EVENT, ENROLLMENT = TABLES["customer"], TABLES["event"], TABLES["enrollment"]


@pytest.fixture(scope="module")
def engines(empty_postgres: str) -> Iterator[tuple[sa.Engine, ...]]:
    light = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    postgres = sa.create_engine(empty_postgres)
    for engine in (light, postgres):
        SQLModel.metadata.create_all(engine, [CUSTOMER, EVENT, ENROLLMENT])
    yield light, postgres
    for engine in (light, postgres):
        engine.dispose()


@pytest.mark.postgres
@settings(
    max_examples=25,
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # the message names one customer and one condition already
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(st.lists(customers(), min_size=8, max_size=8), st.lists(CONDITIONS, min_size=8, max_size=8))
def test_closure_and_sql_agree(
    engines: tuple[sa.Engine, ...], base: list[Facts], conditions: list[Condition]
) -> None:
    _compare(engines, base, conditions)


EDGE_DAYS = [dt.date(2026, 3, 2) + dt.timedelta(days=days) for days in (-31, -30, -29, -28, -2, -1, 0, 1, 2)]
EDGE_MOMENTS = [
    Instant(minus(NOW, length, UTC) + ms)
    for length in (*LENGTHS_AGO, Duration(), Duration(elapsed=9 * HOUR), Duration(elapsed=-15 * HOUR))
    for ms in (-124, -123, -1, 0, 1)
]
EDGES: dict[str, list[Value]] = {
    "city": ["", "a", "Straße", "STRASSE", "İ", "ΣΑΣ", "a%b_c", "'", "2", "2026-03-02", "03-02"],
    "tier": ["gold", "silver", ""],
    "points": [0, 1, 2, -1, Decimal("0.1"), Decimal("2.0"), Decimal("-1.5"), 2**53 + 1],
    "spent": [
        Money(Decimal(amount), unit)
        for amount in ("0", "2", "2.00", "19.90", "-1")
        for unit in ("EUR", "USD")
    ],
    "member": [True, False],
    "runs_out_on": [*EDGE_DAYS],
    "last_order_at": [*EDGE_MOMENTS],
    "birthday": [Birthday(2, 28), Birthday(2, 29), Birthday(3, 1), Birthday(3, 2, 1990), Birthday(3, 3)],
    "tags": [(), ("a",), ("a", "'"), ("",)],
}


@pytest.mark.postgres
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_closure_and_sql_agree_at_the_edges(engines: tuple[sa.Engine, ...], name: str) -> None:
    others: list[Value] = [
        None,
        "text",
        7,
        True,
        ("x",),
        Money(Decimal(2), "EUR"),
        dt.date(2026, 3, 2),
        Birthday(3, 2),
    ]
    base = [
        Facts(f"{number}", tz, values={name: value} if value is not None else {})
        for number, (value, tz) in enumerate(product([*EDGES[name], *others], ZONES))
    ]
    forms = _every_form(Ref("customer", name, ATTRIBUTES[name]), EDGES[name])
    _compare(engines, base, forms, (NOW, FIRST_MARCH, LEAP_DAY))


def _every_form(ref: Ref, values: Sequence[Any]) -> list[Condition]:
    forms: list[Condition] = [IsSet(ref), Today(ref)]
    operands = [value for each in values for value in (each if ref.type.kind == "list of text" else (each,))]
    forms += [IsOneOf(ref, (operand,)) for operand in operands]
    if ref.type.kind in ("number", "money"):
        forms += [Compare(ref, how, value) for how in get_args(How) for value in values]
        forms += [Between(ref, low, high) for low, high in pairwise(values)]
    if ref.type.kind in ("date", "time"):
        forms += [
            RelativeAge(ref, how, length) for how in ("more than", "less than") for length in LENGTHS_AGO
        ]
        forms += [BeforeAfter(ref, how, value) for how in ("before", "after") for value in values]
    if ref.type.kind == "text":
        forms += [TextMatch(ref, how, value.casefold()) for how in get_args(Search) for value in values]
    return [each for form in forms for each in (form, Not(form))]


def _compare(
    engines: tuple[sa.Engine, ...],
    base: Sequence[Facts],
    conditions: Sequence[Condition],
    moments: Sequence[Instant] = (NOW,),
) -> None:
    tests = [compile_condition(condition) for condition in conditions]
    base = [_as_loaded(facts) for facts in base]
    for engine in engines:
        with engine.connect() as connection:
            _fill(connection, base)
            found = [_ask(connection, conditions, now) for now in moments]
            connection.rollback()
        for now, rows in zip(moments, found, strict=True):
            for facts, answers in zip(base, rows, strict=True):
                for condition, test, answer in zip(conditions, tests, answers, strict=True):
                    closure = test(Scope(facts, None, now))
                    assert answer is closure, f"{engine.dialect.name}: {condition} of {facts} at {iso(now)}"


def _as_loaded(facts: Facts) -> Facts:
    """What a decision gets to see: a whole number comes back from the store as an integer, whatever it was
    written as."""
    loaded = facts.fork()
    loaded.values = serialization.load_values(serialization.dump_values(facts.values))
    loaded.history = {
        name: [
            replace(event, fields=serialization.load_values(serialization.dump_values(event.fields)))
            for event in events
        ]
        for name, events in facts.history.items()
    }
    return loaded


def _fill(connection: sa.Connection, base: Sequence[Facts]) -> None:
    for number, facts in enumerate(base):
        customer = f"c{number:04}"
        documents = {
            "attributes": serialization.pack(facts.values),
            "folded": serialization.folded(facts.values),
            "memory": {},
            "seen": serialization.load(dump_event_counters(facts.event_counters)),
            "segments": dict.fromkeys(facts.segments, NOW),
            "reach": serialization.load(dump_reach(facts.reach)),
            "marks": {},
        }
        plain = {
            "bucket": 0,
            "id": customer,
            "zone": facts.timezone,
            "zone_why": "customer",
            "applied": 0,
            "created_at": 0,
        }
        _insert(connection, CUSTOMER, plain, documents)
        # An open run of each journey that the customer is inside; of the others one that has ended.
        for journey in JOURNEYS:
            is_open = journey in facts.inside
            ended = {"ended_at": None, "outcome": None} if is_open else {"ended_at": 1, "outcome": "finish"}
            plain = {"bucket": 0, "customer": customer, "id": journey, "journey": journey, "key": "",
                     "seq": 1, "started_at": 0, "holdout": journey == "welcome", "state": "",
                     **ended}  # fmt: skip
            _insert(connection, ENROLLMENT, plain, {})
        for event in (event for events in facts.history.values() for event in events):
            plain = {
                "bucket": 0,
                "customer": customer,
                "name": event.name,
                "occurred_at": event.occurred_at,
                "number": event.number,
                "received_at": event.received_at,
                "id": event.id,
                "starts": True,
            }
            _insert(connection, EVENT, plain, {"fields": serialization.pack(event.fields)})


def _insert(
    connection: sa.Connection, table: sa.Table, plain: dict[str, Any], documents: dict[str, Any]
) -> None:
    """The documents as the text that the codec writes: numbers keep their digits."""
    cast = "CAST({} AS JSONB)" if connection.dialect.name == "postgresql" else "{}"
    texts = {name: serialization.dump(document) for name, document in documents.items()}
    columns = {**plain, **texts}
    marks = ", ".join(cast.format(f":{name}") if name in texts else f":{name}" for name in columns)
    connection.execute(sa.text(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"), columns)


def _ask(connection: sa.Connection, conditions: Sequence[Condition], now: Instant) -> list[list[bool]]:
    tests = [sql_condition(condition, Columns.of(), now, ZONES) for condition in conditions]
    query = sa.select(*(sa.type_coerce(test, sa.Boolean()).label(f"t{n}") for n, test in enumerate(tests)))
    rows = connection.execute(query.select_from(CUSTOMER).order_by(CUSTOMER.c.id))
    return [list(row) for row in rows]


@pytest.mark.parametrize(
    "condition",
    [
        IsOneOf(Ref("trigger", "sku", TEXT), ("a",)),
        IsOneOf(Ref("customer", "city", TEXT), (Ref("trigger", "city", TEXT),)),
        IsSet(Ref("product", "name", TEXT)),
        Did("order_placed", 1, since_start=True),
        Did("order_placed", 1, where=TextMatch(Ref("event", "code", TEXT), "contains", "x")),
        Reacted("clicked", "hello"),
        GoalReached(),
    ],
    ids=str,
)
def test_what_is_about_one_run_is_refused(condition: Condition) -> None:
    with pytest.raises(NotInSqlError):
        sql_condition(condition, Columns.of(), NOW, ZONES)


def test_names_are_bound_and_never_part_of_the_statement() -> None:
    name = "x'); DROP TABLE customer; --"
    test = sql_condition(IsSet(Ref("customer", name, TEXT)), Columns.of(), NOW, ZONES)
    assert "DROP TABLE" not in str(test.compile(dialect=sqlite.dialect()))
    with sa.create_engine("sqlite://").connect() as connection:
        SQLModel.metadata.create_all(connection, [CUSTOMER])
        values = {name: "here"}
        _insert(
            connection,
            CUSTOMER,
            {"bucket": 0, "id": "c", "zone": "UTC", "zone_why": "project", "applied": 0, "created_at": 0},
            {
                "attributes": values,
                **{key: {} for key in ("folded", "memory", "seen", "segments", "reach", "marks")},
            },
        )
        assert connection.scalar(sa.select(test).select_from(CUSTOMER)) == 1
        assert json.loads(str(connection.scalar(sa.text("SELECT attributes FROM customer")))) == values
