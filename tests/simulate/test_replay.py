"""Replay: time, order, what is refused, who is reachable, products, and the files of `--out`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.compiler.journeys.compile import compile_journey
from engine.core.lifecycle.trigger import admission_delay
from engine.errors import UsageError
from engine.language.parse import parse_journey
from engine.project import Project, load
from engine.simulate.replay.mapping import names_of, read_mapping
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.replay.replay_report import notes, report
from engine.simulate.replay.result import ReplayResult
from engine.values import HOUR, parse_instant
from tests.runtime.advance.test_points import files as points_files
from tests.runtime.shop import FILES as SHOP_FILES
from tests.runtime.shop import write_project

Rows = list[dict[str, Any]]
Play = Callable[..., tuple[ReplayResult, Rows, Rows, Rows]]
Event = tuple[str, str, str] | tuple[str, str, str, dict[str, Any]]

HEAD = (
    "journey: sample\nstart:\n  event: {start}\nagain: {again}\ngoal:\n  event: order_placed\n"
    "policy: service\n\nsteps:\n"
)


def sample(steps: str, start: str = "subscribed", again: str = "always") -> str:
    return HEAD.format(start=start, again=again) + "".join(f"  {line}\n" for line in steps.splitlines())


@pytest.fixture
def play(shop: Project, tmp_path: Path) -> Play:
    """Runs lines (event, customer, time on 2 March 2026 UTC, properties) through one journey."""

    def run(
        text: str, events: list[Event], mapping: str = "", strict: bool = False, tail: str = ""
    ) -> tuple[ReplayResult, Rows, Rows, Rows]:
        file, _ = parse_journey(text, "journeys/sample.yaml")
        assert file is not None
        compiled = compile_journey(file, shop.world)
        assert compiled.journey is not None, compiled.problems
        journeys = replace(shop.journeys, by_name={"sample": compiled.journey}, global_holdout=0)
        stream = tmp_path / "events.jsonl"
        stream.write_text("".join(map(line, events)) + tail)
        told = None
        if mapping:
            told, problems = read_mapping(mapping, "m.yaml", names_of(shop.catalogue, shop.world.channels))
            assert told is not None, problems
        out = tmp_path / "out"
        result = replay(journeys, shop.world, [stream], told, ReplayOptions(strict, out))
        names = ("starts", "messages", "ends")
        rows = [
            [json.loads(row) for row in (out / f"{name}.jsonl").read_text().splitlines()] for name in names
        ]
        return result, rows[0], rows[1], rows[2]

    return run


def line(event: Event) -> str:
    name, customer, at, *properties = event
    day = at if "T" in at else f"2026-03-02T{at}"
    row = {
        "event": name,
        "customer_id": customer,
        "at": f"{day}Z",
        "properties": properties[0] if properties else {},
    }
    return json.dumps(row) + "\n"


HOUR_LATER = "- wait: 1 hour\n  id: an_hour\n- send: welcome_hello"


def test_every_start_message_and_end_is_a_row(play: Play) -> None:
    result, starts, messages, ends = play(
        sample(HOUR_LATER), [("subscribed", "c1", "10:00:00.250"), ("site_visited", "c2", "12:00:00")]
    )
    assert starts == [{"journey": "sample", "customer": "c1", "at": "2026-03-02T10:00:00.250Z", "key": ""}]
    assert messages == [
        {
            "journey": "sample",
            "customer": "c1",
            "at": "2026-03-02T11:00:00.250Z",
            "step": "welcome_hello",
            "template": "welcome_hello",
            "channel": "email",
            "part": 1,
        }
    ]
    assert ends == [
        {"journey": "sample", "customer": "c1", "at": "2026-03-02T11:00:00.250Z", "outcome": "finish"}
    ]
    (whole,) = msgspec.to_builtins(report(result))["journeys"]
    assert (whole["starts"], whole["cost"], whole["outcomes"]) == (1, "0.0004", {"finish": 1})
    assert whole["days"][0]["day"] == "2026-03-02"


def test_it_ends_with_the_last_event_and_wakes_due_then_are_included(play: Play) -> None:
    start: Event = ("subscribed", "c1", "10:00:00")
    assert len(play(sample(HOUR_LATER), [start, ("site_visited", "c2", "11:00:00")])[2]) == 1
    result, _, messages, _ = play(sample(HOUR_LATER), [start, ("site_visited", "c2", "10:59:59.999")])
    assert messages == []
    assert msgspec.to_builtins(report(result))["journeys"][0]["open"] == 1


def test_events_come_before_wakes_of_the_same_moment(play: Play) -> None:
    _, _, messages, ends = play(
        sample(HOUR_LATER), [("subscribed", "c1", "10:00:00"), ("order_placed", "c1", "11:00:00")]
    )
    assert messages == []
    assert [end["outcome"] for end in ends] == ["goal"]


def test_an_earlier_line_is_a_late_event_and_said_so(play: Play) -> None:
    result, starts, messages, _ = play(
        sample(HOUR_LATER),
        [
            ("site_visited", "c2", "10:30:00"),
            ("subscribed", "c1", "10:00:00"),
            ("site_visited", "c2", "12:00:00"),
        ],
    )
    assert (result.late, result.first_late) == (1, 2)
    assert starts[0]["at"] == "2026-03-02T10:30:00Z"
    assert messages[0]["at"] == "2026-03-02T11:00:00Z"
    assert any("line 2" in note and "Sort the file" in note for note in notes(result))


def test_equal_lines_within_a_second_are_one_event(play: Play) -> None:
    one: Event = ("subscribed", "c1", "10:00:00.100")
    result, starts, _, _ = play(
        sample("- exit: seen"), [one, ("subscribed", "c1", "10:00:00.900"), ("subscribed", "c1", "10:00:01")]
    )
    assert (len(starts), result.doubles) == (2, 1)


def test_bad_lines_are_refused_counted_and_listed(play: Play) -> None:
    events: list[Event] = [("subscribed", "c1", "10:00:00"), ("subscribed", "", "10:00:00")]
    result, starts, _, _ = play(sample("- exit: seen"), events, tail="{broken\n")
    assert len(starts) == 1
    assert result.bad == 2
    assert [(bad.number, bad.file) for bad in result.bad_lines] == [(2, "events.jsonl"), (3, "events.jsonl")]
    assert any("no customer_id" in note for note in notes(result))


def test_strict_reaches_only_whom_the_stream_knows(play: Play) -> None:
    mapping = "events:\n  subscribed:\n    customer: {email: email, consent.email: consent}\n"
    person = {"email": "a@shop.example", "consent": "given"}
    events: list[Event] = [
        ("subscribed", "c1", "10:00:00", person),
        ("subscribed", "c2", "10:00:00", {"email": "b@shop.example"}),
        ("subscribed", "c3", "10:00:00"),
    ]
    text = sample("- send: welcome_our_story\n  policy: marketing")
    _, _, messages, _ = play(text, events, mapping, strict=True)
    assert [row["customer"] for row in messages] == ["c1"]
    assert len(play(text, events, mapping)[2]) == 3


def test_unknown_events_and_misfits_are_named(play: Play) -> None:
    text = sample("- exit: seen", start="cart_updated\n  where: {total: at least 20 EUR}")
    events: list[Event] = [
        ("cart_updated", "c1", "10:00:00", {"total": 30}),
        ("cart_updated", "c1", "10:00:05", {"total": {"much": 1}}),
        ("cart_updated", "c1", "10:00:09", {"total": 30, "currency": "USD"}),
        ("hovered", "c1", "10:00:06"),
    ]
    result, starts, _, _ = play(text, events)
    assert len(starts) == 1
    assert result.unknown == {"hovered": 1}
    assert result.misfits == {"cart_updated.total": 1}
    said = "\n".join(notes(result))
    assert "hovered (1)" in said
    assert "cart_updated.total (1)" in said


def test_per_keeps_runs_apart(play: Play) -> None:
    text = sample(HOUR_LATER, start="cart_updated\n  per: cart_id", again="never")
    events: list[Event] = [("cart_updated", "c1", f"10:00:0{n}", {"cart_id": n % 2}) for n in range(4)]
    _, starts, _, _ = play(text, events)
    assert [row["key"] for row in starts] == ["0", "1"]


def test_a_wait_for_an_event_hears_it_only_inside_the_run(play: Play) -> None:
    steps = (
        "- wait: 2 hours\n  id: visit\n  for: site_visited\n  then:\n    - exit: came\n  else:\n"
        "    - exit: stayed_away"
    )
    events: list[Event] = [
        ("site_visited", "c1", "09:00:00"),
        ("subscribed", "c1", "10:00:00"),
        ("subscribed", "c2", "10:00:00"),
        ("site_visited", "c2", "11:00:00"),
        ("site_visited", "c3", "13:00:00"),
    ]
    _, _, _, ends = play(sample(steps), events)
    assert {(row["customer"], row["outcome"]) for row in ends} == {
        ("c1", "exit stayed_away"),
        ("c2", "exit came"),
    }


CLOCK = sample("- exit: seen").replace("  event: subscribed", "  every: day\n  at: 10:00")


def test_the_clock_starts_for_everybody_known_in_their_own_zone(play: Play) -> None:
    mapping = "events:\n  site_visited:\n    customer: {timezone: zone}\n"
    events: list[Event] = [
        ("site_visited", "c1", "00:00:00", {"zone": "America/New_York"}),
        ("site_visited", "c2", "00:00:01"),
        ("site_visited", "c2", "2026-03-03T09:00:00"),
    ]
    _, starts, _, _ = play(CLOCK, events, mapping)
    assert [(row["customer"], row["at"]) for row in starts] == [
        ("c2", "2026-03-02T09:00:00Z"),
        ("c1", "2026-03-02T15:00:00Z"),
        ("c2", "2026-03-03T09:00:00Z"),
    ]


def test_a_date_starts_once_the_attribute_is_known(play: Play) -> None:
    text = sample("- exit: seen").replace(
        "  event: subscribed", "  date: birthday\n  before: 1 day\n  at: 10:00"
    )
    mapping = "events:\n  site_visited:\n    customer: {birthday: born}\n"
    events: list[Event] = [
        ("site_visited", "c1", "08:00:00", {"born": "1990-03-04"}),
        ("site_visited", "c2", "08:00:00", {"born": "1990-03-02"}),
        ("site_visited", "c3", "2026-03-05T08:00:00"),
    ]
    _, starts, _, _ = play(text, events, mapping)
    assert [(row["customer"], row["at"]) for row in starts] == [("c1", "2026-03-03T09:00:00Z")]


DROP = """journey: sample
start:
  product: price_drop
  by: 10%
  watchers: [viewed]
  within: 2 days
  collect: 1 hour
