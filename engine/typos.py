"""Which word a slip of the pen may have been: a few letters apart, and no opposite of it."""

from __future__ import annotations

import re

_MOST = 2  # letters
_SHORTEST = 3  # a word of two letters resembles every other
_OPPOSITE = ("un", "in", "im", "ir", "il", "non", "not", "no", "dis", "de", "anti", "never")
_OPPOSITES = tuple(
    frozenset(pair)
    for pair in (
        ("in", "out"), ("on", "off"), ("min", "max"), ("no", "yes"), ("up", "down"), ("any", "all"),
        ("any", "none"), ("before", "after"), ("first", "last"), ("low", "high"), ("more", "less"),
        ("at least", "at most"), ("increased", "decreased"), ("increase", "decrease"),
        ("enabled", "disabled"), ("enable", "disable"), ("joined", "left"), ("opened", "closed"),
        ("started", "stopped"),
    )
)  # fmt: skip
_PARTS = re.compile(r"[_.\-\s]+")
_NUMBER = re.compile(r"\d+")


def typo_distance(word: str, other: str) -> int | None:
    """How many letters two words are apart where a slip of the pen explains it; None where it does not."""
    if word == other:
        return 0
    longest = max(len(word), len(other))
    most = min(_MOST, -(-longest // 5))
    if abs(len(word) - len(other)) > most or min(len(word), len(other)) < _SHORTEST:
        return None
    distance = _distance(word, other, most)
    if distance is None or _NUMBER.findall(word) != _NUMBER.findall(other) or _means_another(word, other):
        return None
    return distance


def _means_another(word: str, other: str) -> bool:
    one, two = _PARTS.split(word), _PARTS.split(other)
    if len(one) != len(two):
        return set(one) < set(two) or set(two) < set(one)
    return any(_are_opposites(a, b) for a, b in zip(one, two, strict=True) if a != b)


def _are_opposites(word: str, other: str) -> bool:
    if frozenset((word, other)) in _OPPOSITES:
        return True
    short, long = sorted((word, other), key=len)
    return any(long == prefix + short for prefix in _OPPOSITE)


def _distance(word: str, other: str, most: int) -> int | None:
    """Letters added, left out, changed, or exchanged with their neighbour (optimal string alignment); None
    above `most`."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        last, before, row = before, row, [i]
        for j, letter_of_other in enumerate(other, 1):
            cost = min(before[j] + 1, row[-1] + 1, before[j - 1] + (letter != letter_of_other))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == letter_of_other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most and min(before) > most:
            return None
    return row[-1] if row[-1] <= most else None
