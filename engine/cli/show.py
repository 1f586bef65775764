"""`show CUSTOMER`: who they are, what happened to them, and every decision with its reason and its line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, say, say_head, say_json, say_plain, say_rows


@app.command(rich_help_panel=LOOK)
def show(
    context: typer.Context,
    customer: Annotated[str, typer.Argument(help="an id of the customer, or another name of theirs")],
    last: Annotated[
        int, typer.Option("--last", min=0, help="so many entries of the history; 0 shows all")
    ] = 0,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """One customer: attributes, facts, reach, where their runs rest, and the history with every decision."""
    from engine.cli.reports import agreed, past, person, unsettled
    from engine.cli.stores import known_person, project_store
    from engine.project import load_config
    from engine.store.customers import history

    session = Session.of(context)
    with project_store(session.folder) as store, store.read() as conn:
        one = known_person(conn, customer, session)
        head, entries = person.data(one), past.entries(conn, one)
        consents = [agreed.data(each) for each in agreed.ledger(conn, one.id)]
        pending = history.waiting_in_inbox(conn, one.id)
        unknown = unsettled.look(conn, load_config(session.folder), session.clock.now(), one.id)
    shown = entries[-last:] if last else entries
    if form is Format.json:
        plain = [{name: value for name, value in each.items() if name not in _OF_TEXT} for each in shown]
        say_json({
            **head, "consents": consents, "unknown": unknown, "not_applied": pending, "history": plain
        })  # fmt: skip
        return
    _head(head)
    if unknown:
        say_head("Unknown messages")
        for each in unknown:
            for text in unsettled.sentences(each):
                say_plain(f"  {text}")
    say_head(f"History (times of {head['timezone']})")
    if len(shown) < len(entries):
        say_plain(f"  {len(entries) - len(shown):,} earlier entries are left out")
    say_rows(_history(shown, one.zone) or [["nothing yet", ""]])
    if pending:
        say_plain(f"\n{pending:,} more received, not applied yet: the daemon does that")


_OF_TEXT = ("local_at", "names_step")
"""What an entry of the history holds for the text alone."""


def _head(head: dict[str, Any]) -> None:
    from rich.markup import escape

    from engine.cli.reports.person import reach_words

    aliases = f"  also {', '.join(head['aliases'])}" if head["aliases"] else ""
    say(f"[bold]{escape(head['customer'] + aliases)}[/]")
    why = {
        "customer": "their own",
        "country": "of their country",
        "project": "of the shop: theirs is not known",
    }
    rows = [
        ["known since", head["since"]],
        ["time zone", f"{head['timezone']} ({why[head['timezone_why']]})"],
    ]
    rows += [[name, value] for name, value in head["attributes"].items() if value != "not set"]
    say_rows(rows)
    for title, lines in (
        ("Facts", [[name, fact["value"], fact["as_of"]] for name, fact in head["facts"].items()]),
        ("Reach", [[channel, reach_words(found)] for channel, found in head["reach"].items()]),
        ("Segments", [[name, f"since {since}"] for name, since in head["segments"].items()]),
        ("Open runs", [[f"{run['journey']} {run['key']}".rstrip(), run["rests"]] for run in head["runs"]]),
    ):
        if lines:
            say_head(title)
            say_rows(lines)


def _history(entries: list[dict[str, Any]], zone: Any) -> list[list[str]]:
    from engine.cli.reports.times import local

    rows, before = [], ""
    for each in entries:
        at = local(each["local_at"], zone)
        step = (
            f" ({each['step']})"
            if each["kind"] == "decision"
            and each.get("step")
            and "#" not in each["step"]
            and not each["names_step"]
            else ""
        )
        journey = f"{each['journey']}: " if each.get("journey") and each["kind"] == "decision" else ""
        place = each.get("place", "")
        commit = each.get("commit", "")
        where = f"   [{place}{f' @ {commit[:10]}{commit[40:]}' if commit else ''}]" if place else ""
        rows.append([at if at != before else "", each["kind"], f"{journey}{each['text']}{step}{where}"])
        before = at
    return rows
