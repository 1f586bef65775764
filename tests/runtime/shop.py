"""A small shop for the tests of the runtime: project files, a store, a clock, and what happens in it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from engine import project
from engine.clock import ManualClock
from engine.core.happening import Event, Happening, ProfileChanged
from engine.project import Project
from engine.runtime.advance.advancer import AdvanceProgress, Advancer, Publication
from engine.runtime.publish.deploy import NOBODY_ASKED, Approval, Deployment, deploy
from engine.store.customers import enrollments
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.journeys import traces
from engine.store.messages import outcomes, queue, records
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import MINUTE, Instant, Value, instant
from tests.stores import new_store

CONFIG = """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Berlin
currency: EUR
languages: [en]
store: sqlite:///data/shop.db
channels:
  push: {via: outbox, price: 0 EUR}
policies:
  marketing: {consent: none}
  service: {consent: none}
"""
ATTRIBUTES = """
attributes:
  birthday: birthday
  tier: one of [bronze, silver, gold]
  points: number
facts:
  orders_count: count of order_placed
  last_order_at: last order_placed
"""
EVENTS = """
events:
  subscribed: {}
  cart_updated:
    fields: {cart_id: text, total: money}
  order_placed:
    fields: {order_id: text, total: money}
"""
WELCOME = """
journey: welcome
start: {event: subscribed}
again: never
goal: {event: order_placed}
policy: service
steps:
  - send: hello
  - wait: 2 days
    id: before_offer
  - if: {orders_count: 0}
    then:
      - add: {points: 10}
      - send: offer
"""
CART = """
journey: cart
start: {event: cart_updated}
again: restart
goal: {event: order_placed}
policy: service
steps:
  - wait: 1 hour
    id: still_shopping
  - send: cart_reminder
"""
FILES: Mapping[str, str] = {
    "config.yaml": CONFIG,
    "schemas/customer.yaml": ATTRIBUTES,
    "schemas/events.yaml": EVENTS,
    "journeys/welcome.yaml": WELCOME,
    "journeys/cart.yaml": CART,
    **{
        f"templates/{name}.push.txt": f"This is {name}"
        for name in ("hello", "offer", "cart_reminder", "later")
    },
}
MONDAY = instant(dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC))


def write_project(folder: Path, files: Mapping[str, str]) -> Project:
    """Writes the files of a project and reads it; it has to be without errors."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    read = project.load(folder)
    assert not read.has_errors, [problem for problem in read.problems if problem.is_error]
    return read


class Shop:
    """A running shop on a clock that stands still until it is told to go on."""

    def __init__(self, folder: Path, files: Mapping[str, str] = FILES, now: Instant = MONDAY) -> None:
        self.folder = folder
        self.clock = ManualClock(now)
        self.store: Store = new_store(folder, "data/shop.db", exclusive=True)
        self.count = 0
        self.publish(files)

    def publish(self, files: Mapping[str, str], approval: Approval = NOBODY_ASKED) -> Deployment:
        """Deploys these files (and no others)."""
        folder = self.folder / f"project{self.count}"
        self.count += 1
        read = write_project(folder, files)
        done = self.store.write(lambda conn: deploy(conn, read, self.clock.now(), "anna", approval))
        self.publication = Publication(done.number, done.project.journeys)
        self.advancer = Advancer(self.store, self.clock)
        return done

    def event(self, customer: str, name: str, id_: str | None = None, **fields: Value) -> None:
        """Something a customer does now."""
        now = self.clock.now()
        self.count += 1
        id_ = id_ or f"e{self.count}"
        self.happen(customer, Event(0, id_, name, now, now, fields), id_)

    def change(self, customer: str, **values: Value) -> None:
        """Attributes of a customer change; everybody has a push token from then on."""
        self.happen(
            customer, ProfileChanged(0, self.clock.now(), values, {"push": f"token-{customer}"}), None
        )

    def happen(self, customer: str, what: Happening, id_: str | None) -> None:
        """Anything at all."""
        arrival = inbox.Arrival(customer, "test", id_, what)
        self.store.write(lambda conn: inbox.append(conn, [arrival], self.clock.now()))

    def run(self) -> AdvanceProgress:
        """Everything that is to be done now."""
        return self.advancer.run(self.publication)

    def later(self, milliseconds: int) -> AdvanceProgress:
        """Time passes, and what is due is done and sent."""
        self.clock.advance(milliseconds)
        self.run()
        self.send_all()
        return self.run()

    def send_all(self, channel: str = "push") -> list[tuple[str, str]]:
        """Hands over and accepts everything that is planned: (customer, template)."""
        sent = []
        while True:
            self.run()
            now = self.clock.now()
            taken = self.store.write(lambda conn: queue.claim(conn, channel, "test", now, MINUTE, 500))  # noqa: B023
            handed = [message for message in taken if self.hand_over(message)]
            sent += [(message.customer, message.template) for message in handed]
            if not taken:
                return sent

    def hand_over(self, message: OutboxMessage) -> bool:
        """Hands one message over; the provider takes it at once."""

        def job(conn: Connection) -> bool:
            now = self.clock.now()
            if queue.hand_over(conn, message, "hash", now) != "handed":
                return False
            return outcomes.settle(conn, message.send_key, message.customer, MessageState.ACCEPTED, now)

        return self.store.write(job)

    def states(self) -> Counter[tuple[str, str]]:
        """(template, state) of all messages, counted."""
        with self.store.read() as conn:
            found = conn.exec_driver_sql("SELECT template, state FROM outbox").fetchall()
        return Counter((template, state) for template, state in found)

    def resting(self, journey: str) -> dict[str, int]:
        """How many are at each step."""
        with self.store.read() as conn:
            found = enrollments.inside(conn, journey).get(journey)
        return dict(found.steps) if found is not None else {}

    def outcomes(self, customer: str) -> dict[str, str | None]:
        """journey -> how the last run ended."""
        with self.store.read() as conn:
            return {run.journey: run.outcome for run in enrollments.of_customer(conn, 0, customer)}

    def told(self, customer: str) -> list[str]:
        """The trace of a customer, as kinds."""
        with self.store.read() as conn:
            return [noted.line.kind for noted in traces.of_customer(conn, customer)]

    def planned(self) -> list[OutboxMessage]:
        """Messages of everybody, in order."""
        with self.store.read() as conn:
            found = conn.exec_driver_sql("SELECT DISTINCT customer FROM outbox ORDER BY 1").fetchall()
            return [message for (customer,) in found for message in records.of_customer(conn, customer)]

    def close(self) -> None:
        """The shop closes."""
        self.store.close()
