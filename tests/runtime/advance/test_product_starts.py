"""The same history of a catalogue and a customer, told in three ways: a story, a replay and the daemon agree
on every start (2.21)."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.language.parse import parse_journey
from engine.project import Project
from engine.runtime.intake.intake import Intake
from engine.runtime.intake.items import EventItem, Item, ProductItem
from engine.simulate.replay.mapping import names_of, read_mapping
from engine.simulate.replay.replay import ReplayOptions, replay
from engine.simulate.stories.story_report import run_stories
from engine.store.inbox import due_queue
from engine.store.sql import rows
from engine.values import MINUTE, Instant, iso
from tests.runtime.shop import ATTRIBUTES, CONFIG, MONDAY, Shop, write_project

EVENTS = """
events:
  product_viewed: {fields: {product_id: text}}
  cart_updated: {fields: {items: {list of: {product_id: text}}}}
  wishlist_added: {fields: {product_id: text}}
  order_placed: {fields: {product_id: text}}
"""
JOURNEY = """journey: news
start: START
who: {did: {order_placed: not in last 1 day}}
again: AGAIN
goal: {event: order_placed}
exit_if: {product.in_stock: false}
policy: service
steps:
  - if: {trigger.product_id: p1}
    then:
      - send: first
    else:
      - send: second
"""
PAUSED = """  - wait: 40 minutes
    id: pause
"""
PRICES = """products:
  changed:
    id: product
    fields: {price: price, in_stock: in_stock, stock: stock}
