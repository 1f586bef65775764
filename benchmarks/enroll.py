"""Customers who come to belong to a segment begin a journey: the sweep and the runs, beside bare statements.

The other side writes the same rows for the same customers with one `INSERT ... SELECT` a table, in one
transaction on a copy of the same file: who entered, the mark and the last start of the customer, the run, its
due moment, its trace. It asks no rule (who, again, holdout, entry limits); the state of a run is a text with
four holes.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Aim, Figure, figure
from benchmarks.sleepers import asleep, journey, reopened
from benchmarks.sweep import RICH
from engine.runtime.advance.maintenance import sweep_segments_in_slices
from engine.store.connections import PRAGMAS
from engine.values import DAY, Instant

COUNT, ROUNDS = 99_999, 5
FILES = {
    "journeys/segments/rich.yaml": RICH,
    "journeys/rich.yaml": journey("rich", "{segment: rich}", wait="480 hours"),
}
_WAIT = 20 * DAY
_STATE = (
    """["%s","rich","",%d,%d,%d,%d,{},null,null,false,1,["w","pause",%d,%d],"""
    "[%d,null,null],%d,%d,{},{},{},{},[],"
    'null,null,null,null,""]'
)
_LINES = """[[%d,"start","rich","%s","",3,"","",[]],[%d,"wait","rich","%s","pause",8,"","%s",[]]]"""
_BARE = (
    """CREATE TEMP TABLE entering AS SELECT id, lower(hex(randomblob(16))) AS run FROM customer
    WHERE bucket = 0 AND attributes ->> '$.points' >= 5000 AND attributes ->> '$.tier' IN ('silver', 'gold')
    AND segments ->> '$.rich' IS NULL""",
    """INSERT INTO event SELECT 0, id, '$entered', :now, rowid, :now, '', 1, '{"segment":"rich"}'
    FROM entering""",
    """UPDATE customer SET applied = applied + 1, segments = json_set(segments, '$.rich', :now),
    marks = json_insert(marks, '$[0][#]', json_array('rich', '', :now, run))
    FROM entering e WHERE customer.bucket = 0 AND customer.id = e.id""",
    f"""INSERT INTO enrollment SELECT 0, id, run, 'rich', '', 1, 'pause', :now, :now + {_WAIT}, NULL, NULL,
    NULL, NULL, 0, NULL, printf('{_STATE}', run, :now, rowid, :now, :now, :now, rowid, :now + {_WAIT}, :now,
    rowid) FROM entering""",
    f"INSERT INTO due SELECT 0, :now + {_WAIT}, id FROM entering",
    f"""INSERT INTO trace (bucket, customer, at, "commit", lines) SELECT 0, id, :now, '',
    printf('{_LINES}', :now, run, :now, run, strftime('%Y-%m-%dT%H:%M:%SZ', (:now + {_WAIT}) / 1000,
    'unixepoch')) FROM entering""",
    "DROP TABLE entering",
)


def run(short: bool) -> list[Figure]:
    """A third of 100,000 customers comes to belong in five parts (of 9,000 in two with `short`)."""
    count, rounds = (9_000, 2) if short else (COUNT, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="perennial-bench-") as name:
        folder = Path(name)
        asleep(folder, count).store.close()
        base = reopened(folder, count, FILES)
        base.checkpoint()
        shutil.copy(base.file, folder / "bare.db")
        bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for pragma in PRAGMAS:
            bare.execute(f"PRAGMA {pragma}")
        advancer = base.advancer()
        walls: tuple[list[float], list[float]] = ([], [])
        seconds: tuple[list[float], list[float]] = ([], [])
        for number in range(rounds + 1):
            more = (
                "UPDATE customer SET attributes = json_set(attributes, '$.points', 5000)"
                f" WHERE rowid / 3 % {2 * (rounds + 1)} = {number}"
            )
            base.store.write(lambda conn: conn.exec_driver_sql(more))  # noqa: B023
            bare.execute(more)
            # The next night, and nobody wakes yet: neither who sleeps nor who began in an earlier round.
            now = base.clock.advance(DAY + 1) if number else base.clock.advance(DAY)
            began, cpu_began = time.perf_counter(), time.process_time()
            sweep_segments_in_slices(base.store, base.publication.journeys, now)
            advancer.run(base.publication)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu_began
            began, cpu_began = time.perf_counter(), time.process_time()
            entered = _enter(bare, now)
            by_hand, cpu_by_hand = time.perf_counter() - began, time.process_time() - cpu_began
            if number:
                walls[0].append(entered / took)
                walls[1].append(entered / by_hand)
                seconds[0].append(cpu / entered * 1e6)
                seconds[1].append(cpu_by_hand / entered * 1e6)
        with base.store.read() as conn:
            runs = conn.exec_driver_sql("SELECT count(*) FROM enrollment WHERE journey = 'rich'").scalar_one()
        known = bare.execute("SELECT count(*) FROM enrollment WHERE journey = 'rich'").fetchone()[0]
        assert runs == known, f"{runs} runs, and {known} by hand"
        base.store.close()
        bare.close()
    what, against = "segment to runs", "bare INSERT ... SELECT of the same rows"
    return [
        figure("enroll", what, against, "/s", *walls, Aim(at_least=0.3)),
        figure("enroll", f"CPU each, {what}", against, "us", *seconds, Aim(at_most=3.3)),
    ]


def _enter(bare: sqlite3.Connection, now: Instant) -> int:
    bare.execute("BEGIN IMMEDIATE")
    entered = 0
    for statement in _BARE:
        changed = bare.execute(statement, {"now": now} if ":now" in statement else {}).rowcount
        if statement.startswith("INSERT INTO enrollment"):
            entered = changed
    bare.execute("COMMIT")
    return entered
