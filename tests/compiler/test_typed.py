"""JSON that comes in becomes typed values; the schema takes exactly what the reader takes."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.catalogue.catalogue import MONEY, NUMBER, TEXT, TEXTS, TIME, YES_NO, Catalogue
from engine.compiler.catalogue.data_schema import attributes_schema, event_schema
from engine.compiler.catalogue.typed import CatalogueReaders, FieldProblem
from engine.core.facts.rule import FactRule
from engine.runtime.intake.untyped import storable
from engine.values import Birthday, Money, Type

ITEMS = Type("list of", items=(("sku", TEXT), ("price", MONEY), ("quantity", NUMBER)))
FIELDS = {
    "text": TEXT, "number": NUMBER, "total": MONEY, "flag": YES_NO,
    "tier": Type("one of", ("gold", "silver")),
    "day": Type("date"), "at": TIME, "born": Type("birthday"), "tags": TEXTS, "items": ITEMS,
}  # fmt: skip
CATALOGUE = Catalogue(
    attributes=FIELDS,
    facts={"orders_count": FactRule("orders_count", "count", "order_placed", None, NUMBER)},
    events={"order_placed": FIELDS},
    also={"Purchase": "order_placed"},
)
TYPING = CatalogueReaders(CATALOGUE, "EUR")


def test_every_type_is_read() -> None:
    found = TYPING.event(
        "Purchase",
        {
            "text": "Zoe\u0308", "number": 1.5, "total": 19.99, "flag": True, "tier": "gold",
            "day": "2026-11-27",
            "at": "2026-11-27T10:00:00+02:00", "born": "1992-02-29", "tags": ["a", "b"],
            "items": [{"sku": 7, "price": "3.50", "quantity": 2, "color": "red"}], "currency": "usd",
            "extra": {"kept": [1]},
        },
    )  # fmt: skip
    assert found.problems == ()
    assert found.values == {
        "text": "Zo\u00eb", "number": Decimal("1.5"), "total": Money(Decimal("19.99"), "USD"), "flag": True,
        "tier": "gold",
        "day": dt.date(2026, 11, 27), "at": 1_795_766_400_000, "born": Birthday(2, 29, 1992),
        "tags": ("a", "b"),
        "items": [{"sku": "7", "price": Money(Decimal("3.50"), "USD"), "quantity": 2, "color": "red"}],
        "currency": "usd", "extra": {"kept": [1]},
    }  # fmt: skip


KEPT: dict[str, Any] = {
    "text": "Zoe\u0308", "number": 1.5, "total": 19.99, "flag": True, "tier": "gold", "day": "2026-11-27",
    "at": 1_795_766_400, "born": "--02-29", "tags": ["Zoe\u0308"], "undeclared": "Zoe\u0308",
    "items": [{"note": "Zoe\u0308"}], "mark": "Zoe\u0308",
}  # fmt: skip


@given(st.sets(st.sampled_from(sorted(KEPT))))
def test_what_is_said_to_be_storable_is_kept_as_it_is(names: set[str]) -> None:
    choices = {"mark": Type("one of", ("Zoe\u0308",))}
    typing = CatalogueReaders(Catalogue(events={"said": {**FIELDS, **choices}}), "EUR")
    found = typing.event("said", {name: KEPT[name] for name in names})
    assert found.is_storable == names.isdisjoint({"undeclared", "items", "mark"})
    if found.is_storable:
        assert storable(found.values) == found.values


def test_money_without_a_currency_is_in_that_of_the_shop_and_an_item_may_have_its_own() -> None:
    found = TYPING.event(
        "order_placed", {"total": 5, "items": [{"price": 1}, {"price": 2, "currency": "GBP"}]}
    )
    assert found.values["total"] == Money(Decimal(5), "EUR")
    items: Any = found.values["items"]
    assert [item["price"].currency for item in items] == ["EUR", "GBP"]


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("number", "many", "is a number"),
        ("number", True, "is a number"),
        ("number", 10**15, "is a number of at most 15 digits"),
        ("number", float("nan"), "is a number"),
        ("flag", 1, "is true or false"),
        ("tier", "golden", "is one of: gold, silver"),
        ("day", "27.11.2026", "is a date such as 2026-11-27"),
        ("day", "2026-02-30", "is a date such as 2026-11-27"),
        ("at", "yesterday", "is a moment such as 2026-11-27T10:00:00Z"),
        ("born", "1990-13-01", "is a birthday that exists, such as 1990-03-12"),
        ("tags", True, "is a list of texts"),
        ("tags", [{"id": 1}], "is a list of texts"),
        ("at", 10**13, "is a moment such as 2026-11-27T10:00:00Z"),
        (
            "total",
            "12,50",
            'is an amount of money: a number such as 19.99 with the field currency, or the text "19.99 EUR"',
        ),
        ("text", {"a": 1}, "is a text"),
        ("items", "none", "is a list of at most 1,000 objects"),
    ],
)
def test_a_value_that_does_not_fit_is_left_out_and_told(field: str, value: object, what: str) -> None:
    found = TYPING.event("order_placed", {field: value, "extra": 1})
    assert found.problems == (FieldProblem(field, what),)
    assert found.values == {"extra": 1}


@pytest.mark.parametrize(
    ("field", "value", "meant"),
    [
        ("text", 632910392, "632910392"),
        ("text", 632910392.0, "632910392"),
        ("tags", [632910392, None, "b"], ("632910392", "b")),
        ("tags", 632910392, ("632910392",)),
        ("day", "1990-03-12T23:30:00.000+02:00", dt.date(1990, 3, 12)),
        ("born", "1990-03-12T00:00:00.000Z", Birthday(3, 12, 1990)),
        ("born", "1990-03-12 00:00:00", Birthday(3, 12, 1990)),
        ("at", 1_764_324_000, 1_764_324_000_000),
        ("at", 1_764_324_000_123, 1_764_324_000_123),
        ("at", "1764324000", 1_764_324_000_000),
        ("at", "1701012341234", 1_701_012_341_234),
        ("at", "2025-11-28 10:00:00 UTC", 1_764_324_000_000),
    ],
)
def test_what_programs_write_is_taken_for_what_is_meant(field: str, value: object, meant: object) -> None:
    found = TYPING.event("order_placed", {field: value})
    assert (found.values, found.problems) == ({field: meant}, ())


def test_an_amount_in_a_currency_that_nobody_can_read_is_not_taken_for_the_shops() -> None:
    found = TYPING.event("order_placed", {"total": 5, "currency": "Euro", "items": [{"price": 1}]})
    assert [problem.field for problem in found.problems] == ["currency"]
    assert "total" not in found.values
    assert found.values["items"] == [{}]
    assert TYPING.event("order_placed", {"total": "5 USD", "currency": "?"}).values["total"] == Money(
        Decimal(5), "USD"
    )


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"text", "tags"}))
def test_an_empty_text_is_a_field_that_is_not_there(field: str) -> None:
    found = TYPING.event("order_placed", {field: ""})
    assert (found.values, found.problems) == ({}, ())


def test_the_place_of_a_wrong_value_inside_a_list_is_told() -> None:
    found = TYPING.event("order_placed", {"items": [{"sku": "a"}, {"quantity": "x"}]})
    assert [problem.field for problem in found.problems] == ["items[1].quantity"]


def test_the_noise_of_floats_is_rounded_away() -> None:
    found = TYPING.event("order_placed", {"total": 0.1 + 0.2, "number": 19.99 * 3})
    assert found.values == {"total": Money(Decimal("0.3"), "EUR"), "number": Decimal("59.97")}


def test_null_takes_an_attribute_away() -> None:
    assert TYPING.attributes({"tier": None}).values == {"tier": None}


def test_a_computed_fact_is_not_set_from_outside() -> None:
    found = TYPING.attributes({"orders_count": 5, "tier": "gold"})
    assert found.values == {"tier": "gold"}
    assert [problem.field for problem in found.problems] == ["orders_count"]


def test_fields_of_an_unknown_event_are_kept_as_they_came() -> None:
    assert TYPING.event_name("unheard_of") is None
    assert TYPING.event("unheard_of", {"total": "x"}).values == {"total": "x"}


@pytest.mark.parametrize("born", ["--03-12", "03-12"])
def test_a_birthday_without_a_year(born: str) -> None:
    assert TYPING.attributes({"born": born}).values["born"] == Birthday(3, 12)


JSON = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**16), 10**16),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(["", "gold", "golden", "yes", "YES", "12", "-1.5", "1.5 EUR", "1,5", "2026-11-27",
                     "2026-11-27T10:00:00Z", "2026-11-27 10:00", "1764324000", "12345678", "1764324000123",
                     "2026-11-27 10:00:00 UTC", "2026-11-27T10:00:00+02", "1990-03-12", "--03-12",
                     "27.11.2026", "x", "EUR"]),
    st.lists(st.one_of(st.none(), st.text(max_size=3), st.integers(0, 9), st.booleans()), max_size=3),
    st.lists(
        st.fixed_dictionaries({}, optional={
            "sku": st.text(max_size=2), "price": st.one_of(st.integers(0, 99), st.text(max_size=2)),
        }),
        max_size=2,
    ),
)  # fmt: skip

EVENT = jsonschema.Draft202012Validator(event_schema(CATALOGUE, "order_placed") or {})


@given(st.fixed_dictionaries({}, optional=dict.fromkeys((*FIELDS, "currency"), JSON)))
def test_the_schema_and_the_reader_take_the_same(fields: dict[str, object]) -> None:
    told = {problem.field.partition("[")[0] for problem in TYPING.event("order_placed", fields).problems}
    refused = {str(error.absolute_path[0]) for error in EVENT.iter_errors(fields)}
    assert told == refused


def test_the_schema_of_attributes_refuses_computed_facts() -> None:
    schema = jsonschema.Draft202012Validator(attributes_schema(CATALOGUE))
    assert schema.is_valid({"tier": "gold", "anything": 1})
    assert not schema.is_valid({"orders_count": 1})
