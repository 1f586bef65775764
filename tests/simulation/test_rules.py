"""Each rule of a simulation can fail: a true history is bent in one place, or the engine is broken on
purpose."""

from __future__ import annotations

import asyncio
import copy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine

from engine.core.lifecycle import cascade
from engine.ids import drawn_from
from engine.project import load_published
from engine.runtime.delivery.unknown_policy import UnknownPolicies
from engine.store.messages import records
from engine.values import DAY, HOUR, SECOND, Instant
from tools.simulation import invariants
from tools.simulation.invariants import Evidence, Rule
from tools.simulation.projects import SHOP, SimulatedProject, from_folder
from tools.simulation.simulation import Scenario, Simulation, simulate
from tools.simulation.virtual_time import VirtualLoop

NEWS = """\
journey: news
about: made up
start: {event: subscribed}
again: restart
goal: {event: order_placed}
policy: marketing
steps:
  - wait: 2 hours
    id: pause
  - send: hello
    via: [push, sms]
    next_after: 3 hours
  - wait: 3 days
    id: long
  - send: later
    via: [push]
"""
LOOK = """\
journey: look
about: made up
start: {event: site_visited}
again: always
goal: {event: order_placed, then: stay}
policy: marketing
steps:
  - send: looked
    via: [push, sms]
    next_after: 1 hour
"""


