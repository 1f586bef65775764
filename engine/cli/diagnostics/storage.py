"""The store: it opens, its tables are those of this version, and what in it waits for a person."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from engine.cli.diagnostics.finding import Finding
from engine.command_hints import command
from engine.config import Config
from engine.config.channels.outbox import OutboxOptions
from engine.errors import PerennialError
from engine.private_files import is_open_to_others
from engine.store.connections import sqlite_path
from engine.store.database import read_only
from engine.store.inbox import quarantine
from engine.store.journeys import deployments, pauses
from engine.store.messages import outcomes
from engine.store.migrations import EarlierTablesError, differences
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
        with read_only(config.store, folder) as conn:
            last = deployments.current(conn)
            lacking = differences(conn)
            says = f"its tables differ from this version in {len(lacking)} places"
            tables = Finding("ok", "store", f"{config.store} opens, its tables are up to date")
            if lacking:
                tables = Finding("FAIL", "store", says, "restore a backup, or report this")
            return StoreFindings((tables, *_waiting(conn)), last.at if last else None)
    except EarlierTablesError as wrong:
        return StoreFindings((Finding("warn", "store", wrong.what, wrong.cure),))
    except PerennialError as wrong:
        return StoreFindings(
            (Finding("FAIL", "store", str(wrong), "see docs/operating.md, Backup and upgrade"),)
        )


def rights(config: Config, folder: Path) -> Finding:
    """The store and the messages that became files are for the user who runs the engine alone."""
    path = sqlite_path(config.store, folder)
    beside = path.parent.glob(f"{path.name}*") if path is not None else ()
    outboxes = {
        folder / channel.options_as(OutboxOptions).folder
        for channel in config.channels.values()
        if channel.via == "outbox"
    }
    kept = [*beside, *(file for outbox in outboxes for file in (outbox, *outbox.rglob("*")))]
    is_open = [file for file in kept if file.exists() and is_open_to_others(file)]
    if not is_open:
        return Finding("ok", "rights", "what is known of customers is for this user alone")
    # The folder that holds them; the project's own holds files for others to read
    places = {file.parent if file.parent != folder and file.is_file() else file for file in is_open}
    topmost = [place for place in places if not places.intersection(place.parents)]
    return Finding(
        "warn",
        "rights",
        f"other users of this machine may read {is_open[0]}"
        + (f" and {len(is_open) - 1:,} more" if len(is_open) > 1 else ""),
        f"chmod -R go-rwx {shlex.join(map(str, sorted(topmost)))}",
    )


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
