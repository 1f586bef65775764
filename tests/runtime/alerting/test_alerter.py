"""Alerts go out over real sockets: by mail and by a signed webhook, once, again while a trouble lasts, and
when it is over."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from pytest_httpserver import HTTPServer

from engine.channels.base import Channel, ChannelSetup
from engine.channels.email.channel import open_channel
from engine.clock import ManualClock
from engine.config import Config
from engine.config.file import read_config
from engine.core.decision.effects import Alert
from engine.runtime.alerting.alerter import GIVE_UP_AFTER, Alerter, AlertSetup
from engine.runtime.delivery.webhooks import standard_signature
from engine.store.alerting import alert_messages, alerts
from engine.store.alerting.alert_messages import ROOM, SPACING
from engine.store.daemon import daemon_state
from engine.store.database import Store
from engine.store.journeys import pauses
from engine.values import DAY, HOUR, MINUTE, SECOND, Instant
from tests.channels.smtp_server import SmtpServer
from tests.stores import new_store

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)
CONFIG = """
shop: {{name: Bean There, url: https://shop.example}}
egress: {{allow: [127.0.0.0/8]}}
channels: {{email: {{via: smtp, host: 127.0.0.1, port: {port}, tls: none, from: hello@shop.example}}}}
deliver_only: [nobody@shop.example]
webhooks: {{ops: {{url: "http://127.0.0.1:{hook}/alerts", secret: env:OPS_SECRET}}}}
alerts: {{{alerts}}}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Desk:
    store: Store
    clock: ManualClock
    config: Config
    channel: Channel
    server: SmtpServer
    parts: dict[str, str] = field(default_factory=dict)
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    alerter: Alerter = field(init=False)

    def begin(self) -> Alerter:
        """An alerter as a new process has it."""
        self.alerter = Alerter(
            AlertSetup(
                self.store, self.clock, lambda: self.config, lambda: self.channel,
                owner_of=lambda journey: {"welcome": "anna@shop.example"}.get(journey, ""),
                parts=lambda: self.parts,
                on_outcome=lambda way, outcome: self.outcomes.append((way, outcome)),
            )
        )  # fmt: skip
        return self.alerter

    def raises(self, *words: str, journey: str = "welcome") -> None:
        self.store.write(
            lambda conn: alerts.raise_alerts(
                conn, [Alert(journey, "", why) for why in words], self.clock.now()
            )
        )

    async def passes(self, milliseconds: int, step: int = 15 * SECOND) -> None:
        """Ticks while the clock goes on."""
        for _ in range(milliseconds // step):
            self.clock.advance(step)
            await self.alerter.tick()

    def mails(self) -> list[tuple[str, str, str]]:
        """Recipient, subject and text of what arrived."""
        found = []
        for recipient, data in self.server.accepted:
            parsed = email.message_from_bytes(data, policy=email.policy.default)
            found.append((recipient, str(parsed["Subject"]), parsed.get_content()))
        return found

    def subjects(self) -> list[str]:
        return [subject for _, subject, _ in self.mails()]


@asynccontextmanager
async def desk(folder: Path, wanted: str, hook: int = 1) -> AsyncIterator[Desk]:
    async with SmtpServer() as server:
        config, problems = read_config(CONFIG.format(port=server.port, hook=hook, alerts=wanted))
        assert [problem.code for problem in problems] == ["W11"], problems
        store, clock = new_store(folder), ManualClock(NOW)
        channel = open_channel(ChannelSetup(config.channels["email"], config, folder, "secret", clock))
        found = Desk(store, clock, config, channel, server)
        found.begin()
        yield found
        await found.alerter.close()
        await channel.close()
        store.close()


async def test_the_operator_and_the_owner_hear_of_an_alert_once(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        # what is about customers holds back no alert: a pause, and a list that allows nobody
        here.store.write(lambda conn: pauses.pause(conn, "all", "", NOW, "somebody"))
        here.raises("the code pool is empty")
        await here.passes(MINUTE)
        assert sorted((recipient, subject) for recipient, subject, _ in here.mails()) == [
            ("anna@shop.example", "[Bean There] welcome: the code pool is empty"),
            ("ops@shop.example", "[Bean There] welcome: the code pool is empty"),
        ]
        here.begin()  # a new process knows what was told
        await here.passes(HOUR, step=10 * MINUTE)
        assert len(here.mails()) == 2


async def test_a_storm_is_one_message_and_what_comes_meanwhile_the_next(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        here.raises(*(f"message {number} was not sent" for number in range(300)), journey="")
        await here.passes(MINUTE)
        [(_, subject, text)] = here.mails()
        assert subject == "[Bean There] 300 alerts, first: message 0 was not sent"
        assert text.count("was not sent") == ROOM
        assert f"and {300 - ROOM} more" in text
        for number in range(10):
            here.raises(f"later {number}", journey="")
            await here.passes(15 * SECOND)
        assert len(here.mails()) == 1, "not before some minutes are over"
        await here.passes(SPACING)
        assert here.subjects()[1:] == ["[Bean There] 10 alerts, first: later 0"]


async def test_a_trouble_is_told_when_it_lasts_again_after_hours_and_when_it_is_over(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example, again: 2 hours") as here:
        here.store.write(lambda conn: daemon_state.note_failing(conn, "email", "421 away", NOW))
        await here.passes(MINUTE + SECOND * 30)
        what = 'the channel "email" takes nothing: 421 away'
        assert here.subjects() == [f"[Bean There] {what}"]
        await here.passes(2 * HOUR + 20 * MINUTE, step=10 * MINUTE)
        assert here.subjects()[1:] == [f"[Bean There] still: {what}"]
        here.store.write(lambda conn: daemon_state.note_working(conn, "email"))
        await here.passes(10 * MINUTE)
        assert here.subjects()[2:] == [f"[Bean There] over: {what}"]
        await here.passes(3 * HOUR, step=10 * MINUTE)
        assert len(here.subjects()) == 3


async def test_what_is_over_in_a_moment_is_told_to_nobody(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        here.parts["mailbox"] = "it does not answer"
        await here.passes(15 * SECOND)
        here.parts.clear()
        await here.passes(10 * MINUTE)
        assert here.mails() == []


async def test_a_call_is_signed_as_other_webhooks_are(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_SECRET", "hush")
    httpserver.expect_request("/alerts").respond_with_data("")
    async with desk(tmp_path, "webhook: ops", hook=httpserver.port) as here:
        here.raises("the code pool is empty", journey="other")
        await here.passes(MINUTE)
        [(request, _)] = httpserver.log
        headers = request.headers
        at = Instant(int(headers["webhook-timestamp"]) * 1000)
        key = headers["webhook-id"]
        assert headers["webhook-signature"] == standard_signature("hush", key, at, request.data)
        said: dict[str, Any] = orjson.loads(request.data)
        assert (said["id"], said["webhook"], said["more"]) == (key, "alerts", 0)
        assert said["text"] == "[Bean There]\nother: the code pool is empty"
        assert [(line["kind"], line["journey"]) for line in said["alerts"]] == [("raised", "other")]


async def test_a_way_that_fails_is_told_by_the_other_one_and_tried_again(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_SECRET", "hush")
    httpserver.expect_request("/alerts").respond_with_data("", status=500)
    async with desk(tmp_path, "email: ops@shop.example, webhook: ops", hook=httpserver.port) as here:
        here.raises("one", journey="")
        await here.passes(10 * MINUTE)
        with here.store.read() as conn:
            [unsent] = alert_messages.unsent(conn)
        assert (unsent.destination, unsent.detail) == ("webhook", "the webhook answered 500")
        assert "[Bean There] alerts cannot be sent to webhook: the webhook answered 500" in here.subjects()
        assert ("webhook", "failed") in here.outcomes
        bodies = {request.data for request, _ in httpserver.log if b'"one"' in request.data}
        assert len(bodies) == 1, "the same bytes in every try"
        httpserver.clear()
        httpserver.expect_request("/alerts").respond_with_data("")
        await here.passes(45 * MINUTE, step=MINUTE)
        with here.store.read() as conn:
            assert alert_messages.unsent(conn) == []


async def test_what_nobody_takes_for_a_day_is_given_up_and_holds_back_nothing_new(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        here.server.rcpt["ops@shop.example"] = "550 5.1.1 nobody here"
        here.raises("one", journey="")
        await here.passes(GIVE_UP_AFTER + HOUR, step=20 * MINUTE)
        here.server.rcpt.clear()
        here.raises("two", journey="")
        await here.passes(HOUR, step=MINUTE)
        assert any("two" in text for _, _, text in here.mails())
        with here.store.read() as conn:
            assert alert_messages.unsent(conn) == []


async def test_a_message_whose_process_died_is_sent_by_the_next(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        here.raises("one", journey="")
        here.server.deaf = 1  # it never answers the first connection
        here.clock.advance(15 * SECOND)
        await here.alerter.tick()
        here.clock.advance(15 * SECOND)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(here.alerter.tick(), 0.3)  # as a kill: nothing is noted
        here.begin()
        await here.passes(5 * MINUTE)
        assert here.subjects() == ["[Bean There] one"]


async def test_without_alerts_in_the_file_nothing_goes_out_later_either(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        wanted, here.config = here.config, replace(here.config, alerts=None)
        here.raises("long ago")
        await here.passes(MINUTE)
        here.config = wanted
        await here.passes(HOUR, step=MINUTE)
        assert here.mails() == []
        here.clock.advance(DAY)
        here.raises("now", journey="")
        await here.passes(MINUTE)
        assert here.subjects() == ["[Bean There] now"]


async def test_two_processes_send_a_message_once(tmp_path: Path) -> None:
    async with desk(tmp_path, "email: ops@shop.example") as here:
        first, second = here.alerter, here.begin()
        here.raises("one", journey="")
        for _ in range(6):
            here.clock.advance(15 * SECOND)
            await asyncio.gather(first.tick(), second.tick())
        await first.close()
        assert here.subjects() == ["[Bean There] one"]
