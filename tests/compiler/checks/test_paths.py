"""What the checks know of paths: where they part, where they meet, where they end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.check_input import JourneyCheckInput
from engine.compiler.checks import check_journey
from engine.compiler.journeys.compile import compile_journey
from engine.language.parse import parse_journey
from tests.compiler.shop import HEAD, SAMPLE, parsed, world

WORLD = world()


def codes(steps: str, head: str = HEAD) -> list[str]:
    """The codes of the checks for these steps; template `b` prints a promo code."""
    file = parsed(steps, head)
    made = compile_journey(file, WORLD)
    assert made.problems == ()
    found = check_journey(JourneyCheckInput(file, made.journey, WORLD, frozenset({"b"})))
    return [problem.code for problem in found if problem.code not in ("W01", "W54")]


CODE = "{code: CART10, valid: 2 days}"
AT_TEN = "  - wait: 1 day\n    id: w\n    at: 10:00\n"
HOURS = "  - wait: {} hours\n    id: {}\n"
SEND_A = "  - send: a\n"
SINCE_START = "  - if: {did: {cart_emptied: since start}}\n    then: [{exit: x}]\n"
CASCADE = "  - {send: both, via: [push, email], next_after: 1 hour}\n"
IF_GOLD = "  - if: {{tier: gold}}\n    then: [{{{}}}]\n"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (f"  - if: {{tier: gold}}\n    then: [{CODE}]\n    else: [{CODE}]\n  - send: b\n", []),
        (f"  - if: {{tier: gold}}\n    then: [{CODE}]\n  - send: b\n", ["E35"]),
        (f"  - if: {{tier: gold}}\n    then: [{CODE}]\n    else: [{{exit: x}}]\n  - send: b\n", []),
        (
            f"  - choose: tier\n    into:\n      gold: [{CODE}]\n      silver: [{CODE}]\n  - send: b\n",
            ["E35"],
        ),
        (f"  - choose: tier\n    into:\n      gold: [{CODE}]\n      else: [{CODE}]\n  - send: b\n", []),
        (
            f"  - split: s\n    into:\n      50% one: [{CODE}]\n      50% two: [{{exit: x}}]\n  - send: b\n",
            [],
        ),
        (f"  - wait: 1 day\n    id: w\n    for: cart_emptied\n    then: [{CODE}]\n  - send: b\n", ["E35"]),
        (f"  - {CODE}\n  - wait: 1 day\n    id: w\n    for: cart_emptied\n    then: [{{send: b}}]\n", []),
    ],
)
def test_a_code_is_needed_on_every_path(steps: str, expected: list[str]) -> None:
    assert codes(steps) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - wait: 1 day\n    id: w\n    at: 22:00\n  - send: a\n", ["W02"]),
        ("  - wait: 1 day\n    id: w\n    at: 09:00\n  - send: a\n", []),
        ("  - wait: 1 day\n    id: w\n    at: 20:59\n  - send: a\n", []),
        ("  - wait: 1 day\n    id: w\n    at: 22:00\n  - send: a\n    policy: service\n", []),
        (AT_TEN + HOURS.format(12, "v") + SEND_A, ["W02"]),
        (AT_TEN + HOURS.format(10, "v") + SEND_A, []),
        (AT_TEN + SEND_A + HOURS.format(12, "v") + SEND_A.replace(": a", ": a\n    id: a2"), ["W02"]),
        (AT_TEN + HOURS.format(12, "v") + HOURS.format(12, "u") + SEND_A, []),
        (AT_TEN + HOURS.format(5, "v") + "  - wait: 1 day 7 hours\n    id: u\n" + SEND_A, ["W02"]),
        (AT_TEN + HOURS.format(12, "v") + "    for: cart_emptied\n    then: [{exit: x}]\n" + SEND_A, []),
        (AT_TEN + CASCADE + HOURS.format(12, "v") + SEND_A, []),
        (AT_TEN + IF_GOLD.format("wait: 2 hours, id: v") + HOURS.format(12, "u") + SEND_A, []),
        (AT_TEN + IF_GOLD.format("exit: x") + HOURS.format(12, "u") + SEND_A, ["W02"]),
        (AT_TEN + HOURS.format(12, "v") + SEND_A + "    policy: service\n", []),
        ("  - wait: 12 hours\n    id: v\n  - send: a\n", []),
        ("  - wait: 1 day\n    id: w\n    at: 22:00\n  - set: {tier: gold}\n", []),
        ("  - wait: 1 day\n    id: w\n    at: 22:00\n  - wait: until 10:00\n    id: v\n  - send: a\n", []),
        ("  - if: {tier: gold}\n    then: [{wait: 1 day, id: w, at: 22:00}]\n  - send: a\n", ["W02"]),
        ("  - wait: 1 day\n    id: w\n    at: 22:00\n  - if: {tier: gold}\n    then: [{send: a}]\n", ["W02"]),
        (
            (
                "  - wait: 2 days\n    id: w\n    at: 22:00\n    for: cart_emptied\n    then: [{send: a}]\n"
                "    else: [{exit: x}]\n"
            ),
            [],
        ),
    ],
)
def test_quiet_hours_of_the_message_behind_a_wait(steps: str, expected: list[str]) -> None:
    assert codes(steps) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - send: a\n  - if: {clicked: a}\n    then: [{exit: x}]\n", ["W03"]),
        (SINCE_START, ["W03"]),
        ("  - set: {tier: gold}\n" + SINCE_START, ["W03"]),
        ("  - if: {goal: not reached}\n    then: [{exit: x}]\n", ["W03"]),
        ("  - if: {did: {cart_emptied: ever}}\n    then: [{exit: x}]\n", []),
        (HOURS.format(2, "v") + SINCE_START, []),
        (SEND_A + SINCE_START, []),  # quiet hours may have held it
        (IF_GOLD.format("wait: 2 hours, id: v") + SINCE_START, []),
        ((
            "  - send: a\n  - set: {tier: gold}\n  - if: {any: [{opened: a}, {tier: gold}]}\n"
            "    then: [{exit: x}]\n"
        ), ["W03"]),
        ("  - send: a\n  - wait: 1 day\n    id: w\n  - if: {clicked: a}\n    then: [{exit: x}]\n", []),
        (
            (
                "  - send: a\n  - {send: both, via: [push, email], next_after: 1 hour}\n"
                "  - if: {clicked: a}\n    then: [{exit: x}]\n"
            ),
            [],
        ),
        ("  - if: {clicked: a}\n    then: [{exit: x}]\n  - send: a\n", ["E70"]),
        ((
            "  - if: {tier: gold}\n    then: [{send: a}, {wait: 1 day, id: w}]\n  - if: {clicked: a}\n"
            "    then: [{exit: x}]\n"
        ), []),
    ],
)  # fmt: skip
def test_reactions_are_asked_after_the_message_had_time(steps: str, expected: list[str]) -> None:
    assert codes(steps) == expected


@pytest.mark.parametrize(("days", "expected"), [("7 days", ["W07"]), ("6 days 23 hours", []), ("8 days", [])])
def test_a_path_as_long_as_the_period_of_the_clock(days: str, expected: list[str]) -> None:
    head = HEAD.replace("{event: subscribed}", "{every: week, weekdays: [Monday], at: 10:00}")
    assert codes(f"  - send: a\n  - wait: {days}\n    id: w\n", head) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - add: {points: 5}\n  - send: a\n", ["W08"]),
        ("  - send: a\n  - add: {points: 5}\n", []),
        ("  - if: {tier: gold}\n    then: [{send: a}]\n  - add: {points: 5}\n", ["W08"]),
        ("  - set: {tier: gold}\n  - send: a\n", []),
    ],
)
def test_what_a_restart_gives_again(steps: str, expected: list[str]) -> None:
    assert codes(steps, HEAD.replace("never", "restart")) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("  - set: {consent.email: given}\n", ["E76"]),
        ("  - set: {consent.email: withdrawn}\n", []),
        (
            (
                "  - wait: 7 days\n    id: w\n    for: optin_confirmed\n"
                "    then: [{set: {consent.email: given}}]\n"
            ),
            [],
        ),
        (
            (
                "  - wait: 7 days\n    id: w\n    for: optin_confirmed\n    else: [{exit: x}]\n"
                "  - set: {consent.email: given}\n"
            ),
            [],
        ),
        (
            (
                "  - wait: 7 days\n    id: w\n    for: optin_confirmed\n    else: [{send: a}]\n"
                "  - set: {consent.email: given}\n"
            ),
            ["E76"],
        ),
        (
            "  - wait: 7 days\n    id: w\n    for: site_visited\n    then: [{set: {consent.email: given}}]\n",
            ["E76"],
        ),
        ("  - if: {did: {optin_confirmed: ever}}\n    then: [{set: {consent.email: given}}]\n", []),
    ],
)
def test_consent_is_noted_only_after_the_customer_gave_it(steps: str, expected: list[str]) -> None:
    assert codes(steps) == expected


JOURNEYS = [
    file.read_text().split("\ntests:")[0].split("\n") for file in sorted((SAMPLE / "journeys").glob("*.yaml"))
]
WORDS = sorted({word for lines in JOURNEYS for line in lines for word in line.replace(":", " ").split()})


@settings(deadline=None)
@given(
    st.sampled_from(JOURNEYS),
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 4), st.sampled_from(WORDS)), min_size=1, max_size=3
    ),
)
def test_no_mistake_makes_the_compiler_fall_over(lines: list[str], edits: list[tuple[int, int, str]]) -> None:
    lines = list(lines)
    for place, how, word in edits:
        at = place % len(lines)
        match how:
            case 0:
                lines[at] = ""
            case 1:
                lines.insert(at, lines[(place * 7) % len(lines)])
            case 2:
                lines[at] = f"  {lines[at]}"
            case 3:
                lines[at] = lines[at].removeprefix("  ")
            case _:
                lines[at] = lines[at].rpartition(" ")[0] + f" {word}"
    file, problems = parse_journey("\n".join(lines), "journeys/x.yaml")
    if file is None:
        assert any(problem.is_error for problem in problems)
        return
    made = compile_journey(file, WORLD)
    found = [*problems, *made.problems, *check_journey(JourneyCheckInput(file, made.journey, WORLD))]
    count = len("\n".join(lines).split("\n"))
    assert all(1 <= problem.span.line <= count and problem.span.column >= 1 for problem in found)
    if made.journey is None:
        assert any(problem.is_error for problem in found)
