"""What of an item can be stored, at each bound and wherever in the item it stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from engine.http.intake.strict_json import (
    MAX_DEPTH,
    MAX_KEY,
    MAX_NODES,
    MAX_TEXT,
    SLICE,
    decode,
    decode_lines,
    plain_items,
    storable_consent,
    unstorable,
    without_unstorable,
)
from engine.http.problems import Refusal


def nested(levels: int, inner: Any) -> Any:
    """An object with `inner` so many levels down."""
    for level in range(levels):
        inner = {"a": inner} if level % 2 else [inner]
    return {"a": inner} if levels == 0 else {"top": inner}


GOOD: dict[str, Any] = {
    "a text": "x" * MAX_TEXT, "another alphabet": "я" * MAX_TEXT, "whole characters": "😀", "nothing": None,
    "a number": 2**63 - 1, "a negative number": 1 - 2**63, "a fraction": 1.5, "yes": True, "empty": {},
    "a name": {"n" * MAX_KEY: 1}, "a name in another alphabet": {"ж": 1}, "a list": ["a", 1, None, [], {}],
}  # fmt: skip
BAD: dict[str, tuple[Any, str]] = {
    "a long text": ("x" * (MAX_TEXT + 1), "at most 8192"), "NUL": ("a\0b", "NUL"),
    "half of a character": ("\ud83d", "lone surrogate"), "the other half": ("a\udc00", "lone surrogate"),
    "a large number": (2**63, "too large"), "a large negative number": (-(2**63), "too large"),
    "no number": (float("nan"), "NaN"), "infinity": (float("-inf"), "NaN"),
    "a long name": ({"n" * (MAX_KEY + 1): 1}, "at most 256"), "NUL in a name": ({"a\0": 1}, "NUL"),
    "half of a character in a name": ({"\ud83d": 1}, "lone surrogate"),
    "one in a list": (["a", "b\0"], "NUL"), "too many values": ([0] * MAX_NODES, "at most 5000 values"),
}  # fmt: skip


@pytest.mark.parametrize("levels", [0, 1, 2, MAX_DEPTH - 4])
@pytest.mark.parametrize("name", GOOD)
def test_what_is_within_the_bounds_can_be_stored(name: str, levels: int) -> None:
    assert unstorable(nested(levels, GOOD[name]), 3) is None


@pytest.mark.parametrize("levels", [0, 1, 2, MAX_DEPTH - 4])
@pytest.mark.parametrize("name", BAD)
def test_what_is_beyond_a_bound_is_told(name: str, levels: int) -> None:
    value, why = BAD[name]
    found = unstorable({"before": "fine", **nested(levels, value), "after": 1}, 3)
    assert found is not None
    assert (found.item, why in found.why) == (3, True), found


def test_two_halves_in_two_texts_are_no_character() -> None:
    assert unstorable({"a": "\ud83d", "b": "\ude00"}, 0) is not None


@pytest.mark.parametrize("make", [lambda inner: {"a": inner}, lambda inner: [inner]])
def test_the_deepest_level_counts(make: Callable[[Any], Any]) -> None:
    value: Any = "deep"
    for _ in range(MAX_DEPTH):
        value = make(value)
    assert unstorable(value, 0) is None
    found = unstorable(make(value), 0)
    assert found is not None
    assert "nested deeper than 20 levels" in found.why


@pytest.mark.parametrize("name", BAD)
def test_items_that_are_looked_at_together_are_plain_where_all_are(name: str) -> None:
    right: dict[str, Any] = {"properties": {"a": "x", "b": [1, 2.5, None], "c": {"d": True}}}
    assert plain_items([right] * 45) == [True] * 45
    told = plain_items([*[right] * 30, {"properties": {"wrong": BAD[name][0]}}, *[right] * 14])
    # told twenty at a time: those beside the wrong one are looked at one by one
    assert told == [True] * 20 + [False] * 20 + [True] * 5


def test_the_last_value_that_is_too_many_counts() -> None:
    assert unstorable({"a": [0] * (MAX_NODES - 2)}, 0) is None
    assert unstorable({"a": [0] * (MAX_NODES - 1)}, 0) is not None


LARGE = [{"n": n, "text": "é" * 100, "list": [n, None, 1.5]} for n in range(8_000)]


@pytest.mark.parametrize(
    "value", [LARGE, {"batch": LARGE, "sentAt": "now"}, {"a": {"b": LARGE}, "b": LARGE}, [LARGE, LARGE]]
)
@pytest.mark.parametrize("before", [b"", b" \r\n\t", b"\xef\xbb\xbf"])
def test_a_large_body_is_decoded_as_a_small_one_is(value: Any, before: bytes) -> None:
    body = before + orjson.dumps(value)
    assert len(body) > SLICE
    assert decode(body) == value


@pytest.mark.parametrize(
    "fault", [b"nan", b'"\xff"', b'"\\ud800"', b"01", b"{]", b'{"a" 1}', b"[1,]", b'"a\nb"']
)
@pytest.mark.parametrize(
    "around", [(b"[", b"]"), (b'{"batch":[', b"]}"), (b'{"a":{"b":[', b"]}}"), (b"", b"")]
)
def test_what_is_no_json_in_a_large_body_is_refused(fault: bytes, around: tuple[bytes, bytes]) -> None:
    filling = orjson.dumps(LARGE)[1:-1]
    body = around[0] + filling + b"," + fault + around[1]
    with pytest.raises(Refusal) as refused:
        decode(body)
    assert (refused.value.status, refused.value.title) == (400, "the body is not JSON")


def test_a_large_line_is_refused_alone() -> None:
    large = orjson.dumps(LARGE)
    found = decode_lines(b"\n".join([b'{"a":1}', large, large + b",", b"[2]"]))
    assert [value for value, why in found if not why] == [{"a": 1}, LARGE, [2]]


TOO_LONG = "x" * (MAX_TEXT + 1)


@pytest.mark.parametrize(
    ("said", "kept", "wrong"),
    [
        ({"email": {"state": "withdrawn", "text": "a\0"}}, {"email": {"state": "withdrawn"}}, ["email.text"]),
        ({"email": "withdrawn", "sms": {"state": "given", "where": TOO_LONG}},
         {"email": "withdrawn", "sms": {"state": "given"}}, ["sms.where"]),
        ({"email": {"news": "given", "a\0": "given"}}, {"email": {"news": "given"}}, ["email"]),
        ({"email": {"news": {"state": "given", "when": "\ud800"}}}, {"email": {"news": {"state": "given"}}},
         ["email.news.when"]),
        ({"email": "withdrawn", "push": ["\0"]}, {"email": "withdrawn"}, ["push[0]"]),
        ({"email": "withdrawn", "pu\0sh": "given"}, {"email": "withdrawn"}, [""]),
        ({"email": "withdrawn", "sms": "given\0"}, {"email": "withdrawn"}, ["sms"]),
        # of a purpose that nobody can read everything is withdrawn, and nothing is given
        ({"email": {"news\0": "withdrawn"}}, {"email": {"news�": "withdrawn"}}, ["email"]),
        ({"email": {"\ud800": {"state": "no", "text": "\0"}}}, {"email": {"�": {"state": "no"}}}, ["email"]),
        ({"email.news\0": False}, {"email.news�": False}, [""]),
        ({"email": {"n\0": "withdrawn", "n\0\0": "given", "n�": "given"}}, {"email": {"n�": "withdrawn"}},
         ["email", "email"]),
        ({"email": {"n" * (MAX_KEY + 1): "withdrawn"}}, {"email": {"n" * (MAX_KEY - 1) + "�": "withdrawn"}},
         ["email"]),
        # without its purpose it would be for another one
        ({"email": {"state": "given", "purpose": "a\0"}}, {"email": {"state": "given", "purpose": []}}, []),
    ],
)  # fmt: skip
def test_of_consents_only_the_parts_that_cannot_be_stored_are_left_out(
    said: dict[str, Any], kept: dict[str, Any], wrong: list[str]
) -> None:
    fields = [f"consent.{each}".rstrip(".") for each in wrong]
    right, faults = storable_consent(said, 3)
    assert (right, [(fault.item, fault.field) for fault in faults]) == (kept, [(3, each) for each in fields])
    call, dropped = without_unstorable({"userId": "a", "traits": {"consent": said, "age": 3}}, 3, ("traits",))
    assert call == {"userId": "a", "traits": {"consent": kept, "age": 3}}
    assert [fault.field for fault in dropped] == fields


def test_a_withdrawal_beside_the_traits_counts_for_a_purpose_that_cannot_be_stored() -> None:
    traits = {"consent.email.news\0": "withdrawn", "consent.sms.news\0": "given", "age": 3}
    call, dropped = without_unstorable({"userId": "a", "traits": traits}, 3, ("traits",))
    assert call == {"userId": "a", "traits": {"consent.email.news�": "withdrawn", "age": 3}}
    assert len(dropped) == 2


def test_a_line_that_is_no_utf_8_is_refused_alone_behind_a_byte_order_mark() -> None:
    found = decode_lines(b'\xef\xbb\xbf{"a": 1}\n{"b": "\xff"}\n{"c": 2}\n')
    assert [value for value, why in found if not why] == [{"a": 1}, {"c": 2}]
    assert [value for value, why in found if why] == ['{"b": "\\xff"}']


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("value", [{"name": "Жанна Müller"}, LARGE, [1], 7])
def test_the_encodings_that_windows_programs_write_are_known_by_their_first_bytes(
    value: Any, encoding: str
) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert decode(text.encode(encoding)) == value
    assert decode_lines(f"{text}\n\n{text}\n".encode(encoding)) == [(value, ""), (value, "")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"a": "Müller"}'.encode("cp1252"), "byte 9 is no UTF-8"),
        (b"\xff\xfe{\0\x00\xd8", "it begins as utf-16 and is none"),
        (b'\xef\xbb\xbf{"a": "\xfc"}', "byte 8 is no UTF-8"),
    ],
)
def test_what_is_in_another_encoding_is_told(body: bytes, why: str) -> None:
    with pytest.raises(Refusal) as refused:
        decode(body)
    assert (refused.value.status, refused.value.title) == (400, "the body is not JSON")
    assert refused.value.detail.startswith(why)
