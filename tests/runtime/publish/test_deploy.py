"""Publishing with people inside: they are matched to the new file, nobody is forgotten, and it is one
moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection

from engine import project
from engine.core.happening import Event
from engine.errors import AuthorError
from engine.runtime.publish.deploy import deploy
from engine.runtime.publish.last_published import published_project
from engine.store import sql
from engine.store.customers import batches, enrollments
from engine.store.journeys import deployments
from engine.store.messages import queue
from engine.values import DAY, HOUR, MINUTE, Instant
from tests.runtime.shop import CART, FILES, WELCOME, Shop, write_project


def with_welcome(text: str, **more: str) -> dict[str, str]:
    return {**FILES, "journeys/welcome.yaml": text, **more}


def waiting(shop: Shop, *names: str) -> None:
    """These customers have their first message and wait."""
    for name in names:
        shop.change(name)
        shop.event(name, "subscribed")
    shop.run()
    shop.send_all()
    assert shop.resting("welcome")["before_offer"] >= len(names)


def test_the_same_files_again_change_nothing(shop: Shop) -> None:
    first = shop.publication.number
    assert not shop.publish(FILES).changed
    assert shop.publication.number == first


def test_what_was_published_can_be_read_back(shop: Shop) -> None:
    with shop.store.read() as conn:
        found = published_project(conn)
        current = deployments.current(conn)
    assert found is not None
    assert current is not None
    number, read = found
    assert number == shop.publication.number == current.number
    assert {name: journey.hash for name, journey in read.journeys.by_name.items()} == current.journeys
    assert current.whom == "anna"


def test_a_project_with_errors_is_not_published(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    for name, text in with_welcome(WELCOME.replace("2 days", "2d")).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    read = project.load(folder)
    with pytest.raises(AuthorError, match="cannot be published, it has 1 error"):
        shop.store.write(lambda conn: deploy(conn, read, shop.clock.now()))
    with shop.store.read() as conn:
        assert deployments.current_number(conn) == shop.publication.number


def test_a_journey_with_people_inside_cannot_be_deleted(shop: Shop) -> None:
    waiting(shop, "ann")
    without = {name: text for name, text in FILES.items() if name != "journeys/welcome.yaml"}
    with pytest.raises(AuthorError, match=r"1 people are in .*closing.*stopped"):
        shop.publish(without)
    shop.publish(with_welcome(WELCOME.replace("start:", "state: stopped\nstart:", 1)))
    shop.run()
    assert shop.outcomes("ann") == {"welcome": "stopped"}
    assert shop.publish(without).changed


def test_who_waits_keeps_the_moment_they_were_promised(shop: Shop) -> None:
    waiting(shop, "ann")
    shop.publish(with_welcome(WELCOME.replace("2 days", "9 days")))
    waiting(shop, "bob")
    shop.later(2 * DAY)
    assert {m.customer for m in shop.planned() if m.template == "offer"} == {"ann"}
    shop.later(7 * DAY)
    assert {m.customer for m in shop.planned() if m.template == "offer"} == {"ann", "bob"}


def test_a_recomputed_wait_takes_the_new_length(shop: Shop) -> None:
    waiting(shop, "ann")
    shorter = WELCOME.replace("- wait: 2 days\n", "- wait: 1 day\n    waiting: recompute\n")
    done = shop.publish(with_welcome(shorter))
    assert (done.moved, done.happened) == ({"welcome": 1}, {"welcome": {"new_moment": 1}})
    shop.later(DAY)
    assert {m.customer for m in shop.planned() if m.template == "offer"} == {"ann"}


def test_a_removed_wait_lets_people_go_on_at_its_old_end(shop: Shop) -> None:
    waiting(shop, "ann")
    shop.publish(with_welcome(WELCOME.replace("  - wait: 2 days\n    id: before_offer\n", "")))
    shop.later(DAY)
    assert shop.states() == {("hello", "accepted"): 1}
    shop.later(DAY)
    assert shop.states() == {("hello", "accepted"): 1, ("offer", "accepted"): 1}


def test_a_renamed_journey_keeps_its_people_and_its_memory(shop: Shop) -> None:
    waiting(shop, "ann", "bob")
    shop.event("bob", "order_placed")
    shop.run()
    files = {name: text for name, text in FILES.items() if name != "journeys/welcome.yaml"}
    files["journeys/hello_there.yaml"] = WELCOME.replace(
        "journey: welcome", "journey: hello_there\nwas: welcome"
    )
    shop.publish(files)
    assert shop.resting("hello_there") == {"before_offer": 1}
    assert shop.resting("welcome") == {}
    for name in ("ann", "bob"):
        shop.event(name, "subscribed")
    shop.later(2 * DAY)
    assert shop.states() == {
        ("hello", "accepted"): 2,
        ("offer", "accepted"): 1,
    }  # nobody starts twice: `again: never`
    assert shop.outcomes("bob") == {"hello_there": "goal"}


def test_a_changed_message_that_is_planned_is_planned_anew(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "subscribed")
    shop.run()
    assert [m.template for m in shop.planned()] == ["hello"]
    shop.publish(with_welcome(WELCOME.replace("- send: hello", "- send: later\n    id: hello")))
    assert shop.send_all() == [("ann", "later")]
    assert shop.states() == {("later", "accepted"): 1}


@pytest.mark.parametrize("what", ["another policy", "step removed"])
def test_a_message_that_left_a_moment_ago_is_not_planned_anew(shop: Shop, what: str) -> None:
    """Its run has not heard of the hand-over, which waits in the inbox."""
    shop.change("ann")
    shop.event("ann", "subscribed")
    shop.run()
    (message,) = shop.planned()
    now = shop.clock.now()
    (claimed,) = shop.store.write(lambda conn: queue.claim(conn, "push", "test", now, MINUTE, 5))
    assert shop.hand_over(claimed)
    changed = (
        WELCOME.replace("policy: service", "policy: marketing")
        if what == "another policy"
        else WELCOME.replace("  - send: hello\n", "")
    )
    shop.publish(with_welcome(changed))
    shop.run()
    assert shop.send_all() == []
    assert shop.resting("welcome") == {"before_offer": 1}
    with shop.store.read() as conn:
        (run,) = enrollments.of_customer(conn, 0, "ann")
    assert [sent.key for sent in run.sent["hello"]] == [message.send_key]


def test_a_paused_journey_goes_on_when_it_is_live_again(shop: Shop) -> None:
    shop.change("ann")
    shop.event("ann", "cart_updated")
    shop.run()
    shop.publish({**FILES, "journeys/cart.yaml": CART.replace("start:", "state: paused\nstart:", 1)})
    shop.later(2 * HOUR)
    assert shop.states() == {}
    shop.publish(FILES)
    shop.later(MINUTE)
    assert shop.states() == {("cart_reminder", "accepted"): 1}


LAPSED = """
segment: lapsed
about: Nobody who bought lately.
who: {last_order_at: more than 90 days ago}
"""
WIN_BACK = """
journey: win_back
start: {segment: lapsed}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""


