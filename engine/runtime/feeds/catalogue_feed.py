"""The catalogue feed of config.yaml: looked at again and again, read beside everything else, taken or refused
as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from engine.backoff import Backoff
from engine.channels.egress import Egress
from engine.clock import Clock
from engine.compiler.catalogue.catalogue import Catalogue
from engine.config import CatalogueConfig, Config
from engine.errors import CallerError, WorldError
from engine.runtime.feeds.applying import AppliedFeed, apply
from engine.runtime.feeds.feed_acceptance import refusal_of
from engine.runtime.feeds.feed_item import FeedError, FeedFault, FeedItem
from engine.runtime.feeds.fetching import SECONDS, FetchedFeed, fetch, source_of
from engine.runtime.feeds.product_fields import ProductFields
from engine.runtime.feeds.reading import FeedReading, StoppedError, read_feed
from engine.runtime.workers.fenced_store import LeadLostError
from engine.store.database import Store
from engine.store.feeds import feed_state, membership
from engine.store.feeds.feed_state import FeedState
from engine.values import MINUTE, Instant

log = structlog.get_logger("catalogue")

AGAIN = Backoff(5 * MINUTE, 60 * MINUTE)
"""When an address that gave no feed is asked again; never later than it is looked at anyway."""

_TOLD = 20  # faults that the store keeps word for word


@dataclass(frozen=True, slots=True)
class TakenFeed:
    """What became of one feed. `refused`: why nothing of it was taken; `reading` is closed."""

    reading: FeedReading
    applied: AppliedFeed
    refused: str = ""


@dataclass(frozen=True, slots=True)
class FeedTerms:
    """How a feed is taken. `is_full`: it is the whole catalogue, so what is missing in it goes; `anyway`: a
    person means it, however little it holds."""

    fields: ProductFields
    is_full: bool = True
    takes_out: bool = True
    anyway: bool = False
    encoding: str | None = None


def terms_of(catalogue: Catalogue, config: Config, *, is_full: bool = True, anyway: bool = False,
             encoding: str | None = None) -> FeedTerms:  # fmt: skip
    """By the schemas and config.yaml of a project."""
    wanted = config.catalogue or CatalogueConfig()
    fields = ProductFields(catalogue, config.currency, wanted.fields)
    return FeedTerms(fields, is_full, is_full and wanted.missing == "out of stock", anyway, encoding)


def take(
    store: Store,
    file: IO[bytes],
    terms: FeedTerms,
    now: Instant,
    *,
    source: str = "",
    fetched: FetchedFeed | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _done: None,
    on_fault: Callable[[FeedFault, FeedItem], None] = lambda _fault, _item: None,
) -> TakenFeed:
    """Reads, judges and applies a feed, and notes what became of it. `fetched`: of one from the address
    `source`. Raises FeedError, StoppedError and what the store raises; the caller notes a FeedError."""
    reading = read_feed(
        file, terms.fields, now, encoding=terms.encoding, on_fault=on_fault, is_stopped=is_stopped
    )
    with reading:
        with store.read() as conn:
            state, before = feed_state.load(conn), membership.count(conn)[0]
        refused = refusal_of(reading, before if terms.is_full else 0)
        if refused and not (terms.anyway and reading.products):
            if fetched is not None:
                note_refused(store, refused, source, now)
            return TakenFeed(reading, AppliedFeed(), refused)
        applied = apply(
            store,
            reading,
            state.fields,
            now,
            takes_out=terms.takes_out,
            is_stopped=is_stopped,
            progress=progress,
        )
        taken = FeedState(
            looked_at=now, applied_at=now, source=source, kind=reading.kind.value, items=reading.items,
            products=reading.products, faulty=reading.faulty, changed=applied.changed,
            missing=applied.missing,
            faults=tuple(fault.words()[:300] for fault in reading.faults[:_TOLD]),
            fields=tuple(sorted({*state.fields, *reading.fields})),
            turns_at=reading.turns_at or Instant(0),
            etag=fetched.etag if fetched is not None else "",
            modified=fetched.modified if fetched is not None else "",
        )  # fmt: skip
        # a part of a catalogue, in a file, says nothing of the whole
        kept = taken if terms.is_full else replace(state, fields=taken.fields)
        store.write(lambda conn: feed_state.save(conn, kept))
        return TakenFeed(reading, applied)


def note_refused(store: Store, why: str, source: str, now: Instant) -> None:
    """Keeps why nothing was taken; what was there stays."""

    def job(conn: Connection) -> None:
        state = feed_state.load(conn)
        refused = replace(
            state, looked_at=now, source=source, refused_at=now, refused=why[:500], etag="", modified="",
            failed_at=Instant(0), failed="", failing_since=Instant(0), failures=0,
        )  # fmt: skip
        feed_state.save(conn, refused)

    store.write(job)


class CatalogueFeed:
    """Looks whether it is time. `config` and `catalogue` are those of the current deployment; `leads`: of
    several processes one does it; `wake` is called when something changed."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        project: Callable[[], tuple[Catalogue, Config]],
        wake: Callable[[], None] = lambda: None,
        leads: Callable[[], bool] = lambda: True,
        is_stopped: Callable[[], bool] = lambda: False,
        seconds: float = SECONDS,
    ) -> None:
        self._store, self._clock, self._project = store, clock, project
        self._wake, self._leads, self._is_stopped, self._seconds = wake, leads, is_stopped, seconds

    async def look(self) -> None:
        """Fetches the feed if it is time."""
        if self._leads() and await asyncio.to_thread(self._is_time):
            with suppress(LeadLostError):  # whoever leads by now looks anew
                await self.fetch()

    async def fetch(self, *, anyway: bool = False) -> TakenFeed | None:
        """Fetches it now, and takes it. None: nothing has changed, or it could not be fetched; the state says
        which."""
        catalogue, config = self._project()
        wanted = config.catalogue
        if wanted is None:
            return None
        now = self._clock.now()
        source = ""
        try:
            source = self._source(catalogue, config, wanted)
            state = await asyncio.to_thread(self._state)
            # the marks of the last feed say nothing of another one, nor where a price has changed by itself
            is_known = state.source == source and not 0 < state.turns_at <= now
            marks = (state.etag, state.modified) if is_known and not anyway else ("", "")
            egress = Egress(config.egress)
            try:
                fetched = await fetch(egress, wanted, *marks, seconds=self._seconds)
            finally:
                await egress.close()
        except FeedError as wrong:
            await asyncio.to_thread(note_refused, self._store, str(wrong), source, now)
            log.error("feed_refused", why=wrong.what)
            return None
        except (WorldError, CallerError) as wrong:
            await asyncio.to_thread(self._note_failed, wrong.what, now)
            log.warning("feed_not_fetched", why=wrong.what)
            return None
        if fetched.file is None:
            await asyncio.to_thread(self._note_unchanged, now)
            log.info("feed_not_changed")
            return None
        with fetched.file as file:
            terms = terms_of(catalogue, config, anyway=anyway)
            return await asyncio.to_thread(self._take, file, terms, fetched, source, now)

    def _take(
        self, file: IO[bytes], terms: FeedTerms, fetched: FetchedFeed, source: str, now: Instant
    ) -> TakenFeed | None:
        try:
            taken = take(
                self._store, file, terms, now, source=source, fetched=fetched, is_stopped=self._is_stopped
            )
        except FeedError as wrong:
            note_refused(self._store, str(wrong), source, now)
            log.error("feed_refused", why=wrong.what)
            return None
        except StoppedError:
            return None  # the next start begins anew: what was written is not written twice
        if taken.refused:
            log.error("feed_refused", why=taken.refused)
        else:
            reading, applied = taken.reading, taken.applied
            log.info(
                "feed_taken", products=reading.products, wrong=reading.faulty, changed=applied.changed,
                missing=applied.missing,
            )  # fmt: skip
            if applied.changed or applied.missing:
                self._wake()
        return taken

    def _state(self) -> FeedState:
        with self._store.read() as conn:
            return feed_state.load(conn)

    def _is_time(self) -> bool:
        catalogue, config = self._project()
        wanted = config.catalogue
        if wanted is None:
            return False
        state, now = self._state(), self._clock.now()
        if state.failures:
            return now >= state.failed_at + min(wanted.every, AGAIN.wait(state.failures))
        return (
            now >= state.looked_at + wanted.every
            or 0 < state.turns_at <= now
            or state.source != self._source(catalogue, config, wanted)
        )

    def _source(self, catalogue: Catalogue, config: Config, wanted: CatalogueConfig) -> str:
        types = ProductFields(catalogue, config.currency, wanted.fields).types
        return source_of(wanted, repr(sorted(types.items(), key=lambda item: item[0])))

    def _note_unchanged(self, now: Instant) -> None:
        def job(conn: Connection) -> None:
            state = feed_state.load(conn)
            same = replace(
                state, looked_at=now, applied_at=now, failed_at=Instant(0), failed="",
                failing_since=Instant(0), failures=0,
            )  # fmt: skip
            feed_state.save(conn, same)

        self._store.write(job)

    def _note_failed(self, why: str, now: Instant) -> None:
        def job(conn: Connection) -> None:
            state = feed_state.load(conn)
            failed = replace(
                state, failed_at=now, failed=why[:500], failing_since=state.failing_since or now,
                failures=state.failures + 1,
            )  # fmt: skip
            feed_state.save(conn, failed)

        self._store.write(job)
