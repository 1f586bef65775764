"""The canonical form: what moves, what stays, and that doing it twice changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.fmt import format_journey
from engine.language.nodes import Mapping, Node, Scalar
from engine.language.parse import parse_journey, respellings
from engine.language.yaml.source import read

ROOT = Path(__file__).parent.parent.parent
JOURNEYS = sorted([*ROOT.glob("journeys/*.yaml"), *ROOT.glob("journeys/segments/*.yaml")])
CASES = sorted((ROOT / "tests/cases/err/language").glob("*.yaml"))
WELCOME = (ROOT / "journeys/welcome.yaml").read_text()

UNTIDY = """\
# yaml-language-server: $schema=../x
# a header

steps:


  # first
  -   id: hello     # the id
      # about send
      send: welcome_hello   # behind
      via: [push,
        email]   # order
  - wait: 3 days
  - {wait: 2 days}
  - if: {a: b}
    # no
    else: [{exit: x}]
    # yes
    then:
    - exit: y
    # trailing in then
  # trailing in steps
tests:
    - test: "x
        y"
      when: []
      expect: nothing
journey: welcome      # the name
about: >
    hello
      world

    you
again:
   never
goal: {event: order_placed,
  do: [{add: {points: 5}}]}
# last
"""
TIDY = """\
# yaml-language-server: $schema=../x
# a header

journey: welcome      # the name
about: >
  hello
    world

  you
again: never
goal:
  event: order_placed
  do:
    - {add: {points: 5}}
steps:

  # first
  # about send
  - send: welcome_hello   # behind
    id: hello     # the id
    via:
      - push
      - email   # order
  - wait: 3 days
    id: before_the_end
  - {wait: 2 days, id: before_the_end_2}
  - if: {a: b}
    # yes
    then:
      - exit: y
    # no
    else:
      - {exit: x}
    # trailing in then
  # trailing in steps
tests:
  - test: "x y"
    when: []
    expect: nothing
# last
"""


@pytest.mark.parametrize("file", JOURNEYS, ids=lambda file: file.stem)
def test_our_own_files_are_canonical(file: Path) -> None:
    text = file.read_text()
    assert format_journey(text, file.name) == text


def test_untidy_becomes_tidy_with_its_comments() -> None:
    assert format_journey(UNTIDY, "welcome.yaml") == TIDY
    assert format_journey(TIDY, "welcome.yaml") == TIDY


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_twice_is_once_and_the_meaning_stays(case: Path) -> None:
    text = case.read_text()
    once = format_journey(text, "welcome.yaml")
    assert format_journey(once, "welcome.yaml") == once
    if case.stem not in {"E01_tab", "E41_wait"}:  # these two are what fmt repairs
        assert meaning(read(once, "f")[0]) == meaning(read(text, "f")[0])


def test_tabs_become_the_spaces_that_fit() -> None:
    assert format_journey(WELCOME.replace("    at: 10:00", "\tat: 10:00"), "welcome.yaml") == WELCOME


def test_yes_and_no_become_true_and_false_where_that_is_the_type() -> None:
    text = WELCOME.replace("  orders_count: 0\n", "  loyalty_member: yes\n  country: no\n", 1)
    done = format_journey(text, "welcome.yaml", {"loyalty_member"})
    assert "  loyalty_member: true\n  country: no\n" in done


def test_missing_ids_are_named_after_the_next_message_and_unique() -> None:
    text = WELCOME.replace("    id: before_offer\n", "").replace("    id: settle_in\n", "")
    done = format_journey(text, "welcome.yaml")
    assert "- wait: 2 days\n    id: before_welcome_bestsellers\n" in done
    assert "- wait: 3 days\n    id: before_welcome_offer\n" in done
    assert parse_journey(done, "journeys/welcome.yaml")[1] == []


def test_a_file_that_cannot_be_read_stays_as_it_is() -> None:
    broken = WELCOME.replace("again: never", "again: [never")
    assert format_journey(broken, "welcome.yaml") == broken


@settings(deadline=None)
@given(
    st.integers(0, len(WELCOME)),
    st.sampled_from(["# x", " # x", "\n\n", "\n# x\n", "\n   # x\n", "  ", "\n", "'", "- "]),
)
def test_any_slip_in_a_journey_keeps_its_meaning(at: int, slip: str) -> None:
    text = WELCOME[:at] + slip + WELCOME[at:]
    once = format_journey(text, "welcome.yaml")
    assert format_journey(once, "welcome.yaml") == once
    before, after = read(text, "f"), read(once, "f")
    if not before[1] and not respellings(text, "welcome.yaml"):
        assert without_ids(meaning(after[0])) == without_ids(meaning(before[0]))
        assert once.count("# x") == text.count("# x")


def meaning(node: Node | None) -> object:
    """Maps without their order, scalars as text."""
    match node:
        case None:
            return None
        case Scalar(text=text):
            return text
        case Mapping(entries=entries):
            return {entry.key.text: meaning(entry.value) for entry in entries}
        case _:
            return [meaning(item) for item in node.items]


def without_ids(content: object) -> object:
    if isinstance(content, dict):
        return {key: without_ids(value) for key, value in content.items() if key != "id"}
    return [without_ids(item) for item in content] if isinstance(content, list) else content
