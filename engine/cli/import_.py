"""`import FILE`: customers, events or products from CSV or JSON Lines; each once, and resumable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from engine.cli.app import INTERRUPTED, PROBLEMS, RUN, Place, app
from engine.cli.output import Format, progress, remark, say_json, say_plain, say_rows
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.importing.items import Kind, Reading
    from engine.cli.importing.opening import Source
    from engine.cli.importing.progress import Progress
    from engine.cli.importing.refused import RefusedRows
    from engine.cli.importing.rows import Row, Table
    from engine.runtime.intake.intake import Intake
    from engine.store.database import Store


@app.command("import", rich_help_panel=RUN)
def import_file(
    file: Annotated[Path, typer.Argument(help=".csv or .jsonl, also with .gz")],
    customers: Annotated[bool, typer.Option("--customers", help="the rows are customers")] = False,
    events: Annotated[bool, typer.Option("--events", help="the rows are events")] = False,
    products: Annotated[bool, typer.Option("--products", help="the rows are products")] = False,
    event: Annotated[str | None, typer.Option("--event", help="every row is this event")] = None,
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
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Take customers, events or products from a file. As history, unless --live: facts and segments learn of it, no
    journey starts. Interrupted, the same command goes on where it stopped."""
    from engine.cli.importing.opening import look_through
    from engine.cli.importing.rows import open_table
    from engine.project import load_world

    if delimiter is not None and len(delimiter.replace("\\t", "\t")) != 1:
        raise UsageError(
            f'"{delimiter}" is no delimiter:', "it is one character, for example  --delimiter ';'"
        )
    world = load_world(Place.folder)
    found = look_through(file, encoding)
    kinds = [
        name
        for name, asked in (("customers", customers), ("events", events), ("products", products))
        if asked
    ]
    if len(kinds) > 1:
        raise UsageError("a file holds one kind of rows:", f"write one of --{', --'.join(kinds)}")
    with found.open_text() as text:
        table = open_table(found, text, delimiter.replace("\\t", "\t") if delimiter else None)
        work = _Work(
            found, table, f"import:{file.name}" if source is None else source, batch, live=live, again=again
        )
        work.refused_path = refused or Path(
            f"{file.name.removesuffix('.gz')}.refused.{'csv' if found.form == 'csv' else 'jsonl'}"
        )
        ended = work.run(world, cast("Kind | None", kinds[0] if kinds else None), event)
    _tell(ended, form)
    if ended.interrupted:
        raise typer.Exit(INTERRUPTED)
    if ended.progress.refused:
        raise typer.Exit(PROBLEMS)


@dataclass(slots=True)
class _Ended:
    progress: Progress
    kind: str
    refused_path: Path
    daemon: bool
    live: bool
    nothing_to_do: bool = False
    interrupted: bool = False


