"""What a change of a journey means, in words; layout, comments and the order of keys mean nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.compiler.journeys.compile import compile_journey
from engine.core.handlers.migrate import migration
from engine.language.fmt import format_journey
from engine.language.parse import parse_journey
from engine.language.syntax import JourneyFile
from engine.plan.difference import Affected, DiffSign, SubjectDiff
from engine.plan.journey_diff import journey_diff
from engine.plan.project_diff import project_diff
from engine.plan.step_matching import kept, placed
from engine.project import load_world
from tests.conftest import Golden

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "journeys").glob("*.yaml"))
WELCOME = (ROOT / "journeys/welcome.yaml").read_text(encoding="utf-8")

JOURNEY = """journey: again
about: Asks somebody back.
owner: retention@shop.example
start:
  event: order_placed
  per: order_id
who: {orders_count: at least 1}
again: after 30 days
goal: {event: order_placed, within: 30 days}
steps:
  - wait: 3 days
    id: first_wait
    at: 10:00
  - send: hello
    via: [push, email]
    next_after: 4 hours
  - if: {orders_count: at least 2}
    then:
      - wait: 1 day
        id: regular
      - send: thanks
    else:
      - set: {lifecycle: lead}
  - split: offer
    into:
      50% code:
        - code: WELCOME10
          valid: 7 days
        - send: coded
      50% nothing:
        - exit: control
  - wait: 10 days
    id: last_wait
  - send: bye
