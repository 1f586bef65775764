"""Somebody asks to be on a list: once a day for each mailbox, so many an hour for each network and
altogether, and then one event, whose journey asks the owner of the mailbox whether it was them
(design/threats T15)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.config import Signup, SignupList
from engine.core.decision.effects import Alert
from engine.runtime.feedback.consent import ConsentProof, note_asked
from engine.runtime.intake.contact import contact
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import CustomerItem, EventItem, Item
from engine.runtime.intake.mailbox_aliases import mailbox_of
from engine.store import allowances
from engine.store.alerting import alerts
from engine.store.allowances import Allowance
from engine.store.customers import address_index
from engine.store.meta import address_hash, secret
from engine.values import DAY, HOUR, Instant

BEYOND = 2_000
"""Sign-ups in an hour beyond `in_all`, each the first one of its network, before the forms are shut: every
one is a letter to somebody who may not have asked for it."""


@dataclass(frozen=True, slots=True)
class SignUpRequest:
    """What somebody filled in, checked for its form. `address`: as it is kept; `language` "" where nobody
    knows."""

    listed: SignupList
    address: str
    network: str
    language: str
    where: str


def address_of(text: str) -> str | None:
    """The e-mail address that somebody typed, in the form that is kept; None for what is none."""
    try:
        return contact("email", text, None) if len(text) <= 320 else None
    except ValueError:
        return None


def network_of(host: str) -> str:
    """The network of a caller: a /24, with IPv6 a /48; one and the same for all whom nobody can place."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        # whoever has IPv6 has a whole network of addresses
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 48), strict=False))
        address = address.ipv4_mapped
    return str(ipaddress.ip_network((address, 24), strict=False))


def is_allowed(conn: Connection, wish: SignUpRequest, rules: Signup, now: Instant) -> bool:
    """A look without a write: most of a flood ends here. When all together have used up what they have, only
    the first one in an hour of each network is taken, so that many networks do not close the form for
    everybody."""
    if not allowances.is_left(conn, _allowances(wish, rules), now):
        return False
    first_of_network = Allowance("network", wish.network, 1, HOUR)
    return not is_crowded(conn, rules, now) or allowances.is_left(conn, [first_of_network], now)


def is_crowded(conn: Connection, rules: Signup, now: Instant) -> bool:
    """More than `in_all` have signed up within the hour."""
    return not allowances.is_left(conn, [Allowance("signups", "all", rules.in_all, HOUR)], now)


def find_customer(conn: Connection, address: str) -> str | None:
    """Who has this address already; the first by id where several have."""
    people = address_index.holders(conn, "email", address)
    return people[0][0] if people else None


def sign_up(
    conn: Connection, wish: SignUpRequest, known: str | None, rules: Signup, intake: Intake, now: Instant
) -> bool:
    """Takes the wish, in a transaction of the writer. `known`: the customer who has the address. False: too
    many were."""
    # asked again inside the transaction: others may have signed up since the look
    if not is_allowed(conn, wish, rules, now):
        return False
    allowances.use(conn, _allowances(wish, rules), now)
    if is_crowded(conn, rules, now):
        # an alert, once a day: either the shop is in the news, or somebody uses its form against others
        is_shut = not allowances.is_left(
            conn, [Allowance("signups", "all", rules.in_all + BEYOND, HOUR)], now
        )
        what = "nobody can sign up for now" if is_shut else "only the first one of each network is taken now"
        why = f"more than {rules.in_all} sign-ups in an hour (signup: in_all): {what}"
        alerts.raise_alerts(conn, [Alert(f"sign-up {wish.listed.name}", "", why)], now)
    # by the mailbox and the secret of the store: who signs up twice is one customer, and nobody can guess
    # the id
    customer = known or f"signup-{address_hash(secret(conn), 'signup', mailbox_of(wish.address))[:26]}"
    listed = wish.listed
    items: list[Item] = []
    if known is None:
        traits = {"email": wish.address} | ({"language": wish.language} if wish.language else {})
        items.append(CustomerItem(0, customer, None, traits, undeclared=True))
    fields = {
        "source": f"sign-up {listed.name}",
        "list": listed.name,
        "channel": listed.channel,
        "purpose": listed.purpose,
    }
    items.append(EventItem(1, customer, listed.event, None, None, fields, undeclared=True))
    intake.take(conn, intake.prepare(items, "signup", now), now)
    note_asked(conn, customer, listed.channel, listed.purpose, ConsentProof(now, wish.where, listed.text))
    return True


def _allowances(wish: SignUpRequest, rules: Signup) -> tuple[Allowance, ...]:
    return (
        Allowance("mailbox", mailbox_of(wish.address), 1, DAY),
        Allowance("network", wish.network, rules.per_network, HOUR),
        Allowance("signups", "all", rules.in_all + BEYOND, HOUR),
    )
