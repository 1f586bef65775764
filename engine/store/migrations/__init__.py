"""Brings the tables of a database up to date, with people in flight."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.command import upgrade as run_scripts
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlmodel import SQLModel

from engine.command_hints import command
from engine.errors import UsageError, WorldError
from engine.store.migrations import postgresql
from engine.store.postgresql import is_daemon_there
from engine.store.schema import tables

assert tables.MetaRow.metadata is SQLModel.metadata


class EarlierTablesError(UsageError):
    """The tables are those of an earlier version: the next start of a daemon brings them up to date."""


def upgrade(engine: Engine) -> None:
    """Runs what is missing, in one transaction. Raises `UsageError` for a database of a later version of the
    engine, `WorldError` while a daemon of an earlier one works on it."""
    if not is_behind(engine):
        return
    config = script_config()
    script = ScriptDirectory.from_config(config)
    with engine.connect().execution_options(writes=True) as conn, conn.begin():
        current = MigrationContext.configure(conn).get_current_heads()
        if set(current) == set(script.get_heads()):
            return  # another process that starts at the same time was faster
        known = {revision.revision for revision in script.walk_revisions()}
        if not known.issuperset(current):
            raise _later()
        if conn.dialect.name == "postgresql" and is_daemon_there(conn):
            raise older_daemon()
        config.attributes["connection"] = conn
        run_scripts(config, "head")
        if conn.dialect.name == "postgresql":
            postgresql.finish(conn)


def is_behind(engine: Engine) -> bool:
    """The tables are not those of this version."""
    script = ScriptDirectory.from_config(script_config())
    with engine.connect() as conn:
        return set(MigrationContext.configure(conn).get_current_heads()) != set(script.get_heads())


def older_daemon() -> WorldError:
    """What to say when a daemon of another version works on the tables that are to be changed."""
    return WorldError(
        "this store was written by an earlier version of Perennial, and a daemon of that version works on "
        "it: stop it, make a backup, then start this version",
        permanent=True,
    )


def is_made(conn: Connection) -> bool:
    """Some version of the engine has made tables here."""
    return bool(MigrationContext.configure(conn).get_current_heads())


def check(conn: Connection) -> None:
    """For whoever only reads: raises `UsageError` unless the tables are those of this version."""
    script = ScriptDirectory.from_config(script_config())
    current = set(MigrationContext.configure(conn).get_current_heads())
    if current == set(script.get_heads()):
        return
    if not current <= {revision.revision for revision in script.walk_revisions()}:
        raise _later()
    raise EarlierTablesError(
        "this store was written by an earlier version of Perennial, and only a daemon brings it up to date",
        f"Make a backup, then start the daemon with  {command('run')}",
    )


def _later() -> UsageError:
    return UsageError(
        "this store was written by a later version of Perennial", "install that version, or restore a backup"
    )


def script_config() -> Config:
    """Where the scripts are; no file of settings is needed."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def differences(conn: Connection) -> list[object]:
    """What the tables lack, or have too much, against `engine.store.schema.tables`: empty when the migrations
    are complete."""
    context = MigrationContext.configure(conn, opts={"include_object": _is_ours})
    return list(compare_metadata(context, SQLModel.metadata))


def _is_ours(_item: object, name: str | None, *_: object) -> bool:
    return name != "alembic_version"
