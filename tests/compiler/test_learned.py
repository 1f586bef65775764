"""Steps that learn: what they compile to, what the checks see of them, and which change is a change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.checks import check_journey
from engine.compiler.journeys.compile import compile_journey
from engine.compiler.journeys.fingerprint import fingerprint
from engine.core.journey import Journey, SendStep, WaitStep
from engine.project import load
from engine.values import DAY, HOUR, Duration
from tests.compiler.shop import HEAD, parsed, world

SAMPLE = Path(__file__).parent.parent / "cases" / "project"
WORLD = world()
CASCADE = "  - send: both\n    via: {via}\n    next_after: {after}\n"


def compiled(steps: str) -> Journey:
    made = compile_journey(parsed(steps, HEAD), WORLD)
    assert made.problems == ()
    assert made.journey is not None
    return made.journey


def message(via: str, after: str) -> SendStep:
    step = compiled(CASCADE.format(via=via, after=after)).steps[0]
    assert isinstance(step, SendStep)
    return step


def test_auto_has_a_length_until_enough_is_known() -> None:
    step = message("[push, email]", "auto")
    assert (step.learns, step.next_after) == (True, Duration(elapsed=4 * HOUR))
    step = message("[push, email]", "auto, else 1 day 2 hours")
    assert (step.learns, step.next_after) == (True, Duration(days=1, elapsed=2 * HOUR))
    assert not message("[push, email]", "4 hours").learns


def test_an_interval_that_is_learned_may_be_as_long_as_three_days() -> None:
    assert message("[push, email]", "auto").longest_interval == Duration(elapsed=3 * DAY)
    assert message("[push, email]", "auto, else 1 week").longest_interval == Duration(days=7)
    assert message("[push, email]", "4 hours").longest_interval == Duration(elapsed=4 * HOUR)
    assert compiled(CASCADE.format(via="[push, email]", after="auto")).longest == Duration(days=3)


def test_cheapest_likely_takes_every_channel_in_the_order_of_the_file() -> None:
    step = message("cheapest likely", "2 hours")
    names = [name for name in WORLD.config.channels if name in WORLD.templates.channels("both")]
    assert (step.likely, step.is_cascade, list(step.channels)) == (True, True, names)
    assert message("cheapest likely of push, email", "2 hours").channels == ("email", "push")
    assert message("cheapest likely of email, push", "2 hours").channels == ("email", "push")


def wait(text: str) -> WaitStep:
    step = compiled(f"  - wait: {text}\n    id: w\n").steps[0]
    assert isinstance(step, WaitStep)
    return step


def test_their_hour_stands_where_a_time_may_stand() -> None:
    assert wait("2 days\n    at: their hour").their_hour
    assert wait("until birthday\n    at: their hour").their_hour
    assert wait("until 2026-11-27\n    at: their hour").their_hour
    until = wait("until their hour")
    assert until.their_hour
    assert until.until is not None
    assert compiled("  - wait: until their hour\n    id: w\n").longest == Duration(days=1)


SAME = [
    CASCADE.format(via=via, after=after)
    for via in ("[push, email]", "cheapest likely", "cheapest likely of push, email")
    for after in ("auto", "auto, else 6 hours", "4 hours")
] + [
    f"  - wait: {words}\n    id: w\n"
    for words in (
        "2 days",
        "2 days\n    at: their hour",
        "2 days\n    at: 10:00",
        "until 10:00",
        "until their hour",
    )
]


def test_every_way_to_write_it_is_another_behaviour() -> None:
    assert len({fingerprint(parsed(steps, HEAD)) for steps in SAME}) == len(SAME)


def test_journeys_that_learn_nothing_keep_their_hash() -> None:
    """It is kept with every deployment: a new release must not make every journey look changed."""
    steps = (
        CASCADE.format(via="[push, email]", after="4 hours") + "  - wait: 2 days\n    id: w\n    at: 10:00\n"
    )
    assert fingerprint(parsed(steps, HEAD)) == "92010c5f61906f95e9e642e9baa43d60"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    return folder


def test_a_channel_without_a_price_cannot_be_compared(shop: Path) -> None:
    config = shop / "config.yaml"
    config.write_text(config.read_text().replace(", price: 0.06 EUR", ""))
    journey = shop / "journeys" / "abandoned_cart.yaml"
    text = journey.read_text()
    assert "via: [push, email, sms]" in text
    journey.write_text(text.replace("via: [push, email, sms]", "via: cheapest likely"))
    found = [problem for problem in load(shop).problems if problem.code == "W16"]
    assert [(each.what, each.fix) for each in found] == [
        (
            "sms has no price in config.yaml",
            "add  price: 0.06 EUR  to the channel sms, or  price: 0 EUR  if it is free",
        )
    ]


def test_phones_are_known_to_what_is_published(shop: Path) -> None:
    journeys = load(shop).journeys
    assert journeys.by_phone == {"sms"}
    assert journeys.zones_of_phone("+359881234567") == ("Europe/Sofia",)
    assert str(journeys.prices["sms"]) == "0.06"


def test_the_order_of_prices_is_not_asked_of_channels_that_have_none() -> None:
    file = parsed(CASCADE.format(via="cheapest likely of email, push", after="2 hours"), HEAD)
    journey = compile_journey(file, WORLD).journey
    assert "W05" not in {problem.code for problem in check_journey(JourneyCheckInput(file, journey, WORLD))}
    file = parsed(CASCADE.format(via="[email, push]", after="2 hours"), HEAD)
    assert "W05" in {problem.code for problem in check_journey(JourneyCheckInput(file, journey, WORLD))}
