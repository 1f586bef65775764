"""Somebody who writes beside a benchmark, as the shop does: how long they waited for the writer."""

from __future__ import annotations

import threading
import time
from typing import Self

from engine.store.database import Store


class Bystander:
    """Writes a little all the time, and notes how long it took at most (`longest`, seconds)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.longest = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _write(self) -> None:
        while not self._ended.wait(0.02):
            began = time.perf_counter()
            self._store.write(
                lambda conn: conn.exec_driver_sql("UPDATE meta SET value = value WHERE name = 'buckets'")
            )
            self.longest = max(self.longest, time.perf_counter() - began)
