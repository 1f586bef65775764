"""Somebody is forgotten everywhere: in the store, in the folders of the channel `outbox`, in the log of the
database, and in the log of erasures beside the store, from which `restore` erases again."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config import Config
from engine.config.channels.outbox import OutboxOptions
from engine.private_files import private_folder, private_opener
from engine.store.connections import sqlite_path
from engine.store.daemon import upkeep
from engine.store.database import Store
from engine.store.persons import erasure
from engine.store.persons.erasure import ErasureResult
from engine.values import Instant

LOG = "erased.jsonl"
"""Beside the store: a line for each id, [keyed hash, when, keyed hashes of addresses]. Keep it with your
backups."""

TOGETHER = 200
"""Customers who are forgotten in one transaction: others wait for the writer no longer than for a batch."""


@dataclass(frozen=True, slots=True)
class Erasures:
    """What was done. `files`: of the channel `outbox`; `is_log_cut`: the write-ahead log of SQLite holds
    nothing of before; False while somebody reads from it, and then it is cut off within minutes."""

    people: tuple[ErasureResult, ...]
    files: int
    is_log_cut: bool


def outbox_folders(config: Config, folder: Path) -> list[Path]:
    """Where messages become files: the usual folder, and those that channels name."""
    named = [
        folder / channel.options_as(OutboxOptions).folder
        for channel in config.channels.values()
        if channel.via == OutboxOptions.via
    ]
    return list(dict.fromkeys([folder / OutboxOptions().folder, *named]))


def log_file(config: Config, folder: Path) -> Path:
    """The log of erasures of a project."""
    store = sqlite_path(config.store, folder.resolve())
    return (store.parent if store is not None else folder / "data") / LOG


def erase(store: Store, config: Config, folder: Path, wanted: Sequence[str], now: Instant) -> Erasures:
    """Forgets everybody who has one of these ids. Interrupted, it is done again in the same way."""
    people: list[ErasureResult] = []
    for begin in range(0, len(wanted), TOGETHER):
        some = wanted[begin : begin + TOGETHER]
        people += store.write(lambda conn: erasure.erase(conn, some, now))  # noqa: B023
    return _everywhere(store, config, folder, people)


def erase_again(store: Store, config: Config, folder: Path) -> Erasures:
    """Forgets whom a backup that was put back has brought with it, by the log of the store and the one beside
    it. Who began anew after the erasure stays."""
    # first the log beside the store: the one inside is as old as the backup
    store.write(lambda conn: erasure.note_log(conn, read_log(log_file(config, folder))))
    people: list[ErasureResult] = []
    while True:
        with store.read() as conn:
            back = next(erasure.come_back(conn), [])
            moments = {id_hash: at for id_hash, at, _ in erasure.log_of(conn)}
        if not back:
            return _everywhere(store, config, folder, people)
        latest = Instant(max(moments.values()))
        people += store.write(lambda conn: erasure.erase(conn, back[:TOGETHER], latest))  # noqa: B023


def read_log(file: Path) -> list[tuple[str, Instant, str]]:
    """The lines of a log; none where there is no such file. A line that was cut off is left out."""
    if not file.exists():
        return []
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            id_hash, at, addresses = json.loads(line)
        except ValueError:
            continue
        # hashes alone: the log of who was forgotten must not remember them
        lines.append((str(id_hash), Instant(int(at)), str(addresses)))
    return lines


def _everywhere(store: Store, config: Config, folder: Path, people: Sequence[ErasureResult]) -> Erasures:
    keys = {key for person in people for key in person.messages}
    files = _remove_files(outbox_folders(config, folder), keys) if keys else 0
    _write_log(store, log_file(config, folder))
    with store.engine.connect() as conn:
        is_cut = upkeep.shrink_log(conn)
    return Erasures(tuple(people), files, is_cut)


def _remove_files(folders: Iterable[Path], keys: Collection[str]) -> int:
    removed = 0
    for file in (file for folder in folders if folder.is_dir() for file in folder.rglob("*")):
        if file.stem in keys and file.is_file():
            file.unlink(missing_ok=True)
            removed += 1
    return removed


def _write_log(store: Store, file: Path) -> None:
    """Writes what the file does not hold yet."""
    known = set(read_log(file))
    with store.read() as conn:
        lines = [line for line in erasure.log_of(conn) if line not in known]
    if not lines:
        return
    private_folder(file.parent)
    with open(file, "a", encoding="utf-8", opener=private_opener) as opened:
        opened.writelines(json.dumps(line) + "\n" for line in lines)
        opened.flush()
        # on the disk before it is said that somebody is forgotten: the log is what a backup is cleaned by
        os.fsync(opened.fileno())
