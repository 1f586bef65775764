"""`refused`: what was sent and not taken, and why; `refused retry` takes it after the schema was mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import PROBLEMS, RUN, Session, app
from engine.cli.output import Format, FormatOption, counted, progress, say_head, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.cli.importing.refused_retry import RetryCounts
    from engine.store.database import Store
    from engine.store.inbox.refusals import KeptItem, RefusalCount

_ACTIONS = ("retry", "remove")


@app.command(rich_help_panel=RUN)
def refused(
    context: typer.Context,
    action: Annotated[
        str, typer.Argument(help="retry: take them again; remove: they are not wanted", show_default=False)
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="only those with these words in their reason or fields")
    ] = "",
    event: Annotated[str, typer.Option("--event", help="only this event, as the sender calls it")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=20_000, help="so many are listed")] = 20,
    form: FormatOption = Format.text,
) -> None:
    """What senders got wrong: counted, and the items themselves, which are kept until they are taken."""
    from engine.cli.stores import project_store
    from engine.store.inbox import refusals
    from engine.values import DAY, Instant

    session = Session.of(context)
    if action and action not in _ACTIONS:
        raise UsageError(
            f'"{action}" is nothing that can be done with them:', "write  refused retry  or  refused remove"
        )
    with project_store(session.folder) as store:
        if action == "retry":
            done = _retry(session, store, event, reason)
            _tell_retried(done, form)
            if done.refused:
                raise typer.Exit(PROBLEMS)
            return
        if action == "remove":
            removed = store.write(lambda conn: _remove(conn, event, reason))
            if form is Format.json:
                say_json({"removed": removed})
            else:
                say_plain(f"{counted(removed, 'item')} removed")
            return
        now = session.clock.now()
        with store.read() as conn:
            counts = refusals.counts(conn, Instant(now - 7 * DAY))
            items = refusals.list_kept(conn, name=event, reason=reason, limit=limit)
            number = refusals.how_many(conn, name=event, reason=reason)
    if event or reason:
        counts = [
            count
            for count in counts
            if event in ("", count.name) and reason.lower() in f"{count.why} {count.field}".lower()
        ]
    if form is Format.json:
        _say_json(counts, items, number)
    else:
        _print(counts, items, number)


def _remove(conn: Connection, event: str, reason: str) -> int:
    from engine.store.inbox import refusals

    found = refusals.list_kept(conn, name=event, reason=reason, limit=refusals.MOST)
    refusals.remove(conn, [item.number for item in found])
    return len(found)


def _retry(session: Session, store: Store, event: str, reason: str) -> RetryCounts:
    """Slice by slice, so that the daemon's writer is never held up for long."""
    from engine.cli.importing.refused_retry import SLICE, RetryCounts, take_again
    from engine.compiler.event_fields import needed_fields
    from engine.project import load
    from engine.runtime.intake.intake import Intake
    from engine.store.inbox import refusals

    project = load(session.folder)
    needed = needed_fields(project.journeys, project.messages, project.catalogue)
    intake, after, done = (
        Intake(project.catalogue, project.config, project.journeys, needed),
        0,
        RetryCounts(),
    )
    with store.read() as conn:
        total = refusals.how_many(conn, name=event, reason=reason)
    with progress() as bar:
        task = bar.add_task("taking again", total=total)
        while True:
            with store.read() as conn:
                kept = refusals.list_kept(conn, name=event, reason=reason, after=after, limit=SLICE)
            if not kept:
                return done
            now = session.clock.now()
            done += store.write(lambda conn: take_again(conn, intake, kept, now))  # noqa: B023  # done at once
            after = kept[-1].number
            bar.advance(task, len(kept))


def _tell_retried(done: RetryCounts, form: Format) -> None:
    if form is Format.json:
        say_json({"taken": done.taken, "not_needed": done.superseded, "refused": done.refused})
        return
    rows = [
        ["taken", f"{done.taken:,}", ""],
        ["not needed any more", f"{done.superseded:,}", "the same or something newer was received meanwhile"],
        ["still wrong", f"{done.refused:,}", f"shown by  {command('refused')}" if done.refused else ""],
    ]
    say_rows([row for row in rows if row[1] != "0" or row[0] == "taken"], indent=0)


def _say_json(counts: Sequence[RefusalCount], items: Sequence[KeptItem], number: int) -> None:
    from engine.store.serialization import load
    from engine.values import iso

    say_json({
        "kept": number,
        "last_7_days": [
            {
                "source": count.source, "about": count.name, "field": count.field, "why": count.why,
                "kept": count.kept, "times": count.times, "last_at": iso(count.last_at),
            }
            for count in counts
        ],
        "items": [
            {
                "number": item.number, "received_at": iso(item.at), "source": item.source, "way": item.way,
                "about": item.name, "customer": item.customer or None, "fields": item.fields,
                "why": item.why, "taken_in_part": item.partial, "tries": item.tries, "sent": load(item.body),
            }
            for item in items
        ],
    })  # fmt: skip


def _print(counts: Sequence[RefusalCount], items: Sequence[KeptItem], number: int) -> None:
    from engine.values import iso

    if not counts and not number:
        say_plain("nothing was refused in the last 7 days, and nothing is kept")
        return
    if counts:
        say_head("Refused in the last 7 days")
        say_rows([[f"{count.times:,}", count.source, _what(count), count.why] for count in counts[:50]])
        if len(counts) > 50:
            say_plain(f"  and {len(counts) - 50:,} more; --format json shows all")
    if number:
        say_head(f"Kept, to be taken again ({number:,})")
        say_rows([
            [f"{item.number}", iso(item.at), item.source,
             f"{item.name} of {item.customer}" if item.customer else item.name,
             f"without {', '.join(item.fields)}: {item.why}" if item.partial else item.why]
            for item in items
        ])  # fmt: skip
        if number > len(items):
            say_plain(f"  and {number - len(items):,} more; --limit shows them, --format json what was sent")
        say_plain(f"  after the schema or the sender was mended:  {command('refused retry')}")


def _what(count: RefusalCount) -> str:
    return f"{count.name}: {count.field}" if count.field else count.name
