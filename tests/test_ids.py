"""Ids sort by time; keys depend on their parts alone and on all of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.ids import LENGTH, derive, new_id, new_secret

ALPHABET = set("0123456789abcdefghjkmnpqrstvwxyz")
parts = st.lists(st.text(max_size=5) | st.integers().map(str), max_size=4)


def test_new_ids_are_short_and_each_its_own() -> None:
    made = [new_id() for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert all(len(one) == LENGTH and set(one) <= ALPHABET for one in made)


def test_a_later_id_sorts_after_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [1, 999, 1_772_442_000_000, 1_772_442_000_001, 2**47]
    made = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment * 1_000_000)
        made.append(new_id())
    assert made == sorted(made)


def test_secrets_differ() -> None:
    assert new_secret() != new_secret()
    assert len(new_secret()) >= 43


def test_a_key_is_the_same_on_every_machine() -> None:
    """Changing `derive` would send again what has been sent: this value may never change."""
    assert derive("enrollment", "step", 1) == "b380463c1937ae66a0e7b32a25a71d32"


@given(parts, parts)
def test_other_parts_give_another_key(one: list[str], other: list[str]) -> None:
    assume(one != other)
    assert derive(*one) != derive(*other)


@given(parts)
def test_keys_have_one_form(some: list[str]) -> None:
    key = derive(*some)
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert key == derive(*some)


def test_joined_parts_differ_from_apart() -> None:
    assert (
        len({derive("ab", "c"), derive("a", "bc"), derive("abc"), derive("abc", ""), derive("", "abc")}) == 5
    )


def test_half_a_surrogate_has_a_key_too() -> None:
    assert derive("\ud800") != derive("\ud801")
