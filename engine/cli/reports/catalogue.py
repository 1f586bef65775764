"""What `catalogue`, `status` and `doctor` say of the catalogue and its feed."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import Connection

from engine.cli.reports.times import length
from engine.config import CatalogueConfig, Config
from engine.store.feeds import feed_state, membership
from engine.store.products import catalogue as products
from engine.values import Instant, iso


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """Moments as ISO 8601 in UTC, "" where it never happened. `feed`: the host of the address, whose path may
    hold a key; "" where config.yaml names none. `in_feed`: products of the last feed that are right; `gone`:
    those that are in the feed no more, of all time."""

    products: int
    feed: str
    every: str
    taken_at: str
    age: str
    age_seconds: int | None
    kind: str
    items: int
    in_feed: int
    faulty: int
    changed: int
    missing: int
    gone: int
    refused_at: str
    refused: str
    failing_since: str
    failed: str
    faults: tuple[str, ...]


def look(conn: Connection, config: Config, now: Instant) -> CatalogueReport:
    """As it stands now."""
    state, wanted = feed_state.load(conn), config.catalogue
    return CatalogueReport(
        products=products.count(conn),
        feed=_host(wanted) if wanted is not None else "",
        every=length(wanted.every) if wanted is not None else "",
        taken_at=_iso(state.applied_at),
        age=length(now - state.applied_at) if state.applied_at else "",
        age_seconds=(now - state.applied_at) // 1000 if state.applied_at else None,
        kind=state.kind,
        items=state.items,
        in_feed=state.products,
        faulty=state.faulty,
        changed=state.changed,
        missing=state.missing,
        gone=membership.count(conn)[1],
        refused_at=_iso(state.refused_at) if state.refused else "",
        refused=state.refused,
        failing_since=_iso(state.failing_since),
        failed=state.failed,
        faults=state.faults,
    )


def is_told(report: CatalogueReport) -> bool:
    """Whether there is anything to say."""
    return bool(report.products or report.feed)


def line(report: CatalogueReport) -> str:
    """In one line."""
    words = f"{report.products:,} products"
    if report.feed or report.taken_at:
        words += f", the feed was taken {report.age} ago" if report.taken_at else ", no feed was taken yet"
    if report.faulty:
        words += f", {report.faulty:,} of its items refused"
    if report.refused:
        words += f"; the one of {report.refused_at} was not: {report.refused}"
    return words + (
        f"; it cannot be fetched since {report.failing_since}: {report.failed}" if report.failed else ""
    )


def _host(wanted: CatalogueConfig) -> str:
    return wanted.secret_feed.reference if wanted.secret_feed is not None else urlsplit(wanted.feed).netloc


def _iso(moment: Instant) -> str:
    return iso(moment) if moment else ""
