"""The ledger of consent of one customer: what was agreed to or taken back, when, where and in which words."""

from __future__ import annotations

from sqlalchemy import Connection

from engine.store.customers import consents
from engine.store.customers.consents import Agreement


def ledger(conn: Connection, customer: str) -> list[Agreement]:
    """Every line in the order of time; lines of one moment as they were written."""
    return sorted(consents.of_customer(conn, customer), key=lambda agreement: agreement.at)


def sentence(agreement: Agreement) -> str:
    """`email marketing withdrawn - unsubscribe link: "the words"`."""
    words = f'"{_plain(agreement.wording)}"' if agreement.wording else ""
    proof = ": ".join(part for part in (_plain(agreement.source), words) if part)
    return f"{agreement.channel} {agreement.purpose} {agreement.state}{f' - {proof}' if proof else ''}"


def _plain(text: str) -> str:
    """In one line, without what would steer a terminal: forms and imports write these words."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
