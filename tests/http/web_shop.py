"""A shop in this process on a clock that stands still, with its pages: real store, real decisions, mail as
files, a browser."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping
from pathlib import Path

import httpx2
from fastapi.testclient import TestClient

from engine import project
from engine.channels.links import Links
from engine.channels.outbox.channel import OutboxChannel, kept_messages
from engine.core.facts.customer import Reach
from engine.core.happening import ProfileChanged
from engine.http.app import create_app
from engine.http.context import Context, LiveProject
from engine.http.metrics import Metrics
from engine.runtime.advance.advancer import decide_clicks
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.delivery.delivery_context import DeliveryTiming
from engine.runtime.intake.intake import IntakeResult
from engine.runtime.intake.items import Item
from engine.runtime.publish.published import Published, publish_in_memory
from engine.store.customers import consents, suppressions
from engine.store.messages import records
from engine.store.messages.records import OutboxMessage
from engine.store.messages.reports import reach_of
from tests.runtime.shop import Shop

URL = "https://news.shop.example"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
CONFIG = """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: UTC
currency: EUR
languages: [en, de]
store: sqlite:///data/shop.db
http: {listen: 127.0.0.1:8080, public_url: https://news.shop.example}
channels:
  email: {via: outbox, price: 0 EUR}
  sms: {via: outbox, price: 0 EUR}
  push: {via: outbox, price: 0 EUR}
policies:
  marketing: {quiet: none, caps: none}
  stories: {consent: stories}
  service: {consent: none, quiet: none, caps: none}
signup:
  origins: [https://shop.example]
  per_network: 5 an hour
  in_all: 20 an hour
  lists:
    newsletter: {event: optin_requested, text: "I want letters from Bean There."}
    thanked: {event: optin_requested, text: "I want letters too.", next: https://shop.example/thanks}
"""
NEWS = """
journey: news
start: {event: signed_up}
again: after 1 hour
goal: {event: order_placed}
steps:
  - send: hello
    via: [email, sms]
    next_after: 1 hour
"""
OPTIN = """
journey: double_opt_in
start: {event: optin_requested}
again: after 1 day
goal:
  event: optin_confirmed
  do:
    - set: {consent.email: given}
policy: service
steps:
  - send: please_confirm
  - wait: 3 days
    id: before_the_end
"""
MAIL = """---
subject: Hello
---
<mjml><mj-body><mj-section><mj-column><mj-text>Hello {{{{ customer.first_name or "there" }}}}
<a href="https://shop.example/a">A</a> <a href="https://shop.example/b">B</a> {}
<a href="{{{{ links.unsubscribe }}}}">No more</a> <a href="{{{{ links.preferences }}}}">Choose</a>
{{{{ shop.address }}}}
</mj-text></mj-column></mj-section></mj-body></mjml>
"""
FILES: Mapping[str, str] = {
    "config.yaml": CONFIG,
    "schemas/customer.yaml": "attributes:\n  tier: text\nfacts:\n  orders: count of order_placed\n",
    "schemas/events.yaml": "events:\n  signed_up: {}\n  order_placed: {}\n"
    "  optin_requested: {}\n  optin_confirmed: {}\n",
    "journeys/news.yaml": NEWS,
    "journeys/double_opt_in.yaml": OPTIN,
    "templates/hello.email.mjml": MAIL.format(""),
    "templates/hello.sms.txt": "Hello. Reply STOP to end",
    "templates/please_confirm.email.mjml": MAIL.format('<a href="{{ links.confirm }}">Yes</a>'),
}
TRACKING = "tracking: {{opens: {}}}\n"


class WebShop:
    """`browser` asks the pages; `events` and `customer` make things happen; `settle_down` decides and
    sends."""

    def __init__(self, folder: Path, extra: str = "", files: Mapping[str, str] | None = None) -> None:
        self.shop = Shop(folder, {**FILES, "config.yaml": CONFIG + extra, **(files or {})})
        self.store, self.clock = self.shop.store, self.shop.clock
        self.sent = folder / "project0" / "data" / "outbox"
        self.folder = folder / "project0"
        read = project.load(self.folder)
        self.live: Published = publish_in_memory(1, read, self.folder, "a secret of this shop")
        self.channels = {
            name: OutboxChannel(self.sent, "secret", self.clock, name=name) for name in read.config.channels
        }
        self.metrics = Metrics()
        self.context = Context(self.store, self.clock, self._live, lambda: None, lambda: "", self.metrics)
        self.token = self.context.console_token
        self.app = create_app(self.context)
        self.browser = TestClient(self.app, base_url=URL, follow_redirects=False, headers=BROWSER)

    @property
    def links(self) -> Links:
        return self.live.links

    def _live(self) -> LiveProject:
        return LiveProject(self.live.project.config, self.live.intake, self.live.links, self.folder)

    def customer(self, name: str, consent: str = "given", **addresses: str) -> None:
        """Somebody with these addresses, who said the same on each of them."""
        addresses = addresses or {"email": f"{name}@example.com", "sms": "+359888000001"}
        agreed = {(channel, "marketing"): consent for channel in addresses}
        self.shop.happen(name, ProfileChanged(0, self.clock.now(), {}, addresses, agreed), None)
        self.shop.run()

    def receive(self, *items: Item) -> IntakeResult:
        """Written as an import does."""
        now = self.clock.now()
        prepared = self.live.intake.prepare(items, "import", now)
        return self.store.write(lambda conn: self.live.intake.take(conn, prepared, now))

    def settle_down(self) -> None:
        """Decides and sends until nothing moves any more."""
        asyncio.run(self._settle_down())

    async def _settle_down(self) -> None:
        deliverer = Deliverer(
            self.store,
            self.channels,
            lambda: self.live.render_context,
            self.clock,
            "test",
            timing=DeliveryTiming(idle_seconds=0.01),
        )
        for _ in range(8):
            decide_clicks(self.store, self.clock.now())
            self.shop.run()
            await deliverer.once()
            self.shop.run()

    def later(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds)
        self.settle_down()

    def message(self, customer: str, channel: str = "email") -> OutboxMessage:
        """The newest message of a customer on a channel."""
        with self.store.read() as conn:
            return [each for each in records.of_customer(conn, customer) if each.channel == channel][-1]

    def mailed(self, address: str) -> str:
        """The HTML of the newest mail to an address."""
        found = [one.message for one in kept_messages(self.sent) if one.message.address == address]
        return found[0].html or found[0].body

    def links_in(self, address: str) -> list[str]:
        """The links of the newest mail to an address, the decoy with them."""
        return [html.unescape(link) for link in re.findall(r'href="([^"]+)"', self.mailed(address))]

    def reach(self, customer: str) -> Mapping[str, Reach]:
        with self.store.read() as conn:
            return reach_of(conn, customer)

    def ledger(self, customer: str) -> list[consents.Agreement]:
        with self.store.read() as conn:
            return consents.of_customer(conn, customer)

    def closed(self, channel: str, address: str) -> dict[str, str]:
        with self.store.read() as conn:
            return suppressions.active(conn, channel, address)

    def look(self, sql: str) -> list[tuple[object, ...]]:
        with self.store.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql)]

    def count(self, table: str) -> int:
        return int(str(self.look(f"SELECT count(*) FROM {table}")[0][0]))

    def reactions(self) -> list[tuple[object, ...]]:
        return self.look("SELECT kind, who FROM reaction ORDER BY number")

    def get(self, url: str, **headers: str) -> httpx2.Response:
        return self.browser.get(url, headers={name.replace("_", "-"): text for name, text in headers.items()})

    def close(self) -> None:
        self.browser.close()
        self.shop.close()
