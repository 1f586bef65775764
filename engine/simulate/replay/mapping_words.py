"""The small words of a mapping file, turned into functions over the properties of a foreign event."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Properties = Mapping[str, Any]
Getter = Callable[[Properties], Any]
"""Takes a value out of the properties of a foreign event; None when there is none."""
Check = Callable[[Properties], bool]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_SUM = re.compile(r"sum of (\S+?)(?:\s*\*\s*(\S+))?")
_OF_LIST = re.compile(r"(count|first|last) of (\S+)")
_TEXTS = re.compile(r"texts of (\S+)")
_LIMIT = re.compile(r"(at least|at most|more than|less than) (-?\d+(?:\.\d+)?)")
_PATH = re.compile(r"[^\s*:{}\[\],]+")


def number(value: object) -> Decimal | None:
    """A JSON number, or digits in a text, as an exact decimal; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def getter(words: str) -> Getter | None:
    """`a.b`, `a or b` (the first that is set), `sum of items.price * items.quantity`, `count of items`,
    `first of items.sku`, `texts of tags` (a text with commas), `always X`.

    None when the words are no such thing.
    """
    if words.startswith("always "):
        constant = words.removeprefix("always ").strip()
        return lambda _: constant
    if " or " in words:
        return _first_that_is_set(words.split(" or "))
    if match := _SUM.fullmatch(words):
        return _sum(match[1], match[2])
    if match := _TEXTS.fullmatch(words):
        return _texts(match[1])
    if match := _OF_LIST.fullmatch(words):
        return _of_list(match[1], match[2])
    return _path(words) if _PATH.fullmatch(words) else None


def _path(words: str) -> Getter:
    if "." not in words:
        return lambda properties: properties.get(words)
    parts = words.split(".")
    return lambda properties: _walk(properties, parts)


def _walk(value: object, parts: list[str]) -> Any:
    """A dotted path; inside a list it goes over all its members."""
    for depth, part in enumerate(parts):
        if isinstance(value, list):
            values = [_walk(member, parts[depth:]) for member in value]
            return [inner for inner in values if inner is not None]
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def _first_that_is_set(words: list[str]) -> Getter | None:
    getters = [getter(word.strip()) for word in words]
    if not all(getters):
        return None

    def first(properties: Properties) -> Any:
        values = (get(properties) for get in getters if get is not None)
        return next((value for value in values if value is not None and value != ""), None)

    return first


def _texts(words: str) -> Getter:
    """A text that holds several, with commas between them, in quotes or not."""
    get = _path(words)

    def texts(properties: Properties) -> Any:
        value = get(properties)
        if not isinstance(value, str):
            return value
        return [
            text for part in next(csv.reader([value], skipinitialspace=True), []) if (text := part.strip())
        ]

    return texts


def _sum(first: str, second: str | None) -> Getter:
    """The sum over a list of one field, or of the product of two fields of each member; None if any is no
    number."""
    name, _, field = first.partition(".")
    right = second.partition(".")[2] if second and second.partition(".")[0] == name else second

    def total(properties: Properties) -> Decimal | None:
        members = properties.get(name)
        if not isinstance(members, list):
            return None
        sum_of_all = Decimal(0)
        for member in members:
            if not isinstance(member, Mapping):
                return None
            amount = number(member.get(field))
            times = number(member.get(right)) if right else Decimal(1)
            if amount is None or times is None:
                return None
            sum_of_all += amount * times
        return sum_of_all

    return total


def _of_list(how: str, words: str) -> Getter:
    path = words.split(".")

    def pick(properties: Properties) -> Any:
        members = _walk(properties, path)
        if not isinstance(members, list):
            return None
        if how == "count":
            return len(members)
        return (members[0] if how == "first" else members[-1]) if members else None

    return pick


def check(get: Getter, words: tuple[str, ...]) -> Check:
    """One of the words fits the value: a value, `not x`, `is set`, `is not set`, `at least 2` and its
    like."""
    tests = [_test(word) for word in words]
    if len(tests) == 1:
        only = tests[0]
        return lambda properties: only(get(properties))

    def one_fits(properties: Properties) -> bool:
        value = get(properties)
        return any(test(value) for test in tests)

    return one_fits


def _test(words: str) -> Callable[[object], bool]:
    if words == "is set":
        return lambda value: value is not None
    if words == "is not set":
        return lambda value: value is None
    if words.startswith("not "):
        inner = _test(words.removeprefix("not ").strip())
        return lambda value: not inner(value)
    if match := _LIMIT.fullmatch(words):
        return _limit(match[1], Decimal(match[2]))
    limit = Decimal(words) if _NUMBER.fullmatch(words) else None
    return lambda value: _equals(value, words, limit)


def _limit(how: str, limit: Decimal) -> Callable[[object], bool]:
    def test(value: object) -> bool:
        amount = value if type(value) is int else number(value)
        if amount is None:
            return False
        match how:
            case "at least":
                return amount >= limit
            case "at most":
                return amount <= limit
            case "more than":
                return amount > limit
            case _:
                return amount < limit

    return test


def _equals(value: object, words: str, as_number: Decimal | None) -> bool:
    match value:
        case None:
            return False
        case bool():
            return words == ("true" if value else "false")
        case str():
            return value == words
        case list():
            return any(_equals(member, words, as_number) for member in value)
        case _:
            return as_number is not None and number(value) == as_number
