"""The tables keep the invariants by themselves, and the migrations make exactly these tables."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from engine.store import migrations
from engine.store.customers import enrollments
from engine.store.database import Store
from engine.store.sql import change

RUN = (
    f"INSERT INTO enrollment ({enrollments.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
MESSAGE = (
    "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel, policy, "
    "state, why,"
    " fence, planned_at, due_at, valid_until, ready_at, attempts, counts, resent, names, detail, handed_at, "
    "lease_until)"
    " VALUES (0, 'c', ?, 'r', 'j', 's', 't', 'email', 'p', ?, '', 0, 0, 0, 0, 0, 0, ?, 0, '', '', ?, ?)"
)


def run(
    id_: str, *, ended: int | None = None, outcome: str | None = None, due: int | None = None
) -> tuple[object, ...]:
    return (0, "c", id_, "welcome", "", 0, None, 0, due, None, ended, outcome, None, False, None, "[]")


def insert(store: Store, sql: str, *rows: tuple[object, ...]) -> None:
    def job(conn: Connection) -> None:
        for row in rows:
            change(conn, sql, row)

    store.write(job)


def test_the_migrations_make_the_tables_of_the_models(store: Store) -> None:
    with store.read() as conn:
        assert migrations.differences(conn) == []


def test_every_table_that_grows_with_customers_has_the_bucket_first_in_its_key() -> None:
    free = {
        "meta", "alias", "anonymous", "destination", "address", "inbox", "watch", "product_change",
        "suppression", "erasure", "conversation", "soft_bounce", "allowance",
        "volume", "daily", "daily_domain", "learned", "one_off", "product", "deployment",
        "pause", "api_key", "alert", "sweep", "consent",
        "outbox", "reaction", "trace", "webhook_call", "report",
        "refusal", "refused_item", "trouble", "alert_message",
        "worker", "leadership", "rate", "recommended_pair", "recommended_list",
        "product_price", "product_stock",
        "feed_product",
        "code_stock", "code_request", "code_use", "idempotent", "fact_definition", "admission",
    }  # fmt: skip
    for table in SQLModel.metadata.sorted_tables:
        if table.name not in free:
            assert next(iter(table.primary_key.columns)).name == "bucket", table.name
        # Whoever sent a refused item names the customer, who may be nobody's.
        elif "customer" in table.columns and table.name not in (
            "alias", "address", "destination", "product_change", "refused_item", "code_use",
        ):  # fmt: skip
            assert any(next(iter(index.columns)).name == "bucket" for index in table.indexes), table.name


def test_one_open_run_per_customer_journey_and_key(store: Store) -> None:
    insert(store, RUN, run("a"), run("b", ended=1, outcome="goal"))
    with pytest.raises(IntegrityError):
        insert(store, RUN, run("c"))


@pytest.mark.parametrize(
    "broken",
    [run("a", ended=1), run("a", outcome="goal"), run("a", ended=1, outcome="goal", due=5)],
    ids=["an end without an outcome", "an outcome without an end", "ended and due"],
)
def test_a_run_is_finished_exactly_when_it_has_an_end(store: Store, broken: tuple[object, ...]) -> None:
    with pytest.raises(IntegrityError):
        insert(store, RUN, broken)


@pytest.mark.parametrize(
    ("state", "handed_at", "lease"),
    [("sent", None, None), ("accepted", None, None), ("claimed", None, None), ("planned", None, 5)],
    ids=[
        "no such state",
        "accepted but never handed over",
        "claimed without a lease",
        "a lease that nobody holds",
    ],
)
def test_a_message_is_in_a_state_that_makes_sense(
    store: Store, state: str, handed_at: int | None, lease: int | None
) -> None:
    insert(store, MESSAGE, ("fine", "planned", True, None, None))
    with pytest.raises(IntegrityError):
        insert(store, MESSAGE, ("k", state, True, handed_at, lease))


def test_one_message_per_send_key(store: Store) -> None:
    insert(store, MESSAGE, ("k", "planned", True, None, None))
    with pytest.raises(IntegrityError):
        insert(store, MESSAGE, ("k", "planned", True, None, None))
