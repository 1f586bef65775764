"""Two versions over one recorded stream: counts, who changes, samples, and reactions that move with their
message."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.compiler.journeys.compile import compile_journey
from engine.core.journeys import Journeys
from engine.language.parse import parse_journey
from engine.project import Project
from engine.simulate.replay.comparison import (
    ComparedCount,
    JourneyComparison,
    ReplayComparison,
    compare_replays,
)
from engine.simulate.replay.mapping import StreamMapping
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.replay.replay_report import report

HEAD = """
journey: sample
start: {event: subscribed}
again: always
goal: {event: order_placed}
policy: service
"""
HELLO = """
steps:
  - wait: 1 hour
    id: pause
  - send: welcome_hello
"""
FEWER = """
steps:
  - wait: 5 hours
    id: pause
  - if: {orders_count: 0}
    then:
      - send: welcome_hello
"""
CLICKED = """
  - wait: 1 day
    id: more
  - if: {clicked: welcome_hello}
    then:
      - send: welcome_our_story
"""
Line = tuple[str, str, str, dict[str, Any]]
Compare = Callable[..., ReplayComparison]


def journeys(shop: Project, text: str) -> Journeys:
    name = text.partition("journey: ")[2].partition("\n")[0]
    file, _ = parse_journey(text, f"journeys/{name}.yaml")
    assert file is not None
    compiled = compile_journey(file, shop.world)
    assert compiled.journey is not None, compiled.problems
    return replace(shop.journeys, by_name={name: compiled.journey}, global_holdout=0)


def stream_of(path: Path, lines: list[Line]) -> Path:
    rows = [
        {"event": name, "customer_id": customer, "at": f"{at}Z", "properties": properties}
        for name, customer, at, properties in lines
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def compare(shop: Project, tmp_path: Path) -> Compare:
    """Compares two journeys over lines (event, customer, moment of UTC, properties)."""

    def run(before: str, after: str, lines: list[Line], one_in: int = 1, jobs: int = 1) -> ReplayComparison:
        versions = [
            (journeys(shop, text if text.startswith("\njourney:") else HEAD + text), shop.world)
            for text in (before, after)
        ]
        stream = stream_of(tmp_path / "events.jsonl", lines)
        options = ReplayOptions(jobs=jobs, one_in=one_in)
        return compare_replays(versions[0], versions[1], [stream], None, options)[0]

    return run


def signups(customers: int, seed: int) -> list[Line]:
    """People who subscribe within a day; some order one to nine hours later."""
    draw = random.Random(seed)
    lines: list[Line] = []
    for n in range(customers):
        minute = draw.randrange(12 * 60)
        lines.append(
            ("subscribed", f"c{n}", f"2026-03-02T{minute // 60:02}:{minute % 60:02}:{n % 60:02}", {})
        )
        if draw.random() < 0.5:
            minute += draw.randrange(60, 9 * 60)
            at = f"2026-03-02T{minute // 60:02}:{minute % 60:02}:{n % 60:02}"
            lines.append(("order_placed", f"c{n}", at, {"total": 20, "currency": "EUR"}))
    lines.append(("site_visited", "nobody", "2026-03-05T00:00:00", {}))
    return sorted(lines, key=lambda line: line[2])


def _moment(second: int) -> str:
    return f"2026-03-02T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def only(answer: ReplayComparison) -> JourneyComparison:
    (journey,) = answer.journeys
    return journey


def test_counts_are_those_of_two_replays(shop: Project, compare: Compare, tmp_path: Path) -> None:
    lines = signups(300, seed=1)
    answer = compare(HELLO, FEWER, lines, jobs=2)
    journey = only(answer)
    for place, text in enumerate((HELLO, FEWER)):
        result = replay(journeys(shop, HEAD + text), shop.world, [tmp_path / "events.jsonl"], StreamMapping())
        (alone,) = report(result).journeys

        def pick(pair: ComparedCount, place: int = place) -> int:
            return (pair.before, pair.after)[place]

        assert pick(journey.starts) == alone.starts
        assert pick(journey.goals) == alone.goals
        assert pick(journey.open) == alone.open
        assert {name: pick(pair) for name, pair in journey.outcomes.items() if pick(pair)} == alone.outcomes
        assert pick(journey.messages[0].messages) == sum(each.messages for each in alone.messages)
        assert (journey.cost_before, journey.cost_after)[place] == alone.cost
    gone = journey.messages[0].messages.before - journey.messages[0].messages.after
    assert gone > 0
    # Everybody who got the message gets it later, or not at all.
    assert answer.changed == journey.messages[0].messages.before
    assert (journey.enter, journey.enter_no_more) == (0, 0)


def test_who_enters_with_one_version_alone_is_counted(compare: Compare) -> None:
    lines: list[Line] = [
        ("subscribed", "ada", "2026-03-02T10:00:00", {"source": "till"}),
        ("subscribed", "bob", "2026-03-02T11:00:00", {}),
        ("site_visited", "bob", "2026-03-03T11:00:00", {}),
    ]
    narrower = HELLO + "who: {country: BG}\n"
    assert (
        only(compare(HELLO, narrower, lines)).enter_no_more,
        only(compare(narrower, HELLO, lines)).enter,
    ) == (2, 2)
    assert only(compare(HELLO, HELLO, lines)).is_same


def test_each_way_in_which_a_story_changes_has_one_customer_and_says_how_many_are_like_them(
    compare: Compare,
) -> None:
    lines = signups(60, seed=3)
    answer = compare(HELLO, FEWER, lines)
    assert sum(timeline.like for timeline in answer.timelines) == answer.changed
    first = answer.timelines[0]
    assert any(event.words == "sample sends welcome_hello via email" for event in first.before)
    assert not any(event.kind == "message" for event in first.after)
    assert compare(HELLO, HELLO, lines).timelines == []


TWO_LETTERS = """
steps:
  - wait: 1 hour
    id: pause
  - send: welcome_hello
    id: first
  - wait: 1 day
    id: more
  - send: SECOND
    id: second
