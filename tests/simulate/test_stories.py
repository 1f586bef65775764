"""Stories: the world they live in, and what they say when they are wrong (design/language 2.16, 2.20)."""

from __future__ import annotations

from textwrap import indent

import pytest

from engine.project import Project
from engine.simulate.stories.story_report import render_text, run_stories, to_data
from tests.simulate.conftest import Tell

HEAD = """journey: sample
start:
  event: subscribed
again: always
goal:
  event: order_placed
policy: service
"""


def journey(steps: str, tests: str, head: str = HEAD) -> str:
    return f"{head}\nsteps:\n{indent(steps.strip(), '  ')}\n\ntests:\n{indent(tests.strip(), '  ')}\n"


def test_every_story_of_the_sample_shop_passes(shop: Project) -> None:
    report = run_stories(shop.files.values(), shop.journeys, shop.world, of_points=True)
    assert report.failed == 0, render_text(report, shop.sources)
    assert report.passed >= 42
    assert report.problems == ()


def test_the_last_line_counts(shop: Project) -> None:
    report = run_stories([shop.files["welcome"]], shop.journeys, shop.world)
    assert render_text(report, shop.sources).splitlines()[-1] == "3 passed, 0 failed"


def test_a_failing_story_is_shown_with_the_steps_that_no_story_reaches(shop: Project, tell: Tell) -> None:
    text = shop.files["abandoned_cart"].source.replace("next_after: 4 hours", "next_after: 2 hours")
    report = tell(text)
    first, second, third = report.results
    assert (first.passed, second.passed, third.passed) == (False, True, True)
    marks = [(row.mark, row.at.label, row.expected or row.happened) for row in first.rows]
    assert ("+", "day 0 19:30", "send cart_reminder via email") in marks
    assert ("-", "day 1 13:00", "send cart_reminder via sms") in marks
    assert report.coverage is not None
    assert [step.text for step in report.coverage.unreached] == ["code CARTSHIP", "send cart_offer_shipping"]
    assert report.coverage.unreached[0].line == text.splitlines().index("            - code: CARTSHIP") + 1


def test_the_report_for_programs_says_the_same(shop: Project) -> None:
    data = to_data(run_stories([shop.files["win_back"]], shop.journeys, shop.world))
    assert (data["passed"], data["failed"]) == (5, 0)
    assert [step["step"] for step in data["journeys"][0]["unreached"]] == ["exit no_offer_group"]


ONE = "- send: welcome_hello"


@pytest.mark.parametrize(
    ("given", "when", "code", "what"),
    [
        ("", "clicked welcome_hello", "E59", "was not sent before day 0 10:00"),
        ("", "subscribd", "E10", "subscribd"),
        ("given: {ordrs_count: 1}", "subscribed", "E11", "ordrs_count"),
        ("given: {segments: [vipp]}", "subscribed", "E60", "vipp"),
        ("given: {unreachable: [fax]}", "subscribed", "E61", "fax"),
        ("given: {paths: {no_split: a}}", "subscribed", "E58", "no_split"),
        ("given: {tier: golden}", "subscribed", "E24", "golden"),
        ("given: {product: {colour: red}}", "subscribed", "E11", "colour"),
        ("given: {did: {order_place: 3 days ago}}", "subscribed", "E10", "order_place"),
        ("", "enters nowhere", "E60", "nowhere"),
        ("given: {inside: [welcom]}", "subscribed", "E74", "welcom"),
        ("given: {inside: [sample]}", "subscribed", "E58", "sample"),
        ("", "enters sample", "E58", "sample"),
    ],
)
def test_wrong_names_are_problems_of_the_story(
    tell: Tell, given: str, when: str, code: str, what: str
) -> None:
    story = (
        f"- test: wrong\n  {given or 'given: {points: 1}'}\n  when:\n    - day 0 10:00: {when}\n"
        f"  expect: nothing"
    )
    report = tell(journey(ONE, story))
    (problem,) = report.results[0].problems
    assert problem.code == code
    assert what in problem.what
    assert problem.fix
    assert report.failed == 1


