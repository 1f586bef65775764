"""The overview is mailed over a real socket: every morning or once a week, once, whatever dies and however
many processes look, and whoever does not get it is told of."""

from __future__ import annotations

import asyncio
import datetime as dt
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine.channels.base import Channel, ChannelSetup
from engine.channels.email.channel import open_channel
from engine.clock import ManualClock
from engine.config import Config
from engine.config.file import read_config
from engine.core.journeys import Journeys
from engine.runtime.report_mail import LEASE, ReportMailer, due_day
from engine.store.alerting import alerts, report_mails
from engine.store.database import Store
from engine.values import DAY, HOUR, MINUTE, Instant, at_local, zone
from tests.channels.smtp_server import SmtpServer
from tests.stores import new_store

pytestmark = pytest.mark.anyio

BERLIN = "Europe/Berlin"
TUESDAY = at_local(dt.date(2026, 6, 23), dt.time(6, 30), zone(BERLIN))
CONFIG = """
shop: {{name: Bean There, url: https://shop.example}}
timezone: Europe/Berlin
channels: {{email: {{via: smtp, host: 127.0.0.1, port: {port}, tls: none, from: hello@shop.example}}}}
deliver_only: [nobody@shop.example]
reports: {{mail: [anna@shop.example, ben@shop.example], every: {every}}}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Office:
    store: Store
    clock: ManualClock
    config: Config
    channel: Channel
    server: SmtpServer

    def mailer(self) -> ReportMailer:
        """As a new process has it."""
        return ReportMailer(
            self.store,
            self.clock,
            lambda: self.config,
            lambda: Journeys({}, timezone=BERLIN),
            lambda: self.channel,
        )

    def to(self) -> list[str]:
        return [recipient for recipient, _ in self.server.accepted]

    def alerts(self) -> list[str]:
        with self.store.read() as conn:
            return [alert.why for alert in alerts.latest(conn)]


@asynccontextmanager
async def office(folder: Path, every: str = "day") -> AsyncIterator[Office]:
    async with SmtpServer() as server:
        config, problems = read_config(CONFIG.format(port=server.port, every=every))
        assert [problem.code for problem in problems] == ["W11"], problems
        store, clock = new_store(folder), ManualClock(TUESDAY)
        channel = open_channel(ChannelSetup(config.channels["email"], config, folder, "secret", clock))
        yield Office(store, clock, config, channel, server)
        await channel.close()
        store.close()


async def test_everybody_gets_the_page_and_the_text_in_the_morning_once(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        mailer = here.mailer()
        await mailer.look()
        assert here.to() == [], "named before the morning: nothing is due"
        here.clock.advance(HOUR)
        await mailer.look()
        assert here.to() == ["anna@shop.example", "ben@shop.example"]
        for _ in range(3):
            here.clock.advance(5 * HOUR)
            await here.mailer().look()  # another process, and one that started anew
        assert len(here.to()) == 2
        here.clock.advance(DAY)
        await mailer.look()
        assert len(here.to()) == 4
        mail = email.message_from_bytes(here.server.accepted[0][1], policy=email.policy.default)
        assert mail["Subject"] == "[Bean There] The shop, 2026-05-24 to 2026-06-22"
        assert mail["Auto-Submitted"] == "auto-generated"
        text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert page is not None
        assert "repeat rate" in text.get_content()
        assert "<table" in page.get_content()
        assert here.alerts() == []


async def test_a_morning_without_a_daemon_is_made_up_for_when_it_is_back(tmp_path: Path) -> None:
    async with office(tmp_path, every="Monday") as here:
        await here.mailer().look()
        here.clock.advance(8 * DAY + HOUR)  # Wednesday of the next week
        await here.mailer().look()
        subject = email.message_from_bytes(here.server.accepted[0][1], policy=email.policy.default)["Subject"]
        assert subject.endswith("2026-05-30 to 2026-06-28"), "until the day before that Monday"
        here.clock.advance(4 * DAY)
        await here.mailer().look()
        assert len(here.to()) == 2


async def test_what_the_server_does_not_take_is_told_once_and_tried_again(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await here.mailer().look()
        here.server.rcpt["ben@shop.example"] = "450 4.2.1 too busy"
        here.clock.advance(HOUR)
        for _ in range(10):
            await here.mailer().look()
            here.clock.advance(2 * MINUTE)
        assert here.to() == ["anna@shop.example"]
        (told,) = here.alerts()
        assert told.startswith("the report of 2026-06-23 cannot be mailed to ben@shop.example: ")
        assert "too busy" in told
        here.server.rcpt.clear()
        here.clock.advance(2 * HOUR)
        await here.mailer().look()
        assert here.to() == ["anna@shop.example", "ben@shop.example"]


async def test_two_processes_at_the_same_moment_send_it_once(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await here.mailer().look()
        here.clock.advance(HOUR)
        here.server.dot_seconds = 0.05
        one, other = here.mailer(), here.mailer()
        await asyncio.gather(one.look(), other.look())
        assert sorted(here.to()) == ["anna@shop.example", "ben@shop.example"]


@pytest.mark.parametrize("is_handed", [False, True])
async def test_a_process_that_died_while_it_sent(tmp_path: Path, is_handed: bool) -> None:
    async with office(tmp_path) as here:
        await here.mailer().look()
        here.clock.advance(HOUR)
        now, day, who = here.clock.now(), "2026-06-23", "anna@shop.example"

        def die(conn: Connection) -> None:
            claimed = report_mails.claim(conn, who, day, now, LEASE)
            assert claimed is not None
            if is_handed:
                handed = report_mails.ReportMail(
                    day, report_mails.ReportMailState.HANDED, claimed.ready_at, claimed.attempts
                )
                assert report_mails.change(conn, who, claimed, handed)

        here.store.write(die)
        await here.mailer().look()
        assert here.to() == ["ben@shop.example"], "it may still be about to send it"
        here.clock.advance(LEASE)
        for _ in range(2):
            await here.mailer().look()
        if is_handed:
            assert here.to() == ["ben@shop.example"], "it may have left"
            assert here.alerts() == [
                "nobody knows whether the report of 2026-06-23 reached anna@shop.example: a daemon died"
            ]
        else:
            assert here.to() == ["ben@shop.example", "anna@shop.example"]
            assert here.alerts() == []


async def test_whoever_was_taken_for_dead_sends_nothing_any_more(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        await here.mailer().look()
        now = here.clock.advance(HOUR)
        day, who = "2026-06-23", "anna@shop.example"
        late = here.store.write(lambda conn: report_mails.claim(conn, who, day, now, LEASE))
        assert late is not None
        here.clock.advance(LEASE)
        await here.mailer().look()
        assert here.to().count(who) == 1
        settled = report_mails.ReportMail(day, report_mails.ReportMailState.HANDED, late.ready_at)
        assert not here.store.write(lambda conn: report_mails.change(conn, who, late, settled))


@pytest.mark.parametrize(
    ("now", "weekday", "due"),
    [
        ("2026-06-23T06:59", None, "2026-06-22"),
        ("2026-06-23T07:00", None, "2026-06-23"),
        ("2026-06-22T06:59", 0, "2026-06-15"),
        ("2026-06-22T07:00", 0, "2026-06-22"),
        ("2026-06-28T23:00", 0, "2026-06-22"),
        ("2026-03-29T07:00", 6, "2026-03-29"),  # the clocks went forward that night
    ],
)
def test_the_morning_is_that_of_the_shop(now: str, weekday: int | None, due: str) -> None:
    local = dt.datetime.fromisoformat(now)
    moment = Instant(at_local(local.date(), local.time(), zone(BERLIN)))
    assert due_day(moment, BERLIN, weekday) == dt.date.fromisoformat(due)
