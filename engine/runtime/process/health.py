"""What stands in the way of the daemon's parts: told by `/readyz`, counted for `/metrics`, written to the
log."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Mapping

import structlog
from sqlalchemy.exc import DatabaseError

from engine.errors import PerennialError

log = structlog.get_logger("daemon")


class Health:
    """The troubles of each part; `count` is told of every defect of ours, by part. `outward`: the parts that
    depend on somebody else's server. Their troubles are told, and do not stand in the way of readiness: what
    comes in by HTTP is taken all the same, and no restart would mend them."""

    def __init__(
        self, count: Callable[[str], object] = lambda _part: None, outward: Collection[str] = ()
    ) -> None:
        self._troubles: dict[str, str] = {}
        self._failing: dict[str, str] = {}
        self._without_store: set[str] = set()
        self._count = count
        self._outward = frozenset(outward)

    @property
    def why(self) -> str:
        """Every trouble that stands in the way of readiness; "" when there is none."""
        return "; ".join(why for part, why in self._troubles.items() if part not in self._outward)

    @property
    def parts(self) -> Mapping[str, str]:
        """The troubles, by part."""
        return dict(self._troubles)

    @property
    def failing(self) -> Mapping[str, str]:
        """Channels that take nothing, with what they say. No part of `why`: what comes in is taken meanwhile,
        and who sends traffic elsewhere because of it would lose that, too."""
        return dict(self._failing)

    def channel_fails(self, channel: str, why: str) -> bool:
        """Its last attempt failed for a reason that every other would meet. Whether that is news."""
        is_news = channel not in self._failing
        self._failing[channel] = why
        if is_news:
            log.error("channel_fails", channel=channel, why=why)
        return is_news

    def channel_works(self, channel: str) -> None:
        """It took a message, or refused one for what is wrong with that message."""
        if self._failing.pop(channel, None) is not None:
            log.info("channel_works_again", channel=channel)

    def trouble(self, part: str, why: str) -> None:
        """This part cannot do its work for now."""
        self._without_store.discard(part)
        self._troubles[part] = why

    def store_works(self) -> bool:
        """The store takes writes at this moment: what parts said of it before is over. Whether one of them
        did."""
        over, self._without_store = self._without_store, set()
        for part in over:
            self._troubles.pop(part, None)
        return bool(over)

    def fine(self, part: str) -> None:
        """This part does its work (again)."""
        self._without_store.discard(part)
        if self._troubles.pop(part, None) is not None:
            log.info("works_again", part=part)

    def failed(self, part: str, wrong: Exception) -> None:
        """What a part raised: the world's fault in one line, a defect of ours with its traceback."""
        if isinstance(wrong, DatabaseError):
            self.trouble(part, f"{part}: the store cannot be used")
            self._without_store.add(part)
            log.error("store_refused", part=part, why=str(wrong.orig))
        elif isinstance(wrong, PerennialError | OSError):
            self.trouble(part, f"{part}: {wrong}")
            log.error("failed", part=part, why=str(wrong))
        else:
            self._count(part)
            self.trouble(part, f"{part}: a defect of ours ({type(wrong).__name__}); the log has more")
            log.error("defect", part=part, traceback="".join(traceback.format_exception(wrong)))
