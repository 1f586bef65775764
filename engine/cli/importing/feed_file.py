"""A feed of products in a file: taken as the daemon takes one from its address, as a part of the catalogue or
as all of it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from engine.cli.app import INTERRUPTED, PROBLEMS
from engine.cli.output import Format, complain, counted, progress, say_json, say_plain, say_rows, writing
from engine.errors import UsageError
from engine.private_files import private_opener
from engine.runtime.feeds import google_merchant
from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import FeedFault, FeedItem
from engine.runtime.feeds.format_detection import START, opening_text
from engine.runtime.feeds.rows import header_of

if TYPE_CHECKING:
    from engine.cli.app import Session
    from engine.compiler.project_context import ProjectContext
    from engine.runtime.feeds.catalogue_feed import TakenFeed

SHOWN = 20
"""So many faults are shown; all of them stand in the file of refused rows."""

_PEOPLE = {"customer_id", "user_id", "email", "phone", "event", "event_name"}


def is_feed(path: Path, kinds: Sequence[str], encoding: str | None, *, full: bool) -> bool:
    """Whether a file holds a feed, and no rows of our own form: XML does, and a table with the columns of
    Google Merchant Center."""
    if full:
        return True
    if set(kinds) - {"products"}:
        return False
    try:
        with path.open("rb") as file:
            start = io.BufferedReader(BoundedStream(file)).read(START)
        text = opening_text(start, encoding or "utf-8")
    except (OSError, LookupError, UsageError):
        return False  # who reads the rows says what is wrong with the file, or its encoding
    if text.startswith("<"):
        return True
    if text.startswith("{"):
        return False
    names = set(header_of(text.partition("\n")[0].rstrip("\r")).names)
    return google_merchant.is_merchant(names) and not names & _PEOPLE


def import_feed(
    session: Session,
    world: ProjectContext,
    path: Path,
    encoding: str | None,
    refused: Path | None,
    form: Format,
    *,
    full: bool,
    anyway: bool,
) -> None:
    """Takes it, says what it came to, and leaves with the code of the command."""
    import typer

    from engine.runtime.feeds.catalogue_feed import take, terms_of
    from engine.store.database import open_store

    faults = _RefusedItems(refused or path.with_name(f"{path.name.removesuffix('.gz')}.refused.jsonl"))
    terms = terms_of(world.catalogue, world.config, is_full=full, anyway=anyway, encoding=encoding)
    store = open_store(world.config.store, session.folder.resolve())
    try:
        with _opened(path) as file, progress() as bar:
            task = bar.add_task("importing products", total=None)
            taken = take(
                store, file, terms, session.clock.now(),
                progress=lambda done: bar.update(task, completed=done), on_fault=faults.add,
            )  # fmt: skip
    except KeyboardInterrupt:
        say_plain("interrupted; the same command takes the rest, and nothing counts twice")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        faults.close()
        store.close()
    _tell(taken, faults, form, is_full=full)
    if taken.refused or taken.reading.faulty:
        raise typer.Exit(PROBLEMS)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as wrong:
        raise UsageError(f"{path} cannot be read: {wrong.strerror}", "Name a file with products") from wrong


class _RefusedItems:
    """Every item that was not taken, with what is wrong; the file is made with the first one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def add(self, fault: FeedFault, item: FeedItem) -> None:
        if self._file is None:
            with writing(self.path, "Name another file with  --refused FILE"):
                self._file = open(self.path, "wb", opener=private_opener)  # noqa: SIM115 - `close` closes it
        said = {"line": item.line, "why": fault.words(), "row": item.said}
        self._file.write(orjson.dumps(said, default=str, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _tell(taken: TakenFeed, faults: _RefusedItems, form: Format, *, is_full: bool) -> None:
    reading, applied = taken.reading, taken.applied
    refused_file = str(faults.path) if reading.faulty else None
    if form is Format.json:
        say_json({
            "kind": "products", "format": reading.kind.value, "refused_as_a_whole": taken.refused or None,
            "items": reading.items, "taken": 0 if taken.refused else reading.products,
            "refused": reading.faulty, "changed": applied.changed, "missing": applied.missing,
            "full": is_full, "refused_file": refused_file,
            "faults": [fault.words() for fault in reading.faults[:SHOWN]],
        })  # fmt: skip
        return
    if taken.refused:
        complain(f"this feed is not taken: {taken.refused}")
        if reading.products:
            say_plain("  --anyway takes it all the same; without --full nothing goes out of stock")
    else:
        say_plain(f"products, {reading.kind.value}, {counted(reading.items, 'item')}")
        numbers = [
            ("taken", reading.products),
            ("of them new or changed", applied.changed),
        ]
        if is_full:
            numbers.append(("not in the feed any more", applied.missing))
        numbers.append(("refused", reading.faulty))
        wide = max(len(f"{number:,}") for _, number in numbers)
        rows = [[name, f"{number:,}".rjust(wide), ""] for name, number in numbers]
        if reading.faulty:
            rows[-1][2] = f"see {faults.path}"
        say_rows(rows)
        if applied.left and not is_full:
            say_plain(
                f"  {counted(applied.left, 'product')} of an earlier feed not in this file, left as before; "
                "--full takes them out of stock"
            )
    for fault in reading.faults[:SHOWN]:
        say_plain(f"  {fault.words()}")
    if reading.faulty > SHOWN:
        say_plain(f"  and {reading.faulty - SHOWN:,} more")
    if taken.refused and reading.faulty:
        say_plain(f"  all of them stand in {faults.path}")
