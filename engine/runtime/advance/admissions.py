"""Lets in who was a member of a segment when a journey with `members: all` first went live: listed in slices,
then handed to the inbox at the moment of each, over a day (design/language 2.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial

from sqlalchemy import Connection

from engine.core.conditions.dependencies import dependencies_of
from engine.core.happening import MemberAdmitted
from engine.core.journey import Journey
from engine.core.journeys import Journeys
from engine.core.lifecycle.trigger import admitting
from engine.runtime.advance import forecasting, gap_learning, scoring
from engine.store import watermarks
from engine.store.audience import admissions
from engine.store.audience.admissions import Admission
from engine.store.database import Store
from engine.store.facts import definitions
from engine.store.inbox import inbox
from engine.store.inbox.inbox_codec import to_row
from engine.store.journeys import pauses
from engine.values import DAY, HOUR, Instant

SLICE = 2_000
"""Customers whom one transaction lists or lets in: between two of them others may write."""

STANDSTILL = HOUR
"""Where nobody looked for longer, nothing ran: the moments of all who are left move on by it, so that they do
not come all at once."""

LONGEST_DOUBT = DAY
"""So long after the deployment it is waited for facts that a segment asks for; then whoever is marked as a
member is one."""


def first_admitting(took: Collection[str], coming: Journeys) -> Iterator[Journey]:
    """The journeys that go live with `members: all` for the first time, among those that are published next.
    `took`: those that have taken their members, which is once in their life."""
    for name, journey in coming.by_name.items():
        if journey.state == "live" and name not in took and admitting(journey):
            yield journey


def begin_admissions(conn: Connection, coming: Journeys, now: Instant) -> None:
    """Notes, with a deployment, whose members are to be taken."""
    for journey in first_admitting(admissions.journeys_that_took(conn), coming):
        for trigger in admitting(journey):
            admissions.begin(conn, journey.name, trigger.segment, now)


def admit_members(store: Store, journeys: Journeys, now: Instant, size: int = SLICE) -> int:
    """One look: lists whom nobody has listed, and lets in whose moment has come. How many were let in.

    While a journey is not live or does not take all, an operator has paused it, or its members cannot be told
    yet, the moments of all who are left move on.
    """
    let_in = 0
    with store.read() as conn:
        found, paused = admissions.under_way(conn), pauses.paused_journeys(conn)
    for admission in found:
        journey = journeys.by_name.get(admission.journey)
        is_open = (
            journey is not None and journey.state == "live" and journey.name not in paused
            and any(trigger.segment == admission.segment for trigger in admitting(journey))
        )  # fmt: skip
        if is_open and admission.listed_at is None:
            is_open = _list_all(store, admission, journeys, now, size)
        gap = max(now - admission.looked_at, 0)
        by = gap if not is_open or gap > STANDSTILL or admission.listed_at is None else 0
        store.write(partial(admissions.put_off, admission=admission, now=now, by=by))
        if is_open:
            let_in += _let_in(store, admission, now, size)
    return let_in


def _list_all(store: Store, admission: Admission, journeys: Journeys, now: Instant, size: int) -> bool:
    """Whether all members are listed now."""
    with store.read() as conn:
        if now - admission.live_at < LONGEST_DOUBT and not _are_told(conn, admission, journeys):
            return False
    while admission.listed_at is None:
        listed = store.write(partial(admissions.list_members, admission=admission, limit=size, now=now))
        if listed is None:
            # moved, joined or erased beside it: the next look goes on from where the list stands
            return False
        admission = listed
    return True


def _are_told(conn: Connection, admission: Admission, journeys: Journeys) -> bool:
    """Whether whoever is marked as a member is one, and nobody else: the facts that the segment asks for are
    counted and scored, and what was received until then is applied."""
    asked, seen = _facts_of(admission.segment, journeys), admission.live_at
    if any(each.name in asked for each in definitions.unsettled(conn)):
        return False
    for name in asked:
        rule = journeys.index.rules.get(name)
        if rule is None:
            continue
        if rule.is_forecast:
            kind, is_current = forecasting.SWEEP, forecasting.is_current
        elif rule.is_nightly:
            kind, is_current = scoring.SWEEP, scoring.is_current
        elif rule.how == "next":
            kind, is_current = gap_learning.SWEEP, gap_learning.is_current
        else:
            continue
        last = watermarks.get(conn, kind, name)
        # Values by another definition, or none: whoever gets one by the next look starts nothing by it
        if last is None or not is_current(last, rule):
            return False
        seen = max(seen, last.until)
    return inbox.is_applied(conn, seen)


def _facts_of(segment: str, journeys: Journeys) -> set[str]:
    """The attributes that a segment asks for, also through other segments."""
    names, open_names = set[str](), {segment}
    looked = set[str]()
    while open_names:
        looked.add(name := open_names.pop())
        rule = journeys.segments.get(name)
        if rule is not None:
            asked = dependencies_of(rule.question.condition, journeys.index.rules)
            names |= asked.attributes
            open_names |= asked.segments - looked
    return names


def _let_in(store: Store, admission: Admission, now: Instant, size: int) -> int:
    let_in = 0
    while True:
        taken = store.write(partial(_append_due, admission=admission, now=now, size=size))
        let_in += taken
        if taken < size:
            store.write(partial(admissions.end_if_over, admission=admission, now=now))
            return let_in


def _append_due(conn: Connection, admission: Admission, now: Instant, size: int) -> int:
    due = admissions.take_due(conn, admission, now, size)
    rows = []
    for member in due:
        kind, body = to_row(MemberAdmitted(0, member.at, admission.journey, admission.segment))
        rows.append((member.bucket, member.customer, kind, now, body))
    inbox.append_rows(conn, rows)
    return len(due)
