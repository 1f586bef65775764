"""Ids as senders write them."""

from __future__ import annotations

import pytest

from engine.runtime.intake.items import id_text


@pytest.mark.parametrize(
    ("sent", "kept"), [("c1", "c1"), (" c1 ", "c1"), (632910392.0, "632910392"), (7, "7")]
)
def test_an_id_is_its_text(sent: object, kept: str) -> None:
    assert id_text(sent) == kept


@pytest.mark.parametrize("sent", ["", "  ", "a\0", "a\ud800", "x" * 201, 1.5, True, None, {}, []])
def test_what_no_database_takes_is_no_id(sent: object) -> None:
    assert id_text(sent) is None
