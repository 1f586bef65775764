"""Two customers turn out to be one: of two runs of the same journey one goes on, and nothing is sent a second time."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.core.enrollment import AwaitingSend, Enrollment
from engine.values import Instant

JOINED = "joined"
"""How a run ends that gives way to the run of the same person."""


def merge_enrollments(
    runs: Iterable[Enrollment], under_way: Collection[str], now: Instant
) -> tuple[list[Enrollment], list[str]]:
    """The runs of both, as they are from now on, and the send keys of planned messages that are taken back.

    Of open runs with the same journey and key the one goes on that has sent more, else the older one; it takes over
    what the other has sent and done, so that it is not sent or done again. `under_way`: keys of messages that may be
    leaving at this moment; they count as sent.
    """
    kept: dict[tuple[str, str], Enrollment] = {}
    ended: list[Enrollment] = []
    cancelled: list[str] = []
    for run in sorted(runs, key=lambda each: _rank(each, under_way)):
        first = kept.setdefault((run.journey, run.key), run) if run.is_open else run
        if first is run:
            if not run.is_open:
                ended.append(run)
            continue
        kept[run.journey, run.key] = _richer(first, run)
        over = run.fork()
        if isinstance(run.state, AwaitingSend) and run.state.key not in under_way:
            cancelled.append(run.state.key)
        over.outcome, over.ended_at, over.state, over.due, over.watch_until = JOINED, now, None, None, None
        over.seq += 1
        ended.append(over)
    return [*kept.values(), *ended], cancelled


def _rank(enrollment: Enrollment, under_way: Collection[str]) -> tuple[int, Instant, int, str]:
    leaving = isinstance(enrollment.state, AwaitingSend) and enrollment.state.key in under_way
    return (
        -(sum(map(len, enrollment.sent.values())) + leaving),
        enrollment.started_at,
        enrollment.started_number,
        enrollment.id,
    )


def _richer(enrollment: Enrollment, other: Enrollment) -> Enrollment:
    more = enrollment.fork()
    more.sent = {**other.sent, **enrollment.sent}
    more.done = {*enrollment.done, *other.done}
    more.codes = {**other.codes, **enrollment.codes}
    more.first_started_at = min(enrollment.first_started_at, other.first_started_at)
    more.seq += 1
    return more
