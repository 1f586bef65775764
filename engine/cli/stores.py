"""The store of a project, opened for a command beside a running daemon."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.command_hints import command
from engine.printable import printable

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from engine.cli.app import Session
    from engine.config import Config
    from engine.core.facts.learned import Learned
    from engine.core.journeys import Journeys
    from engine.project import Project
    from engine.runtime.known_customer import KnownCustomer
    from engine.store.database import Store


def open_project_store(project: Project) -> Store:
    """The store that `store:` in config.yaml names."""
    from engine.store.database import open_store

    return open_store(project.config.store, project.folder)


def whom() -> str:
    """Who runs this command, for what the store keeps of it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def daemon_runs(config: Config, folder: Path) -> bool:
    """Whether a daemon works on this store now. Of a database that cannot be asked: False."""
    import fcntl

    from engine.store.connections import sqlite_path

    path = sqlite_path(config.store, folder.resolve())
    if path is None:
        return _is_daemon_on_postgresql(config.store, folder)
    lock = path.with_name(path.name + ".lock")
    if not lock.exists():
        return False
    # The daemon holds it exclusively; shared and without waiting, this asks and disturbs nobody
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _is_daemon_on_postgresql(url: str, folder: Path) -> bool:
    from sqlalchemy.exc import SQLAlchemyError

    from engine.store.connections import read_only_engine
    from engine.store.postgresql import is_daemon_there

    engine = read_only_engine(url, folder)
    try:
        with engine.connect() as conn:
            return is_daemon_there(conn)
    except SQLAlchemyError:
        return False
    finally:
        engine.dispose()


def learned_there(config: Config, folder: Path) -> Learned | None:
    """What the store of a project has learned from reactions, read without touching its tables. None: there
    is no store yet, or it cannot be asked: a check of files must not depend on it."""
    from sqlalchemy.exc import SQLAlchemyError

    from engine.errors import CallerError
    from engine.store.connections import read_only_engine, sqlite_path
    from engine.store.learning import learned

    try:
        path = sqlite_path(config.store, folder)
        if path is not None and not path.exists():
            return None
        engine = read_only_engine(config.store, folder)
    except (SQLAlchemyError, CallerError, ImportError):
        return None
    try:
        with engine.connect() as conn:
            return learned.known(conn)
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()


@contextmanager
def project_store(folder: Path) -> Iterator[Store]:
    """The store of the project in this folder, without reading journeys and templates."""
    from engine.project import load_config
    from engine.store.database import open_store

    config = load_config(folder)
    store = open_store(config.store, folder.resolve())
    try:
        yield store
    finally:
        store.close()


SHOWN = 20
"""So many ids are listed of customers who share an address."""


@contextmanager
def look_into_store(folder: Path, *, needed: bool = False) -> Iterator[Connection]:
    """What the store of the project in this folder holds, for a command that changes nothing. One that is not
    there yet is empty; with `needed`, where its figures would seem to be counted, it raises UsageError."""
    from engine.project import load_config
    from engine.store.database import read_only

    with read_only(load_config(folder).store, folder.resolve(), needed=needed) as conn:
        yield conn


def named_id(conn: Connection, customer: str, country: str) -> str | None:
    """The one customer who is named by id, another id, e-mail address or telephone number; None: nothing is
    known of such a one. `country`: of a telephone number without one. Raises UsageError when several have the
    address."""
    from engine.errors import UsageError
    from engine.runtime.intake.lookup import find_ids

    people = find_ids(conn, customer, country)
    if len(people) > 1:
        more = f" and {len(people) - SHOWN:,} more" if len(people) > SHOWN else ""
        raise UsageError(
            f'{len(people):,} customers have the address "{customer}":',
            f"name one of them by id: {', '.join(map(printable, people[:SHOWN]))}{more}",
        )
    return people[0] if people else None


def known_id(conn: Connection, customer: str, folder: Path) -> str:
    """As `named_id`. Raises UsageError when nothing is known of them, too."""
    from engine.errors import UsageError
    from engine.project import load_config

    own = named_id(conn, customer, load_config(folder).shop.country)
    if own is None:
        raise UsageError(
            f'nothing is known of a customer "{customer}":',
            f"customers come in over HTTP or by  {command('import')}",
        )
    return own


def journeys_of(conn: Connection, session: Session) -> Journeys:
    """The journeys that are published, else those of the folder: what people are in is what is published, and
    the folder may be ahead of it."""
    from engine.project import load_journeys
    from engine.runtime.publish.last_published import published_journeys

    return published_journeys(conn) or load_journeys(session.folder)


def known_person(conn: Connection, customer: str, session: Session) -> KnownCustomer:
    """A customer (`known_id`), seen with the journeys that are published, else with those of the folder.
    Raises UsageError when nothing is known of them."""
    from engine.errors import UsageError
    from engine.project import load_config
    from engine.runtime.known_customer import find

    own = known_id(conn, customer, session.folder)
    journeys = journeys_of(conn, session)
    person = find(conn, own, journeys, session.clock.now())
    if person is None:
        runs = daemon_runs(load_config(session.folder), session.folder)
        raise UsageError(
            f'what was received of "{customer}" is not applied yet:',
            "the daemon does that now; look again in a moment"
            if runs
            else f"start the daemon with  {command('run')}",
        )
    return person
