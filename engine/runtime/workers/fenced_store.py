"""The store as the leader sees it: every write asks first whether it still leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

from engine.errors import WorldError
from engine.store.database import Store

T = TypeVar("T")


class LeadLostError(WorldError):
    """Another process leads by now: what this one had begun is left to it."""


class FencedStore(Store):
    """Shares everything with `store` but the permission to write. `check` is asked inside the transaction."""

    def __init__(self, store: Store, check: Callable[[Connection], bool]) -> None:
        self.engine, self.writer = store.engine, store.writer
        self._store, self._check = store, check

    def write(self, job: Callable[[Connection], T], **how: Any) -> T:
        """As `Store.write`. Raises `LeadLostError`; nothing was written then."""
        return self._store.write(self._fenced(job), **how)

    async def awrite(self, job: Callable[[Connection], T], **how: Any) -> T:
        """As `Store.awrite`. Raises `LeadLostError`; nothing was written then."""
        return await self._store.awrite(self._fenced(job), **how)

    def close(self) -> None:
        """The store is its owner's to close."""

    def _fenced(self, job: Callable[[Connection], T]) -> Callable[[Connection], T]:
        def fenced(conn: Connection) -> T:
            if not self._check(conn):
                raise LeadLostError("another worker leads by now", permanent=False)
            return job(conn)

        return fenced
