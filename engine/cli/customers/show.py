"""`show CUSTOMER`: who they are, what happened to them, and every decision with its reason and its line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, FormatOption, say, say_head, say_json, say_plain, say_rows
from engine.printable import printable

if TYPE_CHECKING:
    import datetime as dt

    from engine.cli.reports.customer import CustomerReport
    from engine.cli.reports.customer_history import HistoryEntry
    from engine.cli.reports.points import PointsReport


@app.command(rich_help_panel=LOOK)
def show(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="an id, an e-mail address or a telephone number")],
    last: Annotated[
        int, typer.Option("--last", min=0, help="so many entries of the history; 0 shows all")
    ] = 0,
    form: FormatOption = Format.text,
) -> None:
    """One customer: attributes, facts, reach, where their runs rest, and the history with every decision."""
    from engine.cli.reports import customer_history, unknown_messages
    from engine.cli.reports.customer import report
    from engine.cli.stores import known_person, look_into_store
    from engine.project import load_config

    session = Session.of(context)
    with look_into_store(session.folder) as conn:
        person = known_person(conn, customer, session)
        moments = customer_history.moments(conn, person)
        unknown = unknown_messages.look(conn, load_config(session.folder), session.clock.now(), person.id)
        shown = moments[-last:] if last else moments
        answer = report(conn, person, unknown, shown)
    if form is Format.json:
        say_json(answer)
        return
    _head(answer)
    if answer.points is not None:
        _points(answer.points, person.zone)
    if answer.unknown:
        say_head("Unknown messages")
        for message in answer.unknown:
            for text in unknown_messages.sentences(message):
                say_plain(f"  {text}")
    say_head(f"History (times of {answer.timezone})")
    if len(shown) < len(moments):
        say_plain(f"  {len(moments) - len(shown):,} earlier entries are left out")
    say_rows(_history(shown, person.zone) or [["nothing yet", ""]])
    if answer.not_applied:
        say_plain("")
        say_plain(f"{answer.not_applied:,} more received, not applied yet: the daemon does that")


def _head(customer: CustomerReport) -> None:
    from rich.markup import escape

    aliases = f"  also {', '.join(customer.aliases)}" if customer.aliases else ""
    say(f"[bold]{escape(printable(customer.customer + aliases))}[/]")
    why = {
        "customer": "their own",
        "country": "of their country",
        "project": "of the shop: theirs is not known",
    }
    rows = [
        ["known since", customer.since],
        ["time zone", f"{customer.timezone} ({why[customer.timezone_why]})"],
    ]
    # a schema has many attributes, and most people few of them
    rows += [[name, value] for name, value in customer.attributes.items() if value != "not set"]
    say_rows(rows)
    for title, lines in (
        ("Facts", [[name, fact.value, fact.as_of] for name, fact in customer.facts.items()]),
        ("Reach", [[channel, reach.in_words()] for channel, reach in customer.reach.items()]),
        ("Segments", [[name, f"since {since}"] for name, since in customer.segments.items()]),
        ("Open runs", [[f"{run.journey} {run.key}".rstrip(), run.rests] for run in customer.runs]),
    ):
        if lines:
            say_head(title)
            say_rows(lines)


def _points(found: PointsReport, zone: dt.tzinfo) -> None:
    from engine.cli.reports.times import local
    from engine.values import parse_instant

    say_head("Points")
    rows = [["balance", found.in_words()]]
    if found.below_zero is not None:
        rows.append(["below zero", found.below_zero])
    if found.tier is not None:
        since = parse_instant(found.tier_since) if found.tier_since is not None else None
        rows.append(["tier", f"{found.tier}{f', since {local(since, zone)}' if since is not None else ''}"])
    say_rows(rows)
    lines = [
        [local(at, zone) if (at := parse_instant(line.at)) is not None else "", f"{line.points:+,}",
         line.in_words()]
        for line in found.entries
    ]  # fmt: skip
    if lines:
        say_plain("")
        say_rows(lines)


def _history(moments: list[HistoryEntry], zone: dt.tzinfo) -> list[list[str]]:
    from engine.cli.reports.customer_history import DecisionEntry
    from engine.cli.reports.times import local

    rows, before = [], ""
    for moment in moments:
        entry, at, text = moment.entry, local(moment.at, zone), moment.entry.text
        if isinstance(entry, DecisionEntry):
            # Steps without an id of their own have a number behind #, which tells nobody anything
            step = entry.step if "#" not in entry.step and not moment.names_step else ""
            commit = f" @ {entry.commit[:10]}{entry.commit[40:]}" if entry.commit else ""
            text = f"{f'{entry.journey}: ' if entry.journey else ''}{text}{f' ({step})' if step else ''}"
            text += f"   [{entry.place}{commit}]" if entry.place else ""
        # what happened in one moment stands under it once
        rows.append([at if at != before else "", entry.kind, text])
        before = at
    return rows