again: always
goal:
  event: order_placed
policy: service

steps:
  - send: price_drop_news
    via: [email]
    next_after: 1 hour
"""
PRICES = "products:\n  price_changed:\n    id: sku\n    fields: {price: new}\n    was: {price: old}\n"


def test_a_price_drop_reaches_those_who_looked_once_for_several_products(play: Play) -> None:
    def view(who: str, at: str, product: str) -> Event:
        return ("product_viewed", who, at, {"product_id": product})

    def price(at: str, product: str, old: int, new: int) -> Event:
        return ("price_changed", "", at, {"sku": product, "old": old, "new": new})

    events = [
        view("long_ago", "2026-02-20T10:00:00", "p1"),
        view("both", "08:00:00", "p1"),
        view("both", "08:00:01", "p2"),
        view("other", "08:00:02", "p9"),
        price("09:00:00", "p1", 100, 80),
        price("09:30:00", "p2", 100, 70),
        price("09:40:00", "p9", 100, 95),
        view("both", "12:00:00", "p3"),
    ]
    result, starts, messages, _ = play(DROP, events, PRICES)
    assert [(row["customer"], row["at"]) for row in starts] == [("both", "2026-03-02T10:00:00Z")]
    assert len(messages) == 1
    assert result.late == 0


def test_two_files_are_merged_by_time(shop: Project, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text(line(("subscribed", "c1", "10:00:00")) + line(("site_visited", "c1", "12:00:00")))
    second.write_text(line(("order_placed", "c1", "10:30:00")))
    file, _ = parse_journey(sample(HOUR_LATER), "journeys/sample.yaml")
    assert file is not None
    journey = compile_journey(file, shop.world).journey
    assert journey is not None
    result = replay(replace(shop.journeys, by_name={"sample": journey}), shop.world, [first, second])
    (whole,) = msgspec.to_builtins(report(result))["journeys"]
    assert whole["outcomes"] == {"goal": 1}
    assert result.late == 0


RANKED = """journey: sample
start:
  event: points_redeemed
