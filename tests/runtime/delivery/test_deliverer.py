"""Delivery end to end: a real store, real templates, a real SMTP server that may misbehave."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.channels.base import Channel
from engine.channels.email.channel import EmailChannel, Server
from engine.channels.links import Links
from engine.channels.outbox.channel import OutboxChannel, kept_messages
from engine.channels.render import SenderProfile
from engine.channels.render_data import FieldTypes
from engine.clock import ManualClock
from engine.compiler.templates.message_set import TemplateFiles, compile_messages
from engine.compiler.templates.template_file import read_template
from engine.config import Shop
from engine.core.decision.effects import Send
from engine.core.facts.customer import Reach
from engine.core.happening import Event
from engine.core.journeys import Journeys
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.delivery.delivery_context import DeliveryTiming
from engine.runtime.delivery.rendering import RenderContext
from engine.store.customers import batches, suppressions
from engine.store.database import Store
from engine.store.inbox import inbox
from engine.store.journeys import pauses
from engine.store.messages import records
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant, Value
from tests.channels.smtp_server import SmtpServer
from tests.stores import new_store

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)
HELLO = """---
subject: Hello {{ customer.first_name or "there" }}
---
<mjml><mj-body><mj-section><mj-column><mj-text>Hi {{ customer.first_name or "there" }},
{{ 10 / customer.points }} <a href="{{ links.unsubscribe }}">Unsubscribe</a>\
</mj-text></mj-column></mj-section></mj-body></mjml>
"""
FILES = {
    "hello.email.mjml": HELLO,
    "bomb.email.mjml": HELLO.replace(
        "Hi ", "{% for a in range(1000) %}{% for b in range(1000) %}{{ a }}{% endfor %}{% endfor %}"
    ),
    "again.email.mjml": HELLO,
    "hello.sms.txt": "Hi {{ customer.first_name or 'there' }}",
    "hello.push.txt": "Hi {{ customer.first_name or 'there' }}",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class House:
    """A store with customers c0, c1, ... and what is needed to deliver to them."""

    store: Store
    clock: ManualClock
    stock: RenderContext
    folder: Path
    opened: list[Channel] = field(default_factory=list)

    def customers(self, count: int, values: Mapping[int, Mapping[str, Value]] | None = None) -> None:
        def job(conn: Connection) -> None:
            names = [f"c{n}" for n in range(count)]
            batch = batches.load_batch(conn, 0, names, Journeys({}), NOW)
            after = {}
            for n, name in enumerate(names):
                state = batch.states[name]
                state = type(state)(state.facts.fork(), dict(state.enrollments))
                own: dict[str, Value] = {"first_name": f"Anna{n}", "points": 5, **(values or {}).get(n, {})}
                state.facts.values |= own
                state.facts.reach = {
                    "email": Reach(f"{name}@example.com", {"marketing": "given"}),
                    "sms": Reach(f"+4917012345{n:02}"),
                    "push": Reach(f"token-{n}"),
                }
                after[name] = state
            batches.save_batch(conn, batch, after, NOW)

        self.store.write(job)

    def plan(
        self, count: int, channel: str = "email", template: str = "hello", purpose: str | None = "marketing"
    ) -> None:
        now = self.clock.now()
        sends = [
            (f"c{n}", Send(
                f"{channel}-{template}-{n}", f"run{n}", "welcome", template, template, channel, "marketing",
                purpose,
                now, Instant(now + 30 * DAY), True, {},
            ))
            for n in range(count)
        ]  # fmt: skip
        self.store.write(lambda conn: records.plan(conn, 0, sends, now))

    def states(self) -> Counter[str]:
        with self.store.read() as conn:
            found: Counter[str] = Counter()
            for (_, state), number in records.counts(conn).items():
                found[state] += number
            return found

    def message(self, key: str) -> records.OutboxMessage:
        with self.store.read() as conn:
            found = records.find(conn, key)
        assert found is not None
        return found

    def apply_inbox(self) -> list[str]:
        """Stands in for the advancer: what is in the inbox counts as applied. The kinds that were there."""

        def job(conn: Connection) -> list[str]:
            rows = inbox.claim(conn, 0, self.clock.now(), 100_000)
            inbox.remove(conn, [row.number for row in rows])
            return [row.kind for row in rows]

        return self.store.write(job)

    def deliverer(self, *channels: Channel) -> Deliverer:
        return Deliverer(
            self.store, {one.name: one for one in channels}, lambda: self.stock, self.clock, "test",
            timing=DeliveryTiming(idle_seconds=0.01, drain_seconds=5),
        )  # fmt: skip

    def smtp(self, server: SmtpServer, concurrency: int = 4) -> Channel:
        where = Server("127.0.0.1", server.port, command_seconds=2, dot_seconds=2)
        self.opened.append(EmailChannel(where, "secret", self.clock, concurrency=concurrency))
        return self.opened[-1]

    def outbox(self, name: str) -> OutboxChannel:
        return OutboxChannel(self.folder / "outbox", "secret", self.clock, name=name)

    async def rounds(self, deliverer: Deliverer, times: int = 30) -> None:
        """Delivers and lets time pass until nothing waits any more."""
        for _ in range(times):
            await deliverer.once()
            self.apply_inbox()
            self.clock.advance(2 * HOUR)
            await deliverer.settle()
            if not {"planned", "claimed", "deferred", "handoff", "unknown"} & set(self.states()):
                return


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    files = []
    for name, text in FILES.items():
        file, problems = read_template(f"templates/{name}", text)
        assert file is not None
        assert problems == []
        files.append(file)
    by_name = {
        name: tuple(file for file in files if file.name == name) for name in {file.name for file in files}
    }
    compiled, problems = compile_messages(TemplateFiles(by_name), "EUR")
    assert problems == []
    shop = Shop("Bean There", "https://shop.example", "Main Street 1")
    stock = RenderContext(
        compiled,
        FieldTypes(shop),
        Links(["key"], "https://news.example"),
        {"email": SenderProfile("Shop <hello@shop.example>")},
    )
    store = new_store(tmp_path)
    house = House(store, ManualClock(NOW), stock, tmp_path)
    yield house
    for channel in house.opened:
        await channel.close()
    store.close()


async def test_every_message_arrives_once_and_the_journey_is_told(house: House) -> None:
    house.customers(40)
    house.plan(40)
    async with SmtpServer() as server:
        await house.rounds(house.deliverer(house.smtp(server)))
    assert house.states() == {"accepted": 40}
    assert Counter(recipient for recipient, _ in server.accepted) == {
        f"c{n}@example.com": 1 for n in range(40)
    }
    assert house.message("email-hello-0").body is None


async def test_a_hand_over_waits_for_what_has_happened_to_the_customer(house: House) -> None:
    house.customers(1)
    house.plan(1)
    event = Event(0, "e1", "order_placed", NOW, NOW)
    house.store.write(lambda conn: inbox.append(conn, [inbox.Arrival("c0", "test", "e1", event)], NOW))
    async with SmtpServer() as server:
        deliverer = house.deliverer(house.smtp(server))
        await deliverer.once()
        assert (house.states(), server.accepted) == ({"planned": 1}, [])  # the order may be the goal
        assert house.apply_inbox() == ["event"]
        await deliverer.once()
        assert house.states() == {"accepted": 1}
    assert house.apply_inbox() == ["handed", "outcome"]


@pytest.mark.parametrize("cut", ["data", "body"])
async def test_connections_cut_before_the_dot_lose_and_double_nothing(house: House, cut: str) -> None:
    house.customers(30)
    house.plan(30, purpose=None)
    async with SmtpServer(close_at=cut, close_for=set(range(5, 200, 10))) as server:
        await house.rounds(house.deliverer(house.smtp(server)))
    assert Counter(recipient for recipient, _ in server.accepted) == {
        f"c{n}@example.com": 1 for n in range(30)
    }
    assert house.states() == {"accepted": 30}


async def test_a_marketing_mail_without_an_answer_counts_as_sent_after_a_quarter_of_an_hour(
    house: House,
) -> None:
    house.customers(1)
    house.plan(1)
    async with SmtpServer(close_at="dot") as server:
        deliverer = house.deliverer(house.smtp(server))
        await deliverer.once()
        assert house.states() == {"unknown": 1}
        house.clock.advance(14 * MINUTE)
        await deliverer.settle()
        assert house.states() == {"unknown": 1}
        house.clock.advance(MINUTE)
        await deliverer.settle()
    assert house.states() == {"treated_as_sent": 1}
    assert len(server.accepted) == 1


async def test_a_mail_that_a_person_waits_for_is_sent_once_more_with_the_same_bytes_and_then_held(
    house: House,
) -> None:
    house.customers(1)
    house.plan(1, purpose=None)
    async with SmtpServer(close_at="dot") as server:
        await house.rounds(house.deliverer(house.smtp(server)), times=6)
    assert house.states() == {"held": 1}
    assert len(server.accepted) == 2
    first, second = (data.partition(b"\r\n")[2] for _, data in server.accepted)  # all but the Date line
    assert first == second


async def test_servers_that_say_later_get_each_mail_once(house: House) -> None:
    house.customers(5)
    house.plan(5)
    async with SmtpServer(rcpt={"c3@example.com": "451 4.3.0 later"}) as server:
        deliverer = house.deliverer(house.smtp(server))
        await deliverer.once()
        assert house.states() == {"accepted": 4, "deferred": 1}
        server.rcpt.clear()
        house.apply_inbox()
        await deliverer.once()
        assert house.states() == {"accepted": 4, "deferred": 1}  # not before its time
        house.clock.advance(7 * SECOND)
        await deliverer.once()
    assert house.states() == {"accepted": 5}
    assert len(server.accepted) == 5


async def test_a_dead_address_bounces_and_is_never_written_to_again(house: House) -> None:
    house.customers(3)
    house.plan(3)
    async with SmtpServer(rcpt={"c1@example.com": "550 5.1.1 nobody"}) as server:
        deliverer = house.deliverer(house.smtp(server))
        await deliverer.once()
        assert house.states() == {"accepted": 2, "bounced": 1}
        with house.store.read() as conn:
            assert "all" in suppressions.active(conn, "email", "c1@example.com")
        house.apply_inbox()
        server.rcpt.clear()
        house.plan(3, template="again")
        await deliverer.once()
    assert Counter(recipient for recipient, _ in server.accepted) == {
        "c0@example.com": 2,
        "c2@example.com": 2,
    }
    assert house.message("email-again-1").state == "suppressed"


async def test_a_template_that_fails_for_one_customer_reaches_all_others(house: House) -> None:
    house.customers(50, {7: {"points": 0}})
    house.plan(50)
    async with SmtpServer() as server:
        await house.rounds(house.deliverer(house.smtp(server)))
    assert house.states() == {"accepted": 49, "failed": 1}
    assert house.message("email-hello-7").state == "failed"


async def test_a_template_that_never_ends_is_stopped(house: House) -> None:
    house.customers(4)
    house.plan(2, template="bomb")
    house.plan(4)
    async with SmtpServer() as server:
        await house.rounds(house.deliverer(house.smtp(server)))
    assert house.states() == {"accepted": 4, "failed": 2}
    assert len(server.accepted) == 4


async def test_a_pause_stops_the_next_hand_over_and_loses_nothing(house: House) -> None:
    house.customers(3)
    house.plan(3)
    house.store.write(lambda conn: pauses.pause(conn, "all", "", NOW, "test"))
    async with SmtpServer() as server:
        deliverer = house.deliverer(house.smtp(server))
        await deliverer.once()
        assert (house.states(), server.accepted) == ({"planned": 3}, [])
        house.store.write(lambda conn: pauses.resume(conn, "all", ""))
        await deliverer.once()
    assert house.states() == {"accepted": 3}


async def test_a_server_that_refuses_the_sender_stops_the_channel_and_burns_nothing(house: House) -> None:
    house.customers(40)
    house.plan(40)
    async with SmtpServer(mail="550 5.7.1 who are you") as server:
        deliverer = house.deliverer(house.smtp(server, concurrency=1))
        await house.rounds(deliverer, times=4)
        with house.store.read() as conn:
            assert [(pause.scope, pause.name) for pause in pauses.list_active(conn)] == [("channel", "email")]
        assert set(house.states()) <= {"planned", "deferred"}
        server.mail = "250 2.0.0 ok"
        house.store.write(lambda conn: pauses.resume(conn, "channel", "email"))
        await house.rounds(deliverer)
    assert house.states() == {"accepted": 40}
    assert len(server.accepted) == 40


async def test_sms_and_push_become_files_whose_name_is_the_key(house: House) -> None:
    house.customers(2)
    house.plan(2, channel="sms")
    house.plan(2, channel="push")
    await house.rounds(house.deliverer(house.outbox("sms"), house.outbox("push")))
    found = {
        (kept.message.channel, kept.message.address, kept.message.body)
        for kept in kept_messages(house.folder / "outbox")
    }
    assert found == {
        ("sms", "+491701234500", "Hi Anna0"), ("sms", "+491701234501", "Hi Anna1"),
        ("push", "token-0", "Hi Anna0"), ("push", "token-1", "Hi Anna1"),
    }  # fmt: skip


async def test_a_process_that_died_leaves_planned_and_unknown_and_nothing_else(house: House) -> None:
    house.customers(20)
    house.plan(20)
    async with SmtpServer(close_at="never") as server:
        deliverer = house.deliverer(house.smtp(server, concurrency=2))
        dying = asyncio.create_task(deliverer.once())
        await server.accepts(2)
        dying.cancel()
        for worker in deliverer._workers.values():
            for task in worker.tasks:
                task.cancel()
        await asyncio.sleep(0.05)
        house.apply_inbox()
        server.close_at = ""
        again = house.deliverer(house.smtp(server))
        freed, unknown = await again.recover()
        assert (freed > 0, unknown) == (True, 2)
        await house.rounds(again)
    assert house.states() == {"accepted": 18, "treated_as_sent": 2}
    assert max(Counter(recipient for recipient, _ in server.accepted).values()) == 1


async def test_stopping_finishes_what_is_under_way(house: House) -> None:
    house.customers(30)
    house.plan(30)
    async with SmtpServer() as server:
        deliverer = house.deliverer(house.smtp(server, concurrency=2))
        running = asyncio.create_task(deliverer.run())
        await server.accepts(1)
        deliverer.stop()
        await asyncio.wait_for(running, 10)
    states = house.states()
    assert set(states) <= {"accepted", "planned"}
    assert states["accepted"] == len(server.accepted)
