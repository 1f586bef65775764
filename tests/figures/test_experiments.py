"""What holdouts and splits show: who is counted in which arm, until when, and what is said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from engine.figures.experiments.tables import experiments
from engine.figures.period import Period
from engine.figures.report import Table
from engine.ids import choose_path, in_global_holdout, in_holdout
from engine.store.persons import aliases
from engine.values import DAY, HOUR, MINUTE, Money
from tests.runtime.shop import CONFIG, FILES, Shop

WELCOME = """
journey: welcome
start: {event: subscribed}
again: after 1 day
goal: {event: order_placed, within: 7 days}
policy: marketing
steps:
  - split: greeting
    into:
      50% plain:
        - send: hello
      50% warm:
        - send: offer
"""
DECIDED = WELCOME + "    decide: after 40 people each\n"
HELD = WELCOME.replace("steps:", "holdout: 20%\nsteps:")
ASKING = CONFIG.replace("marketing: {consent: none}", "marketing: {quiet: none, caps: none}")


Open = Callable[[dict[str, str]], Shop]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    shops: list[Shop] = []

    def one(texts: dict[str, str]) -> Shop:
        shops.append(Shop(tmp_path, texts))
        return shops[-1]

    yield one
    for shop in shops:
        shop.store.close()


def files(welcome: str, config: str = CONFIG) -> dict[str, str]:
    return {**FILES, "journeys/welcome.yaml": welcome, "config.yaml": config}


def people(path: str) -> Iterator[str]:
    """Customers who go along this path."""
    for number in count():
        name = f"c{number}"
        if choose_path(name, "welcome", "greeting", [("plain", 50), ("warm", 50)]) == path:
            yield name


def tables(shop: Shop, period: Period | None = None) -> dict[str, Table]:
    with shop.store.read() as conn:
        found = experiments(conn, shop.publication.journeys, shop.clock.now(), period)
    return {table.name: table for table in found.tables}


def figures(table: Table, arm: str) -> dict[str, object]:
    row = table.row(arm)
    return {metric.name: value for metric, value in zip(table.metrics, row.now, strict=True)}


def counts(table: Table, arm: str) -> tuple[object, object, object]:
    found = figures(table, arm)
    return found["people"], found["counted"], found["with_goal"]


def subscribe(shop: Shop, path: str, many: int, buyers: int, total: int = 50) -> None:
    """So many come in, and some of them order a day later."""
    known = people(path)
    names = [next(known) for _ in range(many)]
    for name in names:
        shop.event(name, "subscribed")
    shop.run()
    shop.later(DAY)
    for name in names[:buyers]:
        shop.event(name, "order_placed", total=Money(Decimal(total), "EUR"))
    shop.run()


def test_people_count_when_their_time_is_over(opened: Open) -> None:
    shop = opened(files(WELCOME))
    subscribe(shop, "plain", 3, 2)
    subscribe(shop, "warm", 3, 1)
    assert counts(tables(shop)["welcome: greeting"], "plain (control)") == (3, 0, 0)
    shop.later(5 * DAY)
    assert counts(tables(shop)["welcome: greeting"], "plain (control)") == (3, 3, 2)
    assert counts(tables(shop)["welcome: greeting"], "warm") == (3, 0, 0)
    shop.later(DAY)
    assert counts(tables(shop)["welcome: greeting"], "warm") == (3, 3, 1)


def test_only_what_happens_within_counts(opened: Open) -> None:
    shop = opened(files(WELCOME))
    name = next(people("warm"))
    shop.event(name, "order_placed", total=Money(Decimal(7), "EUR"))  # before
    shop.run()
    shop.later(HOUR)
    shop.event(name, "subscribed")
    shop.run()
    shop.later(7 * DAY)  # to the millisecond: still inside
    shop.event(name, "order_placed", total=Money(Decimal(10), "EUR"))
    shop.run()
    shop.later(1)
    shop.event(name, "order_placed", total=Money(Decimal(100), "EUR"))
    shop.run()
    shop.later(DAY)
    found = figures(tables(shop)["welcome: greeting"], "warm")
    assert (found["with_goal"], found["per_person"]) == (1, Decimal("10.0"))


def test_the_first_start_counts_and_another_one_makes_no_second_person(opened: Open) -> None:
    shop = opened(files(WELCOME))
    name = next(people("plain"))
    for _ in range(3):
        shop.event(name, "subscribed")
        shop.run()
        shop.later(8 * DAY)
    shop.event(name, "order_placed", total=Money(Decimal(10), "EUR"))
    shop.run()
    assert counts(tables(shop)["welcome: greeting"], "plain (control)") == (1, 1, 0)


def test_who_turns_out_to_be_one_person_is_counted_once_by_the_first_start(opened: Open) -> None:
    shop = opened(files(WELCOME))
    first, other = next(people("warm")), next(people("plain"))
    shop.event(first, "subscribed")
    shop.run()
    shop.later(2 * DAY)
    shop.event(other, "subscribed")
    shop.run()
    shop.later(DAY)
    journeys, now = shop.publication.journeys, shop.clock.now()
    shop.store.write(lambda conn: aliases.join(conn, first, other, journeys, now))
    shop.run()
    shop.event(other, "order_placed", total=Money(Decimal(10), "EUR"))
    shop.run()
    shop.later(9 * DAY)
    found = tables(shop)["welcome: greeting"]
    assert counts(found, "warm") == (1, 1, 1)
    assert counts(found, "plain (control)") == (0, 0, 0)


def test_nothing_is_better_before_the_moment_and_never_without_one(opened: Open) -> None:
    shop = opened(files(WELCOME))
    subscribe(shop, "plain", 130, 0)
    subscribe(shop, "warm", 130, 120)
    shop.later(8 * DAY)
    table = tables(shop)["welcome: greeting"]
    assert table.row("warm").note == "open"
    assert figures(table, "warm")["rate_low"] > 0  # type: ignore[operator]
    assert any("No moment of decision is fixed" in remark for remark in table.remarks)
    assert "better" not in " ".join(table.remarks).replace("calls nothing better", "").replace(
        "ever called better", ""
    )


def test_at_the_moment_it_is_decided_and_stays_so(opened: Open) -> None:
    shop = opened(files(DECIDED))
    subscribe(shop, "plain", 40, 4)
    subscribe(shop, "warm", 39, 30)
    shop.later(7 * DAY)
    table = tables(shop)["welcome: greeting"]
    assert table.row("warm").note == "open"
    assert (
        "It is decided after 40 people each whose time is over: plain has 40, warm has 39." in table.remarks
    )
    known = people("warm")
    last = [next(known) for _ in range(40)][-1]
    shop.event(last, "subscribed")
    shop.run()
    shop.later(7 * DAY - 1)
    assert tables(shop)["welcome: greeting"].row("warm").note == "open"
    shop.later(1)
    decided = tables(shop)["welcome: greeting"]
    assert decided.row("warm").note == "better"
    assert counts(decided, "warm") == (40, 40, 30)
    assert decided.title == "welcome: greeting, decided on 2026-03-18"
    # whatever comes later changes nothing of it, and stands apart
    shop.later(HOUR)
    for number in range(2000, 2060):
        shop.event(f"c{number}", "subscribed")
    shop.run()
    shop.later(9 * DAY)
    again = tables(shop)
    assert again["welcome: greeting"].rows == decided.rows
    assert again["welcome: greeting"].remarks == decided.remarks
    later = again["welcome: greeting, since"]
    assert sum(int(str(row.now[0])) for row in later.rows) == 60


def test_a_day_decides_at_its_end_where_the_shop_is(opened: Open) -> None:
    shop = opened(files(WELCOME + "    decide: on 2026-03-09\n"))
    subscribe(shop, "plain", 30, 10)
    subscribe(shop, "warm", 30, 12)
    shop.later(dt.timedelta(days=5, hours=13, minutes=59) // dt.timedelta(milliseconds=1))
    table = tables(shop)["welcome: greeting"]
    assert table.row("warm").note == "open"
    assert "It is decided at the end of 2026-03-09." in table.remarks
    shop.later(MINUTE)  # midnight in Berlin
    table = tables(shop)["welcome: greeting"]
    assert table.row("warm").note == "cannot tell"
    assert counts(table, "plain (control)") == (30, 30, 10)
    assert counts(table, "warm") == (30, 0, 0)  # who came a day later has not had the same time
    assert table.remarks[0].startswith("warm against plain: cannot tell; ")


def test_where_something_else_divides_people_no_effect_is_shown(opened: Open) -> None:
    shop = opened(files(DECIDED))
    subscribe(shop, "plain", 60, 1)
    subscribe(shop, "warm", 140, 100)
    shop.later(9 * DAY)
    table = tables(shop)["welcome: greeting"]
    assert table.remarks[0].startswith("ALARM: people did not fall into the arms as their shares say")
    assert table.row("warm").note == ""
    assert figures(table, "warm")["rate_low"] is None
    assert len(table.remarks) == 1


def test_a_holdout_is_compared_with_those_who_got_the_journey(opened: Open) -> None:
    shop = opened(files(HELD))
    held = [f"c{number}" for number in range(50) if in_holdout(f"c{number}", "welcome", 20)]
    for number in range(50):
        shop.event(f"c{number}", "subscribed")
    shop.run()
    shop.later(DAY)
    shop.event(held[0], "order_placed", total=Money(Decimal(10), "EUR"))
    shop.run()
    shop.later(7 * DAY)
    found = tables(shop)
    assert counts(found["welcome: holdout"], "holdout (control)") == (len(held), len(held), 1)
    assert counts(found["welcome: holdout"], "journey") == (50 - len(held), 50 - len(held), 0)
    split = found["welcome: greeting"]
    assert sum(int(str(row.now[0])) for row in split.rows) == 50 - len(held)


def test_the_holdout_of_the_shop_is_an_experiment_of_its_own(opened: Open) -> None:
    config = ASKING.replace("timezone:", "holdout: 30%\ntimezone:")
    shop = opened(files(HELD, config))
    names = [f"c{number}" for number in range(60)]
    by_shop = {name for name in names if in_global_holdout(name, 30)}
    by_journey = {name for name in names if in_holdout(name, "welcome", 20)} - by_shop
    assert by_shop
    assert by_journey
    for name in names:
        shop.event(name, "subscribed")
    shop.run()
    shop.later(DAY)
    for name in (min(by_shop), min(by_journey)):
        shop.event(name, "order_placed", total=Money(Decimal(10), "EUR"))
    shop.run()
    shop.later(100 * DAY)
    found = tables(shop)
    whole, own = found["all journeys: holdout"], found["welcome: holdout"]
    assert counts(whole, "holdout (control)") == (len(by_shop), len(by_shop), 1)
    others = 60 - len(by_shop)
    assert counts(whole, "journey") == (others, others, 1)
    assert counts(own, "holdout (control)") == (len(by_journey), len(by_journey), 1)
    assert counts(own, "journey")[0] == others - len(by_journey)


def test_of_a_period_those_who_came_in_then(opened: Open) -> None:
    shop = opened(files(DECIDED))
    subscribe(shop, "plain", 2, 1)
    shop.later(30 * DAY)
    subscribe(shop, "warm", 3, 1)
    shop.later(30 * DAY)
    table = tables(shop, Period(dt.date(2026, 3, 1), dt.date(2026, 3, 31)))["welcome: greeting"]
    assert (counts(table, "plain (control)"), counts(table, "warm")) == ((2, 2, 1), (0, 0, 0))
    assert "of a part of the people nothing is decided" in table.remarks[-2]


@pytest.mark.parametrize("words", ["after 40 people each", "on 2026-12-15"])
def test_a_moment_of_decision_moves_nobody_and_changes_no_hash(opened: Open, words: str) -> None:
    shop = opened(files(HELD))
    before = shop.publication.journeys.by_name["welcome"]
    decided = HELD.replace("holdout: 20%", f"holdout:\n  share: 20%\n  decide: {words}")
    done = shop.publish(files(decided + f"    decide: {words}\n"))
    after = shop.publication.journeys.by_name["welcome"]
    assert before.hash == after.hash
    assert after.decide is not None
    assert not done.moved


def test_changed_shares_begin_anew_and_what_was_decided_stays(opened: Open) -> None:
    shop = opened(files(DECIDED))
    subscribe(shop, "plain", 40, 4)
    subscribe(shop, "warm", 40, 30)
    shop.later(9 * DAY)
    decided = tables(shop)["welcome: greeting"]
    assert decided.row("warm").note == "better"
    changed = DECIDED.replace("50% plain", "10% plain").replace("50% warm", "90% warm")
    shop.publish(files(changed))
    for number in range(3000, 3060):
        shop.event(f"c{number}", "subscribed")
    shop.run()
    shop.later(9 * DAY)
    with shop.store.read() as conn:
        found = experiments(conn, shop.publication.journeys, shop.clock.now(), None).tables
    before, now = found
    assert (before.title, before.rows, before.remarks) == (decided.title, decided.rows, decided.remarks)
    assert sum(int(str(row.now[0])) for row in now.rows) == 60
    assert now.row("warm").note == "open"
    assert "Of those who came in since 2026-03-13, when the shares were changed." in now.remarks


def test_a_moment_that_is_fixed_after_it_has_passed_decides_nothing(opened: Open) -> None:
    shop = opened(files(WELCOME))
    subscribe(shop, "plain", 40, 4)
    subscribe(shop, "warm", 40, 30)
    shop.later(9 * DAY)
    shop.publish(files(DECIDED))
    table = tables(shop)["welcome: greeting"]
    assert table.row("warm").note == "open"
    assert any(remark.startswith("The moment of `decide:` had passed") for remark in table.remarks)