def test_a_field_that_the_event_does_not_have(tell: Tell) -> None:
    story = "- test: wrong\n  when:\n    - day 0 10:00: subscribed\n      sourc: x\n  expect: nothing"
    (problem,) = tell(journey(ONE, story)).results[0].problems
    assert (problem.code, problem.span.line) == ("E11", 16)
    assert "source" in problem.fix


def test_a_split_needs_its_path_and_takes_it(tell: Tell) -> None:
    steps = """
- split: greeting
  into:
    99% short:
      - exit: short
    1% long:
      - exit: long
"""
    story = (
        "- test: {name}\n  {given}\n  when:\n    - day 0 10:00: subscribed\n  expect:\n"
        "    - day 0 10:00: exit long"
    )
    forced = tell(journey(steps, story.format(name="forced", given="given: {paths: {greeting: long}}")))
    assert forced.failed == 0
    free = tell(journey(steps, story.format(name="free", given="given: {points: 1}")))
    (problem,) = free.results[0].problems
    assert problem.code == "E58"
    assert "greeting" in problem.fix


def run_one(tell: Tell, steps: str, story: str, head: str = HEAD) -> list[tuple[str, str]]:
    """What happened, line by line."""
    (result,) = tell(journey(steps, story, head)).results
    assert result.problems == ()
    return [(row.at.label, row.happened) for row in result.rows if row.happened]


def test_equal_lines_of_a_minute_are_one_event_and_different_ones_two(tell: Tell) -> None:
    head = HEAD.replace("event: subscribed", "event: cart_updated\n  per: cart_id")
    story = """
- test: three lines
  when:
    - day 0 10:00: cart_updated
      cart_id: a
    - day 0 10:00: cart_updated
      cart_id: a
    - day 0 10:00: cart_updated
      cart_id: b
  expect: nothing
"""
    happened = run_one(tell, "- exit: seen", story, head)
    assert happened == [("day 0 10:00", "exit seen")] * 2


def test_labels_stay_in_the_zone_of_day_0(tell: Tell) -> None:
    story = """
- test: flies to New York
  given: {timezone: Europe/Berlin}
  when:
    - day 0 10:00: subscribed
    - day 0 12:00: set
      timezone: America/New_York
  expect: nothing
"""
    steps = "- wait: 1 day\n  id: a_day\n  at: 09:00\n- exit: done"
    assert run_one(tell, steps, story) == [("day 1 15:00", "exit done")]


def test_a_late_event_counts_from_when_it_happened(tell: Tell) -> None:
    story = """
- test: late
  when:
    - day 0 10:00: subscribed
      happened: day 0 09:20
  expect: nothing
"""
    assert run_one(tell, "- wait: 1 hour\n  id: an_hour\n- exit: done", story) == [
        ("day 0 10:20", "exit done")
    ]


def test_given_facts_go_on_with_events_and_did_moves_the_others(tell: Tell) -> None:
    steps = """
- wait: 1 hour
  id: an_hour
- if:
    reviews_count: 5
    orders_count: 2
    did: {order_placed: in last 3 days}
  then:
    - exit: both
"""
    story = """
- test: facts
  given: {reviews_count: 4, did: {order_placed: [{at: 2 days ago, total: 40 EUR}, {at: 9 days ago}]}}
  when:
    - day 0 10:00: subscribed
    - day 0 10:30: review_written
  expect: nothing
"""
    assert run_one(tell, steps, story) == [("day 0 11:00", "exit both")]


def test_the_holdout_is_only_measured(tell: Tell) -> None:
    story = """
- test: measured
  given: {holdout: true}
  when:
    - day 0 10:00: subscribed
    - day 3 10:00: order_placed
  expect: nothing
"""
    assert run_one(tell, ONE, story) == [("day 0 10:00", "holdout"), ("day 3 10:00", "goal")]


DAILY = HEAD.replace("  event: subscribed", "  every: day\n  at: 10:00")


def test_a_clock_starts_once_without_lines_and_then_nobody_starts(tell: Tell) -> None:
    story = "- test: once\n  given: {points: 1}\n  expect: nothing"
    assert run_one(tell, "- exit: seen", story, DAILY) == [("day 0 10:00", "exit seen")]


