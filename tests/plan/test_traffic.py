"""What a change does to a day: starts, messages, cost, and who else takes places under the same caps."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.cli.changes.replay_comparison import cost_line, formatted_difference
from engine.cli.changes.traffic import competitions, daily_rows, in_all, learned_words, lost_to_caps
from engine.core.timing.frequency_caps import window_start
from engine.plan.traffic import DailyCost, DailyCount, JourneyTraffic, Traffic, traffic
from engine.project import Project
from engine.runtime.publish.recent_events import RecentEvents, of_file, play_both
from engine.simulate.replay.competition import CapCompetition, TakenSlots
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.replay.stream import share_of
from engine.values import Instant, parse_instant, zone
from tests.runtime.shop import CONFIG, FILES, write_project

CART = """
journey: cart
start: {event: cart_updated, where: {total: at least 0 EUR}}
again: always
goal: {event: order_placed}
policy: marketing
steps:
  - wait: 1 hour
    id: still_shopping
  - send: cart_reminder
"""
WELCOME = """
journey: welcome
start: {event: subscribed}
again: never
goal: {event: order_placed}
policy: marketing
steps:
  - send: hello
  - wait: 1 day
    id: pause
  - send: offer
"""
PAID = CONFIG.replace("price: 0 EUR", "price: 0.10 EUR").replace(
    "marketing: {consent: none}", "marketing: {consent: none, caps: [1 a day, 4 a week]}"
)
CUSTOMERS, DAYS = 60, 10


def version(folder: Path, start: str = "total: at least 0 EUR") -> Project:
    files = {
        **FILES, "config.yaml": PAID, "journeys/welcome.yaml": WELCOME,
        "journeys/cart.yaml": CART.replace("total: at least 0 EUR", start),
    }  # fmt: skip
    return write_project(folder, files)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Each signs up on one of ten days, and has a cart on that day or on one of the next three."""
    lines: list[tuple[str, str, str, dict[str, Any]]] = [
        ("customer_changed", f"c{n}", "2026-03-02T00:00:00Z", {"addresses": {"push": True}})
        for n in range(CUSTOMERS)
    ]
    for n in range(CUSTOMERS):
        day = 2 + n % DAYS
        cart = {"cart_id": f"k{n}", "total": 10 * (n % 7), "currency": "EUR"}
        lines.append(("subscribed", f"c{n}", f"2026-03-{day:02}T09:{n:02}:00Z", {}))
        lines.append(("cart_updated", f"c{n}", f"2026-03-{day + n % 4:02}T12:{n:02}:00Z", cart))
    lines.append(("subscribed", "last", "2026-03-16T00:00:00Z", {}))
    keys = ("event", "customer_id", "at", "properties")
    rows = (dict(zip(keys, line, strict=True)) for line in sorted(lines, key=lambda line: line[2]))
    path = tmp_path / "events.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def compared(tmp_path: Path, events: RecentEvents) -> Traffic:
    """Carts of less than 30 EUR start nobody any more."""
    before, after = version(tmp_path / "before"), version(tmp_path / "after", "total: at least 30 EUR")
    found = play_both(before, after, events, ["cart"])
    assert found is not None
    return traffic(found, ["cart"])


def rows_of(project: Project, events: Path, out: Path, file: str) -> list[dict[str, Any]]:
    replay(project.journeys, project.world, [events], None, ReplayOptions(strict=True, out=out, jobs=1))
    return [json.loads(line) for line in (out / file).read_text(encoding="utf-8").splitlines()]


def test_a_day_is_what_each_version_starts_and_sends_by_itself(tmp_path: Path, events: Path) -> None:
    found = compared(tmp_path, RecentEvents(events))
    assert (found.days, found.one_in, found.journeys[0].journey) == (14, 1, "cart")
    cart = found.journeys[0]
    for folder, starts, sent, cost in (
        ("before", cart.starts.before, cart.messages["push"].before, cart.cost.before),
        ("after", cart.starts.after, cart.messages["push"].after, cart.cost.after),
    ):
        start = "total: at least 30 EUR" if folder == "after" else "total: at least 0 EUR"
        project = version(tmp_path / folder, start)
        messages = Counter(
            row["journey"] for row in rows_of(project, events, tmp_path / f"{folder}-rows", "messages.jsonl")
        )
        begun = [
            row["customer"] for row in rows_of(project, events, tmp_path / f"{folder}-s", "starts.jsonl")
            if row["journey"] == "cart"
        ]  # fmt: skip
        assert starts == round(len(begun) / 14, 2)
        assert sent == round(messages["cart"] / 14, 2)
        assert cost == round(Decimal("0.10") * messages["cart"] / 14, 6)
    assert (cart.enter, cart.enter_no_more) == (0, sum(10 * (n % 7) < 30 for n in range(CUSTOMERS)))
    assert found.messages["push"].after < found.messages["push"].before


