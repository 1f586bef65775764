"""Messages of which nobody knows whether they left: policies, look-ups beside the lanes, cascades that
wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from engine.channel_kinds import UnknownAction
from engine.channels.base import Delivery, HandOver, LookupResult, Message, Report
from engine.channels.email.pool import DOT_SECONDS
from engine.channels.http_provider.channel import LONGEST_ROUND
from engine.channels.twilio.channel import TwilioChannel
from engine.channels.twilio.request import Sender
from engine.clock import Clock
from engine.config import ChannelConfig
from engine.config.channels import Options
from engine.config.channels.apprise import AppriseOptions
from engine.config.channels.email import EmailOptions
from engine.config.channels.http_provider import HttpProviderOptions
from engine.config.channels.outbox import OutboxOptions
from engine.config.channels.request_template import RequestText
from engine.config.channels.twilio import TwilioOptions
from engine.config.channels.webpush import WebPushOptions
from engine.runtime.delivery.channel_worker import LEASE, lease_of
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.delivery.delivery_context import DeliveryTiming
from engine.runtime.delivery.unknown_policy import UnknownPolicies
from engine.store.messages import outcomes, queue
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import MessageState
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant
from tests.channels.twilio_server import ACCOUNT, TOKEN, Answer, TwilioServer, now_at
from tests.runtime.sending_shop import CART, CONFIG, SENDING_FILES, SendingShop
from tests.runtime.shop import MONDAY

pytestmark = pytest.mark.anyio

LOST = Answer(cut=True, accept=False)
SECRETS = "account: env:TWILIO_SID, token: env:TWILIO_TOKEN"
TEXT_FIRST: Mapping[str, str] = {
    **SENDING_FILES,
    "config.yaml": CONFIG.replace(
        "sms: {via: outbox, price: 0 EUR}",
        f'sms: {{via: twilio, {SECRETS}, from: "+359888000000", price: 0 EUR}}',
    ),
    "journeys/cart.yaml": CART.replace("[push, email, sms]", "[sms, email]"),
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Open:
    """Shops that are closed at the end of a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.senders: list[SendingShop] = []

    def __call__(self, files: Mapping[str, str] = SENDING_FILES) -> SendingShop:
        self.senders.append(SendingShop(self.folder / str(len(self.senders)), files))
        return self.senders[-1]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Open]:
    opened = Open(tmp_path)
    yield opened
    for sender in opened.senders:
        await sender.close()


class Flaky:
    """A channel whose connection ends after the last byte, as often as `losses` says. It counts what reached
    it."""

    concurrency = 4

    def __init__(self, name: str, losses: int = 1, idempotency_window_ms: int = 0) -> None:
        self.name = name
        self.losses = losses
        self.idempotency_window_ms = idempotency_window_ms
        self.reached: list[Message] = []

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        if not await hand_over():
            return Delivery("never left")
        self.reached.append(message)
        if len(self.reached) <= self.losses:
            return Delivery("unknown", detail="the connection ended", fault="provider")
        return Delivery("accepted", f"id-{len(self.reached)}")

    async def close(self) -> None:
        pass


class Asked(Flaky):
    """One whose provider can be asked; `found` answers."""

    def __init__(self, name: str, found: Callable[[], Awaitable[LookupResult]]) -> None:
        super().__init__(name)
        self.found = found
        self.looks = 0

    async def look_up(self, message: Message, handed_at: Instant) -> LookupResult:
        assert message.body
        self.looks += 1
        return await self.found()


OPTIONS: Mapping[str, Options] = {
    "smtp": EmailOptions(),
    "twilio": TwilioOptions(),
    "webpush": WebPushOptions(),
    "outbox": OutboxOptions(),
    "apprise": AppriseOptions(),
    "http": HttpProviderOptions(RequestText("https://api.example", "url")),
    "http with keys": HttpProviderOptions(RequestText("https://api.example", "url"), key_header="X-Key"),
}


