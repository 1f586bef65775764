"""`pause` and `resume`: everything, a channel or a journey, effective within a second, surviving a restart."""

from __future__ import annotations

import getpass
from typing import Annotated, Literal

import typer

from engine.cli.app import RUN, Place, app
from engine.cli.output import Format, say_json, say_plain
from engine.errors import UsageError
from engine.problem import did_you_mean

What = Annotated[str, typer.Argument(help="a channel, a journey, or all")]
Form = Annotated[Format, typer.Option("--format", help="text or json")]


@app.command(rich_help_panel=RUN)
def pause(
    what: What = "all",
    why: Annotated[str, typer.Option("--why", help="shown by status")] = "",
    form: Form = Format.text,
) -> None:
    """Hand nothing over any more: of everything, of a channel, or of a journey. Goals still end runs."""
    from engine.cli.stores import project_store
    from engine.store import pauses

    scope, name = _named(what)
    with project_store() as store:
        now = Place.clock.now()
        store.write(lambda conn: pauses.pause(conn, scope, name, now, getpass.getuser(), why))
    if form is Format.json:
        say_json({"paused": what, "scope": scope})
    else:
        say_plain(f"paused: {what}. Lift it with  main.py resume {what}")


@app.command(rich_help_panel=RUN)
def resume(what: What = "all", form: Form = Format.text) -> None:
    """Lift a pause. What became due meanwhile goes through the rule of late messages."""
    from engine.cli.stores import project_store
    from engine.store import due, pauses

    scope, name = _named(what)
    with project_store() as store:
        now = Place.clock.now()
        lifted = store.write(lambda conn: pauses.resume(conn, scope, name))
        if scope == "journey":
            store.write(lambda conn: due.put_inside(conn, name, now))
    if form is Format.json:
        say_json({"resumed": what, "scope": scope, "was_paused": lifted})
    else:
        say_plain(f"resumed: {what}" if lifted else f"{what} was not paused")


def _named(what: str) -> tuple[Literal["all", "channel", "journey"], str]:
    """Which pause a word means. Raises UsageError with the nearest name."""
    if what == "all":
        return "all", ""
    from engine.project import load_config

    channels = list(load_config(Place.folder).channels)
    if what in channels:
        return "channel", what
    journeys = sorted(path.stem for path in (Place.folder / "journeys").glob("*.yaml"))
    if what in journeys:
        return "journey", what
    raise UsageError(
        f'"{what}" is neither a channel nor a journey of this project:',
        did_you_mean(
            what,
            ["all", *channels, *journeys],
            f"write all, one of the channels {', '.join(channels)}, or a journey",
        ),
    )
