"""The project of these tests: small, so that a daemon starts quickly; its mail goes out by real SMTP."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from tests.stores import address_of

CONFIG = """
shop: {{name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: {store}
http: {{listen: 127.0.0.1:{http}, public_url: http://127.0.0.1:{http}}}
channels:
  push: {{via: outbox, price: 0 EUR}}
  email: {{via: smtp, host: 127.0.0.1, port: {smtp}, tls: none, from: hello@shop.example, \
connections: 4, rate: 60 a second}}
policies:
  marketing: {{quiet: none, caps: none}}
  service: {{consent: none}}
"""
ATTRIBUTES = """
attributes:
  tier: one of [bronze, silver, gold]
facts:
  visits: count of visited
  seconds: sum of visited.seconds
"""
EVENTS = """
events:
  signed_up: {}
  cart_updated: {}
  asked: {}
  order_placed: {}
  visited:
    fields: {seconds: number}
"""
NEWS = """
journey: news
start: {event: signed_up}
again: never
goal: {event: order_placed}
steps:
  - send: hello
"""
PATIENT = """
journey: patient
start: {event: asked}
again: never
goal: {event: order_placed}
steps:
  - wait: 20 days
    id: before_later
  - send: later
"""
CART = """
journey: cart
start: {event: cart_updated}
again: restart
goal: {event: order_placed}
steps:
  - wait: 1 hour
    id: still_shopping
  - send: reminder
    via: [push, email]
    next_after: 2 hours
"""
MAIL = """---
subject: {name}
---
<mjml><mj-body><mj-section><mj-column>
<mj-text>This is {name}. <a href="{{{{ links.unsubscribe }}}}">No more</a> {{{{ shop.address }}}}</mj-text>
</mj-column></mj-section></mj-body></mjml>
"""
FILES: Mapping[str, str] = {
    "schemas/customer.yaml": ATTRIBUTES,
    "schemas/events.yaml": EVENTS,
    "journeys/news.yaml": NEWS,
    "journeys/patient.yaml": PATIENT,
    "journeys/cart.yaml": CART,
    **{f"templates/{name}.email.mjml": MAIL.format(name=name) for name in ("hello", "later", "reminder")},
    "templates/reminder.push.txt": "You forgot something",
}


def write_project(folder: Path, smtp: int, store: str = "") -> int:
    """Writes the project; the free port on which its daemon will listen. `store`: its address, where it is
    not the usual one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        http = int(free.getsockname()[1])
    for name, text in {
        **FILES,
        "config.yaml": CONFIG.format(http=http, smtp=smtp, store=store or address_of(folder)),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return http
