"""Twilio over real sockets with the real SDK: what it answers decides the outcome, and no message is asked
for twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.channels.base import HandOver, Message, MessageLister, OutcomeKind
from engine.channels.registry import open_channels, open_readers
from engine.channels.twilio.channel import TwilioChannel
from engine.clock import ManualClock
from engine.config.file import read_config
from engine.errors import UsageError
from engine.values import HOUR, MINUTE, SECOND, Instant
from tests.channels.twilio_server import ACCOUNT, TOKEN, Answer, TwilioServer, now_at

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)  # Sun, 21 Jun 2026 00:00:00 GMT
SMS = 'sms: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN, from: "+359888000001"'
WHATSAPP = 'whatsapp: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN, from: "+359888000001"'


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TW_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("TW_TOKEN", TOKEN)
    monkeypatch.setenv(
        "TWILIO_REGION", "nowhere"
    )  # the operator's own tools may use it; we go where config.yaml says
    monkeypatch.setenv("TWILIO_EDGE", "nowhere")


@pytest.fixture
async def server() -> AsyncIterator[TwilioServer]:
    async with TwilioServer(now_at(NOW)) as running:
        yield running


@pytest.fixture
async def opened() -> AsyncIterator[list[TwilioChannel]]:
    """Channels opened by a test, closed after it."""
    found: list[TwilioChannel] = []
    yield found
    for channel in found:
        await channel.close()


def channel(
    opened: list[TwilioChannel], entry: str, url: str, clock: ManualClock | None = None
) -> TwilioChannel:
    text = (
        f"http: {{public_url: 'https://news.shop.example'}}\nchannels:\n"
        f"  {entry}, url: '{url}', timeout: 2}}\n"
    )
    config, problems = read_config(text)
    assert problems == []
    (made,) = open_channels(config, Path(), "secret", clock or ManualClock(NOW)).values()
    assert isinstance(made, TwilioChannel)
    opened.append(made)
    return made


def text(key: str = "k1", **changes: object) -> Message:
    fields: dict[str, object] = {
        "key": key, "channel": "sms", "address": "+359 888 123 456", "template": "hello", "language": "en",
        "purpose": "marketing", "body": "Hello & welcome 🎉", "valid_until": Instant(NOW + 24 * HOUR),
    }  # fmt: skip
    return Message(**(fields | changes))  # type: ignore[arg-type]


def handing(answer: bool, calls: list[bool]) -> HandOver:
    async def hand_over() -> bool:
        calls.append(answer)
        return answer

    return hand_over


async def test_an_sms_is_asked_for_once_with_everything(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    calls: list[bool] = []
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, calls))
    assert (delivery.kind, delivery.provider_id) == ("accepted", server.kept[0].sid)
    assert calls == [True]
    assert server.posts == [
        {
            "To": "+359888123456", "From": "+359888000001", "Body": "Hello & welcome 🎉",
            "ValidityPeriod": "36000",
            "StatusCallback": "https://news.shop.example/callbacks/sms?key=k1",
        }
    ]  # fmt: skip


async def test_what_is_not_handed_over_is_not_sent_and_the_connection_is_used_again(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    one = channel(opened, SMS, server.url)
    assert (await one.deliver(text(), handing(False, []))).kind == "never left"
    assert server.posts == []
    assert (await one.deliver(text(), handing(True, []))).kind == "accepted"


async def test_a_messaging_service_sends_and_a_number_of_its_pool_may_be_named(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    entry = (
        "text: {via: twilio, kind: sms, account: env:TW_ACCOUNT, token: env:TW_TOKEN, messaging_service: "
        "MG00000000000000000000000000000001"
    )
    await channel(opened, entry, server.url).deliver(text(), handing(True, []))
    assert server.posts[0]["MessagingServiceSid"] == "MG00000000000000000000000000000001"
    assert "From" not in server.posts[0]
    assert server.posts[0]["StatusCallback"] == "https://news.shop.example/callbacks/text?key=k1"


async def test_nobody_listens_and_nothing_has_left(server: TwilioServer, opened: list[TwilioChannel]) -> None:
    calls: list[bool] = []
    async with TwilioServer(now_at(NOW)) as gone:
        pass
    delivery = await channel(opened, SMS, gone.url).deliver(text(), handing(True, calls))
    assert (delivery.kind, delivery.fault, calls) == ("never left", "provider", [])


async def test_tls_that_cannot_be_had_and_a_name_that_does_not_exist_leave_nothing(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    for url in (server.url.replace("http:", "https:"), "http://nobody.invalid"):
        delivery = await channel(opened, SMS, url).deliver(text(), handing(True, []))
        assert (delivery.kind, delivery.fault) == ("never left", "provider")
    assert server.posts == []


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", 120.0),
        ("Sun, 21 Jun 2026 00:02:00 GMT", 120.0),
        ("-1", None),
        ("1000000000", 3_600.0),
        ("soon", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("status", [429, 408])
async def test_case_37_too_fast_waits_as_long_as_asked_or_sanely(
    server: TwilioServer, opened: list[TwilioChannel], header: str | None, wait: float | None, status: int
) -> None:
    server.answers = [
        Answer(status, 20429, "Too Many Requests", {} if header is None else {"Retry-After": header})
    ]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, delivery.retry_after) == ("refused for now", wait)
    assert len(server.posts) == 1


async def test_case_37_503_is_a_refusal_only_with_a_retry_after(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    server.answers = [Answer(503, 20503, headers={"Retry-After": "7"}), Answer(503, 20503)]
    one = channel(opened, SMS, server.url)
    first, second = await one.deliver(text(), handing(True, [])), await one.deliver(text(), handing(True, []))
    assert (first.kind, first.retry_after) == ("refused for now", 7.0)
    assert second.kind == "unknown"


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_case_38_a_500_after_taking_the_sms_is_unknown_and_found_in_the_list(
    server: TwilioServer, opened: list[TwilioChannel], status: int
) -> None:
    server.answers = [Answer(status, 20500, "Internal Server Error", accept=True)]
    calls: list[bool] = []
    one = channel(opened, SMS, server.url)
    delivery = await one.deliver(text(), handing(True, calls))
    assert (delivery.kind, delivery.fault, calls) == ("unknown", "provider", [True])
    assert len(server.posts) == 1  # nothing inside the SDK tries again
    assert isinstance(one, MessageLister)
    found = await one.look_up(text(), NOW)
    assert (found.kind, found.provider_id) == ("sent", server.kept[0].sid)
    assert server.gets[0]["To"] == "+359888123456"
    assert server.gets[0]["DateSent>"].startswith("2026-06-20T23:59:00")


async def test_case_38_a_500_that_took_nothing_is_not_in_the_list(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    server.keep({"To": "+359888123456", "Body": "Hello & welcome 🎉"}, now_at(NOW - HOUR))  # an earlier one
    server.keep({"To": "+359888123456", "Body": "Another message"})
    server.keep({"To": "+359888999999", "Body": "Hello & welcome 🎉"})
    server.answers = [Answer(500, 20500, accept=False)]
    one = channel(opened, SMS, server.url)
    await one.deliver(text(), handing(True, []))
    assert (await one.look_up(text(), NOW)).kind == "not sent"


async def test_case_38_a_message_that_still_waits_at_twilio_is_found_on_a_late_page(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    server.sent_at_once = False  # it has no DateSent, so a list by DateSent does not show it
    ours = server.keep({"To": "+359888123456", "Body": "Hello & welcome 🎉"})
    for number in range(120):
        server.keep({"To": "+359888123456", "Body": f"Another message {number}"})
    found = await channel(opened, SMS, server.url).look_up(text(), NOW)
    assert (found.kind, found.provider_id) == ("sent", ours.sid)
    assert len(server.gets) == 4


@pytest.mark.parametrize(
    "listing",
    [Answer(500), Answer(401, 20003), Answer(200, body="<html>"), Answer(200, body="[]"), Answer(cut=True)],
)
async def test_case_38_a_list_that_cannot_be_had_says_nothing(
    server: TwilioServer, opened: list[TwilioChannel], listing: Answer
) -> None:
    server.listing = listing
    assert (await channel(opened, SMS, server.url).look_up(text(), NOW)).kind == "cannot say"


@pytest.mark.parametrize(
    "body", ["<html>Bad gateway</html>", "", "null", "[]", '{"sid": 5}', '{"sid": ""}', "{", "[" * 100_000]
)
async def test_case_41_a_201_that_is_not_twilios_is_unknown(
    server: TwilioServer, opened: list[TwilioChannel], body: str
) -> None:
    server.answers = [Answer(201, body=body, accept=True)]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, delivery.provider_id) == ("unknown", "")
    assert len(server.posts) == 1


async def test_case_41_ten_megabytes_are_not_read(server: TwilioServer, opened: list[TwilioChannel]) -> None:
    server.answers = [Answer(201, body='{"sid": "' + "x" * 10_000_000)]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert delivery.kind == "unknown"
    assert len(delivery.raw) <= 500


async def test_case_42_an_answer_byte_by_byte_ends_and_delays_nobody(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    server.answers = [Answer(201, slow=0.1), Answer(201)]
    one = channel(opened, SMS, server.url)
    slow = asyncio.create_task(one.deliver(text("slow"), handing(True, [])))
    await server.came.wait()
    assert (await one.deliver(text("fast"), handing(True, []))).kind == "accepted"
    assert not slow.done()
    delivery = await slow
    assert (delivery.kind, delivery.raw) == ("unknown", "no answer within 2 seconds")


async def test_a_connection_that_ends_without_an_answer_is_unknown_and_not_tried_again(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    server.answers = [Answer(cut=True, accept=True)]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, len(server.posts)) == ("unknown", 1)


@pytest.mark.parametrize(("status", "code"), [(401, 20003), (403, 0), (404, 20404), (301, 0), (400, 21606)])
async def test_case_43_what_the_sender_did_wrong_keeps_the_message(
    server: TwilioServer, opened: list[TwilioChannel], status: int, code: int
) -> None:
    server.answers = [Answer(status, code)]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, delivery.fault) == ("refused for now", "sender")


async def test_case_43_a_wrong_token_is_the_senders_fault(
    server: TwilioServer, opened: list[TwilioChannel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TW_TOKEN", "another")
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, delivery.fault) == ("refused for now", "sender")
    assert "another" not in repr(delivery)


async def test_case_44_who_opted_out_is_refused_and_the_address_closed(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    server.answers = [Answer(400, 21610, "Attempt to send to unsubscribed recipient")]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, delivery.fault) == ("refused", "address")
    assert delivery.closed == "unsubscribed"


@pytest.mark.parametrize(
    ("code", "kind", "fault"),
    [
        (21211, "bounced", "address"),
        (21614, "bounced", "address"),
        (21612, "refused", "address"),
        (21408, "refused", "address"),
        (63016, "refused", "template"),
        (63018, "refused for now", "provider"),
        (63024, "refused", "address"),
        (21617, "refused", "template"),
        (99999, "refused", "template"),
    ],
)
async def test_twilios_codes_in_our_words(
    server: TwilioServer, opened: list[TwilioChannel], code: int, kind: OutcomeKind, fault: str
) -> None:
    server.answers = [Answer(400, code)]
    delivery = await channel(opened, SMS, server.url).deliver(text(), handing(True, []))
    assert (delivery.kind, delivery.fault, delivery.closed) == (kind, fault, "")
    assert str(code) in delivery.raw


@pytest.mark.parametrize(
    "address",
    [
        "", "0888123456", "+0888123456", "+35988812345678901", "+359888123456\n+359888999999", "call me",
        "anna@example.com",
        "+359 888 123 456 ext 7", "+44 (0)20 7946 0000", "+359888123456,+359888999999",
        "whatsapp:+359888123456",
    ],
)  # fmt: skip
async def test_what_is_not_one_number_reaches_no_server(
    server: TwilioServer, opened: list[TwilioChannel], address: str
) -> None:
    calls: list[bool] = []
    delivery = await channel(opened, SMS, server.url).deliver(text(address=address), handing(True, calls))
    assert (delivery.kind, delivery.fault, calls, server.posts) == ("refused", "address", [], [])


# --- until when (design/reliability case 48) -----------------------------------------------------------


async def test_case_48_at_2055_with_quiet_from_2100_twilio_may_keep_it_five_minutes(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    one = channel(opened, SMS, server.url)
    await one.deliver(text(valid_until=Instant(NOW + 5 * MINUTE)), handing(True, []))
    await one.deliver(text(valid_until=Instant(NOW + 1_999)), handing(True, []))
    assert [asked["ValidityPeriod"] for asked in server.posts] == ["300", "1"]


async def test_case_48_what_would_be_too_late_does_not_leave(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    calls: list[bool] = []
    delivery = await channel(opened, SMS, server.url).deliver(
        text(valid_until=Instant(NOW + 999)), handing(True, calls)
    )
    assert (delivery.kind, calls, server.posts) == ("never left", [], [])


# --- WhatsApp -------------------------------------------------------------------------------------


async def test_free_text_goes_within_the_session_and_not_beyond_its_end(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    one = channel(opened, WHATSAPP, server.url)
    replied = Instant(NOW - 23 * HOUR)
    assert (await one.deliver(text(replied_at=replied), handing(True, []))).kind == "accepted"
    asked = server.posts[0]
    assert (asked["To"], asked["From"]) == ("whatsapp:+359888123456", "whatsapp:+359888000001")
    assert (asked["Body"], asked["ValidityPeriod"]) == ("Hello & welcome 🎉", "3600")


@pytest.mark.parametrize("replied", [None, NOW - 24 * HOUR, NOW - 24 * HOUR + 500])
async def test_case_45_outside_the_session_a_content_template_goes(
    server: TwilioServer, opened: list[TwilioChannel], replied: Instant | None
) -> None:
    fields = {"content_sid": "HX1", "variables.1": 'Anna "the", \\ best', "variables.2": "5"}
    one = channel(opened, WHATSAPP, server.url)
    delivery = await one.deliver(text(replied_at=replied, fields=fields), handing(True, []))
    assert delivery.kind == "accepted"
    asked = server.posts[0]
    assert "Body" not in asked
    assert asked["ContentSid"] == "HX1"
    assert asked["ContentVariables"] == '{"1":"Anna \\"the\\", \\\\ best","2":"5"}'


async def test_case_45_without_a_content_template_nothing_is_asked_and_the_cascade_goes_on(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    calls: list[bool] = []
    delivery = await channel(opened, WHATSAPP, server.url).deliver(text(), handing(True, calls))
    assert (delivery.kind, delivery.fault) == ("refused", "template")
    assert "content_sid" in delivery.detail
    assert (calls, server.posts) == ([], [])


async def test_case_45_a_session_of_our_own_length(server: TwilioServer, opened: list[TwilioChannel]) -> None:
    one = channel(opened, f"{WHATSAPP}, session: 1", server.url)
    late, early = Instant(NOW - 2 * HOUR), Instant(NOW - 30 * MINUTE)
    assert (await one.deliver(text(replied_at=late), handing(True, []))).kind == "refused"
    assert (await one.deliver(text(replied_at=early), handing(True, []))).kind == "accepted"


async def test_variables_as_one_json_text(server: TwilioServer, opened: list[TwilioChannel]) -> None:
    one = channel(opened, WHATSAPP, server.url)
    good = {"content_sid": "HX1", "variables": '{"1": "Anna"}'}
    bad = {"content_sid": "HX1", "variables": '{"1": "An"na"}'}
    assert (await one.deliver(text(fields=good), handing(True, []))).kind == "accepted"
    assert server.posts[0]["ContentVariables"] == '{"1":"Anna"}'
    assert (await one.deliver(text(fields=bad), handing(True, []))).fault == "template"
    assert len(server.posts) == 1


async def test_case_38_a_content_template_whose_text_nobody_knows_is_never_called_not_sent(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    one = channel(opened, WHATSAPP, server.url)
    message = text(body="", fields={"content_sid": "HX1"})
    assert (await one.look_up(message, NOW)).kind == "not sent"
    server.keep({"To": "whatsapp:+359888123456", "From": "whatsapp:+359888000001"})
    assert (await one.look_up(message, NOW)).kind == "cannot say"


# --- config.yaml ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ('sms: {via: twilio, token: env:TW_TOKEN, from: "+1"}', 'has no "account"'),
        ('sms: {via: twilio, account: env:TW_ACCOUNT, from: "+1"}', 'has no "token"'),
        ("sms: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN}", "has no sender"),
        ('news: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN, from: "+1"}', "what it is"),
        ("whatsapp: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN, from: Shop}",
         "cannot send on"),
        ("sms: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN, messaging_service: SM1}",
         "no messaging"),
    ],
)  # fmt: skip
async def test_what_is_missing_is_said_before_anything_is_sent(entry: str, why: str) -> None:
    config, problems = read_config(f"channels:\n  {entry}\n")
    assert problems == []
    with pytest.raises(UsageError, match=why):
        open_channels(config, Path(), "secret", ManualClock(NOW))


async def test_a_public_url_that_only_this_machine_knows_is_not_given_to_twilio(
    opened: list[TwilioChannel],
) -> None:
    config, _ = read_config(f"http: {{public_url: 'http://127.0.0.1:8080'}}\nchannels:\n  {SMS}}}\n")
    (made,) = open_channels(config, Path(), "secret", ManualClock(NOW)).values()
    assert isinstance(made, TwilioChannel)
    assert made._sender.callback == ""
    assert "sms" in open_readers(config, Path(), "secret", ManualClock(NOW))


async def test_a_clock_that_goes_on_counts_for_the_validity(
    server: TwilioServer, opened: list[TwilioChannel]
) -> None:
    clock = ManualClock(NOW)
    one = channel(opened, SMS, server.url, clock)
    until = Instant(NOW + MINUTE)
    await one.deliver(text(valid_until=until), handing(True, []))
    clock.advance(30 * SECOND)
    await one.deliver(text("k2", valid_until=until), handing(True, []))
    assert [asked["ValidityPeriod"] for asked in server.posts] == ["60", "30"]
