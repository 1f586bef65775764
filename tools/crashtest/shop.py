"""The shop of the crash test: a small project, its customers, and which messages each of them has to get.

The expectation is reckoned here from the events alone, without the engine: a journey that decides wrongly is
found out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.values import MINUTE, Instant, iso

EMAIL, GATEWAY = "email", "viber"
CONNECTIONS = 4
"""Of each channel, so that a kill leaves at most twice as many messages unknown."""

CONFIG = """\
shop: {{name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: {store}
http: {{listen: 127.0.0.1:{http}, public_url: http://127.0.0.1:{http}}}
egress: {{allow: [127.0.0.1:{gateway}]}}
channels:
  email: {{via: smtp, host: 127.0.0.1, port: {smtp}, tls: none, from: hello@shop.example, connections: {connections}}}
{viber}policies:
  marketing: {{quiet: none, caps: none}}
  service: {{consent: none, quiet: none, caps: none}}
"""
VIBER = """\
  viber:
    via: http
    url: http://127.0.0.1:{gateway}/messages
    idempotency: {{header: Idempotency-Key, window: 24}}
    body:
      to: "{{{{ message.address }}}}"
      text: "{{{{ message.text }}}}"
    answer: {{id: id}}
"""
ATTRIBUTES = """\
attributes:
  mark: text
  tier: one of [silver, gold]
"""
EVENTS = """\
events:
  signed_up: {}
  cart_updated: {}
  order_placed: {}
  visited: {}
  left: {}
"""
NEWS = """\
journey: news
start: {event: signed_up}
again: never
goal: {event: left}
steps:
  - send: hello
    via: email
"""
CART = """\
journey: cart
start: {event: cart_updated}
again: never
goal: {event: order_placed}
steps:
  - wait: 1 minute
    id: still_shopping
  - if: {tier: gold}
    then:
      - send: gold
        via: email
    else:
      - send: silver
        via: email
"""
ORDER = """\
journey: order
start: {event: order_placed}
again: never
goal: {event: left}
policy: service
steps:
  - send: receipt
    via: email
"""
VISIT = """\
journey: visit
start: {event: visited}
again: never
goal: {event: left}
policy: service
steps:
  - send: note
    via: viber
"""
MAIL = """\
---
subject: {name} for {{{{ customer.mark }}}}
---
<p>This is {name} for {{{{ customer.mark }}}}. {{{{ shop.address }}}} <a href="{{{{ links.unsubscribe }}}}">No more</a></p>
"""
NOTE = "note for {{ customer.mark }}"

FILES: Mapping[str, str] = {
    "schemas/customer.yaml": ATTRIBUTES,
    "schemas/events.yaml": EVENTS,
    "journeys/news.yaml": NEWS,
    "journeys/cart.yaml": CART,
    "journeys/order.yaml": ORDER,
    **{f"templates/{name}.email.html": MAIL.format(name=name) for name in ("hello", "gold", "silver",
    "receipt")},
}  # fmt: skip
GATEWAY_FILES: Mapping[str, str] = {"journeys/visit.yaml": VISIT, "templates/note.viber.txt": NOTE}


@dataclass(frozen=True, slots=True)
class Person:
    """A customer. `consented`: to marketing. `buys`: within the minute after filling the cart. `mark`: stands
    in every message to them and to nobody else."""

    id: str
    number: int
    mark: str
    is_gold: bool
    consented: bool
    buys: bool

    @property
    def email(self) -> str:
        """Where their mail goes."""
        return f"{self.id}@example.com"

    @property
    def phone(self) -> str:
        """Where their other messages go."""
        return f"+359888{self.number:06d}"

    def wanted(self, *, gateway: bool) -> list[tuple[str, str, str]]:
        """(template, channel, address) of every message that their events ask for."""
        mails = ["receipt"] if self.buys else []
        if self.consented:
            mails += ["hello"] if self.buys else ["hello", "gold" if self.is_gold else "silver"]
        wanted = [(template, EMAIL, self.email) for template in mails]
        return [*wanted, ("note", GATEWAY, self.phone)] if gateway else wanted

    def known(self) -> dict[str, Any]:
        """The call that makes them known, in the Segment format."""
        consents = {"consent": {"email": "given"}} if self.consented else {}
        traits = {
            "email": self.email,
            "phone": self.phone,
            "mark": self.mark,
            "tier": "gold" if self.is_gold else "silver",
        }
        return {
            "type": "identify",
            "userId": self.id,
            "messageId": f"{self.id}-known",
            "traits": traits | consents,
        }

    def events(self, now: Instant, dice: random.Random, *, gateway: bool) -> list[dict[str, Any]]:
        """What they do. The cart was filled almost a minute before `now`, so that its timer rings within
        three seconds."""
        filled = now - MINUTE + dice.randrange(3000)
        actions = [("signed_up", now), ("cart_updated", filled)]
        if self.buys:
            actions.append(("order_placed", filled + 1))
        if gateway:
            actions.append(("visited", now))
        return [
            {"id": f"{self.id}-{name}", "event": name, "customer_id": self.id, "at": iso(Instant(at))}
            for name, at in actions
        ]


def people(prefix: str, first: int, dice: random.Random) -> Iterator[Person]:
    """Customers without end: half of them gold, one in ten without consent, one in seven buys at once."""
    number = first
    while True:
        mark = f"m{dice.getrandbits(48):012x}"
        yield Person(
            f"{prefix}c{number}",
            number,
            mark,
            dice.random() < 0.5,
            dice.random() >= 0.1,
            dice.random() < 1 / 7,
        )
        number += 1


def make_people(
    messages: int, prefix: str, first: int, dice: random.Random, *, gateway: bool
) -> list[Person]:
    """As many customers as it takes for so many messages, or one or two more."""
    found: list[Person] = []
    count = 0
    for person in people(prefix, first, dice):
        if count >= messages:
            break
        found.append(person)
        count += len(person.wanted(gateway=gateway))
    return found


SQLITE = "sqlite:///data/shop.db"


def write_shop(folder: Path, http: int, smtp: int, gateway: int | None, store: str = SQLITE) -> None:
    """Writes the project. `gateway` None: without the second channel. `store`: the address of its database."""
    viber = VIBER.format(gateway=gateway) if gateway else ""
    config = CONFIG.format(
        http=http, smtp=smtp, gateway=gateway or 1, viber=viber, connections=CONNECTIONS, store=store
    )
    files = {**FILES, **(GATEWAY_FILES if gateway else {}), "config.yaml": config}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
