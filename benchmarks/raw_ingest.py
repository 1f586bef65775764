"""The least that has to be done for events over HTTP: a handler that parses, checks a key and writes the same
rows with the same durability. No line of it is the engine's.

`python -m benchmarks.raw_ingest FILE PORT KEY`.
"""

from __future__ import annotations

import asyncio
import hashlib
import queue
import sqlite3
import sys
import threading
import time
from typing import Any

import orjson
import uvicorn

TABLES = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=16000;
CREATE TABLE receipt (bucket INTEGER, source TEXT, id TEXT, digest TEXT, at INTEGER,
                      PRIMARY KEY (bucket, source, id)) WITHOUT ROWID;
CREATE TABLE inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, bucket INTEGER, lane INTEGER, customer TEXT,
                    kind TEXT, received_at INTEGER, body TEXT);
CREATE INDEX inbox_customer ON inbox (bucket, customer, number);
CREATE INDEX inbox_order ON inbox (bucket, lane, number);
"""


class Writer:
    """One thread; what waits while it commits shares the next commit."""

    def __init__(self, file: str) -> None:
        self._conn = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._conn.executescript(TABLES)
        self._waiting: queue.SimpleQueue[tuple[list[Any], list[Any], Any]] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._work, daemon=True).start()

    async def write(self, receipts: list[Any], rows: list[Any]) -> None:
        """Returns when the rows are durable."""
        done = self._loop.create_future()
        self._waiting.put((receipts, rows, done))
        await done

    def _work(self) -> None:
        while True:
            group = [self._waiting.get()]
            while not self._waiting.empty():
                group.append(self._waiting.get())
            self._conn.execute("BEGIN IMMEDIATE")
            for receipts, rows, _ in group:
                self._conn.executemany("INSERT OR IGNORE INTO receipt VALUES (?, ?, ?, ?, ?)", receipts)
                self._conn.executemany(
                    "INSERT INTO inbox (bucket, lane, customer, kind, received_at, body)"
                    " VALUES (0, 0, ?, ?, ?, ?)",
                    rows,
                )
            self._conn.execute("COMMIT")
            self._loop.call_soon_threadsafe(_settle, [done for _, _, done in group])


def _settle(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


class App:
    """`POST` of one call, or of `{"batch": [...]}`."""

    def __init__(self, file: str, key: str) -> None:
        self._file = file
        self._login = f"Bearer {key}".encode()
        self._writer: Writer | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._writer = self._writer or Writer(self._file)
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        if self._login not in [value for name, value in scope["headers"] if name == b"authorization"]:
            await _answer(send, 401, b"{}")
            return
        value = orjson.loads(body)
        now = time.time_ns() // 1_000_000
        receipts, rows = [], []
        for call in value.get("batch") or [value]:
            content = orjson.dumps([call["event"], call["properties"]])
            digest = hashlib.sha256(call["userId"].encode() + content).hexdigest()[:32]
            receipts.append((0, "bench", call["messageId"], digest, now))
            event = orjson.dumps(
                [call["messageId"], call["event"], call["timestamp"], now, call["properties"]]
            )
            rows.append((call["userId"], "event", now, event.decode()))
        await self._writer.write(receipts, rows)
        await _answer(send, 200, orjson.dumps({"success": True, "taken": len(rows)}))


async def _answer(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(
        App(sys.argv[1], sys.argv[3]), port=int(sys.argv[2]), log_level="error", access_log=False,
        ws="none", lifespan="off", server_header=False,
    )  # fmt: skip