def message(channel: str, policy: str = "marketing", resent: int = 0, handed: int = 0) -> OutboxMessage:
    purpose = "marketing" if policy == "marketing" else None
    return OutboxMessage(
        1, 0, "c", "k", "r", "j", "s", "t", channel, policy, purpose, Instant(0), Instant(DAY), 1, resent, {},
        "body",
        "a", 1, MessageState.UNKNOWN, Instant(handed), None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("via", "channel", "policy", "action", "wait"),
    [
        ("smtp", "email", "marketing", "treat as sent", 15 * MINUTE),
        ("smtp", "email", "service", "resend once", 0),
        ("twilio", "sms", "marketing", "look up", 10 * MINUTE),
        ("webpush", "webpush", "marketing", "resend", 0),
        ("outbox", "push", "marketing", "resend", 0),
        ("apprise", "push", "marketing", "hold", 0),
        ("http", "viber", "marketing", "hold", 0),
        ("http", "email", "service", "hold", 0),
        ("outbox", "sms", "marketing", "hold", 0),
    ],
)
async def test_what_is_done_by_default(via: str, channel: str, policy: str, action: str, wait: int) -> None:
    unknown = UnknownPolicies({channel: ChannelConfig(channel, OPTIONS[via])})
    assert unknown.action(message(channel, policy)) == action
    assert unknown.due(message(channel, policy), Instant(7)) == 7 + wait


async def test_config_yaml_says_otherwise_for_a_channel_or_for_one_policy() -> None:
    chosen: dict[str, UnknownAction] = {"": "hold", "service": "resend once"}
    unknown = UnknownPolicies({"sms": ChannelConfig("sms", TwilioOptions(), unknown=chosen)})
    assert unknown.action(message("sms")) == "hold"
    assert unknown.action(message("sms", "service")) == "resend once"
    assert unknown.due(message("sms", "service"), Instant(0)) == 10 * MINUTE  # a callback may come first
    assert unknown.verdict(message("sms", "service", resent=1), Instant(0)) == "hold"


async def test_a_push_is_sent_again_at_most_five_times_and_only_while_it_is_of_use() -> None:
    unknown = UnknownPolicies({"webpush": ChannelConfig("webpush", WebPushOptions())})
    verdicts = [unknown.verdict(message("webpush", resent=n), Instant(0)) for n in range(7)]
    assert verdicts == ["resend"] * 5 + ["hold"] * 2
    assert unknown.verdict(message("webpush"), Instant(DAY)) == "hold"


# --- whole cascades -----------------------------------------------------------------------------------


async def _text_message(shop: Open, server: TwilioServer) -> SendingShop:
    """Anna leaves a cart; the text message is handed to Twilio, and the connection ends without an answer."""
    sender = shop(TEXT_FIRST)
    number = Sender("sms", "+359888000000", "", "https://news.shop.example/callbacks/sms")
    sender.channels["sms"] = TwilioChannel(
        "sms", number, (ACCOUNT, TOKEN), server.url, sender.clock, seconds=2
    )
    sender.start()
    sender.customer("anna", sms="+359881234567", email="anna@example.com")
    sender.shop.event("anna", "cart_updated")
    await sender.settle_down()
    assert sender.states() == {"anna sms": "unknown"}
    return sender


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_SID", ACCOUNT)
    monkeypatch.setenv("TWILIO_TOKEN", TOKEN)


async def test_case_38_accepted_and_lost_is_not_sent_again_and_the_callback_settles_it(shop: Open) -> None:
    async with TwilioServer(now_at(MONDAY), [Answer(500, accept=True)]) as server:
        sender = await _text_message(shop, server)
        await sender.later(9 * MINUTE)
        assert (sender.states(), len(server.posts), server.gets) == ({"anna sms": "unknown"}, 1, [])
        key = sender.message("anna", "sms").send_key
        sender.report("sms", Report("delivered", "SM0:delivered", key, server.kept[0].sid))
        await sender.settle_down()
        assert sender.states() == {"anna sms": "delivered"}
        await sender.later(40 * MINUTE)
        assert sender.states() == {
            "anna sms": "delivered"
        }  # the cascade listens for an hour after the hand-over
        await sender.later(12 * MINUTE)
        assert sender.states() == {"anna sms": "delivered", "anna email": "accepted"}
        assert (len(server.posts), server.gets) == (1, [])


