"""What journeys cause may be as broad and as deep as it likes; only a loop without end is stopped, and its
owner hears which journeys it is made of."""

from __future__ import annotations

import dataclasses

import pytest

from engine.core.decision.causes import MOST_ROUNDS
from engine.core.decision.effects import Alert
from tests.core.builders import Life, life, project, written

DONE = "- add: {points: 1}"


def after(name: str, other: str, steps: str = DONE, **parts: str) -> str:
    """A journey that starts when another one ends, and by a sign-up."""
    start = f"[{{event: subscribed}}, {{event: journey_finished, where: {{journey: {other}}}}}]"
    return written(steps, name=name, start=start, again="always", policy="free", **parts)


def only_after(name: str, other: str, steps: str = DONE) -> str:
    start = f"{{event: journey_finished, where: {{journey: {other}}}}}"
    return written(steps, name=name, start=start, again="always", policy="free")


def starts(one: Life) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in one.trace():
        if line.kind == "start":
            counts[line.journey] = counts.get(line.journey, 0) + 1
    return counts


def alerts(one: Life) -> list[str]:
    return [effect.why for effect in one.effects if isinstance(effect, Alert)]


def test_a_thousand_journeys_on_one_event_all_start_and_all_end() -> None:
    one_of_them = project(written("- wait: 1 hour\n  id: pause\n- set: {points: 1}", policy="free"))
    journey = one_of_them.by_name["hello"]
    names = [f"j{number:04}" for number in range(1000)]
    many = {name: dataclasses.replace(journey, name=name) for name in names}
    one = life(dataclasses.replace(one_of_them, by_name=many))
    one.event("0 10:00", "subscribed")
    assert starts(one) == dict.fromkeys(names, 1)
    one.pass_time("0 11:00")
    assert one.lines.count("0 11:00 finish") == 1000
    assert alerts(one) == []


@pytest.mark.parametrize("steps", [DONE, "- send: letter", "- code: PAPER\n  valid: 5 days\n- send: letter"])
def test_a_journey_that_starts_itself_is_stopped(steps: str) -> None:
    one = life(project(after("again", "again", steps)))
    one.event("0 10:00", "subscribed")
    assert starts(one) == {"again": MOST_ROUNDS}
    (why,) = set(alerts(one))
    assert '"again" starts itself without end' in why
    assert '"again" starts itself without end' in one.said("ignored")[-1]


@pytest.mark.parametrize("size", [2, 3, 7])
def test_journeys_that_start_each_other_are_stopped_and_named(size: int) -> None:
    names = [f"j{number}" for number in range(size)]
    ring = [only_after(name, names[place - 1]) for place, name in enumerate(names) if place]
    one = life(project(after("j0", names[-1]), written(DONE, name="other", again="always"), *ring))
    one.event("0 10:00", "subscribed")
    assert starts(one) == {**dict.fromkeys(names, MOST_ROUNDS), "other": 1}
    (why,) = alerts(one)
    assert all(f'"{name}"' in why for name in names)
    assert '"other"' not in why
    one.event("0 12:00", "subscribed")
    assert starts(one)["other"] == 2


def test_a_loop_through_attributes_and_segments_is_stopped() -> None:
    gold = written(
        "- set: {tier: silver}", name="gold", start="{segment: of_gold}", again="always", policy="free"
    )
    silver = written(
        "- set: {tier: gold}", name="silver", start="{segment: of_silver}", again="always", policy="free"
    )
    journeys = project(gold, silver, segments={"of_gold": "{tier: gold}", "of_silver": "{tier: silver}"})
    one = life(journeys)
    one.change("0 10:00", tier="gold")
    assert starts(one) == {"gold": MOST_ROUNDS, "silver": MOST_ROUNDS}
    (why,) = alerts(one)
    assert '"gold" and "silver" start each other without end' in why
    one.event("0 11:00", "order_placed")  # nothing of it is left for the next thing that happens
    assert starts(one) == {"gold": MOST_ROUNDS, "silver": MOST_ROUNDS}


def test_a_long_chain_of_different_journeys_goes_through() -> None:
    names = [f"j{number}" for number in range(60)]
    chain = [only_after(name, names[place - 1]) for place, name in enumerate(names) if place]
    one = life(project(written(DONE, name="j0", policy="free"), *chain))
    one.event("0 10:00", "subscribed")
    assert starts(one) == dict.fromkeys(names, 1)
    assert alerts(one) == []


def test_a_loop_that_comes_to_an_end_by_itself_is_none() -> None:
    one = life(project(after("down", "down", "- add: {points: -1}", who="{points: at least 1}")), points=5)
    one.event("0 10:00", "subscribed")
    assert (starts(one), alerts(one)) == ({"down": 5}, [])


def test_journeys_that_take_turns_day_by_day_are_no_loop() -> None:
    wait = "- wait: 1 day\n  id: pause"
    one = life(project(after("a", "b", wait), only_after("b", "a", wait)))
    one.event("0 10:00", "subscribed")
    one.pass_time("60 00:00")
    assert starts(one) == {"a": 30, "b": 30}
    assert alerts(one) == []


def test_a_loop_with_short_waits_is_stopped_too() -> None:
    wait = "- wait: 1 minute\n  id: pause"
    one = life(project(after("a", "b", wait), only_after("b", "a", wait)))
    one.event("0 10:00", "subscribed")
    one.pass_time("2 00:00")
    assert starts(one) == {"a": MOST_ROUNDS, "b": MOST_ROUNDS}
    assert len(alerts(one)) == 1
