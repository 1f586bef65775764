"""Two customers turn out to be one: of two runs of the same journey one goes on, and nothing is sent a second time."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from engine.core.enrollment import AwaitingSend, Enrollment
from engine.values import Instant

JOINED = "joined"
"""How a run ends that gives way to the run of the same person."""


def merge_enrollments(
    enrollments: Iterable[Enrollment], under_way: Collection[str], now: Instant
) -> tuple[list[Enrollment], list[str]]:
    """The runs of both, as they are from now on, and the send keys of planned messages that are taken back.

    Of open runs with the same journey and key the one goes on that has sent more, else the older one; it takes over
    what the other has sent and done, so that it is not sent or done again. `under_way`: keys of messages that may be
    leaving at this moment; they count as sent.
    """
    kept: dict[tuple[str, str], Enrollment] = {}
    ended: list[Enrollment] = []
    cancelled: list[str] = []
    for enrollment in sorted(enrollments, key=lambda each: _rank(each, under_way)):
        first = (
            kept.setdefault((enrollment.journey, enrollment.key), enrollment)
            if enrollment.is_open
            else enrollment
        )
        if first is enrollment:
            if not enrollment.is_open:
                ended.append(enrollment)
            continue
        kept[enrollment.journey, enrollment.key] = _richer(first, enrollment)
        given_up = enrollment.fork()
        if isinstance(enrollment.state, AwaitingSend) and enrollment.state.key not in under_way:
            cancelled.append(enrollment.state.key)
        given_up.outcome, given_up.ended_at, given_up.state, given_up.due, given_up.watch_until = (
            JOINED,
            now,
            None,
            None,
            None,
        )
        given_up.seq += 1
        ended.append(given_up)
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
    richer = enrollment.fork()
    richer.sent = {**other.sent, **enrollment.sent}
    richer.done = {*enrollment.done, *other.done}
    richer.codes = {**other.codes, **enrollment.codes}
    richer.first_started_at = min(enrollment.first_started_at, other.first_started_at)
    richer.seq += 1
    return richer
