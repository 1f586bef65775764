"""What PostgreSQL needs beside the tables: how texts compare, and room and vacuum for tables that are queues.

Applied after every change of the tables, so that new ones are treated as the old ones were.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

QUEUE = {
    # every row is written once and deleted soon: dead ones are cleared by the thousand, not by the share of a
    # table that is empty most of the time
    "autovacuum_vacuum_scale_factor": "0",
    "autovacuum_vacuum_threshold": "5000",
    "autovacuum_vacuum_insert_scale_factor": "0.2",
    "autovacuum_analyze_scale_factor": "0.1",
    "autovacuum_analyze_threshold": "2000",
    "autovacuum_vacuum_cost_delay": "0",
    # giving empty pages at the end back to the system needs the table for itself
    "vacuum_truncate": "off",
}
UPDATED = {
    # room on each page for the next version of its rows, which then needs no new entry in any index
    "fillfactor": "80",
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_vacuum_threshold": "5000",
    "autovacuum_analyze_scale_factor": "0.05",
}
COUNTERS = {
    # few rows that change all the time
    "fillfactor": "50",
    "autovacuum_vacuum_scale_factor": "0",
    "autovacuum_vacuum_threshold": "1000",
}
SETTINGS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("inbox", "due", "admission_member"), QUEUE),
    **dict.fromkeys(("customer", "enrollment", "outbox", "webhook_call", "watch"), UPDATED),
    **dict.fromkeys(("meta", "volume", "sweep", "stuck", "allowance", "fact_definition"), COUNTERS),
}
"""Table -> its storage parameters. Tables that only grow keep the usual ones."""


def finish(conn: Connection) -> None:
    """Brings what is not in the tables themselves up to date."""
    _compare_texts_by_bytes(conn)
    there = {
        name
        for (name,) in conn.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        )
    }
    for table, settings in SETTINGS.items():
        if table in there:
            values = ", ".join(f"{name} = {value}" for name, value in settings.items())
            conn.execute(text(f"ALTER TABLE {table} SET ({values})"))


def _compare_texts_by_bytes(conn: Connection) -> None:
    """Texts compare as in Python and SQLite, and quicker than by the rules of a language; and an upgrade of
    the system's libraries, which may change such rules, breaks no index."""
    found = conn.execute(
        text(
            "SELECT table_name, column_name, udt_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND udt_name IN ('varchar', 'text')"
            " AND collation_name IS NULL"
        )
    ).all()
    columns: dict[str, list[str]] = {}
    for table, column, kind in found:
        if table in SQLModel.metadata.tables:
            columns.setdefault(table, []).append(f'ALTER COLUMN "{column}" TYPE {kind} COLLATE "C"')
    for table, changes in sorted(columns.items()):
        conn.execute(text(f"ALTER TABLE {table} {', '.join(changes)}"))