"""

_GOAL = "goal: {event: order_placed, within: 30 days}"

EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "a wait is shorter": (("wait: 3 days", "wait: 2 days"),),
    "a wait is shorter for those who wait, too": (
        ("wait: 3 days\n    id: first_wait\n", "wait: 2 days\n    id: first_wait\n    waiting: recompute\n"),
    ),
    "another hour and days": (("at: 10:00", "at: 18:00\n    weekdays: [Tuesday, Thursday]"),),
    "a wait ends at a moment": (("  - wait: 10 days\n", "  - wait: until Tuesday 10:00\n"),),
    "a wait is gone": (("  - wait: 10 days\n    id: last_wait\n", ""),),
    "the last steps are gone": (("  - wait: 10 days\n    id: last_wait\n  - send: bye\n", ""),),
    "a wait is called otherwise, with was": (("id: first_wait", "id: before_hello\n    was: first_wait"),),
    "a wait is called otherwise, without was": (("id: first_wait", "id: before_hello"),),
    "a step is new": (("  - send: bye", "  - send: one_more\n  - send: bye"),),
    "a step moves behind another": (
        ("  - wait: 10 days\n    id: last_wait\n", ""),
        ("  - split: offer", "  - wait: 10 days\n    id: last_wait\n  - split: offer"),
    ),
    "a message moves into a branch": (
        ("  - send: bye\n", ""), ("      - send: thanks\n", "      - send: thanks\n      - send: bye\n"),
    ),
    "the question is another": (("if: {orders_count: at least 2}", "if: {orders_count: at least 3}"),),
    "the question has one more line": (
        ("if: {orders_count: at least 2}", "if: {orders_count: at least 2, tier: gold}"),
    ),
    "shares": (("50% code", "80% code"), ("50% nothing", "20% nothing")),
    "a path is gone": (
        ("      50% nothing:\n        - exit: control\n", ""), ("50% code", "100% code"),
    ),
    "channels": (("via: [push, email]", "via: [email, push]"),),
    "another code": (("code: WELCOME10", "code: COMEBACK10"),),
    "a code is another one behind a question that is another one": (
        ("code: WELCOME10", "code: COMEBACK10"), ("if: {orders_count: at least 2}", "if: {tier: gold}"),
    ),
    "a wait and a message are gone, and the question behind them is another": (
        (JOURNEY[JOURNEY.index("  - wait: 3 days") : JOURNEY.index("  - if:")], ""),
        ("if: {orders_count: at least 2}", "if: {orders_count: at least 3}"),
    ),
    "valid for longer": (("valid: 7 days", "valid: 14 days"),),
    "who, again, goal, holdout": (
        ("orders_count: at least 1}", "orders_count: at least 2}"), ("after 30 days", "after 60 days"),
        ("within: 30 days", "within: 14 days"), ("steps:\n", "holdout: 10%\nsteps:\n"),
    ),
    "another start": (("event: order_placed\n  per: order_id", "event: subscribed"),),
    "a policy, a state": (("steps:\n", "policy: patient\nstate: closing\nsteps:\n"),),
    "moments of decision": (
        ("        - exit: control\n", "        - exit: control\n    decide: after 2,000 people each\n"),
        ("steps:\n", "holdout: {share: 10%, decide: on 2026-12-15}\nsteps:\n"),
    ),
    "words for readers": (("Asks somebody back.", "Asks somebody to come back."),),
}  # fmt: skip


def parsed(text: str) -> JourneyFile:
    journey, problems = parse_journey(text, "journeys/again.yaml")
    assert journey is not None
    assert not [problem for problem in problems if problem.is_error], problems
    return journey


def edited(edits: tuple[tuple[str, str], ...]) -> str:
    text = JOURNEY
    for old, new in edits:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text


def lines(diff: SubjectDiff | None) -> list[str]:
    if diff is None:
        return ["nothing"]
    told = [f"  {', '.join(diff.affects)}"]
    for change in (*diff.changes, *diff.folded):
        told.append(f"  {change.sign} {change.words}")
        told += [f"      {change.rule}"] if change.rule else []
    return told


def test_every_kind_of_change_is_told_in_words(golden: Golden) -> None:
    told: list[str] = []
    for name, edits in EDITS.items():
        told += [name, *lines(journey_diff(parsed(JOURNEY), parsed(edited(edits)))), ""]
    gone, came = journey_diff(parsed(JOURNEY), None), journey_diff(None, parsed(JOURNEY))
    golden("golden/journeys.out", "\n".join([*told, "gone", *lines(gone), "", "came", *lines(came), ""]))


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_layout_and_comments_mean_nothing(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    tidy = format_journey(text, file.name)
    noisy = "\n".join(
        f"{line}    # said once more"
        if line.strip() and not line.rstrip().endswith("|") and "#" not in line
        else line
        for line in f"# a head\n\n{tidy}".split("\n")
    )
    before = parse_journey(text, file.name)[0]
    assert before is not None
    for other in (text, tidy, noisy):
        now = parse_journey(other, file.name)[0]
        assert now is not None
        assert journey_diff(before, now) is None, lines(journey_diff(before, now))


def test_what_is_undone_is_told_the_other_way_round() -> None:
    for name, edits in EDITS.items():
        there = journey_diff(parsed(JOURNEY), parsed(edited(edits)))
        back = journey_diff(parsed(edited(edits)), parsed(JOURNEY))
        assert (there is None) == (back is None), name
        if there is None or back is None or "was" in name:
            continue
        added = sum(change.sign is DiffSign.ADDED for change in there.changes)
        assert added == sum(change.sign is DiffSign.REMOVED for change in back.changes), name


def test_a_step_is_the_same_where_people_stay_at_it() -> None:
    """Lines are taken out or put elsewhere at random: what the words call the same step is what people are
    matched to."""
    dice, world = random.Random(5), load_world(ROOT)
    before = parse_journey(WELCOME, "welcome.yaml")[0]
    assert before is not None
    old = compile_journey(before, world).journey
    assert old is not None
    compared = 0
    for _ in range(100):
        rows = WELCOME.split("\n")
        for _ in range(dice.randrange(1, 4)):
            start = dice.randrange(len(rows))
            block = rows[start : start + dice.randrange(1, 5)]
            del rows[start : start + len(block)]
            if dice.random() < 0.5:
                place = dice.randrange(len(rows) + 1)
                rows[place:place] = block
        now = parse_journey("\n".join(rows), "welcome.yaml")[0]
        new = compile_journey(now, world).journey if now is not None else None
        if now is None or new is None:
            continue
        compared += 1
        former, present = placed(before.steps), placed(now.steps)
        same = {former[at].id: present[to].id for at, to in kept(former, present).items()}
        moves = migration(old, new).moves
        assert same == {step: move.to for step, move in moves.items() if not move.is_gone}
    assert compared > 25


def test_a_change_that_only_readers_see_reaches_nobody() -> None:
    diff = journey_diff(parsed(JOURNEY), parsed(edited(EDITS["words for readers"])))
    assert diff is not None
    assert diff.affects == (Affected.NOTHING,)


def test_a_start_by_a_segment_takes_who_enters_it_and_not_who_is_in_it_already() -> None:
    rule = (
        "who enters vip from the deployment on starts; who is in it then does not,"
        " until they have left it and come back"
    )
    by_segment = edited((("event: order_placed\n  per: order_id", "segment: vip"),))
    new = journey_diff(None, parsed(by_segment))
    changed = journey_diff(parsed(JOURNEY), parsed(by_segment))
    assert new is not None
    assert changed is not None
    assert [change.rule for change in new.changes] == [rule]
    assert [change.rule for change in changed.changes] == [f"{rule}; who is inside stays"]
    draft = journey_diff(None, parsed(by_segment.replace("steps:", "state: draft\nsteps:")))
    assert draft is not None
    assert [change.rule for change in draft.changes] == ["nobody enters"]


SEGMENT = "segment: vip\nabout: Who buys much.\nwho:\n  orders_count: at least 3\n"


def rule_of_the_segment(before: str | None, now: str) -> str:
    """What a changed segment means beside a journey that was so and is so now."""
    journey, segment = "journeys/again.yaml", "journeys/segments/vip.yaml"
    former = {segment: SEGMENT} | ({journey: before} if before is not None else {})
    diff = project_diff(former, {journey: now, segment: SEGMENT.replace("3", "4")})
    assert diff.unread == ()
    return next(subject for subject in diff.subjects if subject.kind == "segment").changes[0].rule


def test_a_changed_segment_says_which_journey_takes_its_members_when_it_first_goes_live() -> None:
    nobody = (
        "whoever comes into it by the change itself starts no journey by that, now or later,"
        " until they have left it and come back"
    )
    takes = (
        "again goes live for the first time and takes who is in it then, over 24 hours; apart from that,"
        f" {nobody}"
    )
    new = edited((("event: order_placed\n  per: order_id", "segment: vip"),))
    every = new.replace("segment: vip", "segment: vip\n  members: all")
    draft, closing = (every.replace("steps:", f"state: {state}\nsteps:") for state in ("draft", "closing"))
    for before, now in ((None, every), (draft, every), (new, every), (JOURNEY, every)):
        assert rule_of_the_segment(before, now) == takes
    # it has taken them already, takes nobody who is in it, or is not live
    for before, now in ((every, every), (closing, every), (None, new), (None, draft), (every, closing)):
        assert rule_of_the_segment(before, now) == nobody


def test_a_journey_that_took_its_members_takes_those_of_no_other_segment() -> None:
    def told(before: str, now: str) -> list[str]:
        diff = journey_diff(parsed(before), parsed(now))
        assert diff is not None
        return [change.rule for change in diff.changes]

    vip = edited((("event: order_placed\n  per: order_id", "segment: vip\n  members: all"),))
    lapsed = vip.replace("segment: vip", "segment: lapsed")
    draft = vip.replace("steps:", "state: draft\nsteps:")
    nobody = (
        "who enters lapsed from the deployment on starts; who is in it then does not, until they have left it"
        " and come back; who is inside stays"
    )
    everybody = (
        "who is in vip at the deployment enters too, over 24 hours and once in the life of the journey; who"
        " enters vip later does then"
    )
    assert told(vip, lapsed) == [nobody]
    assert told(draft, vip) == [everybody]
    assert told(draft, draft.replace("vip", "lapsed")) == ["once the journey is live; who is inside stays"]


def test_of_a_group_in_which_one_value_changes_the_value_is_told() -> None:
    def who(value: str, second: str = "tier: gold", how: str = "any") -> str:
        return edited(
            (("{orders_count: at least 1}", f"{{{how}: [{{{second}}}, {{total_spent: {value}}}]}}"),)
        )

    def told(now: str) -> str:
        diff = journey_diff(parsed(who("at least 500 EUR")), parsed(now))
        assert diff is not None
        return diff.changes[0].words

    assert told(who("at least 300 EUR")) == "who: in any: total_spent: at least 500 EUR -> at least 300 EUR"
    for other in (who("at least 300 EUR", "tier: silver"), who("at least 300 EUR", how="none")):
        assert "is not asked any more" in told(other), "more than the value is another"


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (
            "{tier: gold}",
            "{any: [{tier: gold}, {country: DE}]}",
            "country: DE is enough too, beside tier: gold",
        ),
        (
            "{any: [{tier: gold}, {country: DE}]}",
            "{any: [{tier: gold}, {country: DE}, {orders_count: 0}]}",
            "orders_count: 0 is enough too, beside tier: gold or country: DE",
        ),
        (
            "{any: [{tier: gold}, {country: DE}]}",
            "{tier: gold}",
            "country: DE is not enough any more; tier: gold still is",
        ),
        (
            "{tier: gold, country: DE}",
            "{any: [{country: DE, tier: gold}, {orders_count: 0}]}",
            "orders_count: 0 is enough too, beside tier: gold and country: DE",
        ),
        (
            "{orders_count: 0, none: [{tier: gold}]}",
            "{orders_count: 0, none: [{tier: gold}, {country: DE}]}",
            "in none: country: DE must not hold either",
        ),
        (
            "{orders_count: 0, none: [{tier: gold}, {country: DE}]}",
            "{orders_count: 0, none: [{tier: gold}]}",
            "in none: country: DE may hold now",
        ),
        (
            "{orders_count: 0, any: [{tier: gold}, {country: DE}]}",
            "{orders_count: 0, any: [{tier: gold}, {country: DE}, {total_spent: at least 500 EUR}]}",
            "in any: total_spent: at least 500 EUR is enough too",
        ),
        (
            "{orders_count: 0, any: [{tier: gold}, {country: DE}, {total_spent: at least 500 EUR}]}",
            "{orders_count: 0, any: [{tier: gold}, {country: DE}]}",
            "in any: total_spent: at least 500 EUR is not enough any more",
        ),
        (
            "{tier: gold}",
            "{any: [{country: DE}, {orders_count: 0}]}",
            "tier: gold is not asked any more; any (country: DE; orders_count: 0) is asked too",
        ),
    ],
)
def test_a_condition_that_is_enough_beside_others_takes_nothing_away_from_them(
    before: str, now: str, words: str
) -> None:
    both = [parsed(edited((("steps:\n", f"exit_if: {each}\nsteps:\n"),))) for each in (before, now)]
    diff = journey_diff(*both)
    assert diff is not None
    assert [change.words for change in diff.changes] == [f"exit_if: {words}"]


@pytest.mark.parametrize(
    ("before", "now", "is_due_at_once"),
    [
        ("paused", "live", True),
        ("paused", "closing", True),
        ("closing", "live", False),
        ("live", "paused", False),
    ],
)
def test_a_journey_that_goes_on_says_what_became_due_meanwhile(
    before: str, now: str, *, is_due_at_once: bool
) -> None:
    diff = journey_diff(
        *(parsed(edited((("steps:\n", f"state: {state}\nsteps:\n"),))) for state in (before, now))
    )
    assert diff is not None
    assert ("what became due to those inside in the meantime" in diff.changes[0].rule) is is_due_at_once


def test_the_order_of_conditions_is_no_difference() -> None:
    for before, now in (
        ("{tier: gold, country: DE}", "{country: DE, tier: gold}"),
        ("{any: [{tier: gold}, {country: DE}]}", "{any: [{country: DE}, {tier: gold}]}"),
        (
            "{did: {order_placed: {since: start, where: {code: A, order_id: B}}}}",
            "{did: {order_placed: {since: start, where: {order_id: B, code: A}}}}",
        ),
    ):
        for at in (
            "who: {orders_count: at least 1}", _GOAL, "  - if: {orders_count: at least 2}",
        ):  # fmt: skip
            key = at.partition(":")[0]
            both = [
                parsed(edited(((at, f"{key}: {{when: {each}}}" if key == "goal" else f"{key}: {each}"),)))
                for each in (before, now)
            ]
            assert journey_diff(*both) is None, (before, key)


def test_a_goal_says_who_leaves_by_it_and_from_when_on() -> None:
    def rule(goal: str) -> str:
        diff = journey_diff(parsed(JOURNEY), parsed(edited(((_GOAL, goal),))))
        assert diff is not None
        return diff.changes[0].rule

    apart = "figures of its goal from before and from after cannot be compared"
    assert rule("goal: {event: subscribed, within: 30 days}") == (
        "of events from the deployment on: whoever has it then leaves, "
        f"whoever has only what was the goal before stays; {apart}"
    )
    assert rule("goal: {event: order_placed, within: 30 days, then: stay}").endswith("stays inside")
    assert rule("goal: {event: order_placed, within: 60 days}") == (
        f"of events from the deployment on: whoever has it then leaves; {apart}"
    )
    shorter = "whoever came in longer ago than the new time is not counted as a success when they reach it"
    assert rule("goal: {event: order_placed, within: 9 days}") == (
        "of events from the deployment on: whoever has it then leaves; "
        f"{shorter}, but leaves too and gets no further message; {apart}"
    )
    assert rule("goal: {event: order_placed, within: 9 days, then: stay}").endswith(f"{shorter}; {apart}")
    assert rule("goal: {when: {tier: gold}, within: 30 days}") == (
        "asked of everybody inside at their next event, and before their next step or message; "
        f"whoever it holds for leaves; {apart}"
    )


def test_a_wait_is_told_with_the_messages_that_may_come_next() -> None:
    asking = (
        "  - if: {orders_count: at least 2}",
        "  - wait: 1 hour\n    id: before_question\n  - if: {tier: gold}",
    )
    before = parsed(edited((asking,)))
    after = parsed(edited((asking, ("wait: 1 hour", "wait: 2 hours"), ("wait: 1 day", "wait: 2 days"))))
    diff = journey_diff(before, after)
    assert diff is not None
    assert [change.words for change in diff.changes] == [
        "wait before_question (then thanks or coded): length 1 hour -> 2 hours",
        "wait regular (then thanks): length 1 day -> 2 days",
    ]
