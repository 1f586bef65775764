"""A recorded value is read as the daemon reads it: otherwise a replay would decide something else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.compiler.catalogue.typed import FieldReader
from engine.simulate.replay.foreign_values import coercer
from engine.values import Type

KINDS = (
    Type("text"), Type("number"), Type("money"), Type("true/false"), Type("date"), Type("time"),
    Type("birthday"),
    Type("list of text"), Type("one of", ("a", "b")),
)  # fmt: skip
VALUES: tuple[object, ...] = (
    "a", "e\u0301", "12", "12.50 EUR", "yes", "2026-03-29", "2026-03-29T10:00:00",
    "2026-03-29T10:00:00+02:00", "2026-03-29 noon",
    "03-12", "--02-29", "1990-02-30", 0, 7, 1_772_442_000, 1_772_442_000_123, 59.970000000000006,
    Decimal("19.90"), True, ["a", "b"], [1, {}], {},
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_value_is_read_as_the_daemon_reads_it(kind: Type) -> None:
    daemon, read = FieldReader({"x": kind}, "EUR"), coercer(kind)
    for value in VALUES:
        assert read(value, "EUR") == daemon.read({"x": value}).values.get("x"), value


def test_members_of_a_list_that_do_not_fit_are_left_out() -> None:
    read = coercer(Type("list of", items=(("price", Type("money")), ("quantity", Type("number")))))
    assert read([{"price": "much", "quantity": 2}, 7], "EUR") == [{"quantity": 2}]
