"""The story of a replayed run: pasted under `tests:` it passes, and it tells what the replay did."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.compiler.journeys.compile import compile_journey
from engine.core.journeys import Journeys
from engine.language.parse import parse_journey
from engine.project import Project
from engine.simulate.replay.one_customer import replay_customer
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.stories.story_check import JourneyUnderTest, StoryCheck, check_story
from engine.simulate.stories.story_source import StorySource
from engine.values import SECOND, Instant, instant, iso

HEAD = "journey: sample\npolicy: service\n"
JOURNEYS = {
    "reacts": """
start: {event: subscribed}
again: always
goal: {event: order_placed, within: 20 days}
steps:
  - wait: 1 hour
    id: pause
  - send: welcome_hello
  - wait: 1 day
    at: 10:00
    id: more
  - if: {clicked: welcome_hello}
    then:
      - send: welcome_our_story
    else:
      - set: {lifecycle: lost}
  - wait: 2 days
    for: product_viewed
    id: looks
    else:
      - exit: gone
  - send: welcome_last_call
""",
    "asks what was": """
start: {event: cart_updated, where: {total: more than 20 EUR}}
who: {orders_count: at most 3}
again: after 2 days
goal: {event: review_written}
exit_if: {did: {order_placed: at least 2 times in last 5 days}}
steps:
  - wait: 1 hour 30 minutes
    id: pause
  - if: {did: {product_viewed: at least 2 times in last 3 days}}
    then:
      - send: welcome_hello
    else:
      - send: welcome_our_story
  - wait: 3 days
    id: rest
  - if: {viewed_lately: more than 2}
    then:
      - exit: looks around
""",
    "one for each order": """
start: {event: order_placed, per: order_id}
again: never
goal: {event: order_placed, where: {order_id: not trigger.order_id}, within: 10 days}
steps:
  - wait: 2 days
    at: 10:00
    id: pause
  - split: half
    into:
      50% a:
        - send: welcome_hello
      50% b:
        - send: welcome_our_story
""",
    "begins over": """
start: {event: subscribed}
again: restart
goal: {event: order_placed}
steps:
  - wait: 2 hours
    id: pause
  - send: welcome_hello
    via: [push, email]
    next_after: 3 hours
  - wait: until next_order_at
    id: due
  - send: welcome_our_story
""",
    "when somebody lapses": """
start: {segment: lapsed_90}
again: after 1 day
goal: {event: order_placed}
exit_if: {segment: not lapsed_90}
steps:
  - wait: 1 day
    id: pause
  - send: welcome_hello
  - wait: 40 days
    id: long
""",
    "by the clock": """
start: {every: day, at: 10:00}
who: {did: {product_viewed: in last 1 day}}
again: after 3 days
goal: {event: order_placed}
steps:
  - wait: 5 hours
    id: pause
  - send: welcome_hello
""",
}


def journeys(shop: Project, text: str) -> tuple[Journeys, str]:
    whole = HEAD + text
    file, problems = parse_journey(whole, "journeys/sample.yaml")
    assert file is not None
    assert not problems, problems
    compiled = compile_journey(file, shop.world)
    assert compiled.journey is not None, compiled.problems
    return replace(shop.journeys, by_name={"sample": compiled.journey}, global_holdout=0), whole


def stream(path: Path, seed: int) -> Path:
    """Ten people over half a year, with seconds, several things in one minute, and long silences; some click
    what they are sent."""
    draw = random.Random(seed)
    lines = []
    for number in range(10):
        # Seconds since the first of January
        at = draw.randrange(30 * 86400)
        for place in range(draw.randrange(2, 14)):
            at += draw.choice((7, 45, 600, 3600, 3601, 5 * 3600, 86400, 3 * 86400, 100 * 86400))
            name = draw.choice(
                ("subscribed", "product_viewed", "product_viewed", "cart_updated", "order_placed")
            )
            more: dict[str, object] = {}
            if name == "order_placed":
                more = {"order_id": f"o{number}-{place}", "total": draw.randrange(1, 60), "currency": "EUR"}
            if name == "cart_updated":
                more = {"total": draw.randrange(1, 60), "currency": "EUR"}
            lines.append((at, name, f"c{number}", more))
        if draw.random() < 0.5:
            sent: dict[str, object] = {
                "template": "welcome_hello",
                "channel": "email",
                "sent_at": "2026-01-01T00:00:00Z",
            }
            for kind, after in (("message_opened", 20), ("message_clicked", draw.choice((40, 900, 90_000)))):
                lines.append((after, kind, f"c{number}", sent))
    rows = [
        {"event": name, "customer_id": customer, "at": _moment(at), "properties": more}
        for at, name, customer, more in sorted(lines, key=lambda line: line[0])
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _moment(seconds: int) -> str:
    return iso(Instant(instant(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)) + seconds * SECOND))


def stories(shop: Project, text: str, events: Path) -> Iterator[tuple[StorySource, StoryCheck]]:
    """Of every run of every customer, tried as the journey is written."""
    known, whole = journeys(shop, text)
    for number in range(10):
        played = replay_customer(f"c{number}", known, shop.world, [events])
        for run in played.timeline.runs:
            assert played.until is not None
            told = StorySource(
                run=run, timeline=played.timeline, journey=known.by_name["sample"], journeys=known,
                catalogue=shop.catalogue, zone=played.zones[run.id], until=played.until,
            )  # fmt: skip
            test = JourneyUnderTest(known.by_name["sample"], whole, known, shop.world)
            yield told, check_story(told, test, "a run", "later", is_kept=False)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", JOURNEYS)
def test_the_story_of_every_run_passes_and_tells_what_the_replay_did(
    shop: Project, tmp_path: Path, name: str, seed: int
) -> None:
    events = stream(tmp_path / "events.jsonl", seed)
    told = [*stories(shop, JOURNEYS[name], events)]
    assert told
    for run, tried in told:
        assert tried.passes, (run.run.started_at, tried.story.text, tried.result)
        # Alone in its project the journey does in the story what it did in the replay
        assert not tried.differs, (tried.story.text, tried.differs)


def test_nobody_is_played_otherwise_alone(shop: Project, tmp_path: Path) -> None:
    """The runs of everybody, one after the other, are those of the whole replay."""
    events = stream(tmp_path / "events.jsonl", 5)
    for text in JOURNEYS.values():
        known, _ = journeys(shop, text)
        out = tmp_path / "out"
        replay(known, shop.world, [events], None, ReplayOptions(out=out))
        sent = [
            json.loads(line) for line in (out / "messages.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        alone = [
            (customer, message.template, message.channel)
            for customer in sorted({f"c{number}" for number in range(10)})
            for run in replay_customer(customer, known, shop.world, [events]).timeline.runs
            for messages in run.sent.values()
            for message in messages
        ]
        assert sorted(alone) == sorted((row["customer"], row["template"], row["channel"]) for row in sent)
