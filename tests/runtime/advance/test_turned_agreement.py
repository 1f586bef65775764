"""Goals and exits that time alone makes true: a story, a replay and the daemon end a run at the same
minute."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.language.parse import parse_journey
from engine.project import Project
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import EventItem
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.stories.story_report import run_stories
from engine.store.journeys import traces
from engine.values import DAY, MINUTE, Instant, iso
from tests.runtime.advance.test_product_starts import pass_time
from tests.runtime.shop import ATTRIBUTES, CONFIG, MONDAY, Shop, write_project

EVENTS = """
events:
  subscribed: {}
  site_visited: {}
  cart_updated: {fields: {total: money}}
  order_placed: {fields: {order_id: text}}
"""
FACTS = ATTRIBUTES + "  carts_lately: count of cart_updated in last 1 day\n"
JOURNEY = """journey: news
start: {event: subscribed}
again: AGAIN
goal: GOAL
exit_if: EXIT
policy: service
steps:
  - wait: 7 hours
    id: short
  - send: first
  - wait: 2 days
    id: long
    at: 18:30
  - send: second
"""
GOALS = (
    "{event: order_placed}",
    "{when: {did: {site_visited: not in last 1 day}}}",
    "{when: {carts_lately: 0, did: {cart_updated: at least 1 times}}, within: 2 days}",
    "{when: {last_order_at: more than 1 day ago}}",
)
EXITS = (
    "{did: {cart_updated: not in last 2 days}}",
    "{did: {site_visited: at least 2 times in last 5 hours}}",
    "{all: [{last_order_at: more than 3 hours ago}, {did: {site_visited: not in last 10 hours}}]}",
    "{carts_lately: at least 3}",
)
ENDS = ("goal", "exit_if", "finish")
LAST = 7 * DAY // MINUTE
FIRST_DAY = dt.date(2026, 3, 2)

Line = tuple[int, str]
"""Minute, and what was sent or how a run ended."""

names = st.sampled_from(
    ("subscribed", "site_visited", "site_visited", "cart_updated", "cart_updated", "order_placed")
)
histories = st.lists(st.tuples(st.integers(2, 4 * DAY // MINUTE), names), min_size=5, max_size=12)


def read(folder: Path, goal: str, exit_if: str, again: str) -> tuple[dict[str, str], Project]:
    text = JOURNEY.replace("GOAL", goal).replace("EXIT", exit_if).replace("AGAIN", again)
    files = {
        "config.yaml": CONFIG,
        "schemas/customer.yaml": FACTS,
        "schemas/events.yaml": EVENTS,
        "journeys/news.yaml": text,
        **{f"templates/{name}.push.txt": f"This is {name}" for name in ("first", "second")},
    }
    return files, write_project(folder, files)


def told_as_story(project: Project, history: Sequence[Line]) -> list[Line]:
    lines = [
        f"      - day {(600 + minute) // 1440} {(600 + minute) // 60 % 24:02}:{minute % 60:02}: {name}"
        for minute, name in history
    ]
    text = project.sources["journeys/news.yaml"] + "tests:\n  - test: it\n    when:\n" + "\n".join(lines)
    file, problems = parse_journey(text + "\n    expect: nothing\n", "journeys/news.yaml")
    assert file is not None, problems
    (told,) = run_stories([file], project.journeys, project.world).journeys
    (result,) = told.results
    assert not result.problems, result.problems
    rows = [
        (row.at.day * 1440 + row.at.minute - 600, row.happened.split()) for row in result.rows if row.happened
    ]
    said = [(minute, words[1] if words[0] == "send" else words[0]) for minute, words in rows]
    return sorted(line for line in said if line[0] <= LAST)


def replayed(project: Project, history: Sequence[Line], folder: Path) -> tuple[list[Line], Counter[int]]:
    """What was sent and how runs ended, and how many goals each day had: also those of runs that had
    finished, which are no ends."""
    told = [(minute, name, "ada") for minute, name in history] + [(LAST, "site_visited", "bob")]
    lines = [
        {"at": iso(Instant(MONDAY + minute * MINUTE)), "event": name, "customer_id": who, "properties": {}}
        for minute, name, who in told
    ]
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = replay(
        project.journeys, project.world, [folder / "events.jsonl"], None, ReplayOptions(out=folder / "out")
    )
    goals = Counter[int]()
    for date, day in result.figures.days.get("news", {}).items():
        goals[(date - FIRST_DAY).days] += day.goals
    found = []
    for file, word in (("messages", "template"), ("ends", "outcome")):
        for line in (folder / "out" / f"{file}.jsonl").read_text().splitlines():
            row = json.loads(line)
            number, hour, minute = int(row["at"][8:10]) - 2, int(row["at"][11:13]), int(row["at"][14:16])
            found.append((number * 1440 + (hour - 9) * 60 + minute, row[word]))
    return sorted(found), +goals


def lived(files: dict[str, str], project: Project, history: Sequence[Line], folder: Path) -> list[Line]:
    shop = Shop(folder, files)
    try:
        shop.change("ada", tier="gold")
        shop.run()
        intake = Intake(project.catalogue, project.config, project.journeys)
        for number, (minute, name) in enumerate([*history, (LAST, "")]):
            pass_time(shop, Instant(MONDAY + minute * MINUTE))
            if name:
                now = shop.clock.now()
                batch = intake.prepare([EventItem(0, "ada", name, None, f"e{number}", {})], "test", now)
                assert not shop.store.write(lambda conn: intake.take(conn, batch, now)).refused  # noqa: B023
        shop.send_all()
        with shop.store.read() as conn:
            noted = [record.line for record in traces.of_customer(conn, "ada")]
        return sorted(
            ((line.at - MONDAY) // MINUTE, line.subject if line.kind == "send" else line.kind.split()[0])
            for line in noted
            if line.kind in ("send", *ENDS, "goal (late)")
        )
    finally:
        shop.close()


SLOW = [HealthCheck.too_slow]


@pytest.mark.parametrize("exit_if", EXITS)
@settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
@given(history=histories, goal=st.sampled_from(GOALS), again=st.sampled_from(("always", "after 1 day")))
def test_a_story_a_replay_and_the_daemon_agree(
    history: list[Line], exit_if: str, goal: str, again: str
) -> None:
    agree(history, exit_if, goal, again)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("exit_if", EXITS)
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(history=histories, goal=st.sampled_from(GOALS), again=st.sampled_from(("always", "after 1 day")))
def test_they_agree_on_many_histories(history: list[Line], exit_if: str, goal: str, again: str) -> None:
    agree(history, exit_if, goal, again)


def agree(history: Sequence[Line], exit_if: str, goal: str, again: str) -> None:
    # one thing a minute, as in the agreement about product starts
    history = [(0, "cart_updated"), (1, "subscribed"), *sorted(dict(history).items())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, project = read(folder / "read", goal, exit_if, again)
        story = told_as_story(project, history)
        lines, goals_by_day = replayed(project, history, folder)
        goals = Counter(line for line in story if line[1] == "goal")
        assert [line for line in lines if line[1] != "goal"] == [line for line in story if line not in goals]
        assert Counter(line for line in lines if line[1] == "goal") <= goals
        days = Counter[int]()
        for (minute, _), count in goals.items():
            days[(600 + minute) // 1440] += count
        # a goal after `within` ends a run and is not counted
        assert goals_by_day <= days
        assert "within" in goal or goals_by_day == days
        assert lived(files, project, history, folder / "lived") == story
