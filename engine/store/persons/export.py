"""Everything that is kept of one customer, as a document that people can read (GDPR Art. 15 and 20)."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection

from engine.core.enrollment import Enrollment
from engine.core.facts.customer import Reach
from engine.store.amounts import amount_of
from engine.store.customers import enrollments, events, suppressions
from engine.store.customers.customer_codec import load_attributes, load_event_counters, load_reach
from engine.store.journeys import traces
from engine.store.meta import bucket_of
from engine.store.persons import aliases
from engine.store.persons.personal_data import PERSON_TABLES, PersonTable
from engine.store.serialization import dump, load
from engine.store.sql import ids, rows
from engine.values import Instant, iso

SECTIONS = {
    "inbox": "not_applied_yet", "stuck": "set_aside", "watch": "products_watched", "consent": "consents",
    "reaction": "reactions", "webhook_call": "calls", "report": "reports_of_providers",
    "outbox": "messages", "membership": "segments_entered_and_left",
    "shown_product": "products_recommended", "code": "codes",
    "code_request": "codes_waited_for", "code_use": "codes_shown", "credit": "orders_by_message",
    "points_entry": "points",
    "order_return": "orders_taken_back",
}  # fmt: skip
"""What the rows of a table are called for people."""

_JSON = frozenset({"body"})


def export(conn: Connection, name: str, now: Instant) -> dict[str, Any] | None:
    """What is known of a customer, by any of their ids; plain JSON values, moments as ISO 8601 in UTC. None:
    nothing is."""
    customer = aliases.resolve(conn, [name]).get(name, name)
    bucket = bucket_of(conn, customer)
    profile = _profile(conn, bucket, customer)
    others = [alias for (alias,) in rows(conn, _OTHERS, (customer,))]
    sections = {
        SECTIONS[table.name]: found
        for table in PERSON_TABLES
        if table.columns and (found := _rows(conn, table, bucket, customer))
    }
    past = events.of_customer(conn, bucket, customer)
    happened = [
        {"event": event.name, "at": iso(event.occurred_at), "received_at": iso(event.received_at),
         "id": event.id, "properties": _plain(event.fields)}
        for event in past if not event.name.startswith("$")
    ]  # fmt: skip
    changes = [
        {"at": iso(event.occurred_at), "changes": json.loads(str(event.fields["document"]))}
        for event in past
        if event.name.startswith("$")
    ]
    if profile is None and not past and not sections:
        return None
    return {
        "customer": customer,
        "other_ids": others,
        "exported_at": iso(now),
        **(profile or {}),
        "events": happened,
        "profile_changes": changes,
        "journeys": [_run(run) for run in enrollments.of_customer(conn, bucket, customer)],
        **sections,
        "decisions": [
            {"at": iso(Instant(line.at)), "what": line.kind, "journey": line.journey, "step": line.step,
             "about": line.subject, "detail": line.detail,
             "because": {name: _plain(value) for name, value in line.read}}
            for line in (record.line for record in traces.of_customer(conn, customer))
        ],
    }  # fmt: skip


_OTHERS = "SELECT alias FROM alias WHERE customer = ? ORDER BY alias"


def _profile(conn: Connection, bucket: int, customer: str) -> dict[str, Any] | None:
    sql = (
        "SELECT created_at, zone, zone_why, CAST(attributes AS TEXT), CAST(seen AS TEXT),"
        " CAST(segments AS TEXT), CAST(reach AS TEXT), CAST(marks AS TEXT)"
        " FROM customer WHERE bucket = ? AND id = ?"
    )
    found = rows(conn, sql, (bucket, customer))
    if not found:
        return None
    created, zone, why, attributes, seen, segments, reach, marks = found[0]
    return {
        "known_since": iso(Instant(created)),
        "time_zone": {"name": zone, "from": why},
        "attributes_and_facts": _plain(dict(sorted(load_attributes(attributes).items()))),
        "channels": {
            channel: _channel(conn, channel, known) for channel, known in sorted(load_reach(reach).items())
        },
        "segments": {name: iso(Instant(at)) for name, at in sorted(load(segments).items())},
        "events_counted": {
            name: {"times": each.times, "first_at": iso(each.first_at), "last_at": iso(each.last_at)}
            for name, each in sorted(load_event_counters(seen).items())
        },
        "habits_and_marks": _plain(load(marks)),
    }


def _channel(conn: Connection, channel: str, known: Reach) -> dict[str, Any]:
    lines = [line for line in (known.address or "").split("\n") if line]
    return {
        "addresses": lines,
        "consents": dict(known.consents),
        "bounced": known.bounced,
        "suppressed": known.suppressed,
        "closed": {line: closed for line in lines if (closed := suppressions.active(conn, channel, line))},
    }


def _run(run: Enrollment) -> dict[str, Any]:
    return {
        "journey": run.journey,
        "key": run.key,
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at) if run.ended_at is not None else None,
        "outcome": run.outcome,
        "goal_at": iso(run.goal_at) if run.goal_at is not None else None,
        "holdout": run.holdout,
        "paths": dict(run.paths),
        "started_by": _plain(run.trigger),
    }


def _rows(conn: Connection, table: PersonTable, bucket: int, customer: str) -> list[dict[str, Any]]:
    listed = ", ".join(f'"{column}"' for column in table.columns)
    sql = f"SELECT {listed} FROM {table.name} WHERE {table.whose} ORDER BY {table.order}"  # noqa: S608
    return [
        {
            column: _cell(column, value)
            for column, value in zip(table.columns, row, strict=True)
            if value not in (None, "")
        }
        for row in rows(conn, sql, table.parameters(bucket, ids([customer])))
    ]


def _cell(column: str, value: Any) -> Any:
    if column in ("amount", "taken"):
        return str(amount_of(value))
    if column == "at" or column.endswith("_at") or column == "since":
        return iso(Instant(value)) if value else None
    if column in _JSON and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _plain(value: Any) -> Any:
    """Values of the engine as JSON has them: money with its currency, dates as text."""
    return json.loads(dump(value))
