"""`backup` and `restore`: a copy of the store while the daemon works, and its way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, say_json, say_plain
from engine.command_hints import command


@app.command(rich_help_panel=RUN)
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="a file that is not there yet")],
    form: FormatOption = Format.text,
) -> None:
    """Copy the store to one file while the daemon runs. On PostgreSQL: says how pg_dump does it."""
    from engine.store.copies.backup import back_up

    session = Session.of(context)
    store = _file_of_store(session, "backup", file)
    made = back_up(store, file.absolute())
    if form is Format.json:
        say_json({"file": str(made.path), "bytes": made.size, "customers": made.customers})
        return
    say_plain(f"{made.path}: {made.size:,} bytes, {made.customers:,} customers, checked")
    say_plain(f"put it back with  {command(f'restore {file}')}")


@app.command(rich_help_panel=RUN)
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="what backup has written")],
    form: FormatOption = Format.text,
) -> None:
    """Put a backup in the place of the store. Nothing is sent from it before `run --adopt`."""
    from engine.runtime.erasure import LOG, read_log
    from engine.store.copies.backup import restore as put_back

    session = Session.of(context)
    store = _file_of_store(session, "restore", file)
    erased = read_log(store.with_name(LOG))
    restored, kept = put_back(file.absolute(), store, session.clock.now(), erased)
    if form is Format.json:
        say_json({
            "file": str(restored.path), "bytes": restored.size, "customers": restored.customers,
            "kept": str(kept) if kept else None,
        })  # fmt: skip
        return
    say_plain(f"{restored.path}: {restored.customers:,} customers, as they were when the backup was made")
    if kept is not None:
        say_plain(f"what was there before is in {kept}; remove it when you are sure")
    say_plain("bring in what came since then, if your shop has it (events are taken once, by their id);")
    say_plain(f"then start with  {command('run --adopt')}: what may have been sent already is held")


def _file_of_store(session: Session, word: str, file: Path) -> Path:
    """Raises UsageError with the command of PostgreSQL, which has its own."""
    from sqlalchemy.engine import make_url

    from engine.errors import UsageError
    from engine.project import load_config
    from engine.store.connections import sqlite_path

    url = load_config(session.folder).store
    path = sqlite_path(url, session.folder.resolve())
    if path is not None:
        return path
    server = make_url(url).set(drivername="postgresql").render_as_string(hide_password=True)
    cure = f"pg_dump --format=custom --file={file} '{server}'"
    if word == "restore":
        back = f"pg_restore --clean --if-exists --single-transaction --dbname='{server}' {file}"
        cure = f"Stop every daemon, then  {back}  and start with  {command('run --adopt')}"
    raise UsageError("PostgreSQL has its own way of this, which also works while daemons run:", cure)
