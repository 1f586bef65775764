"""What guards the first weeks at this moment: a dry run, the list of who gets messages, ceilings that are
near, one-off sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.cli.output import counted
from engine.config import Config
from engine.store.journeys import one_offs
from engine.store.messages import daily_limits, dry_run
from engine.values import Instant, iso, local_date, zone


@dataclass(frozen=True, slots=True)
class HandedToday:
    """What one journey has sent on this day."""

    handed: int
    ceiling: int | None


@dataclass(frozen=True, slots=True)
class OneOffProgress:
    """A one-off send that is under way."""

    name: str
    at: str
    whom: str
    inside: int
    handed: int


@dataclass(frozen=True, slots=True)
class GuardsReport:
    """Moments as ISO 8601 in UTC."""

    dry_since: str | None
    deliver_only: int | None  # entries of the list; None: there is no list
    handed_today: Mapping[str, HandedToday]
    one_off: tuple[OneOffProgress, ...]


def look(conn: Connection, config: Config, now: Instant) -> GuardsReport:
    """As the store has it now; the day is that of the project's calendar."""
    day = local_date(now, zone(config.timezone)).isoformat()
    began = dry_run.since(conn)
    return GuardsReport(
        dry_since=iso(began) if began else None,
        deliver_only=None if config.deliver_only is None else len(config.deliver_only),
        handed_today={
            journey: HandedToday(handed, config.ceilings.of_journey(journey))
            for journey, handed in daily_limits.of_day(conn, day).items()
        },
        one_off=tuple(
            OneOffProgress(send.name, iso(send.at), send.whom, **one_offs.counts(conn, send.name))
            for send in one_offs.list_active(conn)
        ),
    )


def top(guards: GuardsReport) -> list[list[str]]:
    """Lines that nobody may overlook."""
    lines = []
    if guards.dry_since:
        lines.append(["DRY RUN", f"nothing is handed over since {guards.dry_since}"])
    if guards.deliver_only is not None:
        entries = counted(guards.deliver_only, "entry").replace("entrys", "entries")
        lines.append(["DELIVER_ONLY", f"only {entries} of config.yaml get messages; all others get none"])
    return lines


def today(guards: GuardsReport) -> list[list[str]]:
    """Journeys that have a ceiling, and what they have sent today."""
    return [
        [
            journey,
            f"{sent.handed:,} of {sent.ceiling:,}",
            "the ceiling is reached" if sent.handed >= sent.ceiling else "",
        ]
        for journey, sent in guards.handed_today.items()
        if sent.ceiling is not None
    ]


def sends(guards: GuardsReport) -> list[list[str]]:
    """One-off sends that are under way."""
    return [
        [send.name, f"since {send.at} by {send.whom}", f"{send.inside:,} inside, {send.handed:,} handed over"]
        for send in guards.one_off
    ]
