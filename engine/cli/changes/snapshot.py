"""`snapshot`: what a review needs of the store, in a file that names nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import counted, remark, say_plain

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from engine.store.streams.snapshot import Snapshot
    from engine.values import Instant

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
    from engine.project import load_config
    from engine.store.streams.snapshot import read_snapshot, snapshot_lines
    from engine.values import zone

    session = Session.of(context)
    now = session.clock.now()
    days = (first, last, length or ("" if first else USUAL))
    lines = write_stream(session, out, days, lambda conn, bounds: snapshot_lines(conn, bounds, now))
    counts, files = read_snapshot(out)
    say_plain(f"{out}: {counted(lines - 1 - len(files), 'line')} of events, and what is so now")
    if counts.without_events:
        remark(no_events(counts, zone(load_config(session.folder).timezone)))


def no_events(counts: Snapshot, zone: ZoneInfo) -> str:
    """That nothing of a snapshot can be played, and what to type where it is known."""
    from engine.values import parse_instant

    last = parse_instant(counts.last_event) if counts.last_event is not None else None
    return nothing_in("these days", last, zone)


def nothing_in(days: str, last: Instant | None, zone: ZoneInfo) -> str:
    """That customers did nothing in these days, and what to type for those with their last events. `last`: of
    all that is recorded; None: nothing is."""
    from engine.values import to_datetime

    words = f"no events of customers in {days}"
    if last is None:
        return f"{words}, nor in any others"
    day = to_datetime(last, zone).date()
    return f"{words}; the last are of {day}: give  snapshot --to {day}"
