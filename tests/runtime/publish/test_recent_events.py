"""The last weeks of a store, as a stream that is played."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.runtime.publish.recent_events import COUNTED, of_store
from engine.simulate.replay.stream import share_of
from engine.values import DAY
from tests.runtime.shop import Shop


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_small_store_is_played_from_its_beginning_and_its_last_weeks_are_counted(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.change("ada", points=1)
    shop.event("ada", "subscribed")
    shop.later(200 * DAY)
    shop.event("ada", "order_placed")
    shop.run()
    with shop.store.read() as conn, of_store(conn, shop.clock.now()) as events:
        told = [line["event"] for line in lines(events.file)]
        file = events.file
        assert (events.one_in, events.since) == (1, shop.clock.now() - COUNTED)
        assert file.parent.stat().st_mode & 0o077 == 0
    assert (told[0], told[-1]) == ("customer_changed", "order_placed")
    assert "subscribed" in told
    assert not file.parent.exists()
    shop.close()


def test_of_a_sample_nobody_else_is_read(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    people = [f"c{number}" for number in range(30)]
    for who in people:
        shop.change(who, points=1)
        shop.event(who, "subscribed")
    shop.later(DAY)
    with shop.store.read() as conn, of_store(conn, shop.clock.now(), 4) as events:
        assert events.one_in == 4
        assert {line["customer_id"] for line in lines(events.file)} == {
            who for who in people if share_of(who, 4) == 0
        }
    nobody = next(number for number in range(1_000, 2_000) if all(share_of(who, number) for who in people))
    with shop.store.read() as conn, of_store(conn, shop.clock.now(), nobody) as events:
        assert lines(events.file) == []
    shop.close()
