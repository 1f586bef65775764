"""Whose an address is: exact, for however many customers, on both databases, and filled for a store that had
no index."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import Connection

from engine.core.facts.customer import Reach
from engine.core.journeys import Journeys
from engine.runtime.intake.signups import find_customer
from engine.store import meta, sql
from engine.store.customers import address_index, batches
from engine.store.database import Store
from engine.store.persons import aliases
from engine.values import Instant, Value

NOW = Instant(1_782_000_000_000)


def put(
    store: Store, people: Mapping[str, Mapping[str, Reach]], values: Mapping[str, Value] | None = None
) -> None:
    """Writes customers as a batch of decisions does."""

    def job(conn: Connection) -> None:
        for bucket in range(meta.buckets(conn)):
            names = [name for name in people if meta.bucket_of(conn, name) == bucket]
            if not names:
                continue
            batch = batches.load_batch(conn, bucket, names, Journeys({}), NOW)
            after = {}
            for name in names:
                state = type(batch.states[name])(batch.states[name].facts.fork())
                state.facts.reach = dict(people[name])
                state.facts.values |= values or {}
                after[name] = state
            batches.save_batch(conn, batch, after, NOW)

    store.write(job)


def holders(store: Store, channel: str, address: str) -> list[str]:
    with store.read() as conn:
        return [customer for customer, _ in address_index.holders(conn, channel, address)]


def entries(store: Store) -> list[tuple[str, ...]]:
    with store.read() as conn:
        return [tuple(row) for row in sql.rows(conn, "SELECT address_hash, channel, customer FROM address")]


def test_an_address_is_found_in_any_letters_and_among_several_lines_and_nobody_elses_is(store: Store) -> None:
    put(store, {
        "anna": {"email": Reach("Anna@Example.com", {"marketing": "given"})},
        "bob": {"push": Reach("token-1\ntoken-2")},
        "eve": {"email": Reach('"anna@example.com"@evil.example')},
    })  # fmt: skip
    with store.read() as conn:
        people = address_index.holders(conn, "email", "anna@EXAMPLE.com")
    assert [name for name, _ in people] == ["anna"]
    assert people[0][1]["email"].consents == {"marketing": "given"}
    assert holders(store, "push", "token-2") == ["bob"]
    assert holders(store, "sms", "token-2") == []


def test_of_a_thousand_addresses_that_begin_alike_each_leads_to_its_own_customer(store: Store) -> None:
    put(store, {f"c{n}": {"email": Reach(f"info@shop{n}.example")} for n in range(1000)})
    assert [holders(store, "email", f"Info@SHOP{n}.example") for n in (0, 500, 999)] == [
        ["c0"], ["c500"], ["c999"],
    ]  # fmt: skip
    with store.read() as conn:
        assert find_customer(conn, "INFO@shop777.example") == "c777"
        assert find_customer(conn, "info@shop1000.example") is None


def test_all_of_a_thousand_who_share_one_mailbox_are_found(store: Store) -> None:
    put(store, {f"c{n:03}": {"email": Reach("info@shop.example")} for n in range(1000)})
    assert holders(store, "email", "info@shop.example") == [f"c{n:03}" for n in range(1000)]
    with store.read() as conn:
        assert address_index.count_shared(conn) == 1


def test_an_address_that_is_changed_or_taken_away_is_nobodys(store: Store) -> None:
    put(store, {"anna": {"email": Reach("old@example.com")}})
    put(store, {"anna": {"email": Reach("new@example.com")}})
    assert (holders(store, "email", "old@example.com"), holders(store, "email", "new@example.com")) == (
        [], ["anna"],
    )  # fmt: skip
    put(store, {"anna": {"email": Reach("")}})
    assert entries(store) == []


def test_a_number_is_one_whatever_channel_rings_it_and_known_to_a_shop_without_any(store: Store) -> None:
    put(store, {"anna": {"sms": Reach("+4915112345678")}, "bob": {"viber": Reach("+49 1511 2345678")}})
    put(store, {"eve": {}}, {"phone": "+4915112345678"})
    asked = ("phone", "+49 151 12345678")
    with store.read() as conn:
        assert address_index.customers_of(conn, [asked, ("email", "nobody@example.com")]) == {
            asked: ["anna", "bob", "eve"]
        }
        assert address_index.count_shared(conn) == 1
    assert holders(store, "sms", "+4915112345678") == ["anna"]


@pytest.mark.parametrize("is_known", [True, False])
def test_an_alias_takes_its_addresses_along(store: Store, is_known: bool) -> None:
    put(store, {"visitor": {"email": Reach("anna@example.com")}})
    if is_known:
        put(store, {"anna": {"email": Reach("other@example.com")}})
    assert store.write(lambda conn: aliases.join(conn, "visitor", "anna", Journeys({}), NOW)) == ""
    # of one who was known the address that she gave herself stays, and nothing points to who is no more
    assert holders(store, "email", "anna@example.com") == ([] if is_known else ["anna"])
    assert {row[-1] for row in entries(store)} == {"anna"}
