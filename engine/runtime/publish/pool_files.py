"""Files of promo codes become the stock of their pools: read line by line, some thousand in each
transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from engine.config import Config
from engine.errors import UsageError
from engine.printable import acting
from engine.store import meta
from engine.store.database import Store
from engine.store.incentives import code_stock
from engine.values import Instant

LONGEST_CODE = 100
"""Characters: a longer text in the field `code` of an event is taken for no code."""

LONGEST_LINE = 4096
MOST_LINES = 10_000_000
SHOWN = 20
"""So many of each kind of trouble are named, the others are counted."""

_CHUNK = 2000
_HEADINGS = {"code", "codes", "coupon", "coupons", "promo_code", "promocode", "voucher", "value"}
_ENDS = re.compile(r"[,;\t]")


@dataclass(slots=True)
class ImportedCodes:
    """What became of a file of codes. `known`: those that are there already (code, pool), the first ones;
    `refused`: lines that hold no code (line, why), the first ones."""

    added: int = 0
    known_count: int = 0
    known: list[tuple[str, str]] = field(default_factory=list)
    refused_count: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


def import_codes(
    store: Store, pool: str, path: Path, now: Instant, tick: Callable[[int], None] = lambda _lines: None
) -> ImportedCodes:
    """Adds the codes of a file to a pool; none that is there already, whatever its pool. Cut off, it can be
    done again. `tick` hears of lines that are done. Raises UsageError when the file cannot be read."""
    done = ImportedCodes()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = enumerate(_lines(file.readline), 1)
            while chunk := list(islice(lines, _CHUNK)):
                if chunk[-1][0] > MOST_LINES:
                    raise UsageError(f"{path} has more than {MOST_LINES:,} lines:", "split it")
                _add(store, pool, chunk, done, now)
                tick(len(chunk))
    except (OSError, UnicodeDecodeError) as wrong:
        why = getattr(wrong, "strerror", None) or "it is not written in UTF-8"
        raise UsageError(f"{path} cannot be read: {why}", "Name a file with one code on each line") from wrong
    return done


def import_pool_files(store: Store, folder: Path, config: Config, now: Instant) -> dict[str, ImportedCodes]:
    """The files that the pools of config.yaml name, where they have changed since they were read last; what
    became of each. One that cannot be read has refused its line 0."""
    done: dict[str, ImportedCodes] = {}
    for pool in config.codes.values():
        path = folder / pool.path
        if pool.kind != "file" or not pool.path or not path.is_file():
            continue
        stat, name = path.stat(), f"codes of {pool.name}"
        stamp = f"{stat.st_size} {stat.st_mtime_ns}"
        with store.read() as conn:
            if meta.get(conn, name) == stamp:
                continue
        try:
            done[pool.name] = import_codes(store, pool.name, path, now)
        except UsageError as wrong:
            done[pool.name] = ImportedCodes(refused_count=1, refused=[(0, wrong.what)])
            continue
        store.write(lambda conn: meta.put(conn, name, stamp))  # noqa: B023 - runs at once
    return done


def _lines(read: Callable[[int], str]) -> Iterator[str]:
    """Lines, never more of one in memory than a code may have and a little."""
    while line := read(LONGEST_LINE):
        rest = line
        while len(rest) == LONGEST_LINE and not rest.endswith(("\n", "\r")):
            rest = read(LONGEST_LINE)
        yield line


def _add(store: Store, pool: str, chunk: list[tuple[int, str]], done: ImportedCodes, now: Instant) -> None:
    wanted: dict[str, None] = {}
    for number, line in chunk:
        code = _ENDS.split(line.strip(), maxsplit=1)[0].strip().strip("\"'").strip()
        if not code or (number == 1 and code.casefold().replace(" ", "_") in _HEADINGS):
            continue
        why = ""
        if len(code) > LONGEST_CODE:
            why = f"longer than {LONGEST_CODE} characters"
        elif sign := acting(code):
            why = f"it holds {sign}"
        elif not code.isprintable():
            why = "it holds a character that nobody sees"
        if why:
            done.refused_count += 1
            done.refused += [(number, why)] if len(done.refused) < SHOWN else []
        elif code in wanted:
            _know(done, code, pool)
        else:
            wanted[code] = None
    added = store.write(lambda conn: code_stock.add(conn, pool, list(wanted), now))
    done.added += added.added
    for code, other in added.known:
        _know(done, code, other)


def _know(done: ImportedCodes, code: str, pool: str) -> None:
    done.known_count += 1
    if len(done.known) < SHOWN:
        done.known.append((code, pool))
