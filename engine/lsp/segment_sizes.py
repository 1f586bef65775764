"""How many customers are in each segment now, as the store of the project knows it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import SQLAlchemyError

from engine.errors import CallerError
from engine.project import Project
from engine.store.audience import memberships
from engine.store.connections import read_only_engine, sqlite_path
from engine.values import Instant


def segment_sizes(project: Project) -> Mapping[str, int]:
    """By name. Nothing where there is no store yet, or where it cannot be asked: it may be of another
    version, and an editor must not bring it up to date."""
    url, folder = project.config.store, project.folder
    try:
        path = sqlite_path(url, folder)
        if path is not None and not path.exists():
            return {}
        engine = read_only_engine(url, folder)
    except (SQLAlchemyError, CallerError, ImportError):
        return {}
    try:
        with engine.connect() as conn:
            counted = memberships.counts(conn, Instant(0))
            return {name: counted[name].members if name in counted else 0 for name in project.segments}
    except SQLAlchemyError:
        return {}
    finally:
        engine.dispose()
