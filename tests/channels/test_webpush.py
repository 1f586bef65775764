"""Web Push against a push service on loopback that decrypts as a browser does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from py_vapid import Vapid02

from engine.channels.base import ChannelSetup, Delivery, Message
from engine.channels.webpush.channel import LARGEST, identity_of, new_private_key, open_channel, public_key
from engine.clock import ManualClock
from engine.config.file import read_config
from engine.errors import UsageError
from engine.values import Instant
from tests.channels.push_service import Browser, PushService

NOW = Instant(1_790_000_000_000)


@pytest.fixture
def service() -> Iterator[PushService]:
    made = PushService()
    yield made
    made.close()


@pytest.fixture
def private_key(monkeypatch: pytest.MonkeyPatch) -> str:
    key = new_private_key()
    monkeypatch.setenv("VAPID_PRIVATE_KEY", key)
    return key


def setup(port: int, more: str = "") -> ChannelSetup:
    config, problems = read_config(
        f"egress: {{allow: [127.0.0.1:{port}]}}\nchannels: {{push: {{via: webpush, subject: "
        f"mailto:push@shop.example,"
        f" private_key: env:VAPID_PRIVATE_KEY{more}}}}}\n"
    )
    assert problems == []
    return ChannelSetup(config.channels["push"], config, Path(), "secret", ManualClock(NOW))


def message(*browsers: Browser, body: str = "Готово ☕", valid_for: int = 60_000) -> Message:
    return Message(
        key="send-key-1", channel="push", address="\n".join(one.address for one in browsers),
        template="hello",
        language="en", purpose="marketing", body=body,
        fields={"title": "Bean There", "url": "https://shop.example/x"},
        valid_until=Instant(NOW + valid_for),
    )  # fmt: skip


def deliver(port: int, one: Message, *, may: bool = True) -> tuple[Delivery, int]:
    """The outcome, and how often the hand-over was asked for."""

    async def work() -> tuple[Delivery, int]:
        asked = []

        async def hand_over() -> bool:
            asked.append(1)
            return may

        channel = open_channel(setup(port))
        try:
            return await channel.deliver(one, hand_over), len(asked)
        finally:
            await channel.close()

    return asyncio.run(work())


@pytest.mark.usefixtures("private_key")
def test_the_browser_reads_what_the_template_says(service: PushService) -> None:
    browser = service.browser("one")
    assert deliver(service.port, message(browser)) == (Delivery("accepted", raw="HTTP 201"), 1)
    (pushed,) = service.pushed
    assert browser.read(pushed.body) == {
        "title": "Bean There", "body": "Готово ☕", "url": "https://shop.example/x", "tag": "send-key-1",
    }  # fmt: skip
    assert pushed.headers["content-encoding"] == "aes128gcm"


@pytest.mark.usefixtures("private_key")
def test_it_is_signed_as_the_shop_for_this_push_service(service: PushService) -> None:
    deliver(service.port, message(service.browser("one")))
    given = service.pushed[0].headers["authorization"]
    assert given.endswith(f"k={public_key(identity_of(setup(service.port)))}")
    assert Vapid02.verify(given)


@pytest.mark.usefixtures("private_key")
def test_a_push_is_kept_no_longer_than_the_message_counts(service: PushService) -> None:
    deliver(service.port, message(service.browser("one"), valid_for=300_000))
    assert service.pushed[0].headers["ttl"] == "300"
    deliver(service.port, message(service.browser("one"), valid_for=400_000_000))
    assert service.pushed[1].headers["ttl"] == "86400"


@pytest.mark.usefixtures("private_key")
def test_a_second_copy_replaces_the_first(service: PushService) -> None:
    for _ in range(2):
        deliver(service.port, message(service.browser("one")))
    first, second = service.pushed
    assert first.headers["topic"] == second.headers["topic"]
    assert 0 < len(first.headers["topic"]) <= 32


@pytest.mark.usefixtures("private_key")
def test_case_46_a_browser_that_is_gone_is_named_and_the_others_get_it(service: PushService) -> None:
    gone, here = service.browser("gone"), service.browser("here")
    service.answers["gone"] = (410, {})
    delivery, asked = deliver(service.port, message(gone, here))
    assert (delivery.kind, delivery.dead, asked) == ("accepted", (gone.address,), 1)


@pytest.mark.usefixtures("private_key")
def test_no_browser_left_is_a_bounce(service: PushService) -> None:
    service.answers |= {"a": (404, {}), "b": (410, {})}
    assert deliver(service.port, message(service.browser("a"), service.browser("b")))[0].kind == "bounced"


@pytest.mark.usefixtures("private_key")
@pytest.mark.parametrize(
    ("status", "headers", "kind", "fault"),
    [
        (429, {"Retry-After": "120"}, "refused for now", "provider"),
        (503, {"Retry-After": "soon"}, "refused for now", "provider"),
        (500, {}, "unknown", "provider"),
        (0, {}, "unknown", "provider"),
        (403, {}, "refused for now", "sender"),
        (413, {}, "refused", "template"),
        (400, {}, "refused", "provider"),
    ],
)
def test_answers_in_the_one_vocabulary(
    service: PushService, status: int, headers: dict[str, str], kind: str, fault: str
) -> None:
    service.answers["one"] = (status, headers)
    delivery, _ = deliver(service.port, message(service.browser("one")))
    assert (delivery.kind, delivery.fault) == (kind, fault)
    if status == 429:
        assert delivery.retry_after == 120


@pytest.mark.usefixtures("private_key")
def test_nothing_leaves_without_the_hand_over(service: PushService) -> None:
    assert deliver(service.port, message(service.browser("one")), may=False)[0].kind == "never left"
    assert service.pushed == []


@pytest.mark.usefixtures("private_key")
def test_an_endpoint_inside_the_house_is_never_called(service: PushService) -> None:
    delivery, _ = deliver(1, message(service.browser("one")))
    assert (delivery.kind, service.pushed) == ("bounced", [])


@pytest.mark.usefixtures("private_key")
@pytest.mark.parametrize(
    "address",
    [
        "https://[::1", "https://a:b/x", "https://x/\r\nHost: y", "http://", "https://user@x/", "x" * 3_000,
    ],
)  # fmt: skip
def test_a_browser_that_cannot_be_called_is_gone_and_the_others_get_it(
    service: PushService, address: str
) -> None:
    broken, here = Browser(address), service.browser("here")
    delivery, asked = deliver(service.port, message(broken, here))
    assert (delivery.kind, delivery.dead, asked) == ("accepted", (broken.address,), 1)
    delivery, asked = deliver(service.port, message(broken))
    assert (delivery.kind, delivery.fault, asked) == ("bounced", "address", 0)


@pytest.mark.usefixtures("private_key")
@pytest.mark.parametrize(
    "address",
    ["", "{}", "[]", "null", "1", "x", '{"endpoint": 1, "keys": 2}', "[" * 4_000, '{"endpoint":' * 300,
     '{"endpoint": "https://x.example/", "keys": {"auth": "\ud800", "p256dh": []}}'],
)  # fmt: skip
def test_what_is_no_subscription_closes_itself_alone(service: PushService, address: str) -> None:
    here = service.browser("here")
    both = replace(message(here), address=f"{address}\n{here.address}")
    assert deliver(service.port, both)[0].kind == "accepted"


@pytest.mark.usefixtures("private_key")
def test_what_does_not_fit_is_a_fault_of_the_template(service: PushService) -> None:
    delivery, asked = deliver(service.port, message(service.browser("one"), body="x" * LARGEST))
    assert (delivery.kind, delivery.fault, asked) == ("refused", "template", 0)


def test_a_key_that_is_none_is_refused_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAPID_PRIVATE_KEY", "nonsense")
    with pytest.raises(UsageError, match="no VAPID key") as refused:
        open_channel(setup(1))
    assert "./run keys vapid" in refused.value.cure
