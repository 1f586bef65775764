"""Whatever is stored comes back without loss."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from hypothesis import given

from engine.core.enrollment import Enrollment
from engine.core.happening import Happening
from engine.store.customers.enrollments import decode, encode
from engine.store.inbox.inbox_codec import from_row, to_row
from engine.store.serialization import dump_values, folded, load_values
from engine.values import Money, Value
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


@given(HAPPENING)
def test_what_happened_comes_back(what: Happening) -> None:
    assert from_row(what.number, *to_row(what)) == what


def test_money_keeps_every_digit() -> None:
    total = sum((Decimal("0.1") for _ in range(10_000)), Decimal(0))
    values: dict[str, Value] = {"total": Money(total, "EUR"), "tiny": Decimal("0.1000000000000000000001")}
    assert load_values(dump_values(values)) == values
    assert '"amount":1000.0' in dump_values(values)


def test_only_texts_that_folding_changes_have_a_twin() -> None:
    assert folded({"a": "Straße", "b": "plain", "c": 5, "d": ("X",)}) == {"a": "strasse"}


def test_every_field_of_a_run_is_stored() -> None:
    """A field that is added to the core must be added to the store: the count here is the reminder."""
    assert len(dataclasses.fields(Enrollment)) == 28
