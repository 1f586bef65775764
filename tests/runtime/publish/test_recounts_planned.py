"""What is planned of facts that are counted anew is what happens when everybody is counted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.enrollment import Enrollment
from engine.ids import drawn_from
from engine.plan.in_flight import RecountPlan, Risk
from engine.project import load_published
from engine.runtime.advance.backfilling import fill
from engine.runtime.publish.planning import plan_deployment
from engine.runtime.publish.recent_events import of_file, play_both
from engine.simulate.replay.comparison import PlayedInside
from engine.store.customers import batches, enrollments
from engine.store.streams.recorded_stream import StreamBounds, in_chunks
from engine.store.streams.snapshot import read_snapshot, snapshot_lines
from engine.values import DAY, HOUR, Money, Value
from tests.runtime.shop import FILES, Shop, write_project

HEAD = "start: {event: subscribed}\nagain: never\npolicy: service\n"
REST = "steps:\n  - wait: 9 weeks\n    id: rest\n"
JOURNEYS = {
    "by_goal": f"{HEAD}goal: {{when: {{orders_count: 0}}}}\n{REST}",
    "by_exit": f"{HEAD}goal: {{event: retired}}\nexit_if: {{spent: less than 20 EUR}}\n{REST}",
    "by_segment": f"{HEAD}goal: {{event: retired}}\nexit_if: {{segment: small}}\n{REST}",
    "by_date": f"{HEAD}goal: {{event: retired}}\n"
    "steps:\n  - wait: until 9 weeks after last_order_at\n    id: rest\n  - send: later\n",
    "ahead": f"{HEAD}goal: {{event: retired}}\n{REST}"
    "  - if: {orders_count: at least 2}\n    then:\n      - send: later\n",
    "asks_nothing": f"{HEAD}goal: {{event: retired}}\n{REST}",
}
FACTS = FILES["schemas/customer.yaml"] + "  spent: sum of order_placed.total\n"
LARGE = "where: {total: at least 40 EUR}"
RECOUNTED = (
    FACTS.replace(
        "orders_count: count of order_placed", f"orders_count: {{is: count of order_placed, {LARGE}}}"
    )
    .replace("last_order_at: last order_placed", f"last_order_at: {{is: last order_placed, {LARGE}}}")
    .replace("sum of order_placed.total", "{is: sum of order_placed.total, less: cart_updated by order_id}")
)


def files(customer: str, journeys: dict[str, str] = JOURNEYS) -> dict[str, str]:
    events = FILES["schemas/events.yaml"].replace("cart_id: text", "order_id: text")
    return {
        **{name: text for name, text in FILES.items() if not name.startswith("journeys/")},
        "schemas/customer.yaml": customer,
        "schemas/events.yaml": f"{events}  retired: {{}}\n",
        "journeys/segments/small.yaml": "segment: small\nwho: {orders_count: 0}\n",
        **{f"journeys/{name}.yaml": f"journey: {name}\n{text}" for name, text in journeys.items()},
    }


FACT_NAMES = ("orders_count", "last_order_at", "spent")
ASKED = {
    "by_goal": "orders_count", "by_exit": "spent", "by_segment": "orders_count", "by_date": "last_order_at",
    "ahead": "orders_count",
}  # fmt: skip
NOTHING = {"other_value": 0, "reaches_goal": 0, "leaves_early": 0, "other_moment": 0, "other_answer": 0}
NAMES = [f"c{number:02}" for number in range(40)]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    # of whom a sample takes hold goes by pseudonyms, and these by the secret of the store
    with drawn_from(random.Random(1).randbytes):
        opened = Shop(tmp_path, files(FACTS))
    yield opened
    opened.close()


def forty_with_orders(shop: Shop, seed: int) -> None:
    """Some orders are taken back; nobody leaves by it."""
    dice = random.Random(seed)
    for name in NAMES:
        shop.change(name)
        shop.event(name, "order_placed", order_id=f"{name}-0", total=eur(dice.randrange(25, 60)))
    shop.run()
    for name in NAMES:
        shop.event(name, "subscribed")
        if dice.random() < 0.3:
            shop.event(name, "cart_updated", order_id=f"{name}-0")
    shop.later(HOUR)
    for number in (1, 2):
        for name in NAMES:
            if dice.random() < 0.5:
                total = eur(dice.randrange(60))
                shop.event(name, "order_placed", order_id=f"{name}-{number}", total=total)
        shop.later(DAY)


def eur(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


def runs(shop: Shop) -> dict[tuple[str, str], Enrollment]:
    with shop.store.read() as conn:
        return {(run.journey, name): run for name in NAMES for run in enrollments.of_customer(conn, 0, name)}


def values(shop: Shop) -> dict[str, Mapping[str, Value]]:
    with shop.store.read() as conn:
        states = batches.load_batch(conn, 0, NAMES, shop.publication.journeys, shop.clock.now()).states
    return {
        name: {fact: state.facts.values.get(fact) for fact in FACT_NAMES} for name, state in states.items()
    }


def recounts(shop: Shop, coming: dict[str, str]) -> dict[str, RecountPlan]:
    project = write_project(shop.folder / "coming", coming)
    with shop.store.read() as conn:
        plan = plan_deployment(conn, project, shop.clock.now()).plan
    return {each.journey: each for each in plan.recounts}


@pytest.mark.parametrize("seed", [1, 2])
def test_what_new_values_do_to_people_inside_is_what_the_plan_says(shop: Shop, seed: int) -> None:
    forty_with_orders(shop, seed)
    planned = recounts(shop, files(RECOUNTED))
    shop.publish(files(RECOUNTED))
    shop.run()
    before, knew = runs(shop), values(shop)
    assert fill(shop.store, shop.publication, shop.clock.now()) > 0
    shop.run()
    after, knows = runs(shop), values(shop)
    seen: dict[str, Counter[str]] = {name: Counter() for name in JOURNEYS}
    for (journey, customer), run in after.items():
        if journey not in JOURNEYS:
            continue
        was = before[journey, customer]
        asked = ASKED.get(journey, "")
        seen[journey]["other_value"] += bool(asked) and knew[customer][asked] != knows[customer][asked]
        if run.outcome is not None:
            seen[journey]["reaches_goal" if run.outcome == "goal" else "leaves_early"] += 1
        elif run.due != was.due:
            seen[journey]["other_moment"] += 1
        elif journey == "ahead":
            counts = (each[customer]["orders_count"] for each in (knew, knows))
            first, second = (int(str(count)) >= 2 for count in counts)
            seen[journey]["other_answer"] += first != second
    assert planned == {
        name: RecountPlan(name, (asked,), len(NAMES), **{**NOTHING, **seen[name]})
        for name, asked in ASKED.items()
    }
    assert not seen["asks_nothing"].total()
    # each kind has happened to somebody, and nothing to others
    for name, kind in (
        ("by_goal", "reaches_goal"), ("by_exit", "leaves_early"), ("by_segment", "leaves_early"),
        ("by_date", "leaves_early"), ("by_date", "other_moment"), ("ahead", "other_answer"),
    ):  # fmt: skip
        assert 0 < seen[name][kind] <= seen[name]["other_value"] < len(NAMES), name


def inside_by_snapshot(
    shop: Shop, coming: dict[str, str], one_in: int | None = None
) -> dict[str, PlayedInside]:
    """What a snapshot of the published shop tells."""
    file = shop.folder / "snapshot.jsonl"
    with shop.store.read() as conn, file.open("wb") as out:
        for chunk in in_chunks(snapshot_lines(conn, StreamBounds(), shop.clock.now())):
            out.write(chunk)
    _, published = read_snapshot(file)
    project = write_project(shop.folder / "reviewed", coming)
    with of_file(file, one_in) as events:
        found = play_both(load_published(published), project, events, ())
    assert found is not None
    return {each.journey: each for each in found.inside}


def test_a_snapshot_of_everything_tells_of_people_inside_what_the_store_does(shop: Shop) -> None:
    forty_with_orders(shop, 1)
    exits = JOURNEYS["asks_nothing"].replace("steps:", "exit_if: {spent: at least 60 EUR}\nsteps:")
    asked = {**JOURNEYS, "asks_nothing": exits}
    project = write_project(shop.folder / "coming", files(RECOUNTED, asked))
    with shop.store.read() as conn:
        plan = plan_deployment(conn, project, shop.clock.now()).plan
    by_snapshot = inside_by_snapshot(shop, files(RECOUNTED, asked))
    assert len(plan.recounts) >= len(ASKED)
    for each in plan.recounts:
        told = by_snapshot[each.journey]
        assert each == RecountPlan(
            each.journey, tuple(told.facts), told.inside, told.other_value, reaches_goal=told.recounted_goal,
            leaves_early=told.recounted_exit, other_moment=told.other_moment, other_answer=told.other_answer,
        )  # fmt: skip
    (changed,) = (each for each in plan.journeys if each.journey == "asks_nothing")
    assert 0 < changed.leaves_early == by_snapshot["asks_nothing"].leaves_early
    assert by_snapshot["by_exit"].limits == ["spent"]


def test_of_a_sample_it_is_said_how_far_the_numbers_may_be_off(shop: Shop) -> None:
    forty_with_orders(shop, 1)
    whole, half = (inside_by_snapshot(shop, files(RECOUNTED), one_in) for one_in in (None, 2))
    kinds = ("other_value", "recounted_goal", "recounted_exit", "other_moment", "other_answer")
    within = []
    for name, told in half.items():
        assert whole[name].margin is None
        assert told.margin is not None
        assert told.inside % 2 == 0
        within += [abs(getattr(told, kind) - getattr(whole[name], kind)) <= told.margin for kind in kinds]
    assert sum(within) >= 0.9 * len(within)
    # nobody leaves it, and a half that shows nobody is no proof of that
    assert (half["ahead"].recounted_exit, half["ahead"].margin) >= (0, 3)


def test_who_leaves_by_facts_that_are_counted_anew_is_looked_at_first(shop: Shop) -> None:
    forty_with_orders(shop, 1)
    project = write_project(shop.folder / "coming", files(RECOUNTED))
    with shop.store.read() as conn:
        plan = plan_deployment(conn, project, shop.clock.now()).plan
    found = {(risky.journey, risky.risk, risky.to) for risky in plan.risks}
    assert found == {
        ("by_goal", Risk.RECOUNTED_GOAL, "orders_count"),
        ("by_exit", Risk.RECOUNTED_EXIT, "spent"),
        ("by_segment", Risk.RECOUNTED_EXIT, "orders_count"),
        ("by_date", Risk.RECOUNTED_EXIT, "last_order_at"),
    }


def test_a_new_fact_has_no_value_until_everybody_is_counted(shop: Shop) -> None:
    """So a goal that asks for it holds for nobody at once, and for some when they are counted."""
    forty_with_orders(shop, 1)
    later = JOURNEYS["by_goal"].replace("orders_count: 0", "large_orders: 0")
    coming = files(
        f"{FACTS}  large_orders: {{is: count of order_placed, {LARGE}}}\n", {**JOURNEYS, "by_goal": later}
    )
    project = write_project(shop.folder / "coming", coming)
    with shop.store.read() as conn:
        plan = plan_deployment(conn, project, shop.clock.now()).plan
    assert [each.reaches_goal for each in plan.journeys if each.journey == "by_goal"] == [0]
    (recount,) = plan.recounts
    shop.publish(coming)
    shop.later(HOUR)
    assert not [run for run in runs(shop).values() if run.journey == "by_goal" and run.outcome]
    fill(shop.store, shop.publication, shop.clock.now())
    shop.run()
    left = [run for run in runs(shop).values() if run.journey == "by_goal" and run.outcome == "goal"]
    assert 0 < len(left) == recount.reaches_goal


def test_nobody_is_told_of_where_no_value_is_another_one(shop: Shop) -> None:
    forty_with_orders(shop, 1)
    same = FACTS.replace(
        "orders_count: count of order_placed",
        "orders_count: {is: count of order_placed, where: {total: at least 0 EUR}}",
    )
    assert recounts(shop, files(same)) == {}