async def test_an_unknown_message_that_its_provider_has_is_settled_by_its_list(shop: Open) -> None:
    async with TwilioServer(now_at(MONDAY), [Answer(500, accept=True)]) as server:
        sender = await _text_message(shop, server)
        await sender.later(11 * MINUTE)
        assert (sender.states(), len(server.posts)) == ({"anna sms": "accepted"}, 1)
        assert sender.message("anna", "sms").provider_id == server.kept[0].sid


async def test_an_unknown_message_that_its_provider_never_had_is_sent_again_once(shop: Open) -> None:
    async with TwilioServer(now_at(MONDAY), [LOST, LOST, LOST]) as server:
        sender = await _text_message(shop, server)
        await sender.later(11 * MINUTE)
        assert (sender.states(), len(server.posts)) == ({"anna sms": "unknown"}, 2)
        assert server.posts[0] == server.posts[1]
        await sender.later(11 * MINUTE)  # still not there: a person decides
        await sender.later(3 * HOUR)
        assert (sender.states(), len(server.posts)) == ({"anna sms": "held"}, 2)


async def test_an_unknown_message_never_opens_the_next_channel_before_somebody_settles_it(shop: Open) -> None:
    async with TwilioServer(now_at(MONDAY), [LOST], listing=Answer(200, body="no json")) as server:
        sender = await _text_message(shop, server)
        for _ in range(30):
            await sender.later(HOUR)
        assert (sender.states(), len(server.posts)) == ({"anna sms": "held"}, 1)
        key = sender.message("anna", "sms").send_key
        sender.store.write(
            lambda conn: outcomes.settle(
                conn, key, "anna", MessageState.FAILED, sender.clock.now(), told="not_sent"
            )
        )
        await sender.settle_down()
        assert "anna email" not in sender.states()  # a day later nobody wants a reminder any more
        assert sender.shop.outcomes("anna") == {"cart": "finish"}


async def test_what_is_not_wanted_any_more_is_not_sent_again(shop: Open) -> None:
    """The order came while nobody knew whether the reminder had left; Twilio says that it never had it."""
    async with TwilioServer(now_at(MONDAY), [LOST]) as server:
        sender = await _text_message(shop, server)
        sender.shop.event("anna", "order_placed")
        await sender.later(11 * MINUTE)
        assert (sender.states(), len(server.posts)) == ({"anna sms": "failed"}, 1)


async def test_unknowns_are_looked_up_after_a_restart_and_after_the_time_for_callbacks(shop: Open) -> None:
    async with TwilioServer(now_at(MONDAY), [Answer(slow=60.0, accept=True)]) as server:
        sender = shop(TEXT_FIRST)
        number = Sender("sms", "+359888000000", "", "")
        sender.channels["sms"] = TwilioChannel(
            "sms", number, (ACCOUNT, TOKEN), server.url, sender.clock, seconds=20
        )
        dying = sender.start()
        sender.customer("anna", sms="+359881234567")
        sender.shop.event("anna", "cart_updated")
        sender.shop.run()
        under_way = asyncio.create_task(dying.once())
        await asyncio.wait_for(server.came.wait(), 10)
        under_way.cancel()
        await asyncio.gather(*_tasks(dying), return_exceptions=True)
        assert await sender.start().recover() == (0, 1)
        await sender.later(MINUTE)
        assert (sender.states(), server.gets) == ({"anna sms": "unknown"}, [])
        await sender.later(10 * MINUTE)
        assert sender.states() == {"anna sms": "accepted"}
        assert len(server.posts) == 1


