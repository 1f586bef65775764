"""Who comes in, when again, and who is only measured (design/language 2.3 to 2.5, 2.20)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from engine.values import Birthday, Money
from tests.core.builders import Life, life, project, written

HOUR = "- wait: 1 hour\n  id: pause\n- send: letter"


def euros(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def starts(one: Life) -> list[str]:
    from tests.core.builders import label

    return [label(line.at) for line in one.trace() if line.kind == "start"]


def test_where_asks_the_fields_of_the_event() -> None:
    one = life(project(written(HOUR, start="{event: cart_updated, where: {total: at least 20 EUR}}")))
    one.event("0 10:00", "cart_updated", total=euros("19.99"))
    one.event("0 11:00", "cart_updated", total=euros("20"))
    assert starts(one) == ["0 11:00"]


def test_who_refuses_with_its_reason_and_changes_nothing() -> None:
    one = life(project(written(HOUR, who="{tier: gold}")))
    one.event("0 10:00", "subscribed")
    assert one.said("ignored") == ["who"]
    one.change("0 11:00", tier="gold")
    one.event("0 12:00", "subscribed")  # `again: never`, but the refused start was no start
    assert starts(one) == ["0 12:00"]


@pytest.mark.parametrize("part", [{"goal": "{when: {tier: gold}}"}, {"exit_if": "{tier: gold}"}])
def test_what_is_already_true_refuses_the_start(part: dict[str, str]) -> None:
    one = life(project(written(HOUR, **part)), tier="gold")
    one.event("0 10:00", "subscribed")
    assert starts(one) == []
    assert one.state.last_starts == {}


def test_per_runs_once_for_every_value() -> None:
    one = life(project(written(HOUR, start="{event: order_delivered, per: order_id}", policy="free")))
    one.event("0 10:00", "order_delivered", order_id="A")
    one.event("0 10:10", "order_delivered", order_id="B")
    one.event("0 10:20", "order_delivered", order_id="A")
    one.pass_time("1 00:00")
    assert starts(one) == ["0 10:00", "0 10:10"]


def test_per_that_is_missing_does_not_start_and_is_noted() -> None:
    one = life(project(written(HOUR, start="{event: order_delivered, per: order_id}")))
    one.event("0 10:00", "order_delivered")
    assert starts(one) == []
    assert one.said("ignored") == ["order_id is missing in order_delivered"]


def test_an_event_older_than_fresh_starts_nothing_and_is_kept() -> None:
    one = life(project(written(HOUR)))
    one.event("1 10:01", "subscribed", happened="0 10:00")
    assert starts(one) == []
    assert one.state.facts.event_counters["subscribed"].times == 1


def test_imported_history_starts_and_awaits_nothing_but_counts() -> None:
    one = life(project(written(HOUR)))
    one.event("0 10:00", "subscribed", starts=False)
    one.event("0 10:00", "order_placed", starts=False)
    assert starts(one) == []
    assert one.state.facts.values["orders_count"] == 1


# --- again ---


def test_again_never() -> None:
    one = life(project(written(HOUR, policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("0 10:30", "subscribed")
    one.event("5 10:00", "subscribed")
    assert starts(one) == ["0 10:00"]
    assert one.said("ignored") == ["a run is active", "never again"]


def test_again_always() -> None:
    one = life(project(written(HOUR, again="always", policy="free")))
    for at in ("0 10:00", "0 10:30", "0 12:00"):
        one.event(at, "subscribed")
    assert starts(one) == ["0 10:00", "0 12:00"]


def test_again_after_counts_from_the_previous_start() -> None:
    one = life(project(written(HOUR, again="after 3 days", policy="free")))
    for at in ("0 10:00", "3 09:59", "3 10:00"):
        one.event(at, "subscribed")
    assert starts(one) == ["0 10:00", "3 10:00"]


def test_again_restart_until_the_first_message() -> None:
    one = life(project(written(HOUR + "\n- wait: 1 day\n  id: more", again="restart", policy="free")))
    for at in ("0 10:00", "0 10:30", "0 12:00", "2 10:00"):
        one.event(at, "subscribed")
    assert one.lines == ["0 10:30 restart", "0 11:30 send letter via email", "1 11:30 finish"]
    assert starts(one) == ["0 10:00", "0 10:30", "2 10:00"]


def test_again_restart_then_after() -> None:
    one = life(project(written(HOUR, again='"restart, then after 3 days"', policy="free")))
    for at in ("0 10:00", "0 10:30", "1 12:00", "3 10:29", "3 10:30"):
        one.event(at, "subscribed")
    assert starts(one) == ["0 10:00", "0 10:30", "3 10:30"]


def test_a_restart_passes_on_the_first_start() -> None:
    one = life(project(written(HOUR, again="restart")))
    one.event("0 10:00", "subscribed")
    first = one.run.started_at
    one.event("0 10:30", "subscribed")
    assert (one.run.first_started_at, one.run.started_at > first) == (first, True)


def test_a_refused_start_does_not_restart() -> None:
    one = life(project(written(HOUR, again="restart", who="{tier: gold}", policy="free")), tier="gold")
    one.event("0 10:00", "subscribed")
    one.change("0 10:10", tier="silver")
    one.event("0 10:30", "subscribed")
    one.pass_time("1 00:00")
    assert one.lines == ["0 11:00 send letter via email", "0 11:00 finish"]


def test_an_older_event_that_arrives_late_does_not_restart() -> None:
    one = life(project(written(HOUR, again="restart", policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("0 10:30", "subscribed", happened="0 09:00")
    assert one.lines == []
    assert one.said("ignored") == ["it happened before the active run started"]


# --- segments, clocks, products ---


def test_entering_a_segment_starts_and_leaving_does_not() -> None:
    text = written(HOUR, start="{segment: lapsed}", again="always", policy="free")
    one = life(project(text, segments={"lapsed": "{last_order_at: more than 90 days ago}"}))
    one.segment("0 10:00", "lapsed")
    one.segment("0 10:10", "lapsed", member=False)
    assert starts(one) == ["0 10:00"]


def test_a_member_is_not_a_new_member() -> None:
    text = written(HOUR, start="{segment: lapsed}", again="always", policy="free")
    one = life(project(text, segments={"lapsed": "{last_order_at: more than 90 days ago}"}))
    one.segment("0 10:00", "lapsed", starts=False)
    one.segment("0 10:10", "lapsed")
    assert starts(one) == []


def test_membership_is_asked_when_what_it_reads_changes() -> None:
    text = written(HOUR, start="{segment: gold}", again="always", policy="free")
    one = life(project(text, segments={"gold": "{tier: gold}"}))
    one.change("0 10:00", tier="gold")
    assert starts(one) == ["0 10:00"]
    assert one.state.facts.segments == {"gold"}
    one.change("0 11:00", tier="silver")
    assert one.state.facts.segments == frozenset()


def test_time_alone_makes_a_member() -> None:
    text = written(HOUR, start="{segment: lapsed}", policy="free", goal="{event: site_visited}")
    one = life(project(text, segments={"lapsed": "{last_order_at: more than 90 days ago}"}))
    one.event("0 10:00", "order_placed")
    one.pass_time("100 00:00")
    assert starts(one) == ["90 11:00"]  # 90 x 24 hours later the clock shows summer time
    assert one.lines[0] == "90 12:00 send letter via email"


def test_a_clock_start_happens_once_for_a_local_date() -> None:
    one = life(project(written(HOUR, start="{every: day, at: '10:00'}", again="always", policy="free")))
    one.occurrence("0 10:00", "hello", dt.date(2026, 3, 2))
    one.pass_time("0 12:00")
    one.occurrence("0 13:00", "hello", dt.date(2026, 3, 2))
    assert starts(one) == ["0 10:00"]


def test_again_counts_whole_days_between_starts_on_a_day() -> None:
    """Whoever moves to an earlier zone has the birthday hours before a year is over."""
    greeting = written(HOUR, start="{date: birthday, at: 9:00}", again="after 365 days", policy="free")
    one = life(project(greeting), birthday=Birthday(3, 4, 1990), timezone="America/New_York")
    one.occurrence("2 15:00", "hello", dt.date(2026, 3, 4))
    one.pass_time("3 00:00")
    one.change("20 08:00", timezone="Asia/Tokyo")
    one.occurrence("367 01:00", "hello", dt.date(2027, 3, 4))
    assert starts(one) == ["2 15:00", "367 01:00"]


def test_again_keeps_the_days_between_starts_on_a_day() -> None:
    daily = written(HOUR, start="{every: day, at: 9:00}", again="after 2 days", policy="free")
    one = life(project(daily))
    for day in range(5):
        one.occurrence(f"{day} 09:00", "hello")
    one.pass_time("6 00:00")
    assert starts(one) == ["0 09:00", "2 09:00", "4 09:00"]


def test_a_clock_start_missed_by_more_than_a_day_is_noted() -> None:
    from engine.core.happening import Occurrence
    from tests.core.builders import moment

    one = life(project(written(HOUR, start="{every: day, at: '10:00'}", again="always", policy="free")))
    one.sleep("1 10:01")
    one.take(Occurrence(1, "hello", moment("0 10:00"), dt.date(2026, 3, 2)))
    assert starts(one) == []
    assert one.said("ignored") == ["the start of 2026-03-02 was missed"]


def test_a_product_start_leaves_the_product_as_trigger() -> None:
    one = life(project(written(HOUR, start="{product: price_drop, by: 10%}", policy="free")))
    one.event("0 10:00", "price_drop", product_id="p7", old_price=euros("100"), new_price=euros("80"))
    assert one.run.product_id == "p7"
    assert one.run.trigger["new_price"] == euros("80")


# --- holdout ---


def test_a_holdout_gets_no_step_and_is_measured_by_the_same_goal() -> None:
    one = life(project(written(HOUR, holdout="100%", policy="free")))
    one.event("0 10:00", "subscribed")
    one.event("3 10:00", "order_placed")
    assert one.lines == ["0 10:00 holdout", "3 10:00 goal"]
    assert one.sends == []


def test_a_holdout_is_over_when_the_goal_does_not_count_any_more() -> None:
    one = life(project(written(HOUR, holdout="100%", goal="{event: order_placed, within: 7 days}")))
    one.event("0 10:00", "subscribed")
    one.pass_time("7 10:00")
    assert one.decisions[-1].enrollment is not None
    assert one.decisions[-1].enrollment.outcome == "holdout"
    assert one.state.enrollments == {}


def test_a_holdout_restarts_as_if_no_message_had_been_handed_over() -> None:
    one = life(project(written(HOUR, holdout="100%", again="restart")))
    one.event("0 10:00", "subscribed")
    one.event("5 10:00", "subscribed")
    assert one.lines == ["0 10:00 holdout", "5 10:00 restart", "5 10:00 holdout"]


def test_the_global_holdout_is_for_marketing_policies_only() -> None:
    import dataclasses

    marketing, service = (
        written(HOUR),
        written(HOUR.replace("letter", "other"), name="service", policy="free"),
    )
    one = life(dataclasses.replace(project(marketing, service), global_holdout=100))
    one.event("0 10:00", "subscribed")
    assert {run.journey: run.holdout for run in one.state.enrollments.values()} == {
        "hello": True,
        "service": False,
    }
