"""The store: it opens, its tables are those of this version, and what in it waits for a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from engine.cli.diagnostics.finding import Finding
from engine.config import Config
from engine.errors import PerennialError
from engine.invocation import command
from engine.store.database import open_store, sqlite_path
from engine.store.inbox import quarantine
from engine.store.journeys import deployments, pauses
from engine.store.messages import outcomes
from engine.store.migrations import differences
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class StoreFindings:
    """`newest`: the latest moment that the store knows."""

    findings: tuple[Finding, ...]
    newest: Instant | None = None


def store(config: Config, folder: Path) -> StoreFindings:
    """A store that does not exist yet is not made."""
    try:
        # Opening it would make it, and doctor changes nothing
        path = sqlite_path(config.store, folder)
        if path is not None and not path.exists():
            return StoreFindings((Finding("ok", "store", f"{path} will be made at the first start"),))
        opened = open_store(config.store, folder)
    except PerennialError as wrong:
        return StoreFindings(
            (Finding("FAIL", "store", str(wrong), "see docs/operating.md, Backup and upgrade"),)
        )
    try:
        with opened.read() as conn:
            last = deployments.current(conn)
            return StoreFindings((_tables(conn, config), *_waiting(conn)), last.at if last else None)
    finally:
        opened.close()


def _tables(conn: Connection, config: Config) -> Finding:
    lacking = differences(conn)
    if lacking:
        return Finding(
            "FAIL",
            "store",
            f"its tables differ from this version in {len(lacking)} places",
            "restore a backup, or report this",
        )
    return Finding("ok", "store", f"{config.store} opens, its tables are up to date")


def _waiting(conn: Connection) -> Iterator[Finding]:
    unknown, aside, standing = outcomes.list_open(conn), quarantine.list_all(conn), pauses.list_active(conn)
    if deployments.current_number(conn) == 0:
        yield Finding(
            "warn", "deployment", "nothing was published yet", f"{command('deploy')}, or {command('run')}"
        )
    else:
        yield Finding("ok", "deployment", f"number {deployments.current_number(conn)}")
    for what, count, cure in (
        ("unknown messages", len(unknown), f"{command('status')} lists them with what happens to them"),
        ("stuck customers", len(aside), f"{command('status')} says why"),
    ):
        yield Finding(
            "warn" if count else "ok", what, f"{count:,}" if count else "none", cure if count else ""
        )
    if not standing:
        yield Finding("ok", "pauses", "none")
    for pause in standing:
        name = "everything" if pause.scope == "all" else f"the {pause.scope} {pause.name}"
        yield Finding(
            "warn",
            "pauses",
            f"{name} is paused{f': {pause.why}' if pause.why else ''}",
            command(f"resume {pause.name or 'all'}"),
        )
