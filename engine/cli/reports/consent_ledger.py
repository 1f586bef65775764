"""The ledger of consent of one customer: what was agreed to or taken back, when, where and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from engine.store.customers import consents, enrollments
from engine.store.customers.consents import Agreement
from engine.store.meta import bucket_of

_STEP = "journey step "


def ledger(conn: Connection, customer: str) -> list[Agreement]:
    """Every line in the order of time; lines of one moment as they were written. Sources in words."""
    lines = sorted(consents.of_customer(conn, customer), key=lambda agreement: agreement.at)
    if not any(line.source.startswith(_STEP) for line in lines):
        return lines
    runs = enrollments.of_customer(conn, bucket_of(conn, customer), customer)
    journeys = {run.id: run.journey for run in runs}
    return [replace(line, source=_in_words(line.source, journeys)) for line in lines]


def _in_words(source: str, journeys: Mapping[str, str]) -> str:
    """`journey step RUN:STEP:ATTRIBUTE`, as the store keeps it, for people."""
    run, _, rest = source.removeprefix(_STEP).partition(":")
    if not source.startswith(_STEP) or run not in journeys:
        return source
    step = rest.partition(":")[0]
    # a step without an id of its own has a number behind #, which tells nobody anything
    return f"the journey {journeys[run]}{f', step {step}' if '#' not in step else ''}"


def sentence(agreement: Agreement) -> str:
    """`email marketing withdrawn - unsubscribe link: "the words"`."""
    words = f'"{_plain(agreement.wording)}"' if agreement.wording else ""
    proof = ": ".join(part for part in (_plain(agreement.source), words) if part)
    return f"{agreement.channel} {agreement.purpose} {agreement.state}{f' - {proof}' if proof else ''}"


def _plain(text: str) -> str:
    """In one line, without what would steer a terminal: forms and imports write these words."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
