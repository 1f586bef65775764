"""`pause` and `resume`: everything, a channel, a journey or the domain of recipients, effective within a
second, surviving a restart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, say_json, say_plain
from engine.command_hints import command
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from engine.store.journeys.pauses import Scope

What = Annotated[str, typer.Argument(help="a channel, a journey, all, or the word domain")]
Name = Annotated[str, typer.Argument(help="after  domain: whose mail, like gmail.com")]
Form = FormatOption


@app.command(rich_help_panel=RUN)
def pause(
    context: typer.Context,
    what: What = "all",
    name: Name = "",
    why: Annotated[str, typer.Option("--why", help="shown by status")] = "",
    form: Form = Format.text,
) -> None:
    """Hand nothing over any more: of everything, of a channel, of a journey, of mail to a domain. Goals still
    end runs."""
    from engine.cli.stores import project_store, whom
    from engine.store.journeys import pauses

    session = Session.of(context)
    scope, name = _named(session.folder, what, name)
    words = f"domain {name}" if scope == "domain" else what
    with project_store(session.folder) as store:
        now = session.clock.now()
        store.write(lambda conn: pauses.pause(conn, scope, name, now, whom(), why))
    if form is Format.json:
        say_json({"paused": words, "scope": scope})
    else:
        say_plain(f"paused: {words}. Lift it with  {command(f'resume {words}')}")


@app.command(rich_help_panel=RUN)
def resume(context: typer.Context, what: What = "all", name: Name = "", form: Form = Format.text) -> None:
    """Lift a pause. What became due meanwhile goes through the rule of late messages."""
    from engine.cli.stores import project_store
    from engine.store.inbox import due_queue
    from engine.store.journeys import pauses

    session = Session.of(context)
    scope, name = _named(session.folder, what, name)
    words = f"domain {name}" if scope == "domain" else what
    with project_store(session.folder) as store:
        now = session.clock.now()
        lifted = store.write(lambda conn: pauses.resume(conn, scope, name))
        # Who became due meanwhile is looked at now, not at the next occasion
        if scope == "journey":
            store.write(lambda conn: due_queue.put_inside(conn, name, now))
    if form is Format.json:
        say_json({"resumed": words, "scope": scope, "was_paused": lifted})
    else:
        say_plain(f"resumed: {words}" if lifted else f"{words} was not paused")


def _named(folder: Path, what: str, name: str) -> tuple[Scope, str]:
    """Which pause the words mean. Raises UsageError with the nearest name."""
    if what == "domain":
        return "domain", _domain(name)
    if name:
        raise UsageError(f'"{name}" is one word too many:', f"write only  {what}, or  domain {name}")
    if what == "all":
        return "all", ""
    from engine.project import load_config

    channels = list(load_config(folder).channels)
    if what in channels:
        return "channel", what
    journeys = sorted(path.stem for path in (folder / "journeys").glob("*.yaml"))
    if what in journeys or what in (sends := _one_offs(folder)):
        return "journey", what
    journeys += sends
    raise UsageError(
        f'"{what}" is neither a channel nor a journey of this project:',
        did_you_mean(
            what,
            ["all", *channels, *journeys],
            f"write all, one of the channels {', '.join(channels)}, or a journey",
        ),
    )


def _one_offs(folder: Path) -> list[str]:
    """One-off sends that are under way: each is a journey of its own."""
    from engine.cli.stores import look_into_store
    from engine.store.journeys import one_offs

    with look_into_store(folder) as conn:
        return [one.name for one in one_offs.list_active(conn)]


def _domain(name: str) -> str:
    from engine.channels.mail_headers import HeaderError, mailbox

    try:
        return mailbox(f"x@{name}").domain.lower()
    except HeaderError as wrong:
        raise UsageError(
            f'"{name}" is no domain:', "write the part of an address after the @, like  domain gmail.com"
        ) from wrong
