"""The table of moves of a message, and that nothing else moves one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection

import engine
from engine.core.decision.effects import Send
from engine.store import sql
from engine.store.database import Store
from engine.store.messages import queue, records
from engine.store.messages.records import OutboxMessage
from engine.store.messages.states import (
    LEASED,
    NEVER_LEFT,
    TRANSITIONS,
    UNSETTLED,
    WAITING,
    MessageState,
    Mover,
    Selection,
    among,
    transition,
)
from engine.store.meta import bucket_of
from engine.store.schema import message_tables
from engine.values import HOUR, MINUTE, Instant

NOW = Instant(1_772_442_000_000)


def claimed(conn: Connection, *customers: str) -> list[OutboxMessage]:
    for customer in customers:
        until = Instant(NOW + HOUR)
        send = Send(
            f"k-{customer}", "run", "welcome", "hello", "hello", "email", "p", None, NOW, until, False
        )
        records.plan(conn, bucket_of(conn, customer), [(customer, send)], NOW)
    return queue.claim(conn, "email", "me", NOW, MINUTE, 10)


def states(conn: Connection) -> dict[str, str]:
    return dict(sql.rows(conn, "SELECT customer, state FROM outbox"))


def test_the_database_takes_these_states_and_its_indexes_are_of_these_groups() -> None:
    assert tuple(MessageState) == message_tables.OUTBOX_STATES
    texts = (message_tables.WAITING, message_tables.LEASED, message_tables.UNSETTLED)
    assert [str(text) for text in texts] == [among(group) for group in (WAITING, LEASED, UNSETTLED)]


def test_every_state_is_reached_by_somebody() -> None:
    reached = {state for moves in TRANSITIONS.values() for state in moves}
    assert reached == set(MessageState)


def test_whatever_is_open_can_be_settled_or_sent() -> None:
    for state in (*WAITING, *LEASED, *UNSETTLED):
        assert any(state in before for moves in TRANSITIONS.values() for before in moves.values())


def test_nothing_comes_back_on_its_way_once_it_is_settled() -> None:
    again = {*WAITING, *LEASED}
    for mover, moves in TRANSITIONS.items():
        for state in again & moves.keys():
            settled = {*moves[state]} - {*again, *UNSETTLED}
            assert settled <= (set(NEVER_LEFT) if mover is Mover.JOURNEY else set())


def test_only_a_claim_leads_to_the_hand_over_and_only_its_end_to_the_unknown() -> None:
    into = [
        (mover, moves[MessageState.HANDOFF])
        for mover, moves in TRANSITIONS.items()
        if MessageState.HANDOFF in moves
    ]
    assert into == [(Mover.WORKER, (MessageState.CLAIMED,))]
    unknown = {before for moves in TRANSITIONS.values() for before in moves.get(MessageState.UNKNOWN, ())}
    assert unknown == {MessageState.HANDOFF}


def test_no_other_file_writes_the_state_of_a_message() -> None:
    folder = Path(engine.__file__).parent
    writers = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*.py"))
        if re.search(
            r"(?s)UPDATE outbox(?: AS o)? SET (?:(?!WHERE|UPDATE).)*\bstate = ",
            path.read_text(encoding="utf-8"),
        )
        and "migrations" not in path.parts
    ]
    assert writers == [], "states.transition makes these statements"


def test_a_move_that_is_not_in_the_table_is_a_mistake(store: Store) -> None:
    def job(conn: Connection) -> None:
        transition(conn, Mover.RETRY, MessageState.ACCEPTED, Selection("o.number = 1"), NOW)

    with pytest.raises(KeyError):
        store.write(job)


def test_many_are_moved_in_one_statement_but_those_that_were_claimed_again(store: Store) -> None:
    def job(conn: Connection) -> None:
        first, second, third = claimed(conn, "ada", "bob", "cem")
        queue.release(conn, second, NOW)
        (again,) = queue.claim(conn, "email", "other", NOW, MINUTE, 10)
        assert again.fence == second.fence + 1
        selected = Selection.by_claim([first, second, third])
        moved = transition(conn, Mover.WORKER, MessageState.HANDOFF, selected, NOW)
        assert sorted(number for (number,) in moved) == [first.number, third.number]
        assert states(conn) == {
            first.customer: "handoff",
            second.customer: "claimed",
            third.customer: "handoff",
        }

    store.write(job)


def test_many_are_found_by_their_numbers_and_cancels_by_their_keys(sqlite_store: Store) -> None:
    selections = [
        Selection.by_claim([message(1), message(2)]),
        Selection("o.bucket = ? AND o.send_key IN (SELECT j.value FROM {ids})", (0, sql.ids(["k"]))),
    ]
    with sqlite_store.read() as conn:
        plans = [
            [
                row[3]
                for row in sql.rows(
                    conn, f"EXPLAIN QUERY PLAN SELECT 1 FROM outbox o WHERE {one.clause}", one.values
                )
            ]
            for one in selections
        ]
    assert plans[0][0] == "SEARCH o USING INTEGER PRIMARY KEY (rowid=?)"
    assert "sqlite_autoindex_outbox_1 (bucket=? AND send_key=?)" in plans[1][0]


def message(number: int) -> OutboxMessage:
    return OutboxMessage(
        number, 0, "c", "k", "r", "j", "s", "t", "email", "p", None, NOW, NOW, 1, 0, {}, None, None, 1,
        MessageState.CLAIMED, None, None,
    )  # fmt: skip
