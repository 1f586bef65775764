"""`members: all`: who is in the segment when the journey first goes live comes in over a day, each once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from engine.core.lifecycle.trigger import admission_delay
from engine.runtime.advance.admissions import admit_members
from engine.runtime.advance.backfilling import fill
from engine.runtime.advance.gap_learning import learn_gaps
from engine.runtime.advance.scoring import score_rfm
from engine.store.audience import admissions
from engine.store.database import open_store
from engine.store.inbox import quarantine
from engine.store.journeys import pauses, traces
from engine.store.persons import aliases, erasure
from engine.store.sql import rows
from engine.values import DAY, HOUR, MINUTE
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

ROOT = Path(__file__).parents[3]
GOLD = "segment: golden\nwho: {tier: gold}\n"
CLUB = """
journey: club
start: {segment: golden, members: all}
again: always
goal: {event: order_placed}
policy: service
steps:
  - send: hello
"""
MANY = [f"c{number:03}" for number in range(60)]
BEFORE: Mapping[str, str] = {**FILES, "journeys/segments/golden.yaml": GOLD}


def with_club(text: str = CLUB, **more: str) -> dict[str, str]:
    return {**BEFORE, "journeys/club.yaml": text, **more}


def members(shop: Shop, *names: str) -> None:
    for name in names:
        shop.change(name, tier="gold")
    shop.run()


def look(shop: Shop, size: int = 7) -> int:
    """One look, and everything that follows from it."""
    let_in = admit_members(shop.store, shop.publication.journeys, shop.clock.now(), size)
    shop.run()
    shop.send_all()
    return let_in


def pass_time(shop: Shop, milliseconds: int, step: int = HOUR // 2) -> None:
    """With a daemon that looks so often."""
    for _ in range(milliseconds // step):
        shop.clock.advance(step)
        look(shop)


def starts(shop: Shop) -> Counter[str]:
    """customer -> runs of the club."""
    with shop.store.read() as conn:
        found = rows(conn, "SELECT customer, count(*) FROM enrollment WHERE journey LIKE 'club%' GROUP BY 1")
    return Counter(dict(found))


def refused(shop: Shop, customer: str) -> list[str]:
    with shop.store.read() as conn:
        return [
            noted.line.detail for noted in traces.of_customer(conn, customer) if noted.line.kind == "ignored"
        ]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop(tmp_path, BEFORE)
    members(opened, *MANY)
    opened.change("silver", tier="silver")
    opened.run()
    yield opened
    opened.close()


def test_todays_members_come_in_over_a_day_each_at_a_moment_of_their_own(shop: Shop) -> None:
    live_at = shop.clock.now()
    shop.publish(with_club())
    look(shop)
    assert sum(starts(shop).values()) < 5
    pass_time(shop, 12 * HOUR)
    half = set(starts(shop))
    assert half == {name for name in MANY if admission_delay(name, "club") <= 12 * HOUR}
    assert 15 < len(half) < 45
    pass_time(shop, 12 * HOUR)
    assert starts(shop) == Counter(MANY)
    with shop.store.read() as conn:
        begun = dict(rows(conn, "SELECT customer, started_at FROM enrollment WHERE journey = 'club'"))
        assert begun == {name: live_at + admission_delay(name, "club") for name in MANY}
        assert admissions.under_way(conn) == []
    assert shop.states()["hello", "accepted"] == len(MANY)


def test_nobody_comes_in_by_them_with_new_members_only(shop: Shop) -> None:
    shop.publish(with_club(CLUB.replace(", members: all", "")))
    pass_time(shop, 25 * HOUR)
    assert not starts(shop)


def test_who_has_left_the_segment_before_their_moment_does_not_come_in(shop: Shop) -> None:
    shop.publish(with_club())
    look(shop)
    last = max(MANY, key=lambda name: admission_delay(name, "club"))
    shop.change(last, tier="silver")
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(set(MANY) - {last})
    assert refused(shop, last) == ["not in golden any more"]


def test_who_became_a_member_meanwhile_has_come_in_by_that_and_does_not_a_second_time(shop: Shop) -> None:
    shop.publish(with_club())
    look(shop)
    last = max(MANY, key=lambda name: admission_delay(name, "club"))
    for tier in ("silver", "gold"):
        shop.clock.advance(MINUTE)
        shop.change(last, tier=tier)
        shop.run()
    shop.send_all()
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY)
    assert refused(shop, last) == ["has been in this journey already"]


def test_everything_that_a_start_asks_is_asked_at_the_moment(shop: Shop) -> None:
    shop.publish(with_club(CLUB.replace("again:", "who: {points: not at least 5}\nholdout: 50%\nagain:")))
    look(shop)
    last = max(MANY, key=lambda name: admission_delay(name, "club"))
    shop.change(last, points=9)
    pass_time(shop, 25 * HOUR)
    assert last not in starts(shop)
    assert refused(shop, last) == ["who"]
    with shop.store.read() as conn:
        held_out = rows(conn, "SELECT count(*) FROM enrollment WHERE journey = 'club' AND holdout")[0][0]
    assert 10 < held_out < 50
    assert shop.states()["hello", "accepted"] == len(MANY) - 1 - held_out


CHANGED = [
    CLUB.replace("send: hello", "send: later"),
    CLUB.replace("members: all", "members: new"),
    CLUB.replace("again:", "state: paused\nagain:"),
    CLUB.replace("again:", "state: closing\nagain:"),
    None,
]


@pytest.mark.parametrize("between", CHANGED, ids=["changed", "new", "paused", "closing", "rolled back"])
def test_members_are_taken_once_in_the_life_of_a_journey(shop: Shop, between: str | None) -> None:
    shop.publish(with_club())
    pass_time(shop, 25 * HOUR)
    for files in (BEFORE if between is None else with_club(between), with_club()):
        shop.publish(files)
        pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY)


@pytest.mark.parametrize("between", CHANGED[1:], ids=["new", "paused", "closing", "rolled back"])
def test_who_is_left_comes_in_when_the_journey_takes_them_again(shop: Shop, between: str | None) -> None:
    shop.publish(with_club())
    pass_time(shop, 12 * HOUR)
    half = starts(shop)
    shop.run()
    shop.publish(BEFORE if between is None else with_club(between))
    pass_time(shop, 50 * HOUR)
    assert starts(shop) == half
    shop.publish(with_club())
    pass_time(shop, 6 * HOUR)
    assert len(starts(shop)) < len(MANY)  # not all at once
    pass_time(shop, 7 * HOUR)
    assert starts(shop) == Counter(MANY)


def test_a_pause_and_a_standstill_move_the_moments_of_all_who_are_left(shop: Shop) -> None:
    shop.publish(with_club())
    look(shop)
    pass_time(shop, 6 * HOUR)
    quarter = starts(shop)
    shop.store.write(lambda conn: pauses.pause(conn, "journey", "club", shop.clock.now(), "anna"))
    pass_time(shop, 30 * HOUR)
    assert starts(shop) == quarter
    shop.store.write(lambda conn: pauses.resume(conn, "journey", "club"))
    look(shop)
    assert starts(shop) == quarter
    shop.clock.advance(40 * HOUR)  # nothing ran
    look(shop)
    assert starts(shop) == quarter
    pass_time(shop, 18 * HOUR)
    assert starts(shop) == Counter(MANY)


def test_members_are_taken_when_new_becomes_all(shop: Shop) -> None:
    shop.publish(with_club(CLUB.replace("members: all", "members: new")))
    members(shop, "fresh")
    shop.send_all()
    assert starts(shop) == Counter(["fresh"])
    shop.publish(with_club())
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter([*MANY, "fresh"])


def test_a_renamed_journey_goes_on_and_takes_nobody_again(shop: Shop) -> None:
    shop.publish(with_club())
    pass_time(shop, 12 * HOUR)
    renamed = CLUB.replace("journey: club", "journey: club_2\nwas: club")
    shop.publish({**BEFORE, "journeys/club_2.yaml": renamed})
    pass_time(shop, 13 * HOUR)
    assert starts(shop) == Counter(MANY)
    shop.publish({**BEFORE, "journeys/club_2.yaml": renamed.replace("send: hello", "send: later")})
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY)


def test_a_journey_renamed_to_the_name_of_one_long_gone_leaves_nothing_of_that_behind(shop: Shop) -> None:
    gone = CLUB.replace("journey: club", "journey: club_2")
    shop.publish({**BEFORE, "journeys/club_2.yaml": gone})
    look(shop)
    shop.store.write(lambda conn: pauses.pause(conn, "journey", "club_2", shop.clock.now(), "anna"))
    with shop.store.read() as conn:
        assert rows(conn, "SELECT count(*) FROM admission_member WHERE journey = 'club_2'")[0][0] > 50
    shop.publish(with_club())
    pass_time(shop, 25 * HOUR)
    shop.store.write(lambda conn: pauses.pause(conn, "journey", "club", shop.clock.now(), "anna"))
    renamed = CLUB.replace("journey: club", "journey: club_2\nwas: club")
    shop.publish({**BEFORE, "journeys/club_2.yaml": renamed})
    with shop.store.read() as conn:
        assert rows(conn, "SELECT count(*) FROM admission_member")[0][0] == 0
        assert admissions.under_way(conn) == []


def test_a_draft_takes_them_when_it_goes_live(shop: Shop) -> None:
    shop.publish(with_club(CLUB.replace("again:", "state: draft\nagain:")))
    pass_time(shop, 25 * HOUR)
    assert not starts(shop)
    shop.publish(with_club())
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY)


def test_members_are_those_of_the_definition_that_goes_live_with_the_journey(shop: Shop) -> None:
    wider = "segment: golden\nwho: {tier: [gold, silver]}\n"
    shop.publish(with_club(**{"journeys/segments/golden.yaml": wider}))
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter([*MANY, "silver"])


def test_a_segment_of_a_new_fact_waits_until_the_fact_is_counted(shop: Shop) -> None:
    for name in MANY[:9]:
        shop.event(name, "cart_updated")
    shop.run()
    shop.publish(
        with_club(
            **{
                "schemas/customer.yaml": f"{ATTRIBUTES}  carts: count of cart_updated\n",
                "journeys/segments/golden.yaml": "segment: golden\nwho: {carts: at least 1}\n",
            }
        )
    )
    pass_time(shop, 3 * HOUR)
    assert not starts(shop)
    fill(shop.store, shop.publication, shop.clock.now())
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY[:9])


def test_a_segment_of_scores_waits_for_the_night(shop: Shop) -> None:
    for name in MANY[:9]:
        shop.event(name, "order_placed")
    shop.run()
    shop.publish(
        with_club(
            CLUB.replace("order_placed", "subscribed"),
            **{
                "schemas/customer.yaml": f"{ATTRIBUTES}  rfm: rfm of order_placed.total\n",
                "journeys/segments/golden.yaml": "segment: golden\nwho: {rfm: is set}\n",
            },
        )
    )
    pass_time(shop, 3 * HOUR)
    assert not starts(shop)
    score_rfm(shop.store, shop.publication.journeys, shop.clock.now())
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY[:9])


def test_a_segment_of_scores_waits_for_those_of_a_definition_that_changed_with_it(shop: Shop) -> None:
    scores = f"{ATTRIBUTES}  rfm: rfm of EVENT.total\n"
    schema, scored = "schemas/customer.yaml", "segment: golden\nwho: {rfm: is set}\n"
    for name in MANY[:9]:
        shop.event(name, "order_placed")
    shop.event(MANY[0], "cart_updated")
    shop.run()
    shop.publish({**BEFORE, schema: scores.replace("EVENT", "cart_updated")})
    score_rfm(shop.store, shop.publication.journeys, shop.clock.now())
    shop.run()
    shop.publish(
        with_club(
            CLUB.replace("order_placed", "subscribed"),
            **{
                schema: scores.replace("EVENT", "order_placed"),
                "journeys/segments/golden.yaml": scored,
            },
        )
    )
    pass_time(shop, 3 * HOUR)
    assert not starts(shop)
    score_rfm(shop.store, shop.publication.journeys, shop.clock.now())
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY[:9])


def test_a_segment_of_what_is_usual_waits_until_it_is_learned(shop: Shop) -> None:
    for _ in range(2):
        for name in MANY[:9]:
            shop.event(name, "cart_updated")
        shop.clock.advance(10 * DAY)
    shop.run()
    shop.publish(
        with_club(
            **{
                "schemas/customer.yaml": f"{ATTRIBUTES}  next_cart_at: next cart_updated\n",
                "journeys/segments/golden.yaml": "segment: golden\nwho: {next_cart_at: is set}\n",
            }
        )
    )
    fill(shop.store, shop.publication, shop.clock.now())
    pass_time(shop, 3 * HOUR)
    assert not starts(shop)
    learn_gaps(shop.store, shop.publication.journeys, shop.clock.now())
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter(MANY[:9])


def test_nobody_who_is_erased_while_they_are_listed_is_put_back(shop: Shop) -> None:
    shop.publish(with_club())
    with shop.store.read() as conn:
        members = rows(
            conn, "SELECT customer FROM membership WHERE left_at IS NULL ORDER BY bucket, customer"
        )
    erased = set[str]()

    def erase_beside(*_: object) -> None:
        """Where a reading of the list ends and before the writing that follows it, the next one in order."""
        if threading.current_thread() is threading.main_thread():
            name = members[len(erased)][0]
            erased.add(name)
            shop.store.writer.submit(lambda conn: erasure.erase(conn, [name], shop.clock.now()))

    sa.event.listen(shop.store.engine, "rollback", erase_beside)
    admit_members(shop.store, shop.publication.journeys, shop.clock.now(), 3)
    sa.event.remove(shop.store.engine, "rollback", erase_beside)
    with shop.store.read() as conn:
        listed = {name for (name,) in rows(conn, "SELECT customer FROM admission_member")}
    assert erased
    assert not listed & erased
    pass_time(shop, 26 * HOUR)
    assert starts(shop) == Counter(set(MANY) - erased)


def test_two_ids_of_one_person_come_in_once(shop: Shop) -> None:
    shop.publish(with_club())
    shop.store.write(
        lambda conn: aliases.join(conn, "c000", "c059", shop.publication.journeys, shop.clock.now())
    )
    look(shop)
    shop.store.write(
        lambda conn: aliases.join(conn, "c058", "nobody_yet", shop.publication.journeys, shop.clock.now())
    )
    pass_time(shop, 25 * HOUR)
    assert starts(shop) == Counter({*MANY, "nobody_yet"} - {"c000", "c058"})


def test_a_member_who_is_set_aside_comes_in_afterwards(shop: Shop) -> None:
    """Nothing of theirs is applied meanwhile, so that nobody knows yet whether they are one."""
    with shop.store.read() as conn:
        bucket = rows(conn, "SELECT bucket FROM customer WHERE id = 'silver'")[0][0]
    shop.store.write(lambda conn: quarantine.quarantine(conn, bucket, "silver", "broken", shop.clock.now()))
    shop.change("silver", tier="gold")
    shop.run()
    shop.publish(with_club())
    look(shop)
    pass_time(shop, 25 * HOUR)
    assert starts(shop)["silver"] == 1


class Fault:
    """Breaks the n-th statement or commit from now on, once."""

    def __init__(self, number: int) -> None:
        self.left = number

    def hit(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise OperationalError("statement", {}, Exception("disk I/O error"))


def test_nobody_is_lost_or_taken_twice_whatever_breaks(shop: Shop) -> None:
    shop.publish(with_club())
    broken, engine = 0, shop.store.engine
    for number in range(1, 51):
        shop.clock.advance(HOUR // 2)
        fault = Fault(number % 17 + 1)
        for name in ("before_cursor_execute", "commit"):
            sa.event.listen(engine, name, fault.hit)
        try:
            admit_members(shop.store, shop.publication.journeys, shop.clock.now(), 3)
        except OperationalError:
            broken += 1
        finally:
            for name in ("before_cursor_execute", "commit"):
                sa.event.remove(engine, name, fault.hit)
        shop.run()
    assert broken > 20
    pass_time(shop, 25 * HOUR)  # the day has begun when all were listed
    assert starts(shop) == Counter(MANY)
    assert shop.states()["hello", "accepted"] == len(MANY)


def test_nobody_is_lost_or_taken_twice_by_kill_nine(tmp_path: Path) -> None:
    begun = Shop(tmp_path, BEFORE)
    members(begun, *MANY)
    begun.publish(with_club())
    address = begun.store.engine.url.render_as_string(hide_password=False)
    begun.close()
    command = [sys.executable, "-m", "tests.runtime.admitting", str(tmp_path), address]
    # while they are listed, and while they come in
    for statement in (13, 40, 301, 95, 700, 0):
        child = subprocess.run([*command, str(statement)], cwd=ROOT, check=False)
        assert child.returncode == (-signal.SIGKILL if statement else 0)
    store = open_store(address, tmp_path)
    with store.read() as conn:
        found = rows(conn, "SELECT customer, count(*) FROM enrollment WHERE journey = 'club' GROUP BY 1")
        assert dict(found) == dict.fromkeys(MANY, 1)
        assert admissions.under_way(conn) == []
    store.close()
