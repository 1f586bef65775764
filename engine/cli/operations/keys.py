"""`keys`: API keys for the HTTP endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, say, say_json, say_plain
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.store.keys import KeyScope

keys = typer.Typer(help="API keys: new prints one once, only its hash is kept.", no_args_is_help=True)
app.add_typer(keys, name="keys", rich_help_panel=RUN)


@keys.command("new")
def new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="who uses it, for example shop")],
    scope: Annotated[str, typer.Option("--scope", help="write, read, till, browser or admin")] = "write",
) -> None:
    """Make a key and print it, once."""
    from engine.cli.stores import project_store
    from engine.store.keys import new_key

    session = Session.of(context)
    if scope not in ("write", "read", "admin", "browser", "till"):
        raise UsageError(f'"{scope}" is no scope:', "write write, read, till, browser or admin")
    with project_store(session.folder) as store:
        now = session.clock.now()
        text = store.write(lambda conn: new_key(conn, name, cast("KeyScope", scope), now))
    if text is None:
        raise UsageError(f'there is a key called "{name}" already:', "choose another name")
    say(text)


@keys.command("vapid")
def vapid() -> None:
    """Make the key pair of web push. The private key is a secret; it is printed once and kept nowhere."""
    from py_vapid import Vapid02

    from engine.channels.webpush.channel import Identity, new_private_key, public_key

    private = new_private_key()
    say(f"private_key (set VAPID_PRIVATE_KEY to it):  {private}")
    say(
        "public key (browsers get it by themselves): "
        f"{public_key(Identity(Vapid02.from_string(private), ''))}"
    )


@keys.command("list")
def every(
    context: typer.Context,
    form: FormatOption = Format.text,
) -> None:
    """Every key, without its secret."""
    from engine.cli.stores import look_into_store
    from engine.store.keys import every_key
    from engine.values import iso

    session = Session.of(context)
    with look_into_store(session.folder) as conn:
        every_one = every_key(conn)
    if form is Format.json:
        say_json([
            {"name": key.name, "scope": key.scope, "created_at": iso(key.created_at),
             "revoked_at": iso(key.revoked_at) if key.revoked_at else None}
            for key in every_one
        ])  # fmt: skip
        return
    for key in every_one:
        ended = f"revoked {iso(key.revoked_at)}" if key.revoked_at else ""
        say_plain(f"{key.name:<20} {key.scope:<6} {iso(key.created_at)}  {ended}".rstrip())
    if not every_one:
        say(f"there are no keys yet; make one with  {command('keys new shop --scope write')}")


@keys.command("revoke")
def revoke(
    context: typer.Context, name: Annotated[str, typer.Argument(help="the name that it was made with")]
) -> None:
    """End a key; requests with it are refused within two seconds."""
    from engine.cli.stores import project_store
    from engine.store.keys import revoke as end

    session = Session.of(context)
    with project_store(session.folder) as store:
        now = session.clock.now()
        ended = store.write(lambda conn: end(conn, name, now))
    if not ended:
        raise UsageError(f'there is no key called "{name}" that still works:', f"see  {command('keys list')}")
    say_plain(f"revoked: {name}")
