"""The figures of what waits: on both databases, and from the indexes of what is open."""

from __future__ import annotations

from engine.store.database import Store
from engine.store.journeys.figures import backlog
from engine.store.keys import new_key, working_keys
from engine.values import Instant

NOW = Instant(1_782_000_000_000)


def test_an_empty_store_has_no_backlog(store: Store) -> None:
    with store.read() as conn:
        found = backlog(conn, ["email", "sms"], NOW)
    assert (found.inbox, found.due, found.stuck, found.pauses) == (0, 0, 0, 0)
    assert found.messages == {("email", "waiting"): 0, ("sms", "waiting"): 0}


def test_a_key_of_a_page_is_kept_like_any_other(store: Store) -> None:
    assert store.write(lambda conn: new_key(conn, "page", "browser", NOW))
    with store.read() as conn:
        assert [key.scope for key in working_keys(conn).values()] == ["browser"]