def _tasks(deliverer: Deliverer) -> list[asyncio.Task[None]]:
    tasks = [task for worker in deliverer._workers.values() for task in worker.tasks]
    for task in tasks:
        task.cancel()
    return tasks


# --- the reconciler --------------------------------------------------------------------------------


async def _lost(sender: SendingShop, channel: Flaky, people: int = 1, policy: str = "") -> None:
    sender.channels[channel.name] = channel
    sender.start()
    for n in range(people):
        sender.customer(f"c{n}", **{channel.name: f"+35988000000{n}"})
        sender.shop.event(f"c{n}", "cart_updated")
    await sender.settle_down()


def _asking(sender: SendingShop, channel: str, via: str = "twilio") -> None:
    """The policies of a channel as if config.yaml had this way of sending."""
    channels = {
        **sender.read.config.channels,
        channel: ChannelConfig(channel, OPTIONS[via]),
    }
    object.__setattr__(sender.live.render_context, "unknown", UnknownPolicies(channels))


async def test_look_ups_never_block_delivery_and_only_few_are_under_way(shop: Open) -> None:
    sender, gate = shop(), asyncio.Event()

    async def found() -> LookupResult:
        await gate.wait()
        return LookupResult("sent", "id-9")

    asked = Asked("sms", found)
    asked.losses = 9
    _asking(sender, "sms")
    await _lost(sender, asked, people=9)
    sender.clock.advance(11 * MINUTE)
    await sender.deliverer._reconciler.tick()
    await asyncio.sleep(0)
    await sender.deliverer._reconciler.tick()
    assert asked.looks == 4
    sender.customer("late", sms="+359880000099")
    sender.shop.event("late", "cart_updated")
    sender.shop.run()
    await sender.deliverer.once()
    assert sender.states()["late sms"] == "accepted"
    gate.set()
    for _ in range(5):
        await sender.deliverer.settle()
    assert set(sender.states().values()) == {"accepted"}
    assert asked.looks == 9


async def test_a_list_that_fails_is_asked_again_rarer_and_then_a_person_decides(shop: Open) -> None:
    async def found() -> LookupResult:
        raise ConnectionError("no route")

    sender, asked = shop(), Asked("sms", found)
    _asking(sender, "sms")
    await _lost(sender, asked)
    for _ in range(15):
        await sender.later(MINUTE)
    few = asked.looks
    assert 1 < few < 6
    assert sender.states() == {"c0 sms": "unknown"}
    for _ in range(27):
        await sender.later(HOUR)
    assert sender.states() == {"c0 sms": "held"}
    assert (asked.looks < 40, len(asked.reached)) == (True, 1)


async def test_a_gateway_that_knows_our_key_gets_it_again_until_half_of_its_window(shop: Open) -> None:
    sender, gateway = shop(), Flaky("sms", losses=1000, idempotency_window_ms=HOUR)
    _asking(sender, "sms", "http with keys")
    await _lost(sender, gateway)
    for _ in range(40):
        await sender.later(MINUTE)
    assert sender.states() == {"c0 sms": "held"}
    assert 1 < len(gateway.reached) < 20
    assert len({(one.key, one.body) for one in gateway.reached}) == 1


async def test_the_messages_of_a_channel_that_is_gone_go_back_and_the_cascade_passes_it_over(
    shop: Open,
) -> None:
    sender = shop()
    sender.customer("anna", push="token-1", email="anna@example.com")
    sender.shop.event("anna", "cart_updated")
    sender.shop.run()
    assert sender.states() == {"anna push": "planned"}
    channels = {name: one for name, one in sender.read.config.channels.items() if name != "push"}
    object.__setattr__(sender.live.render_context, "unknown", UnknownPolicies(channels))
    del sender.channels["push"]
    sender.start()
    await sender.settle_down()
    assert sender.states() == {"anna push": "expired", "anna email": "accepted"}


# --- slow workers ------------------------------------------------------------------------------------


