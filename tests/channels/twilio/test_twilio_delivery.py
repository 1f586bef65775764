"""Twilio with a real store and the real delivery: what it answers and calls back, to the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.channel_kinds import kind_of
from engine.channels.base import Report
from engine.channels.links import Links
from engine.channels.render_data import FieldTypes
from engine.channels.twilio.callbacks import TwilioCallbackReader
from engine.channels.twilio.channel import TwilioChannel
from engine.channels.twilio.request import Kind, Sender
from engine.clock import ManualClock
from engine.compiler.templates.message_set import TemplateFiles, compile_messages
from engine.compiler.templates.template_file import read_template
from engine.config import Shop
from engine.core.decision.effects import Send
from engine.core.facts.customer import Reach
from engine.core.journeys import Journeys
from engine.runtime.delivery.rendering import RenderContext
from engine.runtime.feedback.reports import ReportCounts, take_reports
from engine.store.customers import batches, suppressions
from engine.store.journeys import pauses
from engine.store.messages import records, sessions
from engine.store.sql import rows
from engine.values import DAY, HOUR, MINUTE, Instant
from tests.channels.twilio_server import ACCOUNT, TOKEN, Answer, TwilioServer, call, now_at
from tests.runtime.delivery.test_deliverer import House
from tests.stores import new_store

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)
FILES = {
    "hello.sms.txt": "Hi {{ customer.first_name or 'there' }}",
    "long.sms.txt": "Привіт! " * 20,
    "hello.whatsapp.txt": "Hi {{ customer.first_name or 'there' }}",
    "offer.whatsapp.txt": '---\ncontent_sid: HX1\nvariables:\n  1: "{{ customer.first_name }}"\n---\n',
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[TwilioServer]:
    async with TwilioServer(now_at(NOW)) as running:
        yield running


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    files = [read_template(f"templates/{name}", text)[0] for name, text in FILES.items()]
    by_name = {
        name: tuple(file for file in files if file is not None and file.name == name)
        for name in {file.name for file in files if file is not None}
    }
    compiled, problems = compile_messages(TemplateFiles(by_name), "EUR")
    assert problems == []
    kinds = {"sms": kind_of("sms"), "whatsapp": kind_of("whatsapp")}
    shop = Shop("Bean There", "https://shop.example", "Main Street 1")
    stock = RenderContext(compiled, FieldTypes(shop), Links(["key"], "https://news.example"), kinds=kinds)
    store = new_store(tmp_path)
    made = House(store, ManualClock(NOW), stock, tmp_path)
    yield made
    for channel in made.opened:
        await channel.close()
    store.close()


def people(house: House, count: int) -> None:
    """Customers with a number each."""

    def job(conn: Connection) -> None:
        names = [f"c{n}" for n in range(count)]
        batch = batches.load_batch(conn, 0, names, Journeys({}), NOW)
        after = {}
        for n, name in enumerate(names):
            state = type(batch.states[name])(
                batch.states[name].facts.fork(), dict(batch.states[name].enrollments)
            )
            state.facts.values |= {"first_name": f"Anna{n}"}
            number = f"+359 888 {n:06}"
            state.facts.reach = {
                "sms": Reach(number, {"marketing": "given"}),
                "whatsapp": Reach(number, {"marketing": "given"})
            }  # fmt: skip
            after[name] = state
        batches.save_batch(conn, batch, after, NOW)

    house.store.write(job)


def twilio(house: House, server: TwilioServer, kind: Kind = "sms", token: str = TOKEN) -> TwilioChannel:
    sender = Sender(kind, "", "MG" + "0" * 32, f"https://news.shop.example/callbacks/{kind}")
    made = TwilioChannel(kind, sender, (ACCOUNT, token), server.url, house.clock, seconds=2)
    house.opened.append(made)
    return made


def plan_until(house: House, until: Instant, channel: str = "sms", template: str = "hello") -> str:
    """One message to c0 that may leave until then; its key."""
    now, key = house.clock.now(), f"{channel}-{template}"
    send = Send(
        key, "run0", "welcome", template, template, channel, "marketing", "marketing", now, until, True, {}
    )
    house.store.write(lambda conn: records.plan(conn, 0, [("c0", send)], now))
    return key


def calls_back(
    house: House, server: TwilioServer, statuses: Sequence[str], code: int = 0, number: int = 0
) -> ReportCounts:
    """Twilio reports these statuses of a message that it took."""
    one = server.kept[number]
    made: list[Report] = []
    for status in statuses:
        fields = [("MessageSid", one.sid), ("MessageStatus", status), ("To", one.asked["To"])]
        fields += [("ErrorCode", str(code))] if code else []
        made += TwilioCallbackReader(TOKEN, "sms").read(call(one.asked["StatusCallback"], fields), NOW)
    return house.store.write(lambda conn: take_reports(conn, "sms", made, house.clock.now()))


async def test_case_38_a_500_after_taking_the_sms_is_settled_by_the_callback_and_never_sent_again(
    house: House, server: TwilioServer
) -> None:
    server.answers = [Answer(500, 20500, accept=True), Answer(201)]
    people(house, 1)
    house.plan(1, "sms")
    deliverer = house.deliverer(twilio(house, server))
    await deliverer.once()
    house.apply_inbox()
    assert house.states() == {"unknown": 1}
    calls_back(house, server, ["sent", "delivered"])
    assert house.states() == {"delivered": 1}
    assert house.message("sms-hello-0").provider_id == server.kept[0].sid
    for _ in range(5):
        house.clock.advance(HOUR)
        await deliverer.settle()
        await deliverer.once()
        house.apply_inbox()
    assert len(server.posts) == 1


async def test_case_40_fifty_callbacks_in_any_order_count_once(house: House, server: TwilioServer) -> None:
    people(house, 1)
    house.plan(1, "sms")
    await house.deliverer(twilio(house, server)).once()
    house.apply_inbox()
    taken = calls_back(house, server, ["delivered", "sent", "queued"] * 50)
    assert (taken.new, taken.known) == (3, 147)
    assert house.states() == {"delivered": 1}
    assert house.apply_inbox().count("outcome") == 1


async def test_case_43_a_wrong_token_pauses_the_channel_and_loses_nothing(
    house: House, server: TwilioServer
) -> None:
    people(house, 200)
    house.plan(200, "sms")
    wrong = house.deliverer(twilio(house, server, token="wrong"))
    for _ in range(10):
        await wrong.once()
        house.apply_inbox()
        house.clock.advance(HOUR)
    refused = len(server.posts)
    assert refused <= 20  # those that were under way when the third one was refused
    assert set(house.states()) <= {"planned", "deferred"}
    assert sum(house.states().values()) == 200
    house.store.write(lambda conn: pauses.resume(conn, "channel", "sms"))
    right = house.deliverer(twilio(house, server))
    for _ in range(60):
        await right.once()
        house.apply_inbox()
        house.clock.advance(10 * MINUTE)
    assert house.states() == {"accepted": 200}
    assert set(Counter(one.asked["To"] for one in server.kept).values()) == {1}


async def test_case_44_who_opted_out_at_twilio_is_closed_and_others_are_not(
    house: House, server: TwilioServer
) -> None:
    server.answers = [Answer(400, 21610), Answer(201)]
    people(house, 2)
    house.plan(1, "sms")
    deliverer = house.deliverer(twilio(house, server))
    await deliverer.once()
    assert house.states() == {"failed": 1}
    assert "outcome" in house.apply_inbox()  # so that the cascade goes on
    with house.store.read() as conn:
        assert "all" in suppressions.active(conn, "sms", "+359888000000")
        assert suppressions.active(conn, "sms", "+359888000001") == {}
        assert suppressions.active(conn, "whatsapp", "+359888000000") == {}
    house.plan(2, "sms", "long")
    await deliverer.once()
    assert [one["To"] for one in server.posts] == ["+359888000000", "+359888000001"]


async def test_case_48_what_quiet_hours_end_goes_to_twilio_with_the_rest_of_its_time(
    house: House, server: TwilioServer
) -> None:
    people(house, 1)
    plan_until(house, Instant(NOW + 5 * MINUTE))
    house.clock.advance(10_000)
    await house.deliverer(twilio(house, server)).once()
    assert server.posts[0]["ValidityPeriod"] == "290"


async def test_case_45_whatsapp_by_free_text_after_a_reply_and_by_content_template_otherwise(
    house: House, server: TwilioServer
) -> None:
    people(house, 1)
    deliverer = house.deliverer(twilio(house, server, "whatsapp"))
    until = Instant(NOW + DAY)
    failed = plan_until(house, until, "whatsapp", "hello")
    await deliverer.once()
    assert house.message(failed).state == "failed"  # free text, and they never wrote to us
    assert "outcome" in house.apply_inbox()
    plan_until(house, until, "whatsapp", "offer")
    await deliverer.once()
    assert server.posts[0]["ContentVariables"] == '{"1":"Anna0"}'
    house.apply_inbox()

    fields = [("MessageSid", "SM9"), ("From", "whatsapp:+359888000000"), ("Body", "when do you open?")]
    url = "https://news.shop.example/callbacks/whatsapp"
    reports = TwilioCallbackReader(TOKEN, "whatsapp").read(call(url, fields), NOW)
    house.store.write(lambda conn: take_reports(conn, "whatsapp", reports, NOW))
    house.apply_inbox()
    with house.store.read() as conn:
        assert sessions.last_at(conn, "whatsapp", "+359888000000") == NOW
    house.clock.advance(HOUR)
    house.plan(1, "whatsapp", "hello")
    await deliverer.once()
    assert server.posts[1]["Body"] == "Hi Anna0"
    assert len(server.posts) == 2


async def test_case_93_a_stop_closes_the_number_and_start_opens_it(
    house: House, server: TwilioServer
) -> None:
    people(house, 1)
    reader = TwilioCallbackReader(TOKEN, "sms")
    url = "https://news.shop.example/callbacks/sms"

    def writes(sid: str, body: str) -> dict[str, str]:
        fields = [("MessageSid", sid), ("From", "+359888000000"), ("Body", body)]
        reports = reader.read(call(url, fields), NOW)
        house.store.write(lambda conn: take_reports(conn, "sms", reports, NOW))
        house.apply_inbox()
        with house.store.read() as conn:
            return suppressions.active(conn, "sms", "+359888000000")

    assert writes("SM1", "stopwatch") == {}
    assert "all" in writes("SM2", "Stop.")
    house.plan(1, "sms")
    await house.deliverer(twilio(house, server)).once()
    assert server.posts == []
    assert writes("SM3", "START") == {}


async def test_a_long_text_is_paid_by_its_parts(house: House, server: TwilioServer) -> None:
    people(house, 2)
    house.plan(1, "sms")
    house.plan(2, "sms", "long")
    deliverer = house.deliverer(twilio(house, server))
    for _ in range(2):
        await deliverer.once()
        house.apply_inbox()
    with house.store.read() as conn:
        found = rows(conn, "SELECT send_key, parts FROM outbox ORDER BY send_key")
    assert found == [("sms-hello-0", 1), ("sms-long-0", 3), ("sms-long-1", 3)]
