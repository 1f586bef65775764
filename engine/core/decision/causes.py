"""What journeys cause: an event starts a run, the run emits an event or writes an attribute, which starts
another run, and so on.

A chain is kept as journey -> how often it started in it. However many journeys one event starts, each of them
is one link; only what starts itself again and again, alone or by others, comes to a large number. A chain
without end has to pass a start again and again, so it is stopped there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.core.enrollment import Enrollment
from engine.values import HOUR, Instant

MOST_ROUNDS = 10
"""So often a journey may start in one chain."""

CHAIN_LENGTH = HOUR
"""What a run does so long after its start begins a new chain: journeys that take turns day by day are no
loop."""

NO_CAUSES: Mapping[str, int] = {}


def causes_of(enrollment: Enrollment, now: Instant) -> Mapping[str, int]:
    """What has led to what this run does now: the chain of its start, and itself."""
    causes = enrollment.causes if now - enrollment.began_at < CHAIN_LENGTH else NO_CAUSES
    return {**causes, enrollment.journey: causes.get(enrollment.journey, 0) + 1}


def united_causes(ours: Mapping[str, int], theirs: Mapping[str, int]) -> Mapping[str, int]:
    """The causes of what has two."""
    return {name: max(ours.get(name, 0), theirs.get(name, 0)) for name in (*ours, *theirs)}


def loop_words(causes: Mapping[str, int]) -> str:
    """The journeys of a chain that is stopped, for their owner."""
    names = [f'"{name}"' for name in sorted(causes) if causes[name] >= MOST_ROUNDS - 1]
    if len(names) == 1:
        return f"{names[0]} starts itself without end"
    return f"{', '.join(names[:-1])} and {names[-1]} start each other without end"
