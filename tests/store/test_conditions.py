"""A condition has the same answer as a closure and as SQL, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlmodel import SQLModel

from engine.core.closure import Scope, compile_condition
from engine.core.condition import (
    Condition,
    Did,
    GoalReached,
    Is,
    Match,
    Reacted,
    Ref,
    Set,
)
from engine.core.facts import Facts
from engine.store import codec
from engine.store.conditions import Columns, NotInSqlError, sql_condition
from engine.store.customer_text import dump_reach, dump_seen
from tests.strategies import CONDITIONS, NOW, TEXT, ZONES, customers

TABLES = SQLModel.metadata.tables
CUSTOMER, EVENT = TABLES["customer"], TABLES["event"]


@pytest.fixture(scope="module")
def engines(postgres_server: str) -> Iterator[tuple[sa.Engine, ...]]:
    light = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    postgres = sa.create_engine(postgres_server)
    for engine in (light, postgres):
        SQLModel.metadata.create_all(engine, [CUSTOMER, EVENT])
    yield light, postgres
    for engine in (light, postgres):
        SQLModel.metadata.drop_all(engine, [CUSTOMER, EVENT])
        engine.dispose()


@pytest.mark.postgres
@settings(
    max_examples=40,
    deadline=None,
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
    expected = [
        [compile_condition(condition)(Scope(facts, None, NOW)) for condition in conditions] for facts in base
    ]
    for engine in engines:
        with engine.connect() as connection:
            _fill(connection, base)
            found = _ask(connection, conditions)
            connection.rollback()
        for row, answers, facts in zip(expected, found, base, strict=True):
            for condition, closure, sql in zip(conditions, row, answers, strict=True):
                assert sql is closure, f"{engine.dialect.name}: {condition} of {facts}"


def _fill(connection: sa.Connection, base: Sequence[Facts]) -> None:
    for number, facts in enumerate(base):
        customer = f"c{number}"
        documents = {
            "attributes": codec.pack(facts.values),
            "folded": codec.folded(facts.values),
            "memory": {},
            "seen": codec.load(dump_seen(facts.seen)),
            "segments": dict.fromkeys(facts.segments, NOW),
            "reach": codec.load(dump_reach(facts.reach)),
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
            _insert(connection, EVENT, plain, {"fields": codec.pack(event.fields)})


def _insert(
    connection: sa.Connection, table: sa.Table, plain: dict[str, Any], documents: dict[str, Any]
) -> None:
    """The documents as the text that the codec writes: numbers keep their digits."""
    cast = "CAST({} AS JSONB)" if connection.dialect.name == "postgresql" else "{}"
    texts = {name: codec.dump(document) for name, document in documents.items()}
    columns = {**plain, **texts}
    marks = ", ".join(cast.format(f":{name}") if name in texts else f":{name}" for name in columns)
    connection.execute(sa.text(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"), columns)


def _ask(connection: sa.Connection, conditions: Sequence[Condition]) -> list[list[bool]]:
    tests = [sql_condition(condition, Columns.of(), NOW, ZONES) for condition in conditions]
    query = sa.select(*(sa.type_coerce(test, sa.Boolean()).label(f"t{n}") for n, test in enumerate(tests)))
    rows = connection.execute(query.select_from(CUSTOMER).order_by(CUSTOMER.c.id))
    return [list(row) for row in rows]


@pytest.mark.parametrize(
    "condition",
    [
        Is(Ref("trigger", "sku", TEXT), ("a",)),
        Is(Ref("customer", "city", TEXT), (Ref("trigger", "city", TEXT),)),
        Set(Ref("product", "name", TEXT)),
        Did("order_placed", 1, since_start=True),
        Did("order_placed", 1, where=Match(Ref("event", "code", TEXT), "contains", "x")),
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
    test = sql_condition(Set(Ref("customer", name, TEXT)), Columns.of(), NOW, ZONES)
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
