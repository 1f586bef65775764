"""A segment over computed facts has the same members by SQL as by its closure, on both databases."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from engine.compiler.journeys.compile import compile_segment
from engine.compiler.project_context import ProjectContext
from engine.config.file import default_config
from engine.core.conditions.scope import Scope
from engine.core.facts.customer import CustomerState, Facts
from engine.core.facts.fold import apply_event, initial_values
from engine.core.happening import Event
from engine.core.journey import SegmentRule
from engine.core.journeys import Journeys
from engine.language.parse import parse_segment
from engine.problem import render_problems
from engine.store.audience import whole_base
from engine.store.audience.whole_base import CUSTOMER
from engine.store.customers import batches
from engine.store.database import Store
from engine.store.meta import bucket_of
from engine.values import DAY, Instant, Value
from tests.core.facts.test_facts_from_scratch import CATALOGUE, NOW, RULES, eur

CONDITIONS = (
    "kept_times: at least 1",
    "kept_times: 0",
    "net: at least 5 EUR",
    "net: between 1 EUR and 6 EUR",
    "net_average: more than 3.33 EUR",
    "bags: at least 2",
    "net_bags: less than 2",
    "categories: at least 2",
    "net_categories: 0",
    "favourite: tea",
    "net_favourite: not tea",
    "with_code: at least 50%",
    "with_code: 100%",
    "with_code: between 20% and 66.6667%",
    "net_with_code: less than 50%",
    "net_with_code: is not set",
    "first_at: more than 100 days ago",
    "last_at: not less than 200 days ago",
    "last_code: [X, Y]",
    "usual: at most 60",
    "net_usual: is set",
    "expected: less than 200 days ago",
    "net_expected: is set",
    "gap: more than 30.5",
    "lately: at least 3 EUR",
    "this_year: more than 0 EUR",
    "last_year: at least 1",
    "lately: less than 3 EUR",
    "last_year: 0, net: at least 5 EUR",
    "lately: between 0 EUR and 2 EUR, favourite: tea",
)


def _segment(number: int, who: str) -> SegmentRule:
    text = f"segment: s{number}\nabout: a test\nwho: {{{who}}}\n"
    file, problems = parse_segment(text, f"journeys/segments/s{number}.yaml")
    assert file is not None, problems
    rule, wrong = compile_segment(file, ProjectContext(default_config(), CATALOGUE))
    assert rule is not None, render_problems(wrong, {})
    return rule


def _history(seed: int) -> list[Event]:
    """Some orders, a few of them cancelled or returned in part."""
    chance = random.Random(seed)
    events: list[Event] = []
    for number in range(1, chance.randrange(14)):
        name = chance.choice(
            ["order_placed", "order_placed", "order_placed", "order_cancelled", "order_returned"]
        )
        fields: dict[str, Value] = {"order_id": chance.choice("abcdef")}
        if name != "order_cancelled":
            kinds = chance.choices(["tea", "mugs", "cake"], k=chance.randrange(4))
            fields["total"] = eur(chance.randrange(1, 9))
            fields["items"] = [{"category": kind, "quantity": chance.randrange(1, 4)} for kind in kinds]
        if name == "order_placed" and chance.random() < 0.5:
            fields["code"] = chance.choice("XY")
        at = Instant(NOW - chance.randrange(800) * DAY)
        events.append(Event(number, str(number), name, at, at, fields))
    return events


def _save(store: Store, everybody: Sequence[Facts]) -> None:
    def job(conn: sa.Connection) -> None:
        for facts in everybody:
            new = {facts.customer: CustomerState(Facts(facts.customer))}
            stored = {facts.customer: batches.StoredCustomer()}
            batch = batches.CustomerBatch(bucket_of(conn, facts.customer), new, stored)
            batches.save_batch(conn, batch, {facts.customer: CustomerState(facts)}, NOW)

    store.write(job)


@pytest.mark.postgres
def test_segments_over_facts_have_the_same_members_by_sql_and_by_closure(store: Store) -> None:
    everybody = []
    for seed in range(150):
        facts = Facts(f"c{seed}", values=initial_values(RULES, "EUR"))
        for event in _history(seed):
            apply_event(facts, event, RULES)
        everybody.append(facts)
    _save(store, everybody)
    rules = [_segment(number, who) for number, who in enumerate(CONDITIONS)]
    journeys = Journeys({}, facts=RULES, segments={rule.name: rule for rule in rules})
    for rule, who in zip(rules, CONDITIONS, strict=True):
        expected = {facts.customer for facts in everybody if rule.question.test(Scope(facts, None, NOW))}
        asked = whole_base.in_sql(rule.question, journeys, NOW, ["UTC"])
        assert asked is not None
        assert (asked.is_open is not None) == who.startswith(("lately", "this_year", "last_year"))
        with store.read() as conn:
            found = set(conn.scalars(sa.select(CUSTOMER.c.id).where(asked.fits)))
            may = set(conn.scalars(sa.select(CUSTOMER.c.id).where(asked.may_fit)))
            if asked.is_open is not None:
                # Of these only closures can tell, who count from their events
                is_open = set(conn.scalars(sa.select(CUSTOMER.c.id).where(asked.is_open)))
                assert 0 < len(is_open) < len(everybody)
                found = (found - is_open) | (expected & is_open)
        assert expected <= may, who
        assert found == expected, who
        assert 0 < len(expected) < len(everybody), who
