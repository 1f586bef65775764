"""What people say themselves about being written to: they leave, they agree, they confirm. Kept as proof, decided on from
the next hand-over on, and remembered by address, so that no import writes to somebody who left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.channel_kinds import normalised
from engine.channels.render import OPENS
from engine.core.facts.customer import Consent, Reach
from engine.core.happening import ProfileChanged
from engine.runtime.feedback.suppression_rules import STOPPED
from engine.store import aliases
from engine.store.customers import consents, suppressions
from engine.store.inbox.inbox import append_one
from engine.store.messages import records
from engine.store.messages.reports import reach_of
from engine.store.meta import bucket_of
from engine.store.sql import rows
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class ConsentProof:
    """When and where somebody said something, and the words that they had before their eyes."""

    at: Instant
    where: str
    wording: str


def withdraw(
    conn: Connection, customer: str, pairs: Iterable[tuple[str, str]], said: ConsentProof, key: str = ""
) -> None:
    """No more of these (channel, purpose): no message that is handed over after this transaction is of them.

    The address is closed as well, the present one and the one that the message `key` went to. Saying it again changes
    nothing and adds no line.
    """
    customer = _own_id(conn, customer)
    reach, is_known = reach_of(conn, customer), _is_customer(conn, customer)
    for channel, purpose in pairs:
        addresses = _addresses(conn, reach, channel, key)
        closed = [_close(conn, channel, address, purpose, said.at) for address in addresses]
        if not is_known or (_is_said(conn, customer, channel, purpose, "withdrawn") and not any(closed)):
            continue  # whoever was erased does not come back by leaving
        shut = {} if purpose == OPENS else {channel: purpose}
        append_one(
            conn,
            customer,
            ProfileChanged(0, said.at, {}, {}, {(channel, purpose): "withdrawn"}, shut),
            said.at,
        )
        _note(conn, customer, channel, purpose, "withdrawn", said)


def agree(conn: Connection, customer: str, pairs: Iterable[tuple[str, str]], said: ConsentProof) -> list[str]:
    """These (channel, purpose) again, by their own word: consent is given, and what they had closed is open. The channels
    that stay closed all the same: a complaint, a dead address, an operator's word."""
    customer = _own_id(conn, customer)
    reach = reach_of(conn, customer)
    still = []
    for channel, purpose in pairs:
        append_one(conn, customer, ProfileChanged(0, said.at, {}, {}, {(channel, purpose): "given"}), said.at)
        _note(conn, customer, channel, purpose, "given", said)
        if not reopen(conn, customer, channel, purpose, said.at) or reach.get(channel, Reach()).bounced:
            still.append(channel)
    return still


def reopen(conn: Connection, customer: str, channel: str, purpose: str, now: Instant) -> bool:
    """Takes back what closed the addresses of a customer for a purpose because they had left. False: something else
    closes one of them."""
    reach = reach_of(conn, customer)
    others: dict[str, str] = {}
    for address in _addresses(conn, reach, channel, ""):
        for each in (purpose, suppressions.ANY_PURPOSE):  # what other purposes had is withdrawn all the same
            suppressions.lift_purpose(conn, channel, address, each, STOPPED)
        others |= suppressions.active(conn, channel, address)
    left = sorted(each for each, why in others.items() if why.startswith(STOPPED))
    for shut in [None, *left]:
        append_one(conn, customer, ProfileChanged(0, now, suppressed={channel: shut}), now)
    return not others.keys() & {purpose, "all", suppressions.ANY_PURPOSE}


def is_meant(conn: Connection, customer: str, channel: str, key: str) -> bool:
    """Whether the message `key` went to an address that the customer still has: only its owner can have confirmed it."""
    message = records.find(conn, key) if key else None
    known = _addresses(conn, reach_of(conn, customer), channel, "")
    sent = (message.address or "").split("\n") if message is not None else []
    return any(normalised(channel, each) in known for each in sent if each)


def note_asked(conn: Connection, customer: str, channel: str, purpose: str, said: ConsentProof) -> None:
    """Somebody asked to be on a list and has to confirm it; what was given before stays given."""
    append_one(conn, customer, ProfileChanged(0, said.at, {}, {}, {(channel, purpose): "asked"}), said.at)
    _note(conn, customer, channel, purpose, "asked", said)


def _own_id(conn: Connection, customer: str) -> str:
    return aliases.resolve(conn, [customer]).get(customer, customer)


def _addresses(conn: Connection, reach: Mapping[str, Reach], channel: str, key: str) -> list[str]:
    known = (reach.get(channel, Reach()).address or "").split("\n")
    message = records.find(conn, key) if key else None
    sent = (message.address or "").split("\n") if message is not None and message.channel == channel else []
    return list(dict.fromkeys(normalised(channel, each) for each in (*known, *sent) if each))


def _close(conn: Connection, channel: str, address: str, purpose: str, now: Instant) -> bool:
    return purpose != OPENS and suppressions.suppress(conn, channel, address, purpose, now, STOPPED)


def _is_customer(conn: Connection, customer: str) -> bool:
    sql = "SELECT 1 FROM {table} WHERE bucket = ? AND {column} = ? LIMIT 1"
    found = (bucket_of(conn, customer), customer)
    return any(
        rows(conn, sql.replace("{table}", table).replace("{column}", column), found)
        for table, column in (("customer", "id"), ("inbox", "customer"))
    )


def _is_said(conn: Connection, customer: str, channel: str, purpose: str, state: Consent) -> bool:
    """Is it the last thing they said? The ledger knows before the decisions do."""
    said = [
        each
        for each in consents.of_customer(conn, customer)
        if (each.channel, each.purpose) == (channel, purpose)
    ]
    return (
        bool(said)
        and said[-1].state == state
        and consents.current(conn, customer).get((channel, purpose)) == state
    )


def _note(
    conn: Connection, customer: str, channel: str, purpose: str, state: Consent, said: ConsentProof
) -> None:
    line = consents.Agreement(customer, channel, purpose, state, said.at, said.where, said.wording)
    consents.record(conn, [line])