again: always
goal:
  event: ticket_closed
policy: service

steps:
  - choose: rfm
    into:
GROUPS      else:
        - exit: unknown
"""


def test_the_number_of_processes_changes_nothing(shop: Project, tmp_path: Path) -> None:
    """Neither what each customer did counts by process, nor ranks among all of them."""
    groups = ("champion", "loyal", "promising", "newcomer", "at_risk", "lost")
    paths = "".join(f"      {group}:\n        - exit: {group}\n" for group in groups)
    file, _ = parse_journey(RANKED.replace("GROUPS", paths), "journeys/sample.yaml")
    assert file is not None
    journey = compile_journey(file, shop.world).journey
    assert journey is not None
    journeys = replace(shop.journeys, by_name={**shop.journeys.by_name, "sample": journey})
    events: list[Event] = [
        (
            name,
            f"c{who}",
            f"2026-03-{2 + who % 5:02d}T{8 + who % 12:02d}:{who:02d}:00",
            {"product_id": f"p{who % 3}", "total": 9 * who},
        )
        for who in range(60)
        for name in ("subscribed", "product_viewed", "cart_updated", "order_placed", "order_placed")[
            : 2 + who % 4
        ]
    ]
    events += [("points_redeemed", f"c{who}", f"2026-03-09T10:{who:02d}:00") for who in range(60)]
    events.sort(key=lambda event: event[2])
    stream, answers = tmp_path / "events.jsonl", []
    stream.write_text("".join(line(event) for event in events) + "{broken\n")
    for jobs in (1, 3):
        out = tmp_path / str(jobs)
        result = replay(journeys, shop.world, [stream], None, ReplayOptions(out=out, jobs=jobs))
        rows = [(out / name).read_bytes() for name in ("starts.jsonl", "messages.jsonl", "ends.jsonl")]
        answers.append((msgspec.to_builtins(report(result)), rows))
        assert sorted(file.name for file in out.iterdir()) == ["ends.jsonl", "messages.jsonl", "starts.jsonl"]
    assert answers[0] == answers[1]
    told = answers[0][0]
    assert told["refused"] == 1
    assert told["doubles"] > 0
    outcomes = next(each["outcomes"] for each in told["journeys"] if each["journey"] == "sample")
    assert "exit unknown" in outcomes
    assert len(outcomes) >= 3


def test_a_share_that_fails_is_raised(shop: Project, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        replay(shop.journeys, shop.world, [tmp_path / "nothing"], None, ReplayOptions(jobs=2))


def test_points_that_events_earn_start_journeys_as_they_end_and_as_a_tier_is_left(tmp_path: Path) -> None:
    """Only `points:` reads the total of an order, and nothing but time takes points and the tier away; a day
    of the shop, in Berlin, begins at 23:00 or 22:00 UTC."""
    for name, text in points_files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    project = load(tmp_path)
    assert not project.has_errors, project.problems
    lines: list[Event] = [
        ("subscribed", "anna", "2026-03-01T09:00:00"),
        ("order_placed", "anna", "2026-03-02T09:00:00", {"order_id": "o1", "total": 160, "currency": "EUR"}),
        ("subscribed", "anna", "2026-03-03T09:00:00"),  # once: ever
        ("complained", "bob", "2026-05-01T09:00:00"),
    ]
    stream, out = tmp_path / "events.jsonl", tmp_path / "out"
    stream.write_text("".join(map(line, lines)), encoding="utf-8")
    replay(project.journeys, project.world, [stream], None, ReplayOptions(out=out))
    rows = [json.loads(row) for row in (out / "starts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(row["journey"], row["at"][:10]) for row in rows if row["customer"] == "anna"] == [
        ("thanks", "2026-03-01"), ("thanks", "2026-03-02"), ("up", "2026-03-02"), ("down", "2026-03-22"),
        ("ending", "2026-03-23"), ("ending", "2026-03-24"), ("gone", "2026-03-31"), ("gone", "2026-04-01"),
    ]  # fmt: skip


QUIET = """
journey: quiet
start: {segment: quiet, members: all}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_who_is_a_member_from_the_beginning_comes_when_the_daemon_would_take_them(
    tmp_path: Path, jobs: int
) -> None:
    segment = "segment: quiet\nwho: {orders_count: 0}\n"
    files = {**SHOP_FILES, "journeys/segments/quiet.yaml": segment, "journeys/quiet.yaml": QUIET}
    project = write_project(tmp_path, files)
    people = [f"c{number}" for number in range(20)]
    stream = tmp_path / "events.jsonl"
    # the last ones are heard of after their moment; one buys before theirs
    events: list[Event] = [("cart_updated", name, "00:00:00") for name in people[:18]]
    events += [
        ("order_placed", "c1", "00:00:01"),
        ("cart_updated", "c18", "22:00:00"),
        ("cart_updated", "c19", "23:00:00"),
    ]
    stream.write_text("".join(map(line, events)))
    replay(project.journeys, project.world, [stream], None, ReplayOptions(out=tmp_path / "out", jobs=jobs))
    rows = [json.loads(row) for row in (tmp_path / "out" / "starts.jsonl").read_text().splitlines()]
    begun = {row["customer"]: parse_instant(row["at"]) for row in rows if row["journey"] == "quiet"}
    begin = parse_instant("2026-03-02T00:00:00Z")
    assert begin is not None
    first = {"c18": begin + 22 * HOUR, "c19": begin + 23 * HOUR}
    moments = {name: max(begin + admission_delay(name, "quiet"), first.get(name, 0)) for name in people}
    assert begun == {name: at for name, at in moments.items() if name != "c1" and at <= begin + 23 * HOUR}
