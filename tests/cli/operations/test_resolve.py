"""`resolve`: a person settles what nobody knows of; `status`, `show` and `why` say what there is to
settle."""

from __future__ import annotations

import json

import pytest

from engine.store.messages import outcomes, records
from engine.store.messages.states import MessageState
from engine.store.sql import change
from engine.values import HOUR, Instant
from tests.cli.conftest import Shop, report
from tests.cli.operations.test_operator import busy
from tests.conftest import Golden

__all__ = ["busy"]

KEY = "0" * 32


@pytest.fixture
def lost(busy: Shop) -> Shop:
    """Anna's reminder was handed over, and the connection ended before the answer; its key is 000..."""
    now = busy.go_to("2026-11-20T11:00:00+00:00")
    busy.play(deliver=False)
    store = busy.store()
    try:
        store.write(
            lambda conn: change(
                conn,
                "UPDATE outbox SET send_key = ?, state = 'handoff', handed_at = ?, lease_until = 1, body "
                "= '{}', owner = 'x'",
                (KEY, now),
            )
        )
        store.write(
            lambda conn: outcomes.settle(
                conn,
                KEY,
                "anna",
                MessageState.UNKNOWN,
                now,
                detail="connection reset",
                settle_at=Instant(now + HOUR),
            )
        )
    finally:
        store.close()
    busy.go_to("2026-11-20T11:05:00+00:00")
    return busy


def state(shop: Shop) -> str:
    store = shop.store()
    try:
        with store.read() as conn:
            found = records.find(conn, KEY)
    finally:
        store.close()
    assert found is not None
    return found.state


@pytest.mark.file  # jsonb of PostgreSQL keeps names in an order of its own
def test_status_show_and_why_name_it_with_both_commands(lost: Shop, golden: Golden) -> None:
    golden("golden/unknown_status.txt", report(lost.run("status")))
    (listed,) = json.loads(lost.run("status", "--format", "json").out)["unknown"]
    assert (listed["key"], listed["customer"], listed["policy"]) == (KEY, "anna", "treat as sent")
    assert listed["due"] == "2026-11-20T12:00:00Z"
    golden("golden/unknown_show.txt", report(lost.run("show", "anna", "--last", "1")))
    golden("golden/unknown_why.txt", report(lost.run("why", "anna", "cart_reminder")))


@pytest.mark.parametrize(
    ("way", "becomes"), [("--sent", "treated_as_sent"), ("--resend", "planned"), ("--failed", "failed")]
)
def test_a_message_is_settled_once(lost: Shop, golden: Golden, way: str, becomes: str) -> None:
    golden(f"golden/resolve{way}.txt", report(lost.run("resolve", KEY, way)))
    assert state(lost) == becomes
    again = lost.run("resolve", KEY, "--failed")
    golden(f"golden/resolve{way}_twice.txt", report(again))
    assert (again.code, state(lost)) == (1, becomes)


def test_show_and_why_say_that_it_is_sent_once_more(lost: Shop) -> None:
    assert "once more" not in lost.run("show", "anna").out
    lost.run("resolve", KEY, "--resend")
    for words in (("show", "anna"), ("why", "anna", "cart_reminder")):
        assert "it is to be sent once more, by an operator or the policy" in lost.run(*words).out
    store = lost.store()
    try:
        store.write(lambda conn: conn.exec_driver_sql("UPDATE outbox SET body = NULL"))  # written afresh
    finally:
        store.close()
    lost.play()
    for words in (("show", "anna"), ("why", "anna", "cart_reminder")):
        assert (
            "was accepted (connection reset); it was sent once more, by an operator" in lost.run(*words).out
        )


def test_a_whole_channel_up_to_a_moment(lost: Shop, golden: Golden) -> None:
    before = lost.run("resolve", "--channel", "email", "--before", "2026-11-20T10:00Z", "--sent")
    assert (before.code, state(lost)) == (0, "unknown")
    after = lost.run(
        "resolve", "--channel", "email", "--before", "2026-11-20T12:00+00:00", "--sent", "--format", "json"
    )
    golden("golden/resolve_channel.json.txt", report(after))
    assert state(lost) == "treated_as_sent"


def test_what_is_too_late_or_not_kept_is_not_sent_again(lost: Shop) -> None:
    lost.go_to("2026-11-29T11:00:00+00:00")
    late = lost.run("resolve", KEY, "--resend")
    assert (late.code, "too late" in late.out, state(lost)) == (1, True, "unknown")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--sent",), "which messages are meant"),
        ((KEY, "--channel", "email", "--sent"), "which messages are meant"),
        ((KEY,), "say what became of them"),
        ((KEY, "--sent", "--resend"), "say what became of them"),
        (("--channel", "emial", "--sent"), 'there is no channel "emial"'),
        (("--channel", "email", "--before", "noon", "--sent"), '"noon" is no moment'),
        ((KEY, "--before", "2026-11-20T10:00Z", "--sent"), "--before goes with --channel"),
    ],
)
def test_unclear_wishes_are_refused(small_shop: Shop, words: tuple[str, ...], says: str) -> None:
    answer = small_shop.run("resolve", *words)
    assert (answer.code, says in answer.err) == (2, True)


def test_a_key_that_nobody_has(small_shop: Shop) -> None:
    answer = small_shop.run("resolve", "abc", "--sent")
    assert (answer.code, "there is no message with this key" in answer.out) == (1, True)
