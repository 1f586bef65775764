"""`import FILE`: customers, events or products from CSV or JSON Lines, each once, and resumable; or a feed of
products."""

from __future__ import annotations

from collections.abc import Iterator
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


@app.command("import", rich_help_panel=RUN)
def import_file(
    context: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[customers | events | products] FILE",
            help=".csv or .jsonl, for products also a feed in XML; each also with .gz",
            show_default=False,
        ),
    ],
    customers: Annotated[bool, typer.Option("--customers", help="the rows are customers")] = False,
    events: Annotated[bool, typer.Option("--events", help="the rows are events")] = False,
    products: Annotated[bool, typer.Option("--products", help="the rows are products")] = False,
    event: Annotated[str | None, typer.Option("--event", help="every row is this event")] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="what the columns of somebody else's file are here")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="the rows happen now: they may start journeys")
    ] = False,
    source: Annotated[
        str | None, typer.Option("--source", help="who says so; the same row of the same source counts once")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="for example cp1251; UTF-8 and marked UTF-16 are found")
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option("--delimiter", help="one character; , ; and tab are found")
    ] = None,
    refused: Annotated[
        Path | None, typer.Option("--refused", help="the file for rows that were not taken")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=20_000, help="rows of one transaction")] = 1000,
    again: Annotated[
        bool, typer.Option("--again", help="import a file that was imported before once more")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="the file is the whole catalogue: what is missing goes out of stock"),
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="with --full: also where half of the products would go")
    ] = False,
    form: FormatOption = Format.text,
) -> None:
    """Take customers, events or products from a file. As history, unless --live: facts and segments learn of
    it, no journey starts. Interrupted, the same command goes on where it stopped."""
    from engine.cli.importing.feed_file import import_feed, is_feed
    from engine.cli.importing.row_mapping_file import load_row_mapping
    from engine.cli.importing.rows import open_table
    from engine.cli.importing.source_file import look_through, names_of
    from engine.project import load_world

    session = Session.of(context)
    if delimiter is not None and len(delimiter.replace("\\t", "\t")) != 1:
        raise UsageError(
            f'"{delimiter}" is no delimiter:', "it is one character, for example  --delimiter ';'"
        )
    kinds = [
        name
        for name, asked in (("customers", customers), ("events", events), ("products", products))
        if asked
    ]
    match words:
        case [name]:
            file = Path(name)
        case [kind, name] if kind in ("customers", "events", "products"):
            file, kinds = Path(name), list(dict.fromkeys([*kinds, kind]))
        case _:
            raise UsageError("an import takes one file:", "write  import FILE  or  import products FILE")
    if anyway and not full:
        raise UsageError("--anyway belongs to --full:", "without --full no product goes out of stock")
    if full and (set(kinds) - {"products"} or mapping or event):
        raise UsageError("--full is about a whole catalogue:", "write  import products FILE --full")
    world = load_world(session.folder)
    if not mapping and not event and is_feed(file, kinds, encoding, full=full):
        import_feed(session, world, file, encoding, refused, form, full=full, anyway=anyway)
        return
    rows = load_row_mapping(mapping, world) if mapping else None
    if rows is not None:
        if kinds or event:
            raise UsageError("the mapping says what the rows are:", "leave --event and its like out")
        encoding, delimiter = encoding or rows.form.encoding, delimiter or rows.form.delimiter
    opened = look_through(file, encoding)
    if len(kinds) > 1:
        raise UsageError("a file holds one kind of rows:", f"write one of --{', --'.join(kinds)}")
    origin, refused_name = names_of(file.name, opened.form)
    options = _Options(
        cast("Kind | None", kinds[0] if kinds else None), event, live, again, batch,
        f"import:{origin}" if source is None else source, refused or Path(refused_name), rows,
    )  # fmt: skip
    with opened.open_text() as text:
        table = open_table(opened, text, delimiter.replace("\\t", "\t") if delimiter else None)
        ended = _import_table(session, world, opened, table, options)
    _tell(ended, form)
    if ended.interrupted:
        raise typer.Exit(INTERRUPTED)
    if ended.progress.refused:
        raise typer.Exit(PROBLEMS)


@dataclass(frozen=True, slots=True)
class _Options:
    kind: Kind | None  # None: the columns tell
    event: str | None  # of every row, where no column says it
    live: bool
    again: bool
    batch: int
    source_name: str
    refused_path: Path
    mapping: RowMapping | None


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


def _import_table(
    session: Session, world: ProjectContext, source: SourceFile, table: ReadTable, options: _Options
) -> _Ended:
    """Takes every row that was not taken before."""
    from zoneinfo import ZoneInfo

    from engine.cli.importing.columns import kind_of, own_names, renamed
    from engine.cli.importing.file_import import FileImport
    from engine.cli.importing.history import HistoryPass
    from engine.cli.importing.items import RowRules, guess
    from engine.cli.importing.mapped_rows import mapped_rows
    from engine.cli.importing.progress import ImportProgress, load_progress
    from engine.cli.importing.rows import RefusedRows
    from engine.cli.stores import daemon_runs
    from engine.compiler.event_fields import NeededFields
    from engine.core.journeys import Journeys
    from engine.runtime.intake.intake import Intake
    from engine.store.database import open_store
    from engine.store.inbox import inbox
    from engine.values import iso

    # JSON Lines have no header: their first row stands for it, and is taken with the others
    first = next(table.rows, None)
    columns = table.columns or (list(first.cells) if first else [])
    names = {} if options.mapping else own_names(columns, world.catalogue)
    kind = options.kind or (
        kind_of(options.mapping)
        if options.mapping
        else guess([names.get(c, c) for c in columns], options.event)
    )
    store = open_store(world.config.store, session.folder.resolve())
    try:
        with store.read() as conn:
            known = load_progress(conn, source.hash)
        begun = ImportProgress.begun(known, session.clock.now(), again=options.again)
        ended = _Ended(
            begun, kind, options.refused_path, daemon_runs(world.config, session.folder), options.live
        )
        if begun.done:
            return replace(ended, nothing_to_do=True)
        if begun is known:
            remark(f"{source.path.name} was imported up to line {known.line:,}: going on from there")
        rules = RowRules(
            kind, options.event, not options.live, f"{source.hash}:{begun.round}", iso(begun.started_at)
        )
        refused = RefusedRows(options.refused_path, source, table.columns, again=begun is known)
        needed = _needed(session) if kind == "events" else NeededFields()
        # No row of a file says that two ids are one, so no journey is asked.
        intake = Intake(world.catalogue, world.config, Journeys({}), needed)
        history = HistoryPass(store, session.clock) if rules.history else None
        work = FileImport(
            source=source, rules=rules, source_name=options.source_name, batch=options.batch, store=store,
            intake=intake, clock=session.clock, refused=refused, progress=begun, history=history,
        )  # fmt: skip
        try:
            rows: Iterator[SourceRow] = chain([first] if first else [], table.rows)
            if options.mapping:
                zone = ZoneInfo(world.config.timezone)
                rows = mapped_rows(rows, options.mapping, world.catalogue, zone)
            elif any(name != own for name, own in names.items()):
                rows = renamed(rows, names)
            work.take(row for row in rows if row.line > begun.line)
        except KeyboardInterrupt:
            ended = replace(ended, interrupted=True)
        finally:
            refused.close()
        with store.read() as conn:
            waits = history is None or inbox.is_waiting(conn)
        return replace(ended, progress=work.progress, waits=waits)
    finally:
        store.close()


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
