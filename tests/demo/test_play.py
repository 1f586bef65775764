"""The demo as a whole: a copy of the sample project, a real daemon, real mail, customers who answer."""

from __future__ import annotations

import asyncio
import email
from pathlib import Path

import pytest

from engine.channels.outbox.channel import kept_messages
from engine.config.channels.email import EmailOptions
from engine.errors import UsageError
from engine.figures.metrics import CLICKED, SENT
from engine.values import DAY
from tools.demo.display import Figures
from tools.demo.project import copy_project
from tools.demo.runner import STEP, DemoOptions, most_written_to, play, prepare

ROOT = Path(__file__).parents[2]


def test_a_day_of_a_small_shop(tmp_path: Path) -> None:
    demo = prepare(
        DemoOptions(ROOT, tmp_path / "demo", customers=60, seed=3, days=1), lambda _done, _total: None
    )
    steps: list[int] = []
    ends: list[Figures] = []

    def over(figures: Figures) -> None:
        # the table is there while the daemon still answers; whoever has seen enough stops it
        assert not demo.daemon.is_stopping
        ends.append(figures)
        demo.daemon.stop()

    asyncio.run(play(demo, lambda playing: steps.append(playing.clock.now()), over, stay=True))
    (figures,) = ends
    assert len(steps) == DAY // STEP
    assert demo.refused == 0
    assert set(figures.waiting.values()) == {0}
    sent = figures.total(SENT)
    assert isinstance(sent, int)
    mails = sorted((tmp_path / "demo" / "data" / "mail").glob("*.eml"))
    assert sent > 0
    assert len(mails) + demo.sink.refused == figures.total(SENT, channel="email")
    assert sum(demo.received.values()) == sent - demo.sink.refused
    assert demo.received[most_written_to(demo)] == max(demo.received.values())
    clicked = figures.total(CLICKED)
    assert isinstance(clicked, int)
    assert clicked > 0
    assert figures.overview is not None
    whole = figures.overview.tables[0]
    in_report = dict(zip((each.name for each in whole.metrics), whole.rows[0].now, strict=True))
    assert (in_report["sent"], in_report["clicked"]) == (sent, clicked)
    assert in_report["all_orders"] == demo.customers.counts["orders"]
    kept = [message for message in kept_messages(demo.outbox) if message.message.channel == "email"]
    assert kept
    assert all(message.message.template for message in kept)
    assert {message.message.purpose for message in kept} >= {"marketing"}
    for mail in mails:
        headers = email.message_from_bytes(mail.read_bytes())
        assert len(headers.get_all("Message-ID", [])) == 1
        assert headers["From"] == "Bean There <hello@shop.example>"


def test_the_demo_never_takes_a_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("my letters")
    with pytest.raises(UsageError, match="not a demo's folder"):
        copy_project(ROOT, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "my letters"


def test_the_demo_refuses_a_project_that_could_reach_somebody(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_project(ROOT, project)
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("host: 127.0.0.1", "host: mail.shop.example"))
    with pytest.raises(UsageError, match='"email" would send real messages'):
        copy_project(project, tmp_path / "demo")


def test_taken_ports_are_replaced(tmp_path: Path) -> None:
    first, ports = copy_project(ROOT, tmp_path / "one")
    assert first.config.http.port == ports["http"]
    assert first.config.http.public_url.endswith(f":{ports['http']}")
    assert first.config.channels["email"].options_as(EmailOptions).port == ports["mail"]
    assert f":{ports['gateway']}/" in first.config.webhooks["crm_call_task"].url