def project() -> SimulatedProject:
    """Two journeys that send often enough for every rule to have something to look at."""
    templates = {
        f"templates/{name}.{channel}.txt": f"{name}. Reply STOP to end"
        for name in ("hello", "later", "looked")
        for channel in ("push", "sms")
    }
    sources = {**from_folder(SHOP), **templates, "journeys/news.yaml": NEWS, "journeys/look.yaml": LOOK}
    read = load_published(sources)
    assert not read.has_errors, read.problems
    return SimulatedProject(read)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A life that came out right."""
    folder = tmp_path_factory.mktemp("lived")
    with (
        drawn_from(Random("ids").randbytes),
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        simulation = Simulation(1, Scenario(customers=8, days=4, per_day=6), project(), folder)
        result = runner.run(simulation.run())
        evidence = simulation.evidence()
    assert result.breaches == []
    assert len(evidence.history.handed) > 12
    return evidence


@pytest.fixture
def bent(lived: Evidence, tmp_path: Path) -> Iterator[Evidence]:
    """A copy of it, to be bent."""
    file = tmp_path / "shop.db"
    shutil.copy(str(lived.store.url.database), file)
    engine = create_engine(f"sqlite:///{file}")
    history = copy.deepcopy(lived.history)
    yield replace(lived, store=engine, history=history, providers=copy.deepcopy(lived.providers))
    engine.dispose()


def change(evidence: Evidence, sql: str, *parameters: object) -> None:
    with evidence.store.begin() as conn:
        assert conn.exec_driver_sql(sql, parameters).rowcount > 0, sql


def too_early(evidence: Evidence) -> None:
    evidence.history.jumped = False
    handed = evidence.history.handed
    handed[0] = replace(handed[0], at=Instant(handed[0].due_at - 1))


def too_late(evidence: Evidence) -> None:
    handed = evidence.history.handed
    handed[0] = replace(handed[0], at=handed[0].valid_until)


def after_its_goal(evidence: Evidence) -> None:
    history = evidence.history
    goals = {
        line.enrollment: line for line in history.decided if (line.kind, line.journey) == ("goal", "news")
    }
    handed = next(entry for entry in history.handed if entry.enrollment in goals)
    history.handed.append(replace(handed, passed=goals[handed.enrollment].passed + 60))


def after_the_event(evidence: Evidence) -> None:
    history = evidence.history
    started = dict(evidence.rows("SELECT id, started_at FROM enrollment"))
    bought = evidence.rows(
        "SELECT customer, occurred_at, id FROM event WHERE name = 'order_placed' AND starts"
    )
    late = next(
        replace(handed, passed=history.answered_at[id_] + 60, at=Instant(occurred + 60 * SECOND))
        for handed in history.handed
        for customer, occurred, id_ in bought
        if (handed.journey, handed.customer) == ("news", customer)
        and customer not in history.joined_into
        and started[handed.enrollment] < occurred
    )
    history.handed.append(late)


def twice(evidence: Evidence) -> None:
    key = next(iter(evidence.providers.copies))
    evidence.providers.copies[key] += 7


def another_text(evidence: Evidence) -> None:
    arrivals = evidence.providers.arrivals
    arrivals.append(replace(arrivals[0], content="another"))


def at_night(evidence: Evidence) -> None:
    for number, handed in enumerate(evidence.history.handed):
        if handed.zone_why == "customer" and handed.policy == "marketing":
            evidence.history.handed[number] = replace(handed, at=Instant(handed.at + 12 * HOUR))


def crowded(evidence: Evidence) -> None:
    handed = next(entry for entry in evidence.history.handed if entry.policy == "marketing")
    evidence.history.handed += [replace(handed, key=f"k{n}", enrollment=f"e{n}") for n in range(4)]


def lost(evidence: Evidence) -> None:
    accepted = evidence.rows("SELECT send_key FROM outbox WHERE state IN ('accepted', 'delivered')")[0][0]
    del evidence.providers.copies[accepted]


def unknown_to_the_store(evidence: Evidence) -> None:
    evidence.providers.copies["nobody planned this"] = 1


def still_planned(evidence: Evidence) -> None:
    sql = "UPDATE outbox SET state = 'planned', lease_until = NULL, ready_at = ? WHERE number = 1"
    change(evidence, sql, evidence.now - DAY)


def forgotten(evidence: Evidence) -> None:
    change(evidence, "DELETE FROM due")


def overdue(evidence: Evidence) -> None:
    """As if days had gone by in which nobody moved."""
    object.__setattr__(evidence, "now", Instant(evidence.now + 30 * DAY))


def set_aside(evidence: Evidence) -> None:
    change(
        evidence,
        "INSERT INTO stuck (bucket, customer, since, tries, retry_at, why) VALUES (0, 'c1', 0, 1, 0, 'x')",
    )


def two_runs(evidence: Evidence) -> None:
    with evidence.store.begin() as conn:
        conn.exec_driver_sql("DROP INDEX IF EXISTS enrollment_open")
    change(
        evidence,
        "INSERT INTO enrollment SELECT bucket, customer, id || 'x', journey, key, seq, step, started_at,"
        " due_at, watch_until, ended_at, outcome, goal_at, holdout, product, state FROM enrollment"
        " WHERE ended_at IS NULL",
    )


def miscounted(evidence: Evidence) -> None:
    change(evidence, "DELETE FROM event WHERE name = 'site_visited'")


def an_event_is_gone(evidence: Evidence) -> None:
    change(evidence, "DELETE FROM event WHERE id = ?", next(iter(evidence.history.events)))


def counted_twice(evidence: Evidence) -> None:
    change(evidence, "UPDATE daily SET n = n + 1 WHERE what = 'started'")


BENT: list[tuple[Rule, Callable[[Evidence], None]]] = [
    (invariants.nothing_earlier_than_due, too_early),
    (invariants.nothing_earlier_than_due, too_late),
    (invariants.goal_ends_messages, after_its_goal),
    (invariants.accepted_goal_event_ends_messages, after_the_event),
    (invariants.one_message_per_send_key, twice),
    (invariants.one_message_per_send_key, another_text),
    (invariants.quiet_hours_hold, at_night),
    (invariants.caps_hold, crowded),
    (invariants.nothing_lost, lost),
    (invariants.nothing_lost, unknown_to_the_store),
    (invariants.nothing_lost, still_planned),
    (invariants.runs_end_or_have_a_due_moment, forgotten),
    (invariants.nobody_is_stuck, overdue),
    (invariants.nobody_is_stuck, set_aside),
    (invariants.one_open_run, two_runs),
    (invariants.facts_equal_history, miscounted),
    (invariants.events_count_once, an_event_is_gone),
    (invariants.figures_equal_history, counted_twice),
]


@pytest.mark.parametrize(("rule", "bend"), BENT, ids=lambda entry: entry.__name__)
def test_a_rule_sees_what_breaks_it(bent: Evidence, rule: Rule, bend: Callable[[Evidence], None]) -> None:
    assert rule(bent) == []
    bend(bent)
    assert rule(bent) != []


def test_every_rule_is_bent() -> None:
    assert {rule for rule, _ in BENT} == {*invariants.DURING, *invariants.AFTER}


def broken_rules() -> set[str]:
    """What a rough life finds, until something is found."""
    names: set[str] = set()
    for seed in range(8):
        result = simulate(seed, Scenario(customers=6, days=3, per_day=6), project())
        names |= {breach.partition(":")[0] for breach in result.breaches}
        if names:
            break
    return names


def test_an_engine_without_quiet_hours_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "quiet_end_in_all_zones", lambda *_: None)
    monkeypatch.setattr(cascade, "quiet_start_in_all_zones", lambda _, at, __: Instant(at + DAY))
    assert "quiet_hours_hold" in broken_rules()


def test_an_engine_without_caps_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "has_free_slot", lambda *_: True)
    assert "caps_hold" in broken_rules()


def test_an_engine_that_forgets_what_it_planned_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "plan", lambda *_: None)
    assert "runs_end_or_have_a_due_moment" in broken_rules()


def test_an_engine_that_raises_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def verdict(*_: object) -> str:
        raise ArithmeticError("no policy")

    monkeypatch.setattr(UnknownPolicies, "verdict", verdict)
    assert "no_defect" in broken_rules()