"""


def test_two_messages_that_change_places_change_the_story_of_everybody(compare: Compare) -> None:
    lines: list[Line] = [("subscribed", f"c{n}", _moment(n), {}) for n in range(400)]
    lines.append(("site_visited", "nobody", "2026-03-05T00:00:00", {}))
    one = TWO_LETTERS.replace("SECOND", "welcome_our_story")
    other = one.replace("hello", "HELLO").replace("our_story", "hello").replace("HELLO", "our_story")
    answer = compare(one, other, lines)
    assert answer.changed == 400
    assert sum(timeline.like for timeline in answer.timelines) == 400


def test_two_messages_of_one_moment_that_swap_places_change_nobodys_story(compare: Compare) -> None:
    lines = signups(40, seed=7)
    one = """
steps:
  - wait: 1 hour
    id: pause
  - send: FIRST
    id: first
  - send: SECOND
    id: second
"""
    first, second = "welcome_hello", "welcome_our_story"
    before = one.replace("FIRST", first).replace("SECOND", second)
    swapped = one.replace("FIRST", second).replace("SECOND", first)
    answer = compare(before, swapped, lines)
    assert only(answer).is_same
    assert {each.template: each.messages.before for each in only(answer).messages}[second] > 0
    assert (answer.changed, answer.timelines) == (0, [])
    # nor does it show in the story of whom another change touches
    later = swapped + CLICKED.replace("{clicked: welcome_hello}", "{orders_count: 0}")
    shown = compare(before, later, lines).timelines[0]
    moment = next(event.at for event in shown.before if event.kind == "message")
    of_moment = [[each for each in side if each.at == moment] for side in (shown.before, shown.after)]
    assert [each.kind for each in of_moment[0]].count("message") == 2
    assert of_moment[0][:2] == of_moment[1][:2]


def test_what_steps_and_journeys_are_called_changes_nothing_for_customers(compare: Compare) -> None:
    lines = signups(40, seed=5)
    once = HEAD + TWO_LETTERS.replace("SECOND", "welcome_hello")
    steps = once.replace("id: first", "id: third").replace("id: second", "id: first")
    called = once.replace("journey: sample", "journey: other\nwas: sample")
    for before, after in ((once, steps), (once, called), (called, once)):
        answer = compare(before, after, lines)
        assert answer.changed == 0
        assert answer.timelines == []
        assert only(answer).is_same
        assert only(answer).starts.before == only(answer).starts.after == 40


def test_the_difference_of_a_sample_is_within_its_margin_about_as_often_as_it_says(compare: Compare) -> None:
    inside = 0
    for seed in range(20):
        lines = signups(120, seed)
        sent = only(compare(HELLO, FEWER, lines)).messages[0].messages
        sample = only(compare(HELLO, FEWER, lines, one_in=3)).messages[0].messages
        assert sample.margin
        inside += abs((sample.after - sample.before) - (sent.after - sent.before)) <= sample.margin
    assert inside >= 17


def test_every_count_of_a_sample_has_its_margin(compare: Compare) -> None:
    lines = signups(120, seed=1)
    slower = FEWER.replace("5 hours", "10 days")
    whole, sample = only(compare(HELLO, slower, lines)), only(compare(HELLO, slower, lines, one_in=3))
    assert only(compare(HELLO, slower, lines, one_in=3, jobs=2)) == sample
    assert sample.open.before != sample.open.after
    nobody = only(compare(HELLO, HELLO + "who: {country: BG}\n", lines, one_in=3))
    assert nobody.goals.before != nobody.goals.after == 0
    assert nobody.goals.margin
    for pair in (sample.goals, sample.open, *sample.skipped.values(), *sample.outcomes.values()):
        assert pair.margin is not None
        assert bool(pair.margin) >= (pair.before != pair.after)
    assert whole.goals.margin is whole.open.margin is None


def hello_and_click(customer: str, sent: str, clicked: str | None) -> list[Line]:
    about = {"template": "welcome_hello", "channel": "email"}
    lines: list[Line] = [("message_handed", customer, sent, about)]
    if clicked is not None:
        lines.append(("message_clicked", customer, clicked, {**about, "sent_at": f"{sent}Z"}))
    return lines


def test_a_reaction_moves_with_its_message(compare: Compare) -> None:
    lines: list[Line] = [
        ("subscribed", "ada", "2026-03-02T10:00:00", {}),
        *hello_and_click("ada", "2026-03-02T11:00:00", "2026-03-02T11:30:00"),
        ("site_visited", "ada", "2026-03-06T00:00:00", {}),
    ]
    later = HELLO.replace("1 hour", "7 hours") + CLICKED
    journey = only(compare(HELLO + CLICKED, later, lines))
    # The recorded click is hours before the later message, and yet is a click on it.
    counts = {each.template: each.messages for each in journey.messages}
    assert (counts["welcome_our_story"].before, counts["welcome_our_story"].after) == (1, 1)


def test_the_reaction_to_the_second_message_stays_with_the_second(compare: Compare) -> None:
    lines: list[Line] = sorted(
        [
            ("subscribed", "ada", "2026-03-02T10:00:00", {}),
            *hello_and_click("ada", "2026-03-02T11:00:00", None),
            ("subscribed", "ada", "2026-03-04T10:00:00", {}),
            *hello_and_click("ada", "2026-03-04T11:00:00", "2026-03-04T11:30:00"),
            ("site_visited", "ada", "2026-03-09T00:00:00", {}),
        ],
        key=lambda line: line[2],
    )
    journey = only(compare(HELLO, HELLO + CLICKED, lines))
    days = {each.day: each.messages.after for each in journey.days if each.template == "welcome_our_story"}
    assert days == {"2026-03-05": 1}


def test_nobody_reacts_to_a_message_that_is_not_sent(compare: Compare) -> None:
    lines: list[Line] = [
        ("subscribed", "ada", "2026-03-02T10:00:00", {}),
        *hello_and_click("ada", "2026-03-02T11:00:00", "2026-03-02T11:30:00"),
        ("site_visited", "ada", "2026-03-06T00:00:00", {}),
    ]
    other = (HELLO + CLICKED).replace("send: welcome_hello", "send: welcome_offer", 1)
    journey = only(compare(HELLO + CLICKED, other, lines))
    counts = {each.template: each.messages for each in journey.messages}
    assert (counts["welcome_our_story"].before, counts["welcome_our_story"].after) == (1, 0)


def test_runs_of_one_moment_begin_and_give_way_in_turns(compare: Compare) -> None:
    head = HEAD.replace("subscribed", "cart_updated").replace("again: always", "again: restart")
    lines: list[Line] = [
        ("cart_updated", "anna", at, {"cart_id": cart})
        for at, cart in (
            ("2026-03-02T10:00:00", "a"), ("2026-03-02T10:00:00", "b"),
            ("2026-03-02T10:30:00", "c"), ("2026-03-02T10:30:00", "d"),
        )
    ]  # fmt: skip
    lines.append(("subscribed", "berta", "2026-03-03T10:00:00", {}))
    (anna,) = compare(head + HELLO, head + FEWER, lines).timelines
    kinds = [(event.at[11:16], event.kind) for event in anna.before]
    assert kinds == [
        ("10:00", "start"), ("10:00", "restart"), ("10:00", "start"),
        ("10:30", "restart"), ("10:30", "start"), ("10:30", "restart"), ("10:30", "start"),
        ("11:30", "message"), ("11:30", "end"),
    ]  # fmt: skip
