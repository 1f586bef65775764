"""Codes of files: no code is ever given twice, whoever takes, dies or gives back, on both databases."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event
from sqlalchemy.exc import IntegrityError

from engine.core.decision.effects import GiveBack, TakeCode
from engine.store import decisions
from engine.store.database import Store
from engine.store.incentives import code_stock, code_uses, codes
from engine.store.incentives.code_stock import CodeRequest
from engine.store.incentives.code_uses import ShownCode
from engine.store.sql import change, rows
from engine.values import Instant

NOW = Instant(1_772_442_000_000)
ROOT = Path(__file__).resolve().parents[3]


def fill(store: Store, count: int, pool: str = "VIP") -> None:
    values = [f"{pool}-{number:05}" for number in range(count)]
    store.write(lambda conn: code_stock.add(conn, pool, values, NOW))


def asked(*runs: str) -> list[CodeRequest]:
    return [CodeRequest(run, 0, f"customer of {run}") for run in runs]


def answers(conn: Connection) -> list[tuple[str, str | None]]:
    """(run, code) of every answer, in order."""
    found = rows(conn, "SELECT body FROM inbox WHERE kind = 'code' ORDER BY number")
    return [(run, value) for (body,) in found for _, run, _, value in (json.loads(body),)]


def holders(conn: Connection) -> dict[str, str]:
    return dict(rows(conn, "SELECT value, enrollment FROM code_stock WHERE enrollment IS NOT NULL"))


def test_a_batch_gets_codes_in_the_order_of_the_file_and_the_rest_waits(store: Store) -> None:
    fill(store, 2)
    assert store.write(lambda conn: code_stock.take(conn, "VIP", asked("a", "b", "c"), NOW)) == 2
    with store.read() as conn:
        assert answers(conn) == [("a", "VIP-00000"), ("b", "VIP-00001"), ("c", None)]
        assert code_stock.pools_waited_for(conn) == ["VIP"]


def test_who_waits_is_served_when_codes_come_the_longest_waiting_first(store: Store) -> None:
    store.write(lambda conn: code_stock.take(conn, "VIP", asked("b"), NOW))
    store.write(lambda conn: code_stock.take(conn, "VIP", asked("a", "b"), NOW))
    assert store.write(lambda conn: code_stock.serve(conn, "VIP", NOW)) == 0
    fill(store, 1)
    assert store.write(lambda conn: code_stock.serve(conn, "VIP", NOW)) == 1
    with store.read() as conn:
        assert answers(conn)[-1] == ("b", "VIP-00000")
        assert code_stock.pools_waited_for(conn) == ["VIP"]
    fill(store, 2)
    assert store.write(lambda conn: code_stock.serve(conn, "VIP", NOW)) == 1
    with store.read() as conn:
        assert answers(conn)[-1] == ("a", "VIP-00001")
        assert code_stock.pools_waited_for(conn) == []


def test_a_batch_takes_one_statement_of_each_pool_however_large_it_is(store: Store) -> None:
    fill(store, 300)
    told: list[str] = []

    def job(conn: Connection, many: int, start: int) -> None:
        take = [(f"c{n}", TakeCode(f"r{n}", "VIP", None, NOW)) for n in range(start, start + many)]
        codes.take(conn, 0, take, NOW)

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        told.append(statement)

    for many, start in ((1, 0), (200, 10)):
        told.clear()
        with store.read() as conn:
            engine = conn.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            store.write(lambda conn: job(conn, many, start))  # noqa: B023
        finally:
            event.remove(engine, "before_cursor_execute", note)
        assert len([each for each in told if "UPDATE code_stock" in each]) <= 1
    with store.read() as conn:
        assert len(holders(conn)) == 201


def taken(run: str, value: str, pool: str = "VIP") -> tuple[str, TakeCode]:
    return f"customer of {run}", TakeCode(run, pool, value, NOW, "file", "welcome", pool)


def test_a_code_goes_back_and_another_run_gets_it(store: Store) -> None:
    fill(store, 1)

    def job(conn: Connection) -> None:
        code_stock.take(conn, "VIP", asked("a"), NOW)
        codes.take(conn, 0, [taken("a", "VIP-00000")], NOW)
        codes.give_back(conn, 0, [GiveBack("a", "VIP", "VIP-00000")], NOW)
        code_stock.take(conn, "VIP", asked("b"), NOW)
        codes.take(conn, 0, [taken("b", "VIP-00000")], NOW)

    store.write(job)
    with store.read() as conn:
        assert holders(conn) == {"VIP-00000": "b"}


def test_a_code_does_not_go_back_that_was_used_or_whose_message_may_have_left(store: Store) -> None:
    fill(store, 2)

    def job(conn: Connection) -> None:
        code_stock.take(conn, "VIP", asked("a", "b"), NOW)
        codes.take(conn, 0, [taken("a", "VIP-00000"), taken("b", "VIP-00001")], NOW)
        code_uses.note(conn, [ShownCode("VIP-00000", "customer of a", NOW, "order")])
        change(
            conn,
            "INSERT INTO outbox (bucket, customer, send_key, enrollment, journey, step, template, channel,"
            " policy, state, why, fence, planned_at, due_at, valid_until, ready_at, attempts, counts, resent,"
            " names, detail, handed_at, lease_until) VALUES (0, 'b', 'key', 'b', 'j', 's', 't', 'email', 'p',"
            " 'handoff', '', 0, 0, 0, 0, 0, 0, ?, 0, '', '', 5, 9)",
            (True,),
        )
        back = [GiveBack("a", "VIP", "VIP-00000"), GiveBack("b", "VIP", "VIP-00001", "key")]
        decisions.give_back_codes(conn, 0, back, NOW)

    store.write(job)
    with store.read() as conn:
        assert holders(conn) == {"VIP-00000": "a", "VIP-00001": "b"}


def test_two_runs_cannot_hold_one_code(store: Store) -> None:
    store.write(lambda conn: codes.take(conn, 0, [taken("a", "X")], NOW))
    with pytest.raises(IntegrityError):
        store.write(lambda conn: codes.take(conn, 1, [taken("b", "X", "OTHER")], NOW))


def test_a_text_is_imported_once_whatever_the_pool_and_never_again_once_given_out(store: Store) -> None:
    store.write(lambda conn: codes.take(conn, 0, [taken("a", "OLD", "GEN")], NOW))
    fill(store, 1)
    added = store.write(lambda conn: code_stock.add(conn, "B", ["OLD", "VIP-00000", "NEW"], NOW))
    assert (added.added, added.known) == (1, (("OLD", "GEN"), ("VIP-00000", "VIP")))


def test_a_pool_is_low_below_its_number_or_a_tenth_of_its_size(store: Store) -> None:
    fill(store, 200)
    runs = [f"r{n}" for n in range(181)]
    store.write(lambda conn: code_stock.take(conn, "VIP", asked(*runs), NOW))
    with store.read() as conn:
        assert code_stock.low_pools(conn, [("VIP", None), ("EMPTY", None)]) == [
            ("VIP", 19, 20),
            ("EMPTY", 0, 10),
        ]
        assert code_stock.low_pools(conn, [("VIP", 19)]) == []


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)),
        st.tuples(st.just("back"), st.integers(0, 9)),
        st.tuples(st.just("add"), st.integers(1, 3)),
        st.tuples(st.just("serve"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_after_any_history_each_code_is_free_or_of_one_run(
    store: Store, actions: list[tuple[str, object]]
) -> None:
    def clear(conn: Connection) -> None:
        for table in ("code", "code_stock", "code_request", "inbox"):
            change(conn, f"DELETE FROM {table}")

    store.write(clear)
    holds: dict[str, str] = {}  # run -> code
    made = heard = asks = 0
    waits: set[str] = set()
    for action, what in actions:
        match action, what:
            case "take", list(numbers):
                runs = [f"{number}.{asks}" for number in numbers]
                asks += 1
                waits |= set(runs)
                store.write(lambda conn: code_stock.take(conn, "P", asked(*runs), NOW))  # noqa: B023
            case "back", int(number):
                mine = sorted(run for run in holds if run.startswith(f"{number}."))
                back = [GiveBack(run, "P", holds.pop(run)) for run in mine]
                store.write(lambda conn: codes.give_back(conn, 0, back, NOW))  # noqa: B023
            case "add", int(count):
                values = [f"P-{made + number}" for number in range(count)]
                made += count
                store.write(lambda conn: code_stock.add(conn, "P", values, NOW))  # noqa: B023
            case _:
                store.write(lambda conn: code_stock.serve(conn, "P", NOW))
        with store.read() as conn:
            told = answers(conn)
            for run, value in told[heard:]:
                if value is not None:
                    assert value not in holds.values()
                    assert run in waits
                    waits.remove(run)
                    holds[run] = value
            heard = len(told)
            assert holders(conn) == {value: run for run, value in holds.items()}


def test_stores_that_take_at_once_never_take_the_same(store: Store) -> None:
    fill(store, 400)

    def take(worker: int) -> None:
        for batch in range(10):
            runs = [f"{worker}.{batch}.{n}" for n in range(12)]
            store.write(lambda conn: code_stock.take(conn, "VIP", asked(*runs), NOW))  # noqa: B023

    threads = [threading.Thread(target=take, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while store.write(lambda conn: code_stock.serve(conn, "VIP", NOW)):
        pass
    with store.read() as conn:
        given_out = [value for _, value in answers(conn) if value is not None]
        assert len(given_out) == len(set(given_out)) == 400
        assert {value: run for run, value in answers(conn) if value} == holders(conn)


TAKER = """
import itertools, sys
from pathlib import Path
from engine.store.incentives import code_stock
from engine.store.incentives.code_stock import CodeRequest
from engine.store.database import open_store
name, address, folder = sys.argv[1:]
store = open_store(address, Path(folder))
print("ready", flush=True)
for batch in itertools.count():
    runs = [CodeRequest(f"{name}.{batch}.{n}", 0, "c") for n in range(5)]
    store.write(lambda conn: code_stock.take(conn, "VIP", runs, 0))
"""


def test_processes_that_are_killed_leave_each_code_with_its_answer(store: Store, tmp_path: Path) -> None:
    fill(store, 20_000)
    with store.read() as conn:
        url = conn.engine.url
        sqlite = conn.dialect.name == "sqlite"
    address = "sqlite:///shop.db" if sqlite else url.render_as_string(hide_password=False)
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, name, address, str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    try:
        for taker in takers:
            assert taker.stdout is not None
            assert taker.stdout.readline() == "ready\n"
        time.sleep(0.3)
    finally:
        for taker in takers:
            taker.send_signal(signal.SIGKILL)
            taker.wait()
            assert taker.stdout is not None
            taker.stdout.close()
    with store.read() as conn:
        told = {value: run for run, value in answers(conn) if value is not None}
        assert told
        assert len(told) == len([value for _, value in answers(conn) if value is not None])
        assert told == holders(conn)
