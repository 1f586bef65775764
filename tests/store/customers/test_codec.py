"""Whatever is stored comes back without loss."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from hypothesis import given
from msgspec.structs import fields

from engine.core.enrollment import Enrollment
from engine.core.happening import Event, Happening
from engine.store.customers.enrollments import decode, encode
from engine.store.inbox.inbox_codec import event_row, from_row, to_row
from engine.store.serialization import dump_values, folded, load_values
from engine.values import Instant, Money, Value
from tests.store.strategies import HAPPENING, RUN, VALUES


@given(VALUES)
def test_values_come_back(values: dict[str, Value]) -> None:
    found = load_values(dump_values(values))
    assert found == values
    assert {name: type(value) is bool for name, value in found.items()} == {
        name: type(value) is bool for name, value in values.items()
    }


@given(RUN)
def test_a_run_comes_back(enrollment: Enrollment) -> None:
    assert decode(encode(enrollment)) == enrollment


def test_dates_in_the_items_of_what_began_a_run_come_back() -> None:
    trigger: dict[str, Value] = {"items": [{"best_before": dt.date(2027, 1, 31), "$": "x"}]}
    run = Enrollment("e", "j", "", Instant(0), 0, Instant(0), Instant(0), trigger)
    assert decode(encode(run)) == run


@given(HAPPENING)
def test_what_happened_comes_back(what: Happening) -> None:
    assert from_row(what.number, *to_row(what)) == what


@given(HAPPENING)
def test_the_content_of_an_event_is_what_it_would_be_if_it_were_received_by_nobody(what: Happening) -> None:
    if isinstance(what, Event):
        same = Event(0, "", what.name, Instant(0), Instant(0), what.fields, what.starts)
        assert event_row(what)[1] == event_row(same)[0]


def test_the_row_of_an_event_is_the_one_of_earlier_versions() -> None:
    """Receipts of years tell a repetition by the content: not a character of it may change."""
    day = dt.date(2026, 3, 2)
    fields: dict[str, Value] = {"total": Money(Decimal("5.50"), "EUR"), "day": day, "a": 'x"y'}
    event = Event(0, "e\n1", "order_placed", Instant(1_772_442_000_000), Instant(1_772_442_000_001), fields)
    text = '{"total":{"amount":5.50,"currency":"EUR"},"day":"2026-03-02","a":"x\\"y","$":{"day":"date"}}'
    assert event_row(event) == (
        f'["e\\n1","order_placed",1772442000000,1772442000001,{text},true]',
        f'["","order_placed",0,0,{text},true]',
    )


def test_money_keeps_every_digit() -> None:
    total = sum((Decimal("0.1") for _ in range(10_000)), Decimal(0))
    values: dict[str, Value] = {"total": Money(total, "EUR"), "tiny": Decimal("0.1000000000000000000001")}
    assert load_values(dump_values(values)) == values
    assert '"amount":1000.0' in dump_values(values)


def test_only_texts_that_folding_changes_have_a_twin() -> None:
    assert folded({"a": "Straße", "b": "plain", "c": 5, "d": ("X",)}) == {"a": "strasse"}


def test_every_field_of_a_run_is_stored() -> None:
    """A field that is added to the core must be added to the store: the count here is the reminder."""
    assert len(fields(Enrollment)) == 28