def test_a_clock_starts_again_up_to_the_last_line(tell: Tell) -> None:
    story = "- test: thrice\n  expect:\n    - day 2 10:00: exit seen"
    happened = run_one(tell, "- exit: seen", story, DAILY)
    assert happened == [(f"day {day} 10:00", "exit seen") for day in range(3)]


def test_those_inside_go_on_for_90_days(tell: Tell) -> None:
    story = "- test: long\n  when:\n    - day 0 10:00: subscribed\n  expect: nothing"
    assert run_one(tell, "- wait: 89 days\n  id: long\n- exit: done", story) == [
        ("day 89 10:00", "exit done")
    ]
    assert run_one(tell, "- wait: 91 days\n  id: long\n- exit: done", story) == []


def test_closed_channels(tell: Tell) -> None:
    steps = "- send: birthday_today\n  via: [push, email]\n  next_after: 5 hours\n  policy: marketing"
    story = """
- test: neither
  given: {unreachable: [push], no_consent: [email]}
  when:
    - day 0 10:00: subscribed
  expect:
    - day 0 10:00: skip birthday_today
    - day 0 10:00: finish
"""
    report = tell(journey(steps, story))
    assert report.failed == 0
    assert report.results[0].rows[0].happened == "skip birthday_today (unreachable)"


def test_a_bounce_closes_the_channel(tell: Tell) -> None:
    steps = "- send: welcome_hello\n- wait: 1 day\n  id: a_day\n- send: welcome_our_story"
    story = """
- test: dead address
  when:
    - day 0 10:00: subscribed
    - day 0 10:05: bounced welcome_hello
  expect:
    - day 0 10:00: send welcome_hello via email
    - day 1 10:00: skip welcome_our_story (unreachable)
    - day 1 10:00: finish
"""
    assert tell(journey(steps, story)).failed == 0


def test_side_effects_in_words(tell: Tell) -> None:
    steps = """
- set: {lifecycle: active, first_seen: now}
- add: {points: -50}
- add: {tags: vip}
- remove: {tags: lead}
- webhook: crm_call_task
"""
    story = """
- test: words
  given: {tags: [lead, beta]}
  when:
    - day 0 10:00: subscribed
  expect:
    - day 0 10:00: set lifecycle to active
    - day 0 10:00: set first_seen to now
    - day 0 10:00: add -50 points
    - day 0 10:00: add vip to tags
    - day 0 10:00: remove lead from tags
    - day 0 10:00: webhook crm_call_task
    - day 0 10:00: finish
"""
    report = tell(journey(steps, story))
    assert report.failed == 0, report.results[0].rows


def test_segments_change_by_lines_alone(tell: Tell) -> None:
    head = HEAD.replace("  event: subscribed", "  segment: lapsed_90")
    story = """
- test: old order
  given: {did: {order_placed: 200 days ago}}
  when:
    - day 5 10:00: enters lapsed_90
  expect: nothing
"""
    assert run_one(tell, "- exit: seen", story, head) == [("day 5 10:00", "exit seen")]


def test_other_journeys_begin_and_end_by_lines_alone(tell: Tell) -> None:
    head = HEAD.replace("policy:", "exit_if:\n  inside: welcome\npolicy:")
    story = """
- test: gives way to the welcome, and begins after it
  given: {inside: [welcome]}
  when:
    - day 0 10:00: subscribed
    - day 1 10:00: leaves welcome
    - day 2 10:00: subscribed
    - day 3 10:00: enters welcome
  expect: nothing
"""
    steps = "- wait: 5 days\n  id: rest"
    assert run_one(tell, steps, story, head) == [("day 3 10:00", "exit_if")]


def test_after_a_mistake_in_its_lines_a_story_shows_no_difference_that_only_follows_from_it(
    tell: Tell,
) -> None:
    story = (
        "- test: a\n  when:\n    - day 0 10:00: subscribd\n  expect:\n"
        "    - day 0 10:00: send welcome_hello via email"
    )
    (result,) = tell(journey(ONE, story)).results
    assert [problem.code for problem in result.problems] == ["E10"]
    assert result.rows == ()