def test_members_of_a_new_segment_were_there_from_the_beginning(shop: Shop) -> None:
    now = shop.clock.now()
    for name, days in (("old", 100), ("soon", 89)):
        shop.change(name)
        bought = Event(0, name, "order_placed", Instant(now - days * DAY), now, {}, starts=False)
        shop.happen(name, bought, name)
    shop.run()
    shop.publish({**FILES, "journeys/segments/lapsed.yaml": LAPSED, "journeys/win_back.yaml": WIN_BACK})
    shop.run()
    batch = shop.store.write(
        lambda conn: batches.load_batch(conn, 0, ["old", "soon"], shop.publication.journeys, now)
    )
    assert {name: set(state.facts.segments) for name, state in batch.states.items()} == {
        "old": {"lapsed"}, "soon": set(),
    }  # fmt: skip
    assert shop.outcomes("old") == {}
    shop.later(DAY)
    assert shop.outcomes("soon") == {}
    shop.later(MINUTE)  # more than 90 days ago
    assert [(m.customer, m.template) for m in shop.planned()] == [("soon", "hello")]
    assert shop.outcomes("old") == {}


def test_a_deployment_is_one_moment(shop: Shop) -> None:
    """Either everything of it is there or nothing."""
    waiting(shop, "ann", "bob")

    before = shop.resting("welcome")
    folder = shop.folder / "next"
    read = write_project(
        folder, with_welcome(WELCOME.replace("  - wait: 2 days\n    id: before_offer\n", ""))
    )

    def half(conn: Connection) -> None:
        deploy(conn, read, shop.clock.now())
        raise RuntimeError("the machine stops")

    with pytest.raises(RuntimeError, match="the machine stops"):
        shop.store.write(half)
    assert shop.resting("welcome") == before
    with shop.store.read() as conn:
        assert deployments.current_number(conn) == shop.publication.number
        assert sql.rows(conn, "SELECT count(*) FROM trace WHERE lines LIKE '%moved%'")[0][0] == 0
