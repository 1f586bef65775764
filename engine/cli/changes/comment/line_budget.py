"""How much of each part of a comment stands before its folds."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 60
"""Lines before the folds."""


@dataclass(frozen=True, slots=True)
class LineBudget:
    """How many lines of each part stand before the folds. `in_detail`: each change has a line, else each
    journey or the like."""

    changes: int = 24
    places: int = 6
    counts: int = 9
    sentences: int = 5
    in_detail: bool = False


LINE_BUDGETS = (
    LineBudget(in_detail=True),
    LineBudget(in_detail=True, counts=6, sentences=4),
    LineBudget(in_detail=True, places=5, counts=4, sentences=3),
    LineBudget(),
    LineBudget(counts=6, sentences=4),
    LineBudget(places=5, counts=4, sentences=3),
    LineBudget(places=4, counts=3, sentences=3),
    LineBudget(places=4, counts=2, sentences=2),
    LineBudget(changes=20, places=3, counts=2, sentences=2),
    LineBudget(changes=16, places=3, counts=2, sentences=2),
    LineBudget(changes=12, places=3, counts=2, sentences=2),
    LineBudget(changes=9, places=3, counts=2, sentences=1),
    LineBudget(changes=6, places=2, counts=2, sentences=1),
)
"""The first with which all parts together are at most `MOST_LINES` and every change is told, or nearly every
journey: what would be sent is cut before who is inside, and that before what changes. The last one is below
them with every part as long as it may be."""
