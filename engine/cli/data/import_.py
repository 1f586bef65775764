"""`import FILE`: customers, events or products from CSV or JSON Lines, each once, and resumable; or a feed of
products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from engine.cli.app import INTERRUPTED, PROBLEMS, RUN, Session, app
from engine.cli.output import Format, FormatOption, remark, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.importing.progress import ImportProgress
    from engine.cli.importing.rows import Kind, ReadTable, SourceRow
    from engine.cli.importing.source_file import SourceFile
    from engine.compiler.event_fields import NeededFields
    from engine.compiler.project_context import ProjectContext
    from engine.simulate.replay.row_mapping import RowMapping


_Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[customers | events | products] FILE",
        help=".csv or .jsonl, for products also a feed in XML; each also with .gz",
        show_default=False,
    ),
]
_Customers = Annotated[bool, typer.Option("--customers", help="the rows are customers")]
_Events = Annotated[bool, typer.Option("--events", help="the rows are events")]
_Products = Annotated[bool, typer.Option("--products", help="the rows are products")]
_Event = Annotated[str | None, typer.Option("--event", help="every row is this event")]
_Mapping = Annotated[
    Path | None, typer.Option("--mapping", help="what the columns of somebody else's file are here")
]
_Live = Annotated[bool, typer.Option("--live", help="the rows happen now: they may start journeys")]
_Source = Annotated[
    str | None, typer.Option("--source", help="who says so; the same row of the same source counts once")
]
_Encoding = Annotated[
    str | None, typer.Option("--encoding", help="for example cp1251; UTF-8 and marked UTF-16 are found")
]
_Delimiter = Annotated[str | None, typer.Option("--delimiter", help="one character; , ; and tab are found")]
_Refused = Annotated[
    Path | None,
    typer.Option(
        "--refused", help="the file for rows that were not taken; without it one beside the imported file"
    ),
]
_Batch = Annotated[int, typer.Option("--batch", min=1, max=20_000, help="rows of one transaction")]
_Again = Annotated[bool, typer.Option("--again", help="import a file that was imported before once more")]
_Full = Annotated[
    bool, typer.Option("--full", help="the file is the whole catalogue: what is missing goes out of stock")
]
_Anyway = Annotated[
    bool, typer.Option("--anyway", help="with --full: also where half of the products would go")
]


@app.command("import", rich_help_panel=RUN)
def import_file(
    context: typer.Context,
    words: _Words,
    customers: _Customers = False,
    events: _Events = False,
    products: _Products = False,
    event: _Event = None,
    mapping: _Mapping = None,
    live: _Live = False,
    source: _Source = None,
    encoding: _Encoding = None,
    delimiter: _Delimiter = None,
    refused: _Refused = None,
    batch: _Batch = 1000,
    again: _Again = False,
    full: _Full = False,
    anyway: _Anyway = False,
    form: FormatOption = Format.text,
) -> None:
    """Take customers, events or products from a file. As history, unless --live: facts and segments learn of
    it, no journey starts. Interrupted, the same command goes on where it stopped."""
    from engine.cli.importing.feed_file import import_feed, is_feed
    from engine.cli.importing.row_mapping_file import load_row_mapping
    from engine.project import load_world

    session = Session.of(context)
    file, kinds = _file_and_kinds(words, {"customers": customers, "events": events, "products": products})
    if delimiter is not None and len(delimiter.replace("\\t", "\t")) != 1:
        raise UsageError(
            f'"{delimiter}" is no delimiter:', "it is one character, for example  --delimiter ';'"
        )
    if anyway and not full:
        raise UsageError("--anyway belongs to --full:", "without --full no product goes out of stock")
    if full and (set(kinds) - {"products"} or mapping or event):
        raise UsageError("--full is about a whole catalogue:", "write  import products FILE --full")
    world = load_world(session.folder)
    if not mapping and not event and is_feed(file, kinds, encoding, full=full):
        import_feed(session, world, file, encoding, refused, form, full=full, anyway=anyway)
        return
    rows = load_row_mapping(mapping, world) if mapping else None
    if rows is not None and (kinds or event):
        raise UsageError("the mapping says what the rows are:", "leave --event and its like out")
    options = _Options(
        kinds=kinds, event=event, live=live, again=again, batch=batch, source=source, refused=refused,
        mapping=rows, encoding=encoding, delimiter=delimiter,
    )  # fmt: skip
    ended = _import_rows(session, world, file, options)
    _tell(ended, form)
    if ended.interrupted:
        raise typer.Exit(INTERRUPTED)
    if ended.progress.refused:
        raise typer.Exit(PROBLEMS)


def _file_and_kinds(words: Sequence[str], asked: Mapping[str, bool]) -> tuple[Path, list[str]]:
    """The file, and the kinds of rows that were named, as words or as options (`asked`)."""
    kinds = [name for name, is_asked in asked.items() if is_asked]
    match words:
        case [name]:
            return Path(name), kinds
        case [kind, name] if kind in asked:
            return Path(name), list(dict.fromkeys([*kinds, kind]))
        case _:
            raise UsageError("an import takes one file:", "write  import FILE  or  import products FILE")


@dataclass(frozen=True, slots=True)
class _Options:
    kinds: Sequence[str]  # empty: the columns tell
    event: str | None  # of every row, where no column says it
    live: bool
    again: bool
    batch: int
    source: str | None  # None: named after the file
    refused: Path | None  # None: beside the file
    mapping: RowMapping | None
    encoding: str | None
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class _Ended:
    progress: ImportProgress
    kind: str
    refused_path: Path
    daemon: bool
    live: bool
    nothing_to_do: bool = False
    interrupted: bool = False
    waits: bool = False  # something received is not applied yet


def _import_rows(session: Session, world: ProjectContext, file: Path, options: _Options) -> _Ended:
    """Takes every row of a file that was not taken before."""
    from engine.cli.importing.rows import open_table
    from engine.cli.importing.source_file import look_through

    mapped = options.mapping.form if options.mapping is not None else None
    delimiter = options.delimiter or (mapped.delimiter if mapped is not None else None)
    opened = look_through(file, options.encoding or (mapped.encoding if mapped is not None else None))
    if len(options.kinds) > 1:
        raise UsageError("a file holds one kind of rows:", f"write one of --{', --'.join(options.kinds)}")
    with opened.open_text() as text:
        table = open_table(opened, text, delimiter.replace("\\t", "\t") if delimiter else None)
        return _import_table(session, world, opened, table, options)


def _import_table(
    session: Session, world: ProjectContext, source: SourceFile, table: ReadTable, options: _Options
) -> _Ended:
    from engine.cli.importing.file_import import FileImport
    from engine.cli.importing.history import HistoryPass
    from engine.cli.importing.items import RowRules
    from engine.cli.importing.progress import ImportProgress, load_progress
    from engine.cli.importing.rows import RefusedRows
    from engine.cli.importing.source_file import names_of
    from engine.cli.stores import daemon_runs
    from engine.compiler.event_fields import NeededFields
    from engine.core.journeys import Journeys
    from engine.runtime.intake.intake import Intake
    from engine.store.database import open_store
    from engine.store.inbox import inbox
    from engine.values import iso

    kind, rows = _kind_and_rows(table, options, world)
    origin, beside = names_of(source.path.name, source.form)
    refused_path = options.refused or source.path.with_name(beside)
    store = open_store(world.config.store, session.folder.resolve())
    try:
        with store.read() as conn:
            known = load_progress(conn, source.hash)
        begun = ImportProgress.begun(known, session.clock.now(), again=options.again)
        ended = _Ended(begun, kind, refused_path, daemon_runs(world.config, session.folder), options.live)
        if begun.done:
            return replace(ended, nothing_to_do=True)
        if begun is known:
            remark(f"{source.path.name} was imported up to line {known.line:,}: going on from there")
        rules = RowRules(
            kind, options.event, not options.live, f"{source.hash}:{begun.round}", iso(begun.started_at)
        )
        needed = _needed(session) if kind == "events" else NeededFields()
        history = HistoryPass(store, session.clock) if rules.history else None
        work = FileImport(
            source=source, rules=rules, batch=options.batch, store=store,
            source_name=f"import:{origin}" if options.source is None else options.source,
            # No row of a file says that two ids are one, so no journey is asked.
            intake=Intake(world.catalogue, world.config, Journeys({}), needed), clock=session.clock,
            refused=RefusedRows(refused_path, source, table.columns, again=begun is known),
            progress=begun, history=history,
        )  # fmt: skip
        try:
            work.take(row for row in rows if row.line > begun.line)
        except KeyboardInterrupt:
            ended = replace(ended, interrupted=True)
        finally:
            work.refused.close()
        with store.read() as conn:
            waits = history is None or inbox.is_waiting(conn)
        return replace(ended, progress=work.progress, waits=waits)
    finally:
        store.close()


_OUR_COLUMNS = frozenset(("customer_id", "user_id", "event", "product_id"))
"""Letter by letter our words: a file with one of them was written for us, and is no export."""


def _kind_and_rows(
    table: ReadTable, options: _Options, world: ProjectContext
) -> tuple[Kind, Iterator[SourceRow]]:
    """What the rows are about, and the rows with their columns under the names that these have here."""
    from zoneinfo import ZoneInfo

    from engine.cli.importing.columns import kind_of, known_names, own_names, renamed
    from engine.cli.importing.items import guess
    from engine.cli.importing.mapped_rows import mapped_rows
    from engine.cli.importing.row_mapping_file import ready_mapping_of

    # JSON Lines have no header: their first row stands for it, and is taken with the others
    first = next(table.rows, None)
    rows: Iterator[SourceRow] = chain([first] if first else [], table.rows)
    if options.mapping is not None:
        zone = ZoneInfo(world.config.timezone)
        return kind_of(options.mapping), mapped_rows(rows, options.mapping, world.catalogue, zone)
    columns = table.columns or (list(first.cells) if first else [])
    names = own_names(columns, world.catalogue)
    kinds = cast("Sequence[Kind]", options.kinds)
    # Half understood, orders would become customers with the numbers of orders
    known = known_names(world.catalogue)
    strange = [column for column in columns if names[column] == column and column not in known]
    is_plain = bool(_OUR_COLUMNS.intersection(columns))
    if not kinds and not options.event and not is_plain and (meant := ready_mapping_of(strange)):
        raise UsageError(
            f"{', '.join(strange[:3])} and more are columns of an export that a mapping reads:",
            f"write  import FILE --mapping {meant}  (or  import customers|events|products FILE  where they "
            "are your own)",
        )
    kind = kinds[0] if kinds else guess([names.get(column, column) for column in columns], options.event)
    return kind, renamed(rows, names) if any(name != own for name, own in names.items()) else rows


def _needed(session: Session) -> NeededFields:
    """What the folder's journeys, segments and templates read of events."""
    from engine.compiler.event_fields import needed_fields
    from engine.project import load

    project = load(session.folder)
    return needed_fields(project.journeys, project.messages, project.catalogue)