def test_places_that_others_hold_are_those_in_the_windows_of_the_caps(tmp_path: Path, events: Path) -> None:
    (competition,) = compared(tmp_path, RecentEvents(events)).competition
    project = version(tmp_path / "again", "total: at least 30 EUR")
    sent: dict[str, list[tuple[Instant, str]]] = defaultdict(list)
    for row in rows_of(project, events, tmp_path / "rows", "messages.jsonl"):
        at = parse_instant(row["at"])
        assert at is not None
        sent[row["customer"]].append((at, row["journey"]))
    held, asked, rivals = Counter[str](), 0, set[str]()
    for customer, messages in sent.items():
        for at, journey in messages:
            if journey != "cart":
                continue
            asked += 1
            for cap in project.config.policies["marketing"].caps:
                since = window_start(cap, at, zone("Europe/Berlin"))
                others = sum(name != "cart" and since <= then < at for then, name in messages)
                held[cap.per] += others
                rivals |= {customer} if others else set()
    assert competition.rivals == {"welcome": len(rivals)}
    assert (competition.people, competition.shared) == (asked, len(rivals))
    assert [(each.cap, each.places, each.others) for each in competition.places] == [
        ("1 a day", 1, round(held["day"] / asked, 2)), ("4 a week", 4, round(held["week"] / asked, 2)),
    ]  # fmt: skip
    assert held["week"] > 0
    assert competition.also == ["welcome"]


def test_messages_without_a_place_are_counted_for_both_versions(tmp_path: Path, events: Path) -> None:
    cart = compared(tmp_path, RecentEvents(events)).journeys[0]
    assert cart.capped.before > cart.capped.after > 0


def test_a_sample_holds_the_lines_of_some_customers_and_says_how_far_it_may_be_off(
    tmp_path: Path, events: Path
) -> None:
    with of_file(events, 3) as sample:
        lines = [json.loads(line) for line in sample.file.read_text(encoding="utf-8").splitlines()]
        found = compared(tmp_path, sample)
    assert {line["customer_id"] for line in lines} == {
        who for who in (*(f"c{n}" for n in range(CUSTOMERS)), "last") if share_of(who, 3) == 0
    }
    assert found.one_in == 3
    assert found.customers == 3 * len({line["customer_id"] for line in lines})
    assert found.journeys[0].starts.margin is not None
    assert not sample.file.exists()


def test_what_lies_before_is_played_and_not_counted(tmp_path: Path, events: Path) -> None:
    since = parse_instant("2026-03-09T00:00:00Z")
    found = compared(tmp_path, RecentEvents(events, since=since))
    rows = rows_of(version(tmp_path / "again"), events, tmp_path / "rows", "starts.jsonl")
    late = [row for row in rows if row["journey"] == "cart" and row["at"] >= "2026-03-09"]
    assert found.first_at == "2026-03-09T00:00:00Z"
    assert found.journeys[0].starts.before == round(len(late) / 7, 2)


def test_a_journey_that_sends_half_as_much_or_twice_as_much_is_looked_at_first(
    tmp_path: Path, events: Path
) -> None:
    none = version(tmp_path / "none", "total: at least 900 EUR")
    found = play_both(version(tmp_path / "all"), none, RecentEvents(events), [])
    assert found is not None
    assert [each.journey for each in traffic(found, []).jumps] == ["cart"]
    same = play_both(version(tmp_path / "a"), version(tmp_path / "b"), RecentEvents(events), [])
    assert same is not None
    assert traffic(same, []).journeys == ()


def test_days_of_imported_history_are_not_among_those_that_are_counted(tmp_path: Path, events: Path) -> None:
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if line["event"] != "customer_changed" and line["at"] < "2026-03-11":
            line["properties"]["$history"] = True
    events.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    found = compared(tmp_path, RecentEvents(events))
    rows = rows_of(version(tmp_path / "again"), events, tmp_path / "rows", "starts.jsonl")
    carts = [row["at"] for row in rows if row["journey"] == "cart"]
    assert found.first_at is not None
    assert (found.first_at[:10], found.days) == ("2026-03-11", 5)
    assert min(carts) >= found.first_at
    assert found.journeys[0].starts.before == round(len(carts) / 5, 2)


