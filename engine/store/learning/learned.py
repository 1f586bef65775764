"""What everybody's reactions say, asked of the database in one query for each kind of question, and kept as
documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa

from engine.core.facts.learned import HOURS, Interval, Learned, ReactionRate
from engine.core.facts.rule import TypicalGaps
from engine.store.serialization import dump, load
from engine.store.sql import change_many, rows
from engine.values import DAY, MINUTE, Instant, wall_clock, zone

LOOKED_AT = 90 * DAY
"""Only what was handed over in so long a time counts: people change."""

WINDOW = 7 * DAY
"""A reaction that comes later than this after the hand-over has other reasons."""

SETTLED = 3 * DAY
"""Messages younger than this are left out of the intervals: their slow reactions are still to come, and an
interval is never longer."""

_HALF_HOUR = 30 * MINUTE
"""No zone lies apart from UTC by another fraction of an hour, but for a few quarters."""

_KINDS = {"clicked": ("clicked",), "opened": ("clicked", "opened", "replied")}
"""A click counts as an opening, and so does a reply."""

_RANKED = (
    " SELECT template, channel, seen, took FROM (SELECT template, channel, took,"
    " row_number() OVER (PARTITION BY template, channel ORDER BY took) AS place,"
    " count(*) OVER (PARTITION BY template, channel) AS seen FROM took) ranked"
    " WHERE place = (seen * 9 + 9) / 10 ORDER BY template, channel"
)
_BY_REACTION = sa.text(
    "WITH took AS (SELECT o.template, o.channel, min(r.at) - o.handed_at AS took"  # noqa: S608 - texts of this module
    " FROM reaction r JOIN outbox o ON o.bucket = r.bucket AND o.send_key = r.send_key"
    " WHERE r.who = 'human' AND r.kind IN :kinds AND o.template IN :templates"
    " AND o.handed_at BETWEEN :since AND :until AND r.at BETWEEN o.handed_at AND o.handed_at + :window"
    " GROUP BY o.bucket, o.send_key, o.template, o.channel, o.handed_at)" + _RANKED
).bindparams(sa.bindparam("kinds", expanding=True), sa.bindparam("templates", expanding=True))
_BY_EVENT = sa.text(
    "WITH took AS (SELECT o.template, o.channel, min(e.occurred_at) - o.handed_at AS took"  # noqa: S608 - as above
    " FROM outbox o JOIN event e ON e.bucket = o.bucket AND e.customer = o.customer AND e.name = :event"
    " AND e.occurred_at > o.handed_at AND e.occurred_at <= o.handed_at + :window"
    " WHERE o.template IN :templates AND o.handed_at BETWEEN :since AND :until AND o.state IN :states"
    " GROUP BY o.bucket, o.send_key, o.template, o.channel, o.handed_at)" + _RANKED
).bindparams(sa.bindparam("templates", expanding=True), sa.bindparam("states", expanding=True))
_RATES = sa.text(
    "SELECT o.template, o.channel, count(*), count(r.send_key) FROM outbox o LEFT JOIN (SELECT DISTINCT "
    "bucket, send_key"
    " FROM reaction WHERE who = 'human' AND kind IN ('clicked', 'replied') AND at >= :since) r"
    " ON r.bucket = o.bucket AND r.send_key = o.send_key"
    " WHERE o.handed_at >= :since AND o.state IN :states GROUP BY o.template, o.channel ORDER BY "
    "o.template, o.channel"
).bindparams(sa.bindparam("states", expanding=True))
_HOURS = sa.text(
    "SELECT c.zone, r.slot, count(*) FROM (SELECT bucket, customer, send_key, min(at) / "  # noqa: S608 - as above
    f"{_HALF_HOUR} AS slot FROM reaction WHERE who = 'human' AND at >= :since GROUP BY bucket, customer, "
    f"send_key) r"
    " JOIN customer c ON c.bucket = r.bucket AND c.id = r.customer GROUP BY c.zone, r.slot"
)
_GAPS = "gaps of "
"""In front of the name of a fact: the document of its gaps."""

FORECAST = "forecast of "
"""In front of the name of a fact: the document of its forecast, which no decision reads."""

REPORT = "report:"
"""Before the name of a report that is made at night."""

_IS_DECIDED_BY = f"name NOT LIKE '{FORECAST}%' AND name NOT LIKE '{REPORT}%'"

_ARRIVED = ("accepted", "delivered", "complained", "treated_as_sent")


def intervals(
    conn: sa.Connection, until: str, templates: Collection[str], now: Instant
) -> Iterator[tuple[tuple[str, str, str], Interval]]:
    """How long it took until 90 % of the reactions that came had come, for every channel of these templates.
    `until`: `clicked`, `opened` (by people; scanners and mail proxies do not count) or the name of an
    event."""
    known = {
        "templates": sorted(templates), "since": now - LOOKED_AT, "until": now - SETTLED, "window": WINDOW,
    }  # fmt: skip
    if until in _KINDS:
        found = conn.execute(_BY_REACTION, {**known, "kinds": _KINDS[until]})
    else:
        found = conn.execute(_BY_EVENT, {**known, "event": until, "states": _ARRIVED})
    for template, channel, seen, took in found:
        yield (template, channel, until), Interval(max(1, -(-int(took) // MINUTE)), int(seen))


def rates(conn: sa.Connection, now: Instant) -> dict[tuple[str, str], ReactionRate]:
    """(template, channel) -> how many arrived, and to how many of them somebody reacted by a click or a
    reply."""
    found = conn.execute(_RATES, {"since": now - LOOKED_AT, "states": _ARRIVED})
    return {(template, channel): ReactionRate(sent, reacted) for template, channel, sent, reacted in found}


def hours(conn: sa.Connection, now: Instant) -> tuple[int, ...]:
    """The first reactions to messages by hour of the day where the customer lives; 24 numbers."""
    counts = [0] * HOURS
    for name, slot, count in conn.execute(_HOURS, {"since": now - LOOKED_AT}):
        counts[wall_clock(Instant(int(slot) * _HALF_HOUR), zone(name)).hour] += int(count)
    return tuple(counts)


def put(conn: sa.Connection, known: Learned, now: Instant) -> None:
    """Keeps what was learned in place of what was known before."""
    documents = {
        "intervals": [(*key, each.minutes, each.seen) for key, each in sorted(known.intervals.items())],
        "rates": [(*key, each.sent, each.reacted) for key, each in sorted(known.rates.items())],
        "hours": known.hours,
    }
    put_documents(conn, {name: dump(document) for name, document in documents.items()}, now)


def put_documents(conn: sa.Connection, documents: Mapping[str, str], now: Instant) -> None:
    """Keeps documents by name, each in place of the one before."""
    change_many(
        conn,
        "INSERT INTO learned (name, at, value) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET at = excluded.at, value = excluded.value",
        [(name, now, document) for name, document in documents.items()],
    )


def document(conn: sa.Connection, name: str) -> str | None:
    """A document as it was kept, if it was."""
    found = rows(conn, "SELECT value FROM learned WHERE name = ?", (name,))
    return str(found[0][0]) if found else None


def gaps_at(conn: sa.Connection, name: str) -> Instant | None:
    """When the gaps of a fact were learned last; None: never."""
    found = rows(conn, "SELECT at FROM learned WHERE name = ?", (f"{_GAPS}{name}",))
    return Instant(found[0][0]) if found else None


def put_gaps(conn: sa.Connection, name: str, known: TypicalGaps, now: Instant) -> None:
    """Keeps what is usual between the events of a `next` fact."""
    put_documents(conn, {f"{_GAPS}{name}": dump([known.first, known.one, known.two])}, now)


def stamp(conn: sa.Connection) -> int:
    """Another number whenever something was learned anew; 0: nothing ever was."""
    # The sum: several documents of one moment are kept one after the other.
    return int(rows(conn, f"SELECT sum(at) FROM learned WHERE {_IS_DECIDED_BY}")[0][0] or 0)  # noqa: S608


def known(conn: sa.Connection) -> Learned:
    """What `put` kept."""
    documents = rows(conn, f"SELECT name, at, value FROM learned WHERE {_IS_DECIDED_BY}")  # noqa: S608
    found = {name: (at, load(value)) for name, at, value in documents}
    if not found:
        return Learned()
    return Learned(
        {
            (template, channel, until): Interval(minutes, seen)
            for template, channel, until, minutes, seen in _document(found, "intervals")
        },
        {
            (template, channel): ReactionRate(sent, reacted)
            for template, channel, sent, reacted in _document(found, "rates")
        },
        tuple(_document(found, "hours")),
        Instant(max(at for at, _ in found.values())),
        {
            name.removeprefix(_GAPS): TypicalGaps(*document)
            for name, (_, document) in found.items()
            if name.startswith(_GAPS)
        },
    )


def _document(found: Mapping[str, tuple[int, Any]], name: str) -> Sequence[Any]:
    """One that was never kept has nothing in it."""
    return cast("Sequence[Any]", found[name][1]) if name in found else ()