class _Work:
    """One run over one file."""

    def __init__(
        self, source: Source, table: Table, name: str, batch: int, *, live: bool, again: bool
    ) -> None:
        self.source, self.table, self.name, self.batch = source, table, name, batch
        self.live, self.again = live, again
        self.refused_path = Path()

    def run(self, world: Any, kind: Kind | None, event: str | None) -> _Ended:
        """Takes every row that was not taken before."""
        from engine.cli.importing.items import Reading
        from engine.cli.importing.refused import RefusedRows
        from engine.cli.stores import daemon_runs
        from engine.runtime.intake.intake import Intake
        from engine.store.database import open_store
        from engine.values import iso

        rows = self.table.rows
        first = next(rows, None)
        kind = kind or self._guess(first, event)
        store = open_store(world.config.store, Place.folder.resolve())
        try:
            state, is_new = self._begin(store)
            ended = _Ended(state, kind, self.refused_path, daemon_runs(world.config, Place.folder), self.live)
            if state.done:
                ended.nothing_to_do = True
                return ended
            how = Reading(
                kind, event, not self.live, f"{self.source.hash}:{state.round}", iso(state.started_at)
            )
            refused = RefusedRows(self.refused_path, self.source, self.table.columns, again=not is_new)
            left = (row for row in chain([first] if first else [], rows) if row.line > state.line)
            try:
                self._take(store, Intake(world.catalogue, world.config), left, how, state, refused)
            except KeyboardInterrupt:
                ended.interrupted = True
            finally:
                refused.close()
            return ended
        finally:
            store.close()

    def _guess(self, first: Row | None, event: str | None) -> Kind:
        from engine.cli.importing.items import guess

        return guess(self.table.columns or (list(first.cells) if first else []), event)

    def _begin(self, store: Store) -> tuple[Progress, bool]:
        from engine.cli.importing.progress import Progress, load_progress

        now = Place.clock.now()
        with store.read() as conn:
            known = load_progress(conn, self.source.hash)
        if known is None:
            return Progress(now), True
        if known.done and self.again:
            return Progress(now, round=known.round + 1), True
        if not known.done:
            remark(f"{self.source.path.name} was imported up to line {known.line:,}: going on from there")
        return known, False

    def _take(
        self,
        store: Store,
        intake: Intake,
        rows: Iterator[Row],
        how: Reading,
        state: Progress,
        refused: RefusedRows,
    ) -> None:
        from engine.cli.importing.progress import save_progress

        with progress() as bar:
            task = bar.add_task(f"importing {how.kind}", total=self.source.lines, completed=state.line)
            while chunk := list(islice(rows, self.batch)):
                self._take_batch(store, intake, chunk, how, state, refused)
                bar.update(task, completed=state.line)
        state.done = True
        store.write(lambda conn: save_progress(conn, self.source.hash, state))

    def _take_batch(
        self,
        store: Store,
        intake: Intake,
        chunk: list[Row],
        how: Reading,
        state: Progress,
        refused: RefusedRows,
    ) -> None:
        """One transaction: what was prepared, and how far the file is done."""
        from dataclasses import replace

        from engine.cli.importing.items import Wrong, item_of
        from engine.cli.importing.progress import save_progress

        now = Place.clock.now()
        why: dict[int, str] = {}
        items = []
        for place, row in enumerate(chunk):
            made = Wrong("", row.why) if row.why else item_of(row.cells, place, how)
            if isinstance(made, Wrong):
                why[place] = f"{made.field}: {made.why}" if made.field else made.why
            else:
                items.append(made)
        prepared = intake.prepare(items, self.name, now)

        def job(conn: Any) -> Any:
            taken = intake.take(conn, prepared, now)
            count = len({each.item for each in taken.refused} | set(why))
            after = replace(
                state, line=chunk[-1].line, taken=state.taken + len(chunk) - count - taken.duplicates,
                duplicates=state.duplicates + taken.duplicates, refused=state.refused + count,
            )  # fmt: skip
            save_progress(conn, self.source.hash, after)
            return taken, after

        future, stopped = store.writer.submit(job), False
        try:
            taken, after = future.result()
        except KeyboardInterrupt:  # what is handed in is finished, and its refused rows are listed
            (taken, after), stopped = future.result(), True
        for name, value in asdict(after).items():
            setattr(state, name, value)
        for each in taken.refused:
            why[each.item] = "; ".join(filter(None, (why.get(each.item), f"{each.field}: {each.why}")))
        for place, text in sorted(why.items()):
            refused.add(chunk[place], text)
        if stopped:
            raise KeyboardInterrupt


def _tell(ended: _Ended, form: Format) -> None:
    state = ended.progress
    if form is Format.json:
        say_json({
            "kind": ended.kind, "taken": state.taken, "duplicates": state.duplicates, "refused": state.refused, "done": state.done,
            "line": state.line, "refused_file": str(ended.refused_path) if state.refused else None,
            "imported_before": ended.nothing_to_do, "daemon": ended.daemon,
        })  # fmt: skip
        return
    if ended.nothing_to_do:
        say_plain(
            f"this file was imported before: {state.taken:,} {ended.kind} taken, {state.refused:,} refused; --again takes it once more"
        )
        return
    numbers = [("taken", state.taken), ("received before", state.duplicates), ("refused", state.refused)]
    wide = max(len(f"{number:,}") for _, number in numbers)
    rows = [[name, f"{number:,}".rjust(wide), ""] for name, number in numbers]
    if state.refused:
        rows[2][2] = f"see {ended.refused_path}"
    say_plain(
        f"{ended.kind}{' as history' if not ended.live and ended.kind != 'products' else ''}, up to line {state.line:,}"
    )
    say_rows(rows)
    if ended.interrupted:
        say_plain("interrupted; the same command goes on from here")
    elif ended.kind != "products" and state.taken:
        say_plain(
            "the daemon applies them now"
            if ended.daemon
            else "facts and segments learn of them when the daemon starts: main.py run"
        )
