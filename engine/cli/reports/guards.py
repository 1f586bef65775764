"""What guards the first weeks at this moment: a dry run, the list of who gets messages, ceilings that are near, one-off sends."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from engine.cli.output import counted
from engine.config import Config
from engine.store.journeys import one_offs
from engine.store.messages import daily_limits, dry_run
from engine.values import Instant, iso, local_date, zone


def look(conn: Connection, config: Config, now: Instant) -> dict[str, Any]:
    """As plain data; `day` is that of the project's calendar."""
    day = local_date(now, zone(config.timezone)).isoformat()
    began = dry_run.since(conn)
    return {
        "dry_since": began and iso(began),
        "deliver_only": None if config.deliver_only is None else len(config.deliver_only),
        "handed_today": {
            journey: {"handed": handed, "ceiling": config.ceilings.of_journey(journey)}
            for journey, handed in daily_limits.of_day(conn, day).items()
        },
        "one_off": [
            {"name": each.name, "at": iso(each.at), "whom": each.whom, **one_offs.counts(conn, each.name)}
            for each in one_offs.list_active(conn)
        ],
    }


def top(found: dict[str, Any]) -> list[list[str]]:
    """Lines that nobody may overlook."""
    lines = []
    if found["dry_since"]:
        lines.append(["DRY RUN", f"nothing is handed over since {found['dry_since']}"])
    if found["deliver_only"] is not None:
        lines.append(
            ["DELIVER_ONLY", f"only {counted(found['deliver_only'], 'entry').replace('entrys', 'entries')} of config.yaml get messages; all others get none"]
        )  # fmt: skip
    return lines


def today(found: dict[str, Any]) -> list[list[str]]:
    """Journeys that have a ceiling, and what they have sent today."""
    return [
        [journey, f"{each['handed']:,} of {each['ceiling']:,}", _near(each["handed"], each["ceiling"])]
        for journey, each in found["handed_today"].items()
        if each["ceiling"] is not None
    ]


def sends(found: dict[str, Any]) -> list[list[str]]:
    """One-off sends that are under way."""
    return [
        [each["name"], f"since {each['at']} by {each['whom']}", f"{each['inside']:,} inside, {each['handed']:,} handed over"]
        for each in found["one_off"]
    ]  # fmt: skip


def _near(handed: int, ceiling: int) -> str:
    return "the ceiling is reached" if handed >= ceiling else ""
