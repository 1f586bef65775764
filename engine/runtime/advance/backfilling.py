"""Makes changed definitions of facts whole, page after page, beside everything else; whatever ends in between
goes on with the next page.

A page is counted while others write, and written in a short transaction of its own. Several processes may
do it at once: who comes second finds the place behind the page and begins anew. While a definition is counted
the one in use is untouched. When everybody is counted it is the one in use, with that very transaction: from
then on nobody is decided by the old value, and pages put the new one in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from engine.clock import Clock
from engine.core.facts.backfill import Backfill
from engine.garbage_collection import without_garbage_collection
from engine.runtime.advance.advancer import Publication
from engine.runtime.advance.definitions import FactsInUse, in_use, notice, put_in_place
from engine.runtime.workers.fenced_store import LeadLostError
from engine.store.database import Store
from engine.store.facts import definitions, pages
from engine.store.facts.definitions import DefinitionState, FactDefinition
from engine.store.facts.pages import CustomerPage
from engine.store.journeys import deployments
from engine.store.learning import learned
from engine.values import Instant

REST = 0.01
"""Seconds between two pages: others may write."""

IDLE = 2.0
"""Seconds until it is asked again whether something is to be made whole."""


@dataclass(frozen=True, slots=True)
class _Work:
    """The next page of those facts that are least far. `page`: of customers who are counted; None: nothing
    has to be read for it."""

    found: tuple[FactDefinition, ...]
    facts: FactsInUse
    page: CustomerPage | None


class Backfiller:
    """What a daemon does about it, when it `leads`. `wake`: called when somebody was told of another value,
    from the thread of the loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        publication: Callable[[], Publication],
        leads: Callable[[], bool] = lambda: True,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publication = publication
        self._leads = leads
        self._wake = wake

    async def tick(self) -> float:
        """One page, in a thread of its own; for how many seconds there is nothing more to do."""
        if not self._leads():
            return IDLE
        try:
            done = await asyncio.to_thread(fill_page, self._store, self._publication(), self._clock.now())
        except LeadLostError:  # whoever leads by now goes on from the last page
            return IDLE
        if done.is_anybody_told:
            self._wake()
        return REST if done.more else IDLE


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What one page did. `more`: there may be others; `is_anybody_told`: somebody has another value that
    something asks for, and it waits in their inbox."""

    more: bool
    is_anybody_told: bool = False


def fill(store: Store, publication: Publication, now: Instant) -> int:
    """Pages until everything is whole; how many."""
    many = 0
    while fill_page(store, publication, now).more:
        many += 1
    return many


def fill_page(
    store: Store, publication: Publication, now: Instant, size: int = pages.MOST_CUSTOMERS
) -> PageOutcome:
    """One page of so many customers. Does nothing when another deployment is the current one."""
    # As in a batch of decisions: a page makes many small objects, none of them in a cycle
    with without_garbage_collection(), store.read() as conn:
        # read beside the writer: everybody waits for that one
        work = _next(conn, publication, size)
    if work is None:
        return PageOutcome(more=False)
    is_told = store.write(partial(_write, work=work, publication=publication, now=now, size=size))
    return PageOutcome(more=True, is_anybody_told=is_told)


def _next(conn: Connection, publication: Publication, size: int) -> _Work | None:
    unsettled = definitions.unsettled(conn)
    # by the present files alone: what is counted by others would be thrown away
    if not unsettled or deployments.current_number(conn) != publication.number:
        return None
    known = definitions.all_of(conn)
    journeys = publication.journeys
    if learned.stamp(conn):
        journeys = replace(journeys, learned=learned.known(conn))
    facts = in_use(conn, journeys, unsettled)
    # what was counted is put in place before anything else is counted
    moving = [known[each.name] for each in unsettled if each.state is not DefinitionState.COUNTING]
    if moving:
        state = moving[0].state
        return _Work(_least_far(each for each in moving if each.state is state), facts, None)
    found = _least_far(known[each.name] for each in unsettled)
    backfills = _of(facts.journeys.backfills, found)
    return _Work(found, facts, pages.read_page(conn, found[0].place, backfills, size))


def _least_far(found: Iterable[FactDefinition]) -> tuple[FactDefinition, ...]:
    """Those of the same place share their pages: facts that were changed together stay together."""
    every = list(found)
    place = min(each.place for each in every)
    return tuple(each for each in every if each.place == place)


def _of(backfills: Iterable[Backfill], found: Iterable[FactDefinition]) -> tuple[Backfill, ...]:
    wanted = {(each.name, each.attempt) for each in found}
    return tuple(each for each in backfills if (each.rule.name, each.number) in wanted)


def _write(conn: Connection, work: _Work, publication: Publication, now: Instant, size: int) -> bool:
    """Whether somebody was told of another value."""
    known = definitions.all_of(conn)
    # Somebody else may have written this page, or deployed
    if deployments.current_number(conn) != publication.number or any(
        (now_known := known.get(each.name)) is None
        or (now_known.state, now_known.attempt, now_known.place) != (each.state, each.attempt, each.place)
        for each in work.found
    ):
        return False
    # as they are inside this transaction: somebody may have asked for one once more
    found = [known[each.name] for each in work.found]
    if found[0].state is DefinitionState.COUNTING:
        _count(conn, work, found, publication.number, now)
        return False
    return _move(conn, work, found, publication, now, size)


def _count(conn: Connection, work: _Work, found: Sequence[FactDefinition], number: int, now: Instant) -> None:
    page = work.page
    assert page is not None
    pages.write_page(conn, page, _of(work.facts.journeys.backfills, found))
    changed = []
    for each in found:
        gap = page.gaps.get(each.name)
        if gap is not None:
            starts = [at for at in (each.found_from, gap.oldest) if at is not None]
            each = replace(  # noqa: PLW2901 - the row as it is after this page
                each, found_short=each.found_short + gap.customers, found_from=min(starts, default=None)
            )
        each = replace(each, done=each.done + page.customers)  # noqa: PLW2901 - as above
        if page.last is not None:
            changed.append(replace(each, at_bucket=page.last[0], at_customer=page.last[1]))
        # somebody got another id meanwhile, where no page could count them: once more
        elif each.again:
            changed.append(each.turned(DefinitionState.COUNTING))
        else:
            changed.append(_counted(each, number, now))
    definitions.put(conn, changed)


def _counted(each: FactDefinition, number: int, now: Instant) -> FactDefinition:
    """A definition that everybody was counted by. One that would only forget what happened before the events
    that are kept is given up, unless somebody wants that."""
    if each.asked and each.found_short and not each.from_kept:
        return each.turned(DefinitionState.DROPPING)
    counted_from = (each.found_from or each.begun_at) if each.found_short else None
    whole = replace(
        each, fingerprint=each.coming, deployment=number, since=now, counted_from=counted_from,
        short=each.found_short,
    )  # fmt: skip
    return whole.turned(DefinitionState.PLACING)


def _move(
    conn: Connection,
    work: _Work,
    found: Sequence[FactDefinition],
    publication: Publication,
    now: Instant,
    size: int,
) -> bool:
    people = pages.next_customers(conn, found[0].place, size)
    is_told = False
    for bucket, customers in people.items():
        if found[0].state is DefinitionState.PLACING:
            placing = _of(work.facts.placing, found)
            is_told |= put_in_place(conn, work.facts.journeys, bucket, customers, placing, now)
        else:
            pages.drop(conn, bucket, customers, [each.name for each in found])
    # the place is kept with the page in one transaction: a crash repeats none and leaves none out
    if people:
        bucket = max(people)
        last = (bucket, people[bucket][-1])
        many = sum(map(len, people.values()))
        definitions.put(conn, [
            replace(each, at_bucket=last[0], at_customer=last[1], done=each.done + many) for each in found
        ])  # fmt: skip
        return is_told
    again = [each.turned(each.state) for each in found if each.again]
    ended = [
        replace(each.turned(DefinitionState.WHOLE), coming="") for each in found if not each.again
    ]  # fmt: skip
    definitions.put(conn, [*again, *ended])
    # What was deployed meanwhile
    notice(conn, publication.journeys.facts, publication.number, now)
    return is_told