def test_a_small_difference_in_cost_is_told_with_as_many_digits_as_show_it(
    tmp_path: Path, events: Path
) -> None:
    cheap = PAID.replace("price: 0.10 EUR", "price: 0.0004 EUR")
    before, after = (
        write_project(
            tmp_path / name,
            {
                **FILES, "config.yaml": cheap, "journeys/welcome.yaml": WELCOME,
                "journeys/cart.yaml": CART.replace("total: at least 0 EUR", start),
            },
        )
        for name, start in (("before", "total: at least 0 EUR"), ("after", "total: at least 30 EUR"))
    )  # fmt: skip
    found = play_both(before, after, RecentEvents(events), ["cart"])
    assert found is not None
    day = traffic(found, ["cart"])
    assert day.cost.before == round(sum(Decimal(each.cost_before) for each in found.journeys) / 14, 6)
    assert day.cost.before - day.cost.after < Decimal("0.005")
    *_, cost = daily_rows(day, "EUR")
    assert cost[0] == "all journeys: cost in EUR"
    told = cost_line(next(each for each in found.journeys if each.journey == "cart"), "EUR")
    assert told is not None
    assert Decimal(told[3]) < 0, "of one journey too"
    assert Decimal(cost[1]) > Decimal(cost[2])
    assert Decimal(cost[3]) < 0


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("1", "1", "1.0 1.0 +0.0"),
        ("1", "2", "1.0 2.0 +1.0"),
        ("0.04", "0.06", "0.04 0.06 +0.02"),
        ("1.0001", "1.0002", "1.0001 1.0002 +0.0001"),
        ("0.049", "0.051", "0.049 0.051 +0.002"),
        ("1", "1.000000001", "1.000000 1.000000 +0.000000"),
        ("1234.44", "1236.46", "1,234.4 1,236.5 +2.1"),
        ("0.36", "0.14", "0.4 0.1 -0.3"),
    ],
)
def test_a_difference_is_that_of_the_numbers_that_are_shown(before: str, after: str, told: str) -> None:
    """With as many digits as show it, and no rest that somebody who counts it out has to look for."""
    for number in (float, Decimal):
        row = formatted_difference(number(before), number(after), 1)
        assert f"{row.before} {row.after} {row.difference}" == told


def test_a_sample_says_which_facts_it_found_by_itself(tmp_path: Path, events: Path) -> None:
    """When the next one is due goes by all customers of the shop."""
    customer = FILES["schemas/customer.yaml"] + "  due_at: next cart_updated\n"
    before, after = (
        write_project(
            tmp_path / name,
            {
                **FILES, "schemas/customer.yaml": customer, "config.yaml": PAID,
                "journeys/cart.yaml": CART.replace("again: always", "again: always\n" + who),
            },
        )
        for name, who in (("before", ""), ("after", "who: {due_at: is not set}"))
    )  # fmt: skip
    for one_in, learned in ((1, ()), (2, ("due_at",))):
        with of_file(events, one_in) as sample:
            found = play_both(before, after, sample, ["cart"])
        assert found is not None
        day = traffic(found, ["cart"])
        assert day.learned == learned
        assert any("due_at" in sentence for sentence in learned_words(day)) is bool(learned)


def test_who_goes_by_the_same_caps_is_told_once() -> None:
    shared = {"a": 3, "b": 0, "c": 2, "d": 0}
    competing = tuple(
        CapCompetition(
            journey=name, policy="marketing", people=9, shared=many, rivals={"z": many},
            also=[other for other in shared if other != name], places=[TakenSlots("1 a day", 1, 0.0)],
        )
        for name, many in shared.items()
    )  # fmt: skip
    told = Traffic(
        days=7, first_at=None, last_at=None, customers=9, one_in=1, changed=0, about=(), journeys=(),
        messages={}, cost=DailyCost(Decimal(), Decimal()), competition=competing,
    )  # fmt: skip
    met = "customers got others' messages while a cap counts them"
    assert list(competitions(told)) == [
        f"a goes by the caps of marketing (1 a day) as b, c, d do: 3 of its 9 {met} (z 3)",
        f"c goes by the caps of marketing (1 a day): 2 of its 9 {met} (z 2)",
        f"b, d go by the caps of marketing (1 a day): none of their {met}",
    ]


def _day(about: tuple[str, ...], *journeys: JourneyTraffic) -> Traffic:
    return Traffic(
        days=7, first_at=None, last_at=None, customers=9, one_in=1, changed=0, about=about,
        journeys=journeys, messages={"email": DailyCount(2.0, 1.5, 0.4), "sms": DailyCount(1.0, 1.0, 0.2)},
        cost=DailyCost(Decimal("0.06"), Decimal("0.05")), competition=(),
    )  # fmt: skip


def _capped(name: str, before: float, after: float) -> JourneyTraffic:
    same, cost = DailyCount(1.0, 1.0), DailyCost(Decimal(), Decimal())
    return JourneyTraffic(name, same, 0, 0, {}, DailyCount(before, after), cost)


def test_a_day_of_all_journeys_is_one_sentence() -> None:
    day = _day(())
    assert in_all(day, "EUR") == (
        "all journeys together, a day: email 2.0 -> 1.5 (-0.5 ± 0.4), sms 1.0 as before; "
        "cost 0.06 -> 0.05 EUR"
    )
    same = replace(day, messages={"sms": day.messages["sms"]}, cost=DailyCost(Decimal(1), Decimal(1)))
    assert in_all(same, "EUR") == (
        "all journeys together send as many messages a day as before, at the same cost"
    )


def test_messages_that_are_lost_to_caps_are_told_of_the_changed_journeys_and_of_all_others() -> None:
    day = _day(("a", "b"), _capped("a", 1.0, 2.0), _capped("b", 1.0, 1.0), _capped("c", 1.0, 1.5))
    (told,) = lost_to_caps(day)
    assert told == (
        "messages a day that find no place under caps: a 2.0 (1.0 before), "
        "journeys that do not change 1.5 (1.0 before)"
    )
    assert not [*lost_to_caps(_day(("b",), _capped("b", 1.0, 1.0)))]
