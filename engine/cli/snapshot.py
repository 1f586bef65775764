"""`snapshot`: what a review needs of the store, in a file that names nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import counted, say_plain

USUAL = "30 days"


@app.command(rich_help_panel=LOOK)
def snapshot(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="the file; packed where its name ends in .gz")] = Path(
        "snapshot.jsonl.gz"
    ),
    first: Annotated[str, typer.Option("--from", help="the first day of the events, as 2026-03-01")] = "",
    last: Annotated[str, typer.Option("--to", help="their last day; today without it")] = "",
    length: Annotated[
        str, typer.Option("--last", help='so long until the last day; without --from "30 days"')
    ] = "",
) -> None:
    """Write how many people are where, how large segments are, and some weeks of events under pseudonyms, for
    plan --snapshot and replay where the store is out of reach. No name, address or free text is in it."""
    from engine.cli.streams import write_stream
    from engine.store.snapshot import read_snapshot, snapshot_lines

    session = Session.of(context)
    now = session.clock.now()
    days = (first, last, length or ("" if first else USUAL))
    lines = write_stream(session, out, days, lambda conn, bounds: snapshot_lines(conn, bounds, now))
    _, files = read_snapshot(out)
    say_plain(f"{out}: {counted(lines - 1 - len(files), 'line')} of events, and what is so now")
