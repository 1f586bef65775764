"""How far the import of a file has come: kept in the store, in the transaction of its rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from engine.store import meta
from engine.store.serialization import dump, load
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """`line`: the last one that is done; `partial`: rows of which something was left out; `skipped`:
    rows that a mapping leaves out; `round`: how often
    the file was imported before (`--again`)."""

    started_at: Instant
    line: int = 0
    taken: int = 0
    duplicates: int = 0
    refused: int = 0
    partial: int = 0
    skipped: int = 0
    done: bool = False
    round: int = 0

    @classmethod
    def begun(cls, known: ImportProgress | None, now: Instant, *, again: bool) -> ImportProgress:
        """How far a file is done that is imported now: where the last import of it stopped, else not at all.
        `again`: one that is done begins once more, as does one of which every row was refused: nothing of it
        counts yet, and the mapping or the options were wrong."""
        if known is None:
            return cls(now)
        is_taken = known.taken + known.duplicates > 0
        return cls(now, round=known.round + 1) if known.done and (again or not is_taken) else known


def load_progress(conn: Connection, file_hash: str) -> ImportProgress | None:
    """None: this file was never imported."""
    stored = meta.get(conn, _name(file_hash))
    if not stored:
        return None
    document = load(stored)
    return ImportProgress(
        document["started_at"], document["line"], document["taken"], document["duplicates"],
        document["refused"],
        document.get("partial", 0), document.get("skipped", 0), document["done"], document["round"],
    )  # fmt: skip


def save_progress(conn: Connection, file_hash: str, progress: ImportProgress) -> None:
    """Writes it down."""
    document = {
        "started_at": progress.started_at, "line": progress.line, "taken": progress.taken,
        "duplicates": progress.duplicates, "refused": progress.refused, "done": progress.done,
        "round": progress.round,
    }  # fmt: skip
    # What older versions do not know is only there where there is some.
    document |= {"partial": progress.partial} if progress.partial else {}
    document |= {"skipped": progress.skipped} if progress.skipped else {}
    meta.put(conn, _name(file_hash), dump(document))


def _name(file_hash: str) -> str:
    return f"import:{file_hash}"