def test_only_the_first_split_without_a_path_is_told(tell: Tell) -> None:
    steps = """- split: outer
  into:
    50% a:
      - split: inner
        into:
          50% c: [{send: welcome_hello}]
          50% d: [{exit: d}]
    50% b:
      - exit: b"""
    story = "- test: a\n  when:\n    - day 0 10:00: subscribed\n  expect:\n    - day 0 10:00: exit b"
    (problem,) = tell(journey(steps, story)).results[0].problems
    assert '"outer"' in problem.what


def test_time_alone_ends_a_run_at_its_moment(tell: Tell) -> None:
    head = HEAD.replace("policy:", "exit_if:\n  did: {site_visited: not in last 3 days}\npolicy:")
    story = """- test: it
  when:
    - day 0 09:00: site_visited
    - day 0 10:00: subscribed
    - day 1 12:00: site_visited
  expect:
    - day 4 12:00: exit_if"""
    report = tell(journey("- wait: 9 days\n  id: pause\n- send: welcome_hello", story, head))
    assert report.failed == 0, report.results


def test_what_is_expected_does_not_move_what_was_before_the_story(tell: Tell) -> None:
    """An accepted story has lines that the failing one had not; what `did` counts from stays."""
    head = """journey: sample
start:
  date: 27 November
  at: 10:00
again: always
goal:
  event: order_placed
exit_if:
  did: {site_visited: not in last 3 days}
policy: service
"""
    story = "- test: it\n  from: 2026-11-27\n  given: {did: {site_visited: 1 day ago}}\n  expect:"
    rows = {
        tuple(run_one(tell, "- wait: 9 days\n  id: pause", story + expected, head))
        for expected in (" nothing", "\n    - day 0 10:00: finish", "\n    - day 1 08:30: finish")
    }
    assert rows == {(("day 2 00:00", "exit_if"),)}


def test_a_moment_that_a_story_sets_stands_until_its_events_can_tell(tell: Tell) -> None:
    """An event alone does not say when the next one is due; the line after it does."""
    head = "journey: sample\nstart: {event: order_placed}\nagain: never\n"
    head += "goal: {event: subscribed}\npolicy: service\n"
    steps = "- wait: 1 day\n  id: pause\n- wait: until next_order_at\n  id: due\n- send: welcome_hello"
    story = """- test: it
  when:
    - day 0 10:00: order_placed
    - day 0 11:00: set
      next_order_at: 2026-03-12 09:00
  expect:
    - day 10 09:00: send welcome_hello via email
    - day 10 09:00: finish"""
    report = tell(journey(steps, story, head))
    assert report.failed == 0, report.results


TAKES_ALL = HEAD.replace("event: subscribed", "segment: {segment}\n  members: all")


@pytest.mark.parametrize(
    ("given", "when", "expect"),
    [
        ("given: {segments: [{segment}]}", "", "day 0 00:00: send welcome_hello via email"),
        (
            "given: {segments: [{segment}]}",
            "day 0 10:00: enters {segment}",
            "day 0 00:00: send welcome_hello via email",
        ),
        ("", "day 0 10:00: enters {segment}", "day 0 10:00: send welcome_hello via email"),
        ("given: {segments: [{segment}], orders_count: 1}", "", ""),
    ],
)
def test_who_is_in_the_segment_from_the_beginning_starts_with_the_story(
    shop: Project, tell: Tell, given: str, when: str, expect: str
) -> None:
    lines = ["- test: taken", f"  {given}"] if given else ["- test: taken"]
    lines += ["  when:", f"    - {when}"] if when else []
    lines += (
        ["  expect:", f"    - {expect}", f"    - {expect[:11]}: finish"] if expect else ["  expect: nothing"]
    )
    segment = next(iter(shop.journeys.segments))
    text = journey(ONE, "\n".join(lines), TAKES_ALL + "who: {orders_count: 0}\n").replace(
        "{segment}", segment
    )
    report = tell(text)
    assert [each.passed for each in report.results] == [True], report.results[0].rows
