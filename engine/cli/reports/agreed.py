"""The ledger of consent of one customer: what was agreed to or taken back, when, where and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from engine.store.customers import consents
from engine.store.customers.consents import Agreement
from engine.values import Instant, iso


def ledger(conn: Connection, customer: str) -> list[Agreement]:
    """Every line in the order of time; lines of one moment as they were written."""
    return sorted(consents.of_customer(conn, customer), key=lambda each: each.at)


def data(each: Agreement) -> dict[str, Any]:
    """A line as plain data; `at` as ISO 8601 in UTC."""
    return {"at": iso(each.at), **_said(each)}


def entries(lines: list[Agreement]) -> Iterator[tuple[Instant, dict[str, Any]]]:
    """The lines as entries of the history."""
    for each in lines:
        yield each.at, {"kind": "consent", "text": sentence(each), **_said(each)}


def sentence(each: Agreement) -> str:
    """`email marketing withdrawn - unsubscribe link: "the words"`."""
    words = f'"{_plain(each.wording)}"' if each.wording else ""
    proof = ": ".join(part for part in (_plain(each.source), words) if part)
    return f"{each.channel} {each.purpose} {each.state}{f' - {proof}' if proof else ''}"


def _said(each: Agreement) -> dict[str, str]:
    return {
        "channel": each.channel,
        "purpose": each.purpose,
        "state": each.state,
        "source": each.source,
        "wording": each.wording,
    }


def _plain(text: str) -> str:
    """In one line, without what would steer a terminal: forms and imports write these words."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
