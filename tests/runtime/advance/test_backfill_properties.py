"""Whatever comes between the pages of a back-fill, every fact is what a computation from scratch says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.clock import ManualClock
from engine.core.facts.customer import Facts
from engine.core.facts.fold import apply_event, initial_values
from engine.core.facts.rule import FactRule
from engine.core.happening import Event
from engine.project import Project
from engine.runtime.advance.advancer import Advancer, Publication
from engine.runtime.advance.backfilling import fill_page
from engine.runtime.advance.definitions import ask
from engine.runtime.publish.deploy import deploy
from engine.runtime.workers.fenced_store import FencedStore
from engine.store.customers import batches, events
from engine.store.database import Store
from engine.store.facts import definitions
from engine.store.facts.definitions import DefinitionState
from engine.store.inbox import inbox
from engine.store.persons import aliases
from engine.values import DAY, Instant, Money, Value
from tests.runtime.shop import CONFIG, MONDAY, write_project
from tests.stores import new_store

T = TypeVar("T")

EVENTS = """
events:
  order_placed: {fields: {order_id: text, total: money, items: {list of: {category: text}}}}
  order_cancelled: {fields: {order_id: text}}
  viewed: {}
"""
DEFINITIONS = (
    "count of order_placed",
    "count of viewed",
    "sum of order_placed.total",
    "{is: sum of order_placed.total, less: order_cancelled by order_id}",
    "average of order_placed.total",
    "most frequent order_placed.items.category",
    "{is: most frequent order_placed.items.category, less: order_cancelled by order_id}",
    "number of different order_placed.items.category",
    "{is: share of order_placed, where: {order_id: is set}}",
    "median days between order_placed",
    "average days between viewed",
    "{is: average days between order_placed, where: {order_id: is set}}",
    "last order_placed.order_id",
    "{is: first order_placed, less: order_cancelled by order_id}",
    "",  # it is gone
)
CUSTOMERS = ("anna", "ben", "v1", "v2", "zoe")
NOBODY: tuple[FactRule, ...] = ()


@cache
def project_with(definition: str) -> Project:
    """A shop in which `f` is computed in this way, compiled once."""
    fact = f"  f: {definition}\n" if definition else ""
    files = {
        "config.yaml": CONFIG,
        "schemas/customer.yaml": f"facts:\n  orders: count of order_placed\n{fact}",
        "schemas/events.yaml": EVENTS,
    }
    return write_project(Path(mkdtemp()), files)


class Interrupted(Exception):  # noqa: N818 - what happens, not what is wrong
    """The process ended between counting a page and writing it."""


class BetweenStore(FencedStore):
    """A store on which something happens between counting a page and writing it."""

    def __init__(self, store: Store, meanwhile: Callable[[], None]) -> None:
        super().__init__(store, lambda _: True)
        self._meanwhile = meanwhile

    def write(self, job: Callable[[Connection], T], **how: Any) -> T:
        self._meanwhile()
        return super().write(job, **how)


EVENT = st.tuples(
    st.just("event"),
    st.sampled_from(CUSTOMERS),
    st.sampled_from(["order_placed", "order_placed", "order_cancelled", "viewed"]),
    st.integers(0, 3),  # its id: the same again is a duplicate
    st.integers(0, 5),  # days ago
)
RUN = st.tuples(st.just("run"))
JOIN = st.tuples(
    st.just("join"), st.sampled_from(["v1", "v2"]), st.sampled_from(["anna", "zoe", "new1", "new2"])
)
LIVE = st.one_of(EVENT, EVENT, EVENT, RUN, JOIN)
STEPS = st.lists(
    st.one_of(
        LIVE,
        EVENT,
        RUN,
        st.tuples(st.just("deploy"), st.sampled_from(DEFINITIONS)),
        st.tuples(st.just("rebuild")),
        st.tuples(st.just("page"), st.integers(1, 3)),
        st.tuples(st.just("page"), st.integers(1, 3)),
        st.tuples(st.just("page between"), st.integers(1, 3), st.lists(LIVE, max_size=4)),
        st.tuples(st.just("kill"), st.integers(1, 3)),
    ),
    max_size=30,
)


class Life:
    """A store in which all of this happens."""

    def __init__(self, first: str) -> None:
        self.clock = ManualClock(MONDAY)
        self.store = new_store(Path(mkdtemp()), "shop.db", exclusive=True)
        self.deploy(first)

    def deploy(self, definition: str) -> None:
        project = project_with(definition)
        done = self.store.write(lambda conn: deploy(conn, project, self.clock.now(), "anna"))
        self.publication = Publication(done.number, project.journeys)
        self.advancer = Advancer(self.store, self.clock)

    def do(self, step: tuple[Any, ...]) -> None:
        match step:
            case ("event", customer, name, number, days):
                self.event(customer, name, number, days)
            case ("run",):
                self.advancer.run(self.publication)
            case ("join", previous, customer):
                journeys, now = self.publication.journeys, self.clock.now()
                self.store.write(lambda conn: aliases.join(conn, previous, customer, journeys, now))
            case ("deploy", definition):
                self.deploy(definition)
            case ("rebuild",):
                self.store.write(self.rebuild)
            case ("page", size):
                fill_page(self.store, self.publication, self.clock.now(), size)
            case ("page between", size, others):
                self.page_between(size, others)
            case ("kill", size):
                with contextlib.suppress(Interrupted):
                    self.page_between(size, None)
                self.advancer = Advancer(self.store, self.clock)
            case _:
                raise AssertionError(step)
        self.clock.advance(1000)

    def event(self, customer: str, name: str, number: int, days: int) -> None:
        at = Instant(MONDAY - days * DAY - number)
        fields: dict[str, Value] = {"order_id": f"o{number}"} if number else {}
        if name == "order_placed":
            fields["total"] = Money(Decimal(10 * number + 5), "EUR")
            fields["items"] = [{"category": category} for category in ("tea", "tin", "cup")[: number + 1]]
        id_ = f"{customer} {name} {number}"

        def receive(conn: Connection) -> None:
            owner = aliases.resolve(conn, [customer]).get(customer, customer)
            event = Event(0, id_, name, at, at, fields)
            inbox.append(conn, [inbox.Arrival(owner, "test", id_, event)], self.clock.now())

        self.store.write(receive)

    def rebuild(self, conn: Connection) -> None:
        rules = self.publication.journeys.facts
        ask(conn, rules, [rule.name for rule in rules], self.clock.now(), from_kept=False)

    def page_between(self, size: int, others: list[tuple[Any, ...]] | None) -> None:
        def meanwhile() -> None:
            if others is None:
                raise Interrupted
            for step in others:
                self.do(step)

        fill_page(BetweenStore(self.store, meanwhile), self.publication, self.clock.now(), size)

    # --- what must hold ------------------------------------------------------------------------

    def compare(self) -> None:
        """Facts that are whole are those of a computation from scratch."""
        journeys = self.publication.journeys
        with self.store.read() as conn:
            known = definitions.all_of(conn)
            whole = [
                rule
                for rule in journeys.facts
                if known[rule.name].state is DefinitionState.WHOLE
                and known[rule.name].fingerprint == rule.fingerprint
            ]
            for bucket, customers in batches.chunks(conn, 100):
                states = batches.load_batch(conn, bucket, customers, journeys, self.clock.now()).states
                for customer in customers:
                    scratch = Facts(customer, values=initial_values(whole, "EUR"))
                    for event in events.of_customer(conn, bucket, customer):
                        apply_event(scratch, event, whole, {})
                    found = {rule.name: states[customer].facts.values.get(rule.name) for rule in whole}
                    assert found == {rule.name: scratch.values.get(rule.name) for rule in whole}, customer

    def end(self) -> None:
        while fill_page(self.store, self.publication, self.clock.now(), 2).more:
            self.advancer.run(self.publication)
        self.advancer.run(self.publication)
        with self.store.read() as conn:
            known = definitions.all_of(conn)
            memory = " ".join(str(row) for row in conn.exec_driver_sql("SELECT memory FROM customer"))
        for rule in self.publication.journeys.facts:
            assert known[rule.name].state is DefinitionState.WHOLE
            assert known[rule.name].fingerprint == rule.fingerprint
        if project_with("").journeys.facts != self.publication.journeys.facts:
            assert "+" not in memory, "nothing is left of what was given up"
        self.compare()
        # and every fact goes on from there
        for customer in (*CUSTOMERS, "new1"):
            self.event(customer, "order_placed", 9, 1)
            self.event(customer, "order_cancelled", 2, 0)
            self.event(customer, "viewed", 9, 7)
        self.advancer.run(self.publication)
        self.compare()
        self.store.close()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(DEFINITIONS), STEPS)
def test_facts_are_those_of_a_computation_from_scratch(first: str, steps: list[tuple[Any, ...]]) -> None:
    life = Life(first)
    for step in steps:
        life.do(step)
        if step[0] in ("run", "page"):
            life.compare()
    life.end()