def _tell(ended: _Ended, form: Format) -> None:
    state = ended.progress
    if form is Format.json:
        say_json({
            "kind": ended.kind, "taken": state.taken, "duplicates": state.duplicates,
            "refused": state.refused, "left_out": state.skipped, "without_fields": state.partial,
            "done": state.done,
            "line": state.line, "refused_file": str(ended.refused_path) if state.refused else None,
            "imported_before": ended.nothing_to_do, "daemon": ended.daemon,
        })  # fmt: skip
        return
    if ended.nothing_to_do:
        say_plain(
            f"this file was imported before: {state.taken:,} {ended.kind} taken, {state.refused:,} "
            "refused; --again takes it once more"
        )
        return
    numbers = [("taken", state.taken), ("received before", state.duplicates), ("refused", state.refused)]
    if state.skipped:
        numbers.append(("left out by the mapping", state.skipped))
    wide = max(len(f"{number:,}") for _, number in numbers)
    rows = [[name, f"{number:,}".rjust(wide), ""] for name, number in numbers]
    if state.refused:
        rows[2][2] = f"see {ended.refused_path}"
    say_plain(
        f"{ended.kind}{' as history' if not ended.live and ended.kind != 'products' else ''}, up to "
        f"line {state.line:,}"
    )
    say_rows(rows)
    if state.partial:
        say_plain(f"  {state.partial:,} of them without a field that nothing reads: {command('refused')}")
    if ended.interrupted:
        say_plain("interrupted; the same command goes on from here")
    elif ended.kind != "products" and state.taken:
        if not ended.waits:
            say_plain("facts and segments know of them")
        elif ended.daemon:
            say_plain("the daemon applies them now")
        else:
            say_plain(f"facts and segments learn of them when the daemon starts: {command('run')}")
