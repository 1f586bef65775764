"""What was sent and not taken: counted by what was wrong, and the items themselves, so that they can be taken
later. Bounded: a sender that is wrong all day long pushes out nobody else's items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.core.decision.effects import Alert
from engine.store.alerting.alerts import raise_alerts
from engine.store.serialization import dump, load
from engine.store.sql import change, change_many, rows
from engine.values import DAY, Instant

MOST_OF_A_KIND = 2_000
"""Items of one source and one name (an event, customers, products) that are kept: the newest."""

MOST = 20_000
"""Items that are kept in all."""

LARGEST = 262_144
"""Characters of one item; a larger one is counted and not kept."""

MOST_COUNTED = 300
"""Different mistakes of one source on one day; the others are counted together."""

COUNTED_DAYS = 30

_SUDDEN, _FEW = 3.0, 10
"""More than three times the average of the last seven days, and more than ten, is a rise."""


@dataclass(frozen=True, slots=True)
class RefusedField:
    """One thing that was wrong: who said it of what (`name`: an event, `customer`, `product`, `alias`), which
    field, why. `kept`: the item waits to be taken again."""

    source: str
    name: str
    field: str
    why: str
    kept: bool


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """How often it was wrong in the same way."""

    source: str
    name: str
    field: str
    why: str
    kept: bool
    times: int
    last_at: Instant


@dataclass(frozen=True, slots=True)
class KeptItem:
    """One item as it was sent. `way`: how it came in; `body`: its JSON; `id`: what tells it from others of
    its source; `partial`: it was taken without `fields`."""

    source: str
    way: str
    name: str
    customer: str
    id: str
    body: str
    fields: tuple[str, ...]
    why: str
    partial: bool
    at: Instant
    number: int = 0
    tries: int = 0


def note(conn: Connection, refusals: Sequence[RefusedField], kept: Sequence[KeptItem], now: Instant) -> None:
    """Counts what was wrong, keeps the items, and raises an alert where a source is wrong more than usual."""
    if refusals:
        count(conn, refusals, now)
        _tell_rises(conn, {refusal.source for refusal in refusals}, now)
    if kept:
        keep(conn, kept)


def count(conn: Connection, refusals: Sequence[RefusedField], now: Instant) -> None:
    """Counts them under the day of their receipt (UTC)."""
    day = now // DAY
    times: dict[RefusedField, int] = {}
    for refusal in refusals:
        times[refusal] = times.get(refusal, 0) + 1
    sources = {refusal.source for refusal in times}
    known = {source: _counted(conn, source, day) for source in sources}
    lines: dict[tuple[str, str, str, str], tuple[bool, int]] = {}
    for refusal, number in times.items():
        key = (refusal.name, refusal.field, refusal.why)
        if key not in known[refusal.source] and len(known[refusal.source]) >= MOST_COUNTED:
            key = ("(others)", "", "too many different mistakes to tell them apart")
        known[refusal.source].add(key)
        before = lines.get((refusal.source, *key), (False, 0))
        lines[(refusal.source, *key)] = (before[0] or refusal.kept, before[1] + number)
    change_many(
        conn,
        "INSERT INTO refusal (day, source, name, field, why, kept, times, last_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (day, source, name, field, why) DO UPDATE SET times = refusal.times + excluded.times,"
        " kept = excluded.kept, last_at = excluded.last_at",
        [(day, *key, kept, number, now) for key, (kept, number) in sorted(lines.items())],
    )


def counts(conn: Connection, since: Instant) -> list[RefusalCount]:
    """Since the day of a moment, the most frequent first."""
    sql = (
        "SELECT source, name, field, why, max(CASE WHEN kept THEN 1 ELSE 0 END), sum(times), max(last_at)"
        " FROM refusal WHERE day >= ? GROUP BY source, name, field, why ORDER BY 6 DESC, 1, 2, 3, 4"
    )
    return [
        RefusalCount(source, name, field, why, bool(kept), int(times), Instant(last_at))
        for source, name, field, why, kept, times, last_at in rows(conn, sql, (since // DAY,))
    ]


def keep(conn: Connection, items: Sequence[KeptItem]) -> None:
    """Keeps them; one that came before under the same id takes the place of what it was."""
    change_many(
        conn,
        "INSERT INTO refused_item"
        " (source, way, name, customer, id, body, fields, why, partial, received_at, tries)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
        " ON CONFLICT (source, id) DO UPDATE SET body = excluded.body, fields = excluded.fields,"
        " why = excluded.why, way = excluded.way, name = excluded.name, customer = excluded.customer,"
        " partial = excluded.partial",
        [
            (item.source, item.way, item.name, item.customer, item.id, item.body, dump(list(item.fields)),
             item.why, item.partial, item.at)
            for item in items
        ],
    )  # fmt: skip
    for source, name in sorted({(item.source, item.name) for item in items}):
        change(
            conn,
            "DELETE FROM refused_item WHERE number IN (SELECT number FROM refused_item"
            " WHERE source = ? AND name = ? ORDER BY number DESC LIMIT ? OFFSET ?)",
            (source, name, MOST, MOST_OF_A_KIND),
        )
    _make_room(conn)


def list_kept(
    conn: Connection, *, name: str = "", reason: str = "", after: int = 0, limit: int = 1_000
) -> list[KeptItem]:
    """The items in the order of their receipt, of one event or with a word in their reason (or the name of a
    field); `after`: the number of the last one that was seen."""
    sql = (
        "SELECT source, way, name, customer, id, body, fields, why, partial, received_at, number,"
        " tries FROM refused_item WHERE number > ? AND (? = '' OR name = ?)"
        " AND (? = '' OR lower(why || ' ' || fields) LIKE ? ESCAPE '\\')"
        " ORDER BY number LIMIT ?"
    )
    word = reason.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found = rows(conn, sql, (after, name, name, reason, f"%{word}%", limit))
    return [
        KeptItem(
            source, way, name, customer, id_, body, tuple(load(fields)), why, bool(partial),
            Instant(received_at), number, tries,
        )
        for source, way, name, customer, id_, body, fields, why, partial, received_at, number, tries in found
    ]  # fmt: skip


def how_many(conn: Connection, *, name: str = "", reason: str = "") -> int:
    """How many items are kept, asked as `list_kept` is."""
    if not name and not reason:
        return int(rows(conn, "SELECT count(*) FROM refused_item")[0][0])
    return len(list_kept(conn, name=name, reason=reason, limit=MOST))


def remove(conn: Connection, numbers: Collection[int]) -> None:
    """Takes out what was taken after all, or what nobody wants."""
    change_many(conn, "DELETE FROM refused_item WHERE number = ?", [(number,) for number in numbers])


def failed_again(conn: Connection, why: Mapping[int, tuple[tuple[str, ...], str]]) -> None:
    """Items that are still wrong: their fields and the reason of the last try, by number."""
    change_many(
        conn,
        "UPDATE refused_item SET tries = tries + 1, fields = ?, why = ? WHERE number = ?",
        [(dump(list(fields)), words, number) for number, (fields, words) in sorted(why.items())],
    )


def forget(conn: Connection, now: Instant) -> None:
    """Drops counts that no alert asks for any more. Items stay until they are taken or pushed out."""
    change(conn, "DELETE FROM refusal WHERE day < ?", (now // DAY - COUNTED_DAYS,))


def _counted(conn: Connection, source: str, day: int) -> set[tuple[str, str, str]]:
    sql = "SELECT name, field, why FROM refusal WHERE day = ? AND source = ?"
    return {(name, field, why) for name, field, why in rows(conn, sql, (day, source))}


def _make_room(conn: Connection) -> None:
    """The oldest of the largest kind go: who sends little is pushed out by nobody."""
    over = int(rows(conn, "SELECT count(*) FROM refused_item")[0][0]) - MOST
    while over > 0:
        source, name, number = rows(
            conn,
            "SELECT source, name, count(*) FROM refused_item GROUP BY source, name"
            " ORDER BY 3 DESC, 1, 2 LIMIT 1",
        )[0]
        going = min(over, max(1, int(number) // 2))
        change(
            conn,
            "DELETE FROM refused_item WHERE number IN (SELECT number FROM refused_item"
            " WHERE source = ? AND name = ? ORDER BY number LIMIT ?)",
            (source, name, going),
        )
        over -= going


def _tell_rises(conn: Connection, sources: Collection[str], now: Instant) -> None:
    day = now // DAY
    alerts = []
    for source in sorted(sources):
        today, before = rows(
            conn,
            "SELECT coalesce(sum(CASE WHEN day = ? THEN times END), 0),"
            " coalesce(sum(CASE WHEN day < ? THEN times END), 0)"
            " FROM refusal WHERE source = ? AND day >= ?",
            (day, day, source, day - 7),
        )[0]
        if today > _FEW and today > _SUDDEN * int(before) / 7:
            why = (
                f'more of what "{source}" sends is wrong than in the days before;'
                " the command  refused  shows what, and why"
            )
            alerts.append(Alert("", "", why))
    raise_alerts(conn, alerts, now)
