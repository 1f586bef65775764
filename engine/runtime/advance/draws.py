"""Generated codes of a batch: no two runs, and no run of another batch, get the same text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection

from engine.core.codes import CodeSource
from engine.core.decide import Decided
from engine.core.decision.effects import TakeCode
from engine.core.journeys import Journeys
from engine.store.incentives import codes

_ROUNDS = 8
"""A text drawn anew may be taken again; after so many times the index refuses it, and the batch is decided
one by one."""


def without_doubles(
    conn: Connection,
    decided: dict[str, Decided],
    journeys: Journeys,
    source: CodeSource,
    decide_again: Callable[[str, CodeSource], Decided],
) -> None:
    """Decides those anew, in place, whose code another run has. Nearly always there is nobody, and it costs
    one look into an index."""
    if not journeys.drawn_pools:
        return
    taken: frozenset[str] = frozenset()
    for _ in range(_ROUNDS):
        drawn = [(customer, take) for customer, done in decided.items() for take in _drawn(done)]
        if not drawn:
            return
        first = {take.value: take.enrollment for _, take in reversed(drawn) if take.value is not None}
        others = codes.held_by_others(conn, first)
        doubles = {
            customer
            for customer, take in drawn
            if take.value is not None and (take.value in others or first[take.value] != take.enrollment)
        }
        if not doubles:
            return
        # All that one of them may get is looked up at once, beside what this batch draws.
        pools = {pool.name: pool for pool in journeys.drawn_pools}
        candidates = {
            text: take.enrollment
            for customer, take in drawn
            if customer in doubles and take.pool in pools
            for text in source.candidates(pools[take.pool], take.enrollment)
        }
        taken |= others | codes.held_by_others(conn, candidates)
        for customer in sorted(doubles):
            elsewhere = {take.value for other, take in drawn if other != customer and take.value is not None}
            again = CodeSource(source.key, taken | elsewhere)
            decided[customer] = decide_again(customer, again)
            drawn = [each for each in drawn if each[0] != customer]
            drawn += [(customer, take) for take in _drawn(decided[customer])]


def _drawn(done: Decided) -> Iterable[TakeCode]:
    return (
        effect
        for decision in done.decisions
        for effect in decision.effects
        if isinstance(effect, TakeCode) and effect.kind == "generated" and effect.value is not None
    )