def test_the_lease_is_longer_than_the_longest_wait_of_a_channel() -> None:
    assert LEASE > DOT_SECONDS * SECOND
    assert LEASE > LONGEST_ROUND * SECOND
    patient = ChannelConfig("email", EmailOptions(), timeout=3600)
    assert lease_of(patient) > 3 * 3600 * SECOND


class Held(Flaky):
    """A worker that is stopped (SIGSTOP) at a point: before its hand-over, or when it waits for the
    answer."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__(name, losses=0)
        self.where, self.go_on, self.stopped = where, asyncio.Event(), asyncio.Event()

    async def deliver(self, message: Message, hand_over: HandOver) -> Delivery:
        if self.where == "before" and not self.stopped.is_set():
            await self._stop()
        if not await hand_over():
            return Delivery("never left")
        self.reached.append(message)
        if self.where == "after" and not self.stopped.is_set():
            await self._stop()
        return Delivery("accepted", f"{self.name}-{len(self.reached)}")

    async def _stop(self) -> None:
        self.stopped.set()
        await self.go_on.wait()


def _worker(sender: SendingShop, name: str, channel: Flaky, clock: Clock) -> Deliverer:
    return Deliverer(
        sender.store,
        {"push": channel},
        lambda: sender.live.render_context,
        clock,
        name,
        timing=DeliveryTiming(idle_seconds=0.01),
    )


@pytest.mark.parametrize("where", ["before", "after"])
async def test_case_4_a_worker_that_slept_through_its_lease_sends_nothing_twice(
    shop: Open, where: str
) -> None:
    sender = shop()
    sender.customer("anna", push="token-1")
    sender.shop.event("anna", "cart_updated")
    sender.shop.run()
    sleepy, sink = Held("push", where), Flaky("push", losses=0)
    first, second = _worker(sender, "one", sleepy, sender.clock), _worker(sender, "two", sink, sender.clock)
    under_way = asyncio.create_task(first.once())
    await asyncio.wait_for(sleepy.stopped.wait(), 10)
    sender.shop.run()
    sender.clock.advance(2 * LEASE)
    await second.settle()
    if where == "before":
        await second.once()
        sender.shop.run()
    else:
        with sender.store.read() as conn:
            assert [one.message.state for one in outcomes.list_open(conn)] in (["unknown"], [])
    sleepy.go_on.set()
    await asyncio.wait_for(under_way, 10)
    sender.shop.run()
    assert sender.states() == {"anna push": "accepted"}
    assert len(sleepy.reached) + len(sink.reached) == 1


async def test_a_late_refusal_of_a_slow_worker_does_not_touch_the_claim_of_another(shop: Open) -> None:
    sender = shop()
    sender.customer("anna", push="token-1")
    sender.shop.event("anna", "cart_updated")
    sender.shop.run()
    now = sender.clock.now()

    def claim(at: Instant) -> OutboxMessage:
        (taken,) = sender.store.write(lambda conn: queue.claim(conn, "push", "x", at, MINUTE, 1))
        assert sender.store.write(lambda conn: queue.hand_over(conn, taken, "hash", at)) == "handed"
        sender.shop.run()
        return taken

    old, key = claim(now), sender.message("anna", "push").send_key
    sender.store.write(lambda conn: outcomes.expire_leases(conn, Instant(now + HOUR), Instant(now + HOUR)))
    assert sender.store.write(
        lambda conn: outcomes.requeue(conn, key, "anna", Instant(now + HOUR), resend=True)
    )
    sender.shop.run()
    claim(Instant(now + HOUR))
    assert not sender.store.write(
        lambda conn: outcomes.settle(
            conn, key, "anna", MessageState.FAILED, Instant(now + HOUR), fence=old.fence
        )
    )
    assert sender.message("anna", "push").state == "handoff"
    assert sender.store.write(
        lambda conn: outcomes.settle(
            conn, key, "anna", MessageState.ACCEPTED, Instant(now + HOUR), fence=old.fence
        )
    )
    assert sender.message("anna", "push").state == "accepted"