"""
STARTS = (
    "{product: price_drop}",
    "{product: price_drop, by: 30%, within: 90 minutes, watchers: [wishlist, cart]}",
    "{product: price_drop, collect: 1 hour}",
    "{product: price_drop, per: product_id}",
    "{product: back_in_stock, within: 45 minutes}",
    "{product: low_stock, watchers: viewed}",
    "[{product: back_in_stock, collect: 20 minutes}, {product: price_drop, by: 10%}]",
)
AGAIN = ("always", "after 1 hour", "restart")


@dataclass(frozen=True)
class Touch:
    name: str
    product: str


@dataclass(frozen=True)
class Change:
    product: str
    field: str
    value: int | bool


Moment = tuple[int, Touch | Change]

products = st.sampled_from(("p1", "p2"))
TOUCHES = ("product_viewed", "cart_updated", "wishlist_added")
touches = st.builds(Touch, st.sampled_from(TOUCHES * 4 + ("order_placed",)), products)
changes = st.one_of(
    st.builds(Change, products, st.just("price"), st.sampled_from((100, 80, 60, 50))),
    st.builds(Change, products, st.just("in_stock"), st.booleans()),
    st.builds(Change, products, st.just("stock"), st.sampled_from((0, 5, 9, 10, 20))),
)
SHARED = (37, 101, 163)
"""Minutes in which several things happen, one after the other."""
COLLECTED = (20, 60)
"""Minutes for which changes are collected: in a shared minute nothing may be due, for that comes after all
that happened in it, and a daemon that works off one thing after the other does not wait for the next."""
LONELY = sorted({*range(1, 241)} - {minute - length for minute in SHARED for length in (0, *COLLECTED)})
moments = st.sampled_from((*LONELY, *SHARED * 30))
histories = st.lists(st.tuples(moments, st.one_of(touches, changes)), min_size=15, max_size=25)
catalogues = st.lists(st.tuples(moments, changes), min_size=15, max_size=25)
CATALOGUE = [
    (0, Change(product, field, value))
    for product in ("p1", "p2")
    for field, value in (("price", 120), ("in_stock", True), ("stock", 20))
]
FIRST = [(0, Touch("cart_updated", "p1")), (0, Touch("product_viewed", "p2"))]


def read(folder: Path, start: str, again: str, more: str = "") -> tuple[dict[str, str], Project]:
    files = {
        "config.yaml": CONFIG,
        "schemas/customer.yaml": ATTRIBUTES,
        "schemas/events.yaml": EVENTS,
        "schemas/product.yaml": "product: {price: money, in_stock: true/false, stock: number}\n",
        "journeys/news.yaml": JOURNEY.replace("START", start).replace("AGAIN", again) + more,
        **{f"templates/{name}.push.txt": f"This is {name}" for name in ("first", "second")},
    }
    return files, write_project(folder, files)


def told_as_story(project: Project, history: Sequence[Moment]) -> list[tuple[int, str]]:
    """Every message of a story of these lines: (minute, template)."""
    lines = []
    for minute, what in history:
        when = f"day 0 {10 + minute // 60:02}:{minute % 60:02}"
        match what:
            case Touch(name="cart_updated", product=product):
                lines += [
                    f"      - {when}: cart_updated",
                    "        items:",
                    f"          - product_id: {product}",
                ]
            case Touch(name, product):
                lines += [f"      - {when}: {name}", f"        product_id: {product}"]
            case Change(product, field, value):
                words = f"{value} EUR" if field == "price" else str(value).lower()
                lines += [
                    f"      - {when}: set",
                    f"        product_id: {product}",
                    f"        product.{field}: {words}",
                ]
    text = project.sources["journeys/news.yaml"] + "tests:\n  - test: it\n    when:\n" + "\n".join(lines)
    file, problems = parse_journey(text + "\n    expect: nothing\n", "journeys/news.yaml")
    assert file is not None, problems
    (told,) = run_stories([file], project.journeys, project.world).journeys
    (result,) = told.results
    assert not result.problems, result.problems
    sends = [row for row in result.rows if row.happened.startswith("send ")]
    return [(row.at.day * 1440 + row.at.minute - 600, row.happened.split()[1]) for row in sends]


def replayed(project: Project, history: Sequence[Moment], folder: Path) -> list[tuple[int, str]]:
    """Every message of a replay of these lines."""
    lines: list[dict[str, object]] = []
    for minute, what in history:
        head = {"at": iso(Instant(MONDAY + minute * MINUTE))}
        match what:
            case Touch(name, product):
                cart = name == "cart_updated"
                properties = {"items": [{"product_id": product}]} if cart else {"product_id": product}
                lines.append({**head, "event": name, "customer_id": "ada", "properties": properties})
            case Change(product, field, value):
                lines.append({**head, "event": "changed", "properties": {"product": product, field: value}})
    end = iso(Instant(MONDAY + 400 * MINUTE))
    lines.append({"at": end, "event": "order_placed", "customer_id": "bob", "properties": {}})
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    mapping, problems = read_mapping(PRICES, "m.yaml", names_of(project.catalogue, project.world.channels))
    assert mapping is not None, problems
    options = ReplayOptions(out=folder / "out")
    replay(project.journeys, project.world, [folder / "events.jsonl"], mapping, options)
    sent = [json.loads(line) for line in (folder / "out" / "messages.jsonl").read_text().splitlines()]
    return [(minute_of(message["at"]), message["template"]) for message in sent]


def minute_of(at: str) -> int:
    hour, minute = int(at[11:13]), int(at[14:16])
    return (hour - 9) * 60 + minute


def lived(
    files: dict[str, str],
    project: Project,
    history: Sequence[Moment],
    folder: Path,
    *,
    together: bool = False,
) -> list[tuple[int, str]]:
    """Every message of a daemon that these items come to. `together`: what comes in one minute is decided
    when all of it is there."""
    shop = Shop(folder, files)
    try:
        shop.change("ada", tier="gold")
        shop.run()
        intake = Intake(project.catalogue, project.config, project.journeys)
        for minute in sorted({minute for minute, _ in history} | {400}):
            pass_time(shop, Instant(MONDAY + minute * MINUTE))
            for at, what in history:
                if at == minute:
                    take(shop, intake, what)
                    if not together:
                        shop.send_all()
        shop.send_all()
        with shop.store.read() as conn:
            sent = rows(conn, "SELECT planned_at, template FROM outbox ORDER BY planned_at, number")
        return [((at - MONDAY) // MINUTE, template) for at, template in sent]
    finally:
        shop.close()


def pass_time(shop: Shop, until: Instant) -> None:
    """Everything that is due before a moment is done at its own moment."""
    shop.send_all()
    while True:
        with shop.store.read() as conn:
            due = due_queue.first(conn)
        if due is None or due >= until:
            break
        shop.clock.advance(max(0, due - shop.clock.now()))
        shop.send_all()
    shop.clock.advance(until - shop.clock.now())


def take(shop: Shop, intake: Intake, what: Touch | Change) -> None:
    shop.count += 1
    item: Item
    match what:
        case Touch(name, product):
            cart = name == "cart_updated"
            properties = {"items": [{"product_id": product}]} if cart else {"product_id": product}
            item = EventItem(0, "ada", name, None, f"e{shop.count}", properties)
        case Change(product, field, value):
            item = ProductItem(0, product, {field: value})
    now = shop.clock.now()
    prepared = intake.prepare([item], "test", now)
    taken = shop.store.write(lambda conn: intake.take(conn, prepared, now))
    assert not taken.refused


@pytest.mark.parametrize("start", STARTS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, again=st.sampled_from(AGAIN))
def test_a_story_a_replay_and_the_daemon_agree(history: list[Moment], start: str, again: str) -> None:
    history = [*CATALOGUE, *FIRST, *sorted(distinct(history), key=lambda moment: moment[0])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, project = read(folder / "read", start, again)
        story = told_as_story(project, history)
        assert replayed(project, history, folder) == story
        assert lived(files, project, history, folder / "lived") == story


@pytest.mark.parametrize("start", [start for start in STARTS if "collect" not in start])
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=catalogues, again=st.sampled_from(AGAIN))
def test_changes_of_one_minute_start_the_same_decided_together_or_one_by_one(
    history: list[Moment], start: str, again: str
) -> None:
    history = [*CATALOGUE, *FIRST, *sorted(distinct(history), key=lambda moment: moment[0])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files, project = read(folder / "read", start, again, PAUSED)
        story = told_as_story(project, history)
        assert lived(files, project, history, folder / "lived", together=True) == story


def distinct(history: list[Moment]) -> list[Moment]:
    """Without lines of a story that are equal within a minute, which are one."""
    return list(dict.fromkeys(history))
