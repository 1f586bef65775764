"""Advice that is never wrong: every fix, typed in, removes its mistake, and keeps what its author said - each
number, the direction of each comparison, each negation."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.journeys.compile import compile_journey
from engine.compiler.project_context import ProjectContext
from engine.language.parse import parse_journey
from engine.lsp.fixes import replaced, texts_to_type
from engine.problem import Problem, split_lines
from engine.project import load_world

CASES = Path(__file__).parent.parent / "cases"
GOLDEN = sorted([*(CASES / "err/language").glob("*.yaml"), *(CASES / "err/compiler").glob("*.yaml")])

OVER_IT = re.compile(r"[Ww]rite  |did you mean")
MEANT = re.compile(r'did you mean "(?P<text>.+)"\?')


@cache
def world() -> ProjectContext:
    return load_world(CASES / "project")


def problems_of(text: str) -> list[Problem]:
    name = re.match(r"journey: ([a-z_]+)", text)
    file, problems = parse_journey(text, f"journeys/{name[1] if name else 'welcome'}.yaml")
    return problems if problems or file is None else list(compile_journey(file, world()).problems)


def texts_to_write(problem: Problem) -> list[str]:
    """The texts that a fix offers to write over what is wrong, each on its own; none where it only says what
    to do, or what to add."""
    if not OVER_IT.match(problem.fix) or "\n" in problem.fix:
        return []
    return texts_to_type(problem)


def applied(text: str, problem: Problem, fix: str) -> tuple[str, str, str]:
    """The file with the fix typed in, what it replaced, and what stands there now."""
    lines = split_lines(text)
    edit = replaced(problem.span, lines, fix)
    return edit.applied(lines), lines[edit.line][edit.start : edit.end], edit.text


# --- what an author said --------------------------------------------------------------------------

IGNORE = re.IGNORECASE
UP = re.compile(
    r"at least|(?<!no )more than|\bover\b|\babove\b|minimum|\bmin\.? *\d|or more|\d\+|>|≥|gte?\b|no less"
    r"|greater|older|longer|mindestens|больше|at least",
    IGNORE,
)
DOWN = re.compile(
    r"at most|höchstens|(?<!no )less than|\bunder\b|\bbelow\b|maximum|\bmax\b|or less|<|≤|\blte?\b|no more"
    r"|up to",
    IGNORE,
)
NOT = re.compile(
    r"(?<![a-z])not(?![a-z])"  # in `not_inside`, too
    r"|\b(?:never|none|no|isn't|doesn't|null|empty|unset|once|missed)\b|!=|<>|≠",
    IGNORE,
)
SLIP = re.compile(r"at ?l|at ?m|le?s+ t|mo?re? t|fewer", IGNORE)  # a comparison that is misspelt itself


def numbers(text: str) -> Counter[str]:
    text = re.sub(r"(\d{1,2})(?::(\d\d))? ?pm", lambda m: f"{int(m[1]) % 12 + 12}:{m[2] or '00'}", text)
    text = re.sub(r"\b12(?=(?::\d\d)? ?am)", "0", text)  # midnight
    text = re.sub(r"(?<![\d.])0?[.,](\d\d)(?!\d)", r"\1", text)  # 0.45 of 100 is 45%
    text = re.sub(r"\b(?:20)(\d\d)\b", r"\1", text)  # a year
    return Counter(number.lstrip("0") for number in re.findall(r"\d+", text) if number.strip("0"))


def is_kept(old: str, new: str) -> str:
    """ "" where every number, comparison and negation of the author is still there; else what is not."""
    missing = numbers(old) - numbers(new)
    added = numbers(new) - numbers(old)
    if missing or (added and numbers(old)):
        return f"numbers: {old!r} became {new!r}"
    for direction in (UP, DOWN):
        if direction.search(old) and not direction.search(new) and not re.search("between|in last", new):
            return f"comparison: {old!r} became {new!r}"
        if direction.search(new) and not direction.search(old) and not SLIP.search(old):
            return f"comparison: {old!r} became {new!r}"
    old = re.sub("no (?=more|less|fewer)", "", old)
    if len(NOT.findall(old)) % 2 != len(NOT.findall(new)) % 2:
        return f"negation: {old!r} became {new!r}"
    return ""


def told(text: str) -> set[tuple[str, int, str]]:
    return {(problem.code, problem.span.line, problem.what) for problem in problems_of(text)}


REPEATED = {"E04", "E16", "E41", "E54"}
"""Their fix is about another line or another file than the one where the mistake is seen."""

MADE_UP = {"E08", "E45", "E52", "E53", "E56", "E57"}
"""Something is missing, so an example of it is all that can be offered."""


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: f"{case.parent.name}-{case.stem}")
def test_every_fix_of_every_case_is_right(case: Path) -> None:
    text = case.read_text()
    for problem in problems_of(text):
        for fix in texts_to_write(problem):
            if problem.code in REPEATED:
                continue
            mended, old, new = applied(text, problem, fix)
            said = (problem.code, problem.span.line, problem.what)
            assert said not in told(mended), f"{fix!r} does not mend {problem.what!r}:\n{mended}"
            if problem.code not in MADE_UP and "nothing behind it" not in problem.what:
                assert is_kept(old, new) == "", case.stem


# --- slips, foreign words, units of other languages -------------------------------------------------

JOURNEY = """\
journey: welcome
start:
  event: {event}
  fresh: {length}
