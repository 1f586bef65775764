"""A shop whose messages really leave: the deliverer of the daemon, channels that are real, and what comes
back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from engine import project
from engine.channels.base import Channel, Report
from engine.channels.outbox.channel import OutboxChannel, kept_messages
from engine.core.facts.customer import Reach
from engine.core.happening import ProfileChanged
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.delivery.delivery_context import DeliveryTiming
from engine.runtime.feedback.reports import ReportCounts, take_reports
from engine.runtime.publish.published import publish_in_memory
from engine.store.messages import records, reports
from engine.store.messages.records import OutboxMessage
from engine.values import MINUTE, SECOND
from tests.runtime.shop import FILES, Shop

CONFIG = """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: UTC
currency: EUR
languages: [en]
store: sqlite:///data/shop.db
channels:
  push: {via: outbox, price: 0 EUR}
  email: {via: outbox, price: 0 EUR}
  sms: {via: outbox, price: 0 EUR}
policies:
  marketing: {quiet: none, caps: none}
  service: {consent: none, quiet: none, caps: none}
"""
CART = """
journey: cart
start: {event: cart_updated}
again: restart
goal: {event: order_placed}
policy: marketing
steps:
  - send: cart_reminder
    via: [push, email, sms]
    next_after: 1 hour
"""
MAIL = (
    "---\nsubject: Your cart\n---\n<mjml><mj-body><mj-section><mj-column><mj-text>Your cart waits "
    '{{ shop.address }} <a href="{{ links.unsubscribe '
    '}}">Unsubscribe</a></mj-text></mj-column></mj-section></mj-body></mjml>\n'
)
SENDING_FILES: Mapping[str, str] = {
    **{name: text for name, text in FILES.items() if not name.startswith(("journeys/", "templates/"))},
    "config.yaml": CONFIG,
    "journeys/cart.yaml": CART,
    "templates/cart_reminder.push.txt": "Your cart waits",
    "templates/cart_reminder.email.mjml": MAIL,
    "templates/cart_reminder.sms.txt": "Your cart waits. Reply STOP to end",
}


class SendingShop:
    """`shop` with its deliverer. Channels are folders unless a test puts others in their place."""

    def __init__(self, folder: Path, files: Mapping[str, str] = SENDING_FILES) -> None:
        self.shop = Shop(folder, files)
        self.store, self.clock = self.shop.store, self.shop.clock
        self.folder = folder / "sent"
        self.read = project.load(folder / "project0")
        self.live = publish_in_memory(1, self.read, folder / "project0", "a secret of this shop")
        self.channels: dict[str, Channel] = {
            name: OutboxChannel(self.folder, "secret", self.clock, name=name)
            for name in self.read.config.channels
        }
        self.deliverer = self.start()

    def start(self) -> Deliverer:
        """A new deliverer, as after a start of the daemon."""
        self.deliverer = Deliverer(
            self.store, self.channels, lambda: self.live.render_context, self.clock, "test",
            timing=DeliveryTiming(idle_seconds=0.01)
        )  # fmt: skip
        return self.deliverer

    def customer(self, name: str, consent: str = "given", **addresses: str) -> None:
        """Somebody with these addresses, who agreed to marketing on each of them."""
        agreed = {(channel, "marketing"): consent for channel in addresses}
        self.shop.happen(name, ProfileChanged(0, self.clock.now(), {}, addresses, agreed), None)

    async def settle_down(self, rounds: int = 20) -> None:
        """Decides, sends and settles until nothing moves any more."""
        before: object = None
        for _ in range(rounds):
            await asyncio.to_thread(self.shop.run)
            await self.deliverer.once()
            await self.deliverer.settle()
            await asyncio.to_thread(self.shop.run)
            now = self.states()
            if now == before:
                return
            before = now

    async def later(self, milliseconds: int) -> None:
        """Time passes."""
        self.clock.advance(milliseconds)
        await self.settle_down()

    def report(self, channel: str, *told: Report) -> ReportCounts:
        """What a provider says."""
        taken = self.store.write(lambda conn: take_reports(conn, channel, told, self.clock.now()))
        self.shop.run()
        return taken

    def states(self) -> dict[str, str]:
        """customer/template/channel -> state, of all messages."""
        return {f"{one.customer} {one.channel}": one.state for one in self.shop.planned()}

    def message(self, customer: str, channel: str) -> OutboxMessage:
        """The newest message of a customer on a channel."""
        with self.store.read() as conn:
            return [each for each in records.of_customer(conn, customer) if each.channel == channel][-1]

    def reach(self, customer: str, channel: str) -> Reach:
        """What decisions see."""
        with self.store.read() as conn:
            return reports.reach_of(conn, customer)[channel]

    def sent(self) -> Counter[tuple[str, str]]:
        """(channel, address) of what is in the folders."""
        return Counter((one.message.channel, one.message.address) for one in kept_messages(self.folder))

    def look(self, sql: str) -> list[tuple[object, ...]]:
        """Rows, for what no query of the engine's own shows."""

        def ask(conn: Connection) -> Sequence[tuple[object, ...]]:
            return [tuple(row) for row in conn.exec_driver_sql(sql)]

        with self.store.read() as conn:
            return list(ask(conn))

    async def close(self) -> None:
        """Closes channels and store."""
        for channel in self.channels.values():
            await channel.close()
        self.shop.close()


def shuffled(report: Report, times: int) -> list[Report]:
    """The same thing said again and again."""
    return [replace(report) for _ in range(times)]


__all__ = ["CONFIG", "MINUTE", "SENDING_FILES", "SECOND", "SendingShop", "shuffled"]
