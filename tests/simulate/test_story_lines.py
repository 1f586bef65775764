"""How a story's expectations are compared with what happened, and how the difference is shown."""

from __future__ import annotations

from engine.simulate.stories.story_lines import TraceLine, compare, passed
from engine.simulate.stories.story_report import render_rows


def at(day: int, time: str, text: str) -> TraceLine:
    hour, minute = time.split(":")
    return TraceLine(day, int(hour) * 60 + int(minute), text)


def test_messages_skips_and_ends_must_be_complete() -> None:
    rows = compare([], [at(0, "10:00", "send hello via email")])
    assert not passed(rows)
    assert [row.mark for row in rows] == ["+"]


def test_side_effects_that_no_line_names_are_free() -> None:
    assert passed(compare([], [at(0, "10:00", "code SPRING"), at(0, "10:00", "add 5 points")]))


def test_of_a_listed_side_effect_every_moment_must_match() -> None:
    happened = [
        at(0, "10:00", "add 5 points"),
        at(1, "10:00", "add 5 points"),
        at(1, "10:00", "add 9 points"),
    ]
    rows = compare([at(0, "10:00", "add 5 points")], happened)
    assert [(row.mark, row.at.label) for row in rows] == [("=", "day 0 10:00"), ("+", "day 1 10:00")]


def test_lines_of_one_moment_have_no_order() -> None:
    lines = [at(0, "10:00", "finish"), at(0, "10:00", "send hello via email")]
    assert passed(compare(lines, list(reversed(lines))))


def test_a_skip_without_a_reason_matches_any() -> None:
    happened = [at(0, "10:00", "skip hello (capped)")]
    assert passed(compare([at(0, "10:00", "skip hello")], happened))
    assert passed(compare([at(0, "10:00", "skip hello (capped)")], happened))
    assert not passed(compare([at(0, "10:00", "skip hello (too late)")], happened))


def test_equal_lines_are_counted() -> None:
    twice = [at(0, "10:00", "restart"), at(0, "10:00", "restart")]
    assert not passed(compare(twice[:1], twice))
    assert passed(compare(twice, twice))


def test_a_failing_story_is_shown_as_in_the_language_reference() -> None:
    expected = [
        at(0, "17:30", "send cart_reminder via push"),
        at(1, "9:00", "send cart_reminder via email"),
        at(1, "13:00", "send cart_reminder via sms"),
        at(2, "18:00", "code CART10"),
        at(2, "18:00", "send cart_offer_percent via email"),
        at(2, "18:00", "finish"),
    ]
    happened = [
        at(0, "17:30", "send cart_reminder via push"),
        at(0, "19:30", "send cart_reminder via email"),
        at(1, "9:00", "send cart_reminder via sms"),
        at(2, "18:00", "code CART10"),
        at(2, "18:00", "send cart_offer_percent via email"),
        at(2, "18:00", "finish"),
    ]
    text = render_rows("cascade through the night, then the offer", compare(expected, happened))
    assert text == (
        "FAIL  cascade through the night, then the offer\n"
        "     when          expected                             happened\n"
        "  =  day 0 17:30   send cart_reminder via push          send cart_reminder via push\n"
        "  +  day 0 19:30                                        send cart_reminder via email\n"
        "  -  day 1 09:00   send cart_reminder via email\n"
        "  +  day 1 09:00                                        send cart_reminder via sms\n"
        "  -  day 1 13:00   send cart_reminder via sms\n"
        "  =  day 2 18:00   send cart_offer_percent via email    send cart_offer_percent via email\n"
        "  =  day 2 18:00   finish                               finish\n"
        "  =  day 2 18:00   code CART10                          code CART10"
    )