who:
  orders_count: {number}
  total_spent: {money}
  did: {{order_placed: {phrase}}}
again: {again}
goal:
  event: order_placed
holdout: {share}
steps:
  - send: welcome_hello
  - wait: {wait}
    id: before_offer
    at: {clock}
  - send: welcome_our_story
    via: {via}
"""
RIGHT = {
    "event": "subscribed", "length": "24 hours", "number": "at least 2", "money": "at least 20 EUR",
    "phrase": "ever", "again": "never", "share": "5%", "wait": "3 days", "clock": "10:00", "via": "email",
}  # fmt: skip
NUMBER = st.integers(2, 97).map(str)
UNIT = st.sampled_from(
    ["d", "m", "mo", "Stunde", "Stunden", "Tage", "година", "години", "дні", "jours", "semaine", "dasy",
     "seconds", "fortnight", "weeek", "years ago", "h", "min", "business days"]
)  # fmt: skip
HOW = st.sampled_from(
    ["at least", "at most", "over", "under", "min", "max", "mindestens", "höchstens", "больше", "not",
     "exactly", "around", ">=", "<=", ">", "<", "more then", "les than", "at leats", "atleast",
     "no more than", "up to"]
)  # fmt: skip
THING = st.sampled_from(
    ["", " orders", " or more", "+", " or 3", " to 99", "-99", "%", " EUR", " €", "x", " mal"]
)
LENGTHS = st.builds("{} {}".format, NUMBER, UNIT) | st.builds("{}{}".format, NUMBER, UNIT)
AMOUNTS = st.builds("{} {}{}".format, HOW, NUMBER, THING) | st.builds("{}{}".format, NUMBER, THING)
SLOTS = {
    "length": LENGTHS,
    "wait": LENGTHS | st.builds("until {}".format, LENGTHS),
    "number": AMOUNTS,
    "money": AMOUNTS | st.builds("{} €{}".format, HOW, NUMBER) | st.builds("${}".format, NUMBER),
    "phrase": AMOUNTS
    | st.builds("{} in {}".format, AMOUNTS, LENGTHS)
    | st.builds("in last {}".format, LENGTHS),
    "again": LENGTHS
    | st.builds("after {}".format, LENGTHS)
    | st.sampled_from(["once", "every 5 days", "once a week"]),
    "share": st.builds("{}{}".format, NUMBER, st.sampled_from(["", " pct", ".5%", " Prozent", "%%"])),
    "clock": st.builds("{}{}".format, NUMBER, st.sampled_from(["am", "pm", " Uhr", "h", ":0", ".30"])),
    "event": st.sampled_from(
        ["unsubscribed", "suscribed", "survey_answered", "journey_begun", "order_place"]
    ),
    "via": st.sampled_from(["emial", "e-mail", "mail", "viber", "push and email", "sms or email"]),
}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_whatever_is_written_no_fix_says_another_thing(data: st.DataObject) -> None:
    slot = data.draw(st.sampled_from(sorted(SLOTS)))
    word = data.draw(SLOTS[slot])
    quoted = f"'{word}'" if word[:1] in "><=-%" else word
    text = JOURNEY.format(**{**RIGHT, slot: quoted})
    assert problems_of(JOURNEY.format(**RIGHT)) == []
    for problem in problems_of(text):
        for fix in texts_to_write(problem):
            mended, _, _ = applied(text, problem, fix)
            assert (problem.code, problem.span.line, problem.what) not in told(mended)
            line = mended.split("\n")[problem.span.line - 1]
            before = text.split("\n")[problem.span.line - 1]
            assert is_kept(before, line) == "", f"{word!r}: {problem.fix!r}"
            assert not re.search("journey_|goal_|message_", fix)
            if MEANT.fullmatch(problem.fix):
                assert not {word.removeprefix("un"), f"un{word}"} & {fix}


@pytest.mark.parametrize(
    ("written", "proposed"),
    [
        ("orders_count: greater than or equal to 2", "orders_count: at least 2"),
        ("orders_count: more than or equal to 2", "orders_count: at least 2"),
        ("orders_count: less than or equal to 2", "orders_count: at most 2"),
        ("orders_count: not less than or equal to 2", "orders_count: not at most 2"),
        ("orders_count: between 2 - 5", "between 2 and 5"),
        ("orders_count: between 2 to 5", "between 2 and 5"),
        ("total_spent: between 20 EUR - 50 EUR", "between 20 EUR and 50 EUR"),
        ("total_spent: under 1,000 EUR", "less than 1000 EUR"),
        ("total_spent: 1,000 EUR or more", "at least 1000 EUR"),
        ("total_spent: 1,000 EUR", "1000 EUR"),
        ("total_spent: at least 1,000 EUR", "at least 1000 EUR"),
        ("orders_count: not equals 2", "orders_count: not 2"),
        ("last_order_at: not older than 30 days", "last_order_at: not more than 30 days ago"),
        ("tags: contains vip", "tags: vip"),
        ("tags: not contains vip", "tags: not vip"),
    ],
)
def test_words_of_other_tools_keep_their_comparison(written: str, proposed: str) -> None:
    text = (
        f"journey: welcome\nstart:\n  event: subscribed\nwho:\n  {written}\nagain: never\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    problem = next(problem for problem in problems_of(text) if problem.is_error)
    assert texts_to_write(problem)[0] == proposed
    corrected, old, new = applied(text, problem, proposed)
    assert not [problem for problem in problems_of(corrected) if problem.is_error]
    assert not is_kept(old.replace(",", ""), new)


@pytest.mark.parametrize(
    ("written", "proposed"),
    [
        ("orders_count: mindestens zwei", "at least 2"),
        ("orders_count: nicht weniger als 2", "not less than 2"),
        ("orders_count: au plus 3", "at most 3"),
        ("orders_count: не менее 2", "at least 2"),
        ("orders_count: две или больше", "at least 2"),
        ("orders_count: zwischen 2 und 5", "between 2 and 5"),
        ("orders_count: at least 2 and at most 5", "between 2 and 5"),
        ("orders_count: at least 2, at most 5", "between 2 and 5"),
        ("orders_count: ２", "2"),
        ("orders_count: 1_000", "1000"),
        ("orders_count: !!int 2", "2"),
        ("total_spent: mindestens 20 Euro", "at least 20 EUR"),
        ("total_spent: не более 20 €", "at most 20 EUR"),
        ("last_order_at: 30+ days ago", "more than 30 days ago"),
        ("last_order_at: 90 days ago or more", "more than 90 days ago"),
        ("last_order_at: over 30 days", "more than 30 days ago"),
        ("last_order_at: less than 30 days", "last_order_at: less than 30 days ago"),
        ("last_order_at: more than 30 days", "last_order_at: more than 30 days ago"),
        ("last_order_at: vor mehr als 30 Tagen", "more than 30 days ago"),
        ("last_order_at: before 1 March 2026", "2026-03-01"),
        ("last_order_at: after 1. März 2026", "2026-03-01"),
        ("tier: '!gold'", "tier: not gold"),
        ("tier: !gold", "not gold"),
        ("tier: no gold", "not gold"),
        ("tier: not in [gold, silver]", "tier: not [gold, silver]"),
        ("tier: neither gold nor silver", "tier: not [gold, silver]"),
        ("customer.tier: gold", "tier"),
        ("can: no email", "can: not email"),
        ("can: !email", "not email"),
        ("did: not order_placed", "did: {order_placed: never}"),
        ("did: order_placed in the last 30 days", "did: {order_placed: in last 30 days}"),
        ("did: {order_placed: last 30 days}", "order_placed: in last 30 days"),
        ("did not: {order_placed: ever}", "did: {order_placed: never}"),
        ("didn't: {order_placed: in last 30 days}", "did: {order_placed: not in last 30 days}"),
        ("not_did: {order_placed: ever}", "did: {order_placed: never}"),
        ("has_done: {order_placed: in last 30 days}", "did: {order_placed: in last 30 days}"),
        ("event: order_placed", "did: {order_placed: ever}"),
        (
            "did: {order_placed: at least 3 times within 2 weeks}",
            "order_placed: at least 3 times in last 2 weeks",
        ),
        ("orders_count: from 2", "at least 2"),
        ("orders_count: ab 2", "at least 2"),
        ("orders_count: from 2 to 5", "between 2 and 5"),
        ("orders_count: minstens 2", "at least 2"),
        ("orders_count: co najmniej 2", "at least 2"),
        ("total_spent: from 30 EUR", "at least 30 EUR"),
        ("total_spent: minimaal 50 EUR", "at least 50 EUR"),
        ("total_spent: between 20-500 EUR", "between 20 EUR and 500 EUR"),
        ("last_order_at: > 90 days", "more than 90 days ago"),
        ("last_order_at: '<= 30 days'", "last_order_at: less than 30 days ago"),
        ("last_order_at: over 90d", "more than 90 days ago"),
        ("last_order_at: ponad 90 dni temu", "more than 90 days ago"),
        ("last_order_at: meer dan 90 dagen geleden", "more than 90 days ago"),
        ("last_order_at: never", "is not set"),
        ("last_order_at: since 1 May 2026", "not before 2026-05-01"),
        ("tier: gold/silver", "[gold, silver]"),
        ("tier: anything but gold", "not gold"),
        ("tier: missing", "is not set"),
        ("tier: not unset", "tier: is set"),
        ("first_name: ''", "first_name: is not set"),
        ("consent.sms: given", "can: sms"),
        ("consent.email: withdrawn", "can: not email"),
        ("sms_consent: no", "can: not sms"),
        ("consent: email", "can: email"),
        ("has_email: true", "can: email"),
        ("in_segment: vip", "segment: vip"),
        ("not_in_segment: vip", "segment: not vip"),
        ("can: email or sms", "[email, sms]"),
        ("unsubscribed: email", "can: not email"),
        ("opted_out: sms", "can: not sms"),
        ("not_opted_in: sms", "can: not sms"),
        ("not_unsubscribed: email", "can: email"),
        ("unsubscribed: not email", "can: email"),
        ("consent: not email", "can: not email"),
    ],
)
def test_words_of_other_languages_and_programs_lead_to_the_same_question(written: str, proposed: str) -> None:
    text = (
        f"journey: welcome\nstart:\n  event: subscribed\nwho:\n  {written}\nagain: never\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    [problem] = problems_of(text)
    assert texts_to_write(problem)[0] == proposed
    corrected, _, _ = applied(text, problem, proposed)
    assert problems_of(corrected) == []


@pytest.mark.parametrize(
    "written",
    [
        "tier: at least silver", "first_name: between 2 and 5", "tier: gold, orders_count: 3",
        "tier: gold && orders_count: 3", "total_spent: > €20 < €50", "orders_count: [at least 2, at most 5]",
    ],
)  # fmt: skip
def test_where_no_text_says_the_same_none_is_offered(written: str) -> None:
    text = (
        f"journey: welcome\nstart:\n  event: subscribed\nwho:\n  {written}\nagain: never\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    [problem] = problems_of(text)
    assert texts_to_write(problem) == []


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        # what is denied is that both hold: `none:` of the two would deny each of them
        (
            "not: {orders_count: 2, tier: gold}",
            "none:\n           - orders_count: 2\n             tier: gold",
        ),
        (
            "unless: {orders_count: 2, tier: gold}",
            "none:\n           - orders_count: 2\n             tier: gold",
        ),
        (
            "nor: {orders_count: 2, tier: gold}",
            "none:\n           - orders_count: 2\n           - tier: gold",
        ),
        ("if: {orders_count: 2}", "all:\n           - orders_count: 2"),
        ("any: orders_count: 1", "any:\n           - orders_count: 1"),
        (
            "did: {event: order_placed, last: 30 days}",
            "did:\n           order_placed: {last: 30 days}",
        ),
    ],
)
def test_conditions_that_are_put_together_in_another_way_are_written_out(written: str, lines: str) -> None:
    text = (
        f"journey: welcome\nstart:\n  event: subscribed\nwho:\n  {written}\nagain: never\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    [problem] = problems_of(text)
    assert problem.fix == f"write\n         {lines}"
    indented = lines.replace("\n         ", "\n  ")
    assert [
        p.code for p in problems_of(text.replace(f"  {written}\n", f"  {indented}\n")) if p.is_error
    ] == []


@pytest.mark.parametrize(
    ("written", "proposed"),
    [
        ("country: DE or AT", "country: [DE, AT]"),
        ("country: DE, AT", "country: [DE, AT]"),
        ("country: DE/AT", "country: [DE, AT]"),
        ("country: not DE or AT", "country: not [DE, AT]"),
        ("country: one of DE, AT", "country: [DE, AT]"),
        ("country: any of [DE, AT]", "country: [DE, AT]"),
        ("tags: vip or staff", "tags: [vip, staff]"),
        ("email: '*@gmail.com'", "email: ends with @gmail.com"),
        ("first_name: not like ann%", "first_name: not starts with ann"),
        ("first_name: begins with A", "first_name: starts with A"),
        ("first_name: starts with 'A'", "first_name: starts with A"),
        ("first_name: empty", "first_name: is not set"),
        ("first_name: not null", "first_name: is set"),
        ("did: {order_placed: {where: {code: A or B}}}", "code: [A, B]"),
    ],
)
def test_words_that_would_silently_mean_something_else_are_told(written: str, proposed: str) -> None:
    text = (
        f"journey: welcome\nstart:\n  event: subscribed\nwho:\n  {written}\nagain: never\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    [problem] = problems_of(text)
    assert texts_to_write(problem)[0] == proposed
    corrected, _, _ = applied(text, problem, proposed)
    assert problems_of(corrected) == []


def test_how_often_says_whether_more_count_too() -> None:
    text = JOURNEY.format(**{**RIGHT, "phrase": "3 times in last 7 days"})
    [problem] = problems_of(text)
    assert (problem.code, problem.is_error) == ("W62", False)
    assert problem.fix == "say which:  at least 3 times in last 7 days  or  exactly 3 times in last 7 days"
    for phrase in ("at least 3 times in last 7 days", "exactly 3 times in last 7 days"):
        assert problems_of(JOURNEY.format(**{**RIGHT, "phrase": phrase})) == []


@pytest.mark.parametrize(
    "written",
    ["first_name: Anna Maria", "first_name: O'Neill", "country: DE", "email: a/b@example.com",
     "first_name: 50%", "did: {order_placed: exactly 3 times}", "country: [DE, AT]", "first_name: Orlando",
     "first_name: 38,5", "first_name: '1,5 l'", "first_name: like new", "first_name: including VAT",
     "first_name: XL/XXL", "first_name: XS/XL", "first_name: S/XL", "tags: '*vip*'"],
)  # fmt: skip
def test_a_text_may_have_any_plain_value(written: str) -> None:
    text = (
        f"journey: welcome\nstart:\n  event: subscribed\nwho:\n  {written}\nagain: never\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    assert problems_of(text) == []


def test_two_limits_of_one_date_are_two_conditions() -> None:
    text = (
        "journey: welcome\nstart:\n  event: subscribed\nwho:\n"
        "  last_order_at: between 30 and 90 days ago\nagain: never\ngoal:\n  event: order_placed\nsteps:\n"
        "  - send: welcome_hello\n"
    )
    [problem] = problems_of(text)
    assert problem.fix == (
        "write\n         all:\n           - last_order_at: more than 30 days ago"
        "\n           - last_order_at: less than 90 days ago"
    )


@pytest.mark.parametrize(
    ("written", "proposed"), [("first", "1"), ("the last day", "last"), ("15th", "15"), ("1.", "1")]
)
def test_the_day_of_a_month_is_a_number_or_the_last(written: str, proposed: str) -> None:
    text = (
        f"journey: welcome\nstart: {{every: month, day: {written}, at: 10:00}}\nagain: always\ngoal:\n"
        "  event: order_placed\nsteps:\n  - send: welcome_hello\n"
    )
    [problem] = problems_of(text)
    assert texts_to_write(problem) == [f"day: {proposed}"]
    corrected, _, _ = applied(text, problem, f"day: {proposed}")
    assert problems_of(corrected) == []


@pytest.mark.parametrize(
    ("phrase", "fix"),
    [
        ("3 times in 30 days", "at least 3 times in last 30 days  or  exactly 3 times in last 30 days"),
        ("once in the last 30 days", "at least 1 times in last 30 days  or  exactly 1 times in last 30 days"),
        ("Twice within 2 weeks", "at least 2 times in last 2 weeks  or  exactly 2 times in last 2 weeks"),
        ("3x in 7 days", "at least 3 times in last 7 days  or  exactly 3 times in last 7 days"),
    ],
)
def test_whether_a_count_alone_is_the_least_or_the_exact_one_is_left_to_its_author(
    phrase: str, fix: str
) -> None:
    [problem] = problems_of(JOURNEY.format(**{**RIGHT, "phrase": phrase}))
    assert problem.fix == f"say which:  {fix}"


@pytest.mark.parametrize("asked", ["email_address: is set", "last_order_at: <> 90 days"])
def test_no_consent_and_no_direction_is_added_to_what_was_asked(asked: str) -> None:
    text = JOURNEY.format(**RIGHT).replace("who:\n", f"who:\n  {asked}\n")
    [problem] = problems_of(text)
    assert not re.search("can:|less than|more than", problem.fix)


EXAMPLE = "write  set: {lifecycle: active}"


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("points = 5", "write  set: {points: 5}"),
        ("points - 5", EXAMPLE),
        ("points -5", EXAMPLE),
        ("points * 2", EXAMPLE),
        ("tier = gold, vip = true", EXAMPLE),
    ],
)
def test_only_one_assignment_becomes_a_pair(written: str, fix: str) -> None:
    text = JOURNEY.format(**RIGHT) + f"  - set: {written}\n"
    [problem] = problems_of(text)
    assert problem.fix == fix


@pytest.mark.parametrize("written", ["none", "nothing", "nobody"])
def test_the_steps_of_a_journey_are_no_path_to_leave_out(written: str) -> None:
    head = JOURNEY.format(**RIGHT).split("steps:")[0]
    problem = next(each for each in problems_of(f"{head}steps: {written}\n") if each.code == "E07")
    assert problem.fix == "write under it  - send: welcome_hello"
