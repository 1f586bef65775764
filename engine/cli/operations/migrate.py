"""`migrate`: the store goes on in another database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import remark, say_plain
from engine.command_hints import command

if TYPE_CHECKING:
    from pathlib import Path


@app.command(rich_help_panel=RUN)
def migrate(
    context: typer.Context,
    to: Annotated[
        str, typer.Option("--to", help="address of an empty database, as store: in config.yaml")
    ] = "",
    copy: Annotated[
        bool, typer.Option("--copy", help="make a copy, while the daemon works; nothing is sent from it")
    ] = False,
    stay: Annotated[bool, typer.Option("--stay", help="give up a migration that is not done")] = False,
) -> None:
    """Carry the store over to another database, with the people in flight. What was cut off goes on."""
    from engine.errors import UsageError
    from engine.project import load_config

    session = Session.of(context)
    folder, here = session.folder.resolve(), load_config(session.folder).store
    if bool(to) == stay or (copy and stay):
        raise UsageError(
            "this needs --to ADDRESS, or --stay:", command("migrate --to postgresql://host/name")
        )
    if stay:
        _stay(here, folder)
        return
    if _place(to, folder) == _place(here, folder):
        raise UsageError("that is where the store is:", "name another database")
    _carry_over(session, here, to, is_copy=copy)


def _stay(here: str, folder: Path) -> None:
    from engine.errors import UsageError
    from engine.store.copies import moving
    from engine.store.database import open_store

    store = open_store(here, folder)
    try:
        with store.read() as conn:
            where, is_done = moving.moved_to(conn), moving.is_move_done(conn)
        if where is None:
            raise UsageError("nothing is under way:", "the store is here")
        if is_done:
            raise UsageError(
                f"the store was carried over to {where}, and a daemon may have worked there:",
                f"if none ever did,  {command('run --adopt')}  takes this one over again",
            )
        store.write(moving.stay)
    finally:
        store.close()
    say_plain("the store stays where it is; remove what is in the other database")


def _carry_over(session: Session, here: str, to: str, *, is_copy: bool) -> None:
    from engine.cli.stores import daemon_runs
    from engine.errors import UsageError
    from engine.project import load_config
    from engine.store.copies import carry_over, moving
    from engine.store.database import open_store

    folder = session.folder.resolve()
    if not is_copy and daemon_runs(load_config(session.folder), session.folder):
        raise UsageError("a daemon works on the store:", "stop it first, or make a  --copy")
    target = open_store(to, folder)
    source = open_store(here, folder)
    try:
        if not is_copy:
            # before anything is read: no daemon starts here from now on
            source.write(lambda conn: moving.note_moving(conn, _shown(to)))
        with source.read() as conn:
            filling = carry_over.begin(conn, target, again=not is_copy)
            carry_over.copy(conn, target, filling, _tell)
            tables = carry_over.verify(conn, target)
            if not is_copy:
                source.write(moving.note_move_done)
            carry_over.finish(conn, target, session.clock.now() if is_copy else None)
    finally:
        source.close()
        target.close()
    many = sum(table.rows for table in tables)
    say_plain(f"{many:,} rows in {len(tables)} tables are there, counted and compared")
    if is_copy:
        say_plain(f"nothing is sent from the copy before  {command('run --adopt')}")
    else:
        say_plain(
            f"write  store: {_shown(to)}  in config.yaml, and start the daemon; none starts here any more"
        )


def _tell(table: str, done: int, total: int) -> None:
    remark(f"{table}: {done:,} of {total:,}")


def _place(url: str, folder: Path) -> str:
    from engine.store.connections import sqlite_path

    return str(sqlite_path(url, folder) or url)


def _shown(url: str) -> str:
    """Without a password, which the store and the terminal do not keep."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
