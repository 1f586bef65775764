"""Commands of operators: deploy, keys, pause, status, show, why, doctor."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.clock import FastClock
from engine.core.decision.effects import Call
from engine.store.customers import suppressions
from engine.store.inbox import quarantine
from engine.store.journeys import pauses
from engine.store.messages import outcomes, webhooks
from engine.store.messages.states import MessageState
from engine.store.meta import bucket_of
from engine.values import HOUR, Instant
from tests import stores
from tests.cli.conftest import ROOT, Shop, report
from tests.conftest import Golden

ANNA = (
    '{"customer_id": "anna", "email": "anna@example.com", "first_name": "Anna", "country": "BG", "consent": '
    '{"email": "given"}}'
)
BOB = '{"customer_id": "bob", "email": "bob@example.com", "timezone": "Europe/Berlin"}'


def _events(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def _event(customer: str, event: str, at: str, properties: str = "{}") -> str:
    return f'{{"event": "{event}", "customer_id": "{customer}", "at": "{at}", "properties": {properties}}}'


@pytest.fixture
def busy(shop: Shop, busy_data: Path) -> Shop:
    """Anna, who can be reached, and Bob, who gave no consent, have both left a cart; Anna has ordered before.
    It is played once, and every further test begins with a copy."""
    if not busy_data.exists():
        _play_carts(shop)
        (shop.folder / "data").mkdir(exist_ok=True)  # on PostgreSQL there may be nothing in it
        shutil.copytree(shop.folder / "data", busy_data)
        stores.keep(shop.folder, busy_data)
    else:
        shutil.copytree(busy_data, shop.folder / "data")
        stores.keep(busy_data, shop.folder)
    return shop


def _play_carts(shop: Shop) -> None:
    shop.write("people.jsonl", _events(ANNA, BOB))
    shop.write(
        "past.jsonl",
        _events(_event("anna", "order_placed", "2026-10-01T09:00:00Z", '{"order_id": "7", "total": 30}')),
    )
    cart = '{"cart_id": "c1", "total": 80}'
    now = "2026-11-20T10:00:00Z"
    shop.write(
        "carts.jsonl",
        _events(_event("anna", "cart_updated", now, cart), _event("bob", "cart_updated", now, cart)),
    )
    assert shop.run("deploy").code == 0
    for words in (("people.jsonl",), ("past.jsonl",), ("carts.jsonl", "--live")):
        assert shop.run("import", str(shop.folder / words[0]), *words[1:]).code == 0
    shop.play()


def test_deploy_publishes_once_and_refuses_mistakes(small_shop: Shop, golden: Golden) -> None:
    golden("golden/deploy.txt", report(small_shop.run("deploy")))
    golden("golden/deploy_again.txt", report(small_shop.run("deploy")))
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    small_shop.write("journeys/welcome.yaml", journey.replace("2 days", "4 days"))
    golden("golden/deploy_changed.json.txt", report(small_shop.run("deploy", "--format", "json")))
    small_shop.write("journeys/welcome.yaml", journey.replace("2 days", "2 dais"))
    golden("golden/deploy_refused.txt", report(small_shop.run("deploy")))


def test_on_a_terminal_deploy_asks_when_people_are_inside_a_changed_journey(busy: Shop) -> None:
    journey = (busy.folder / "journeys/abandoned_cart.yaml").read_text(encoding="utf-8")
    busy.write("journeys/abandoned_cart.yaml", re.sub(r"wait: 1 day\b", "wait: 2 days", journey, count=1))

    def typed(answer: str, *words: str) -> subprocess.CompletedProcess[str]:
        ours, theirs = pty.openpty()
        os.write(ours, answer.encode())
        command = [sys.executable, str(ROOT / "main.py"), "--project", str(busy.folder), "deploy", *words]
        try:
            return subprocess.run(
                command, stdin=theirs, capture_output=True, text=True, timeout=120, check=False
            )
        finally:
            os.close(ours)
            os.close(theirs)

    refused = typed("n\n")
    assert refused.returncode != 0
    assert "journey abandoned_cart: 2 people inside" in refused.stdout
    assert "stay" in refused.stdout
    assert "length 1 day -> 2 days" in refused.stdout
    assert "deployment 2" in typed("", "--yes").stdout


def test_deploy_says_that_a_changed_segment_starts_nobody(busy: Shop) -> None:
    segment = (busy.folder / "journeys/segments/lapsed_90.yaml").read_text(encoding="utf-8")
    assert "90 days" in segment
    busy.write("journeys/segments/lapsed_90.yaml", segment.replace("90 days", "80 days"))
    answer = busy.run("deploy")
    assert "segment lapsed_90: 0 now, 0 then (0 more, 0 fewer)" in answer.out
    assert "no journey starts for those more, now or later" in answer.out


def test_a_key_is_shown_once(small_shop: Shop, golden: Golden) -> None:
    golden("golden/keys_none.txt", report(small_shop.run("keys", "list")))
    key = small_shop.run("keys", "new", "shop", "--scope", "write")
    assert re.fullmatch(r"\S{30,}\n", key.out)
    golden("golden/keys_twice.txt", report(small_shop.run("keys", "new", "shop")))
    golden("golden/keys_scope.txt", report(small_shop.run("keys", "new", "b", "--scope", "everything")))
    golden("golden/keys_revoke.txt", report(small_shop.run("keys", "revoke", "shop")))
    golden("golden/keys_list.txt", report(small_shop.run("keys", "list")))
    golden("golden/keys_list.json.txt", report(small_shop.run("keys", "list", "--format", "json")))
    assert key.out.strip() not in small_shop.run("keys", "list", "--format", "json").out


def test_pauses_stand_until_they_are_lifted(small_shop: Shop, golden: Golden) -> None:
    golden("golden/pause.txt", report(small_shop.run("pause", "email", "--why", "the provider is down")))
    golden("golden/pause_all.txt", report(small_shop.run("pause")))
    golden("golden/pause_unknown.txt", report(small_shop.run("pause", "emial")))
    golden("golden/status_paused.txt", report(small_shop.run("status")))
    golden("golden/resume.txt", report(small_shop.run("resume", "email")))
    golden("golden/resume_twice.txt", report(small_shop.run("resume", "email")))


def test_mail_to_one_domain_can_be_paused(small_shop: Shop, golden: Golden) -> None:
    golden(
        "golden/pause_domain.txt",
        report(small_shop.run("pause", "domain", "Gmail.com", "--why", "they refuse us")),
    )
    assert "domain gmail.com" in small_shop.run("status").out
    assert json.loads(small_shop.run("pause", "domain", "bücher.example", "--format", "json").out) == {
        "paused": "domain xn--bcher-kva.example",
        "scope": "domain",
    }
    golden("golden/resume_domain.txt", report(small_shop.run("resume", "domain", "gmail.com")))
    assert "was not paused" in small_shop.run("resume", "domain", "gmail.com").out
    for words in (("domain",), ("domain", "a@b.example"), ("domain", "%"), ("email", "gmail.com")):
        assert small_shop.run("pause", *words).code == 2


def test_status_of_an_empty_shop(shop: Shop, golden: Golden) -> None:
    golden("golden/status_empty.txt", report(shop.run("status")))


@pytest.mark.file  # jsonb of PostgreSQL keeps names in an order of its own
def test_status_names_queues_unknowns_and_stuck_customers(busy: Shop, golden: Golden) -> None:
    now = busy.go_to("2026-11-20T11:00:00+00:00")
    busy.play(deliver=False)
    store = busy.store()
    try:
        store.write(
            lambda conn: quarantine.quarantine(
                conn, bucket_of(conn, "bob"), "bob", "the fact total_spent holds no amount", now
            )
        )
        store.write(lambda conn: pauses.pause(conn, "channel", "sms", now, "ops", "budget"))
    finally:
        store.close()
    golden("golden/status.txt", report(busy.run("status")))
    golden("golden/status.json.txt", report(busy.run("status", "--format", "json")))


def test_status_names_webhooks_that_fail(shop: Shop) -> None:
    now = shop.go_to("2026-11-20T11:00:00+00:00")
    store = shop.store()
    try:
        call = Call("key-1", "run-1", "crm_call_task", {})
        store.write(lambda conn: webhooks.plan(conn, 0, [("anna", call, "{}")], now))
        [taken] = store.write(lambda conn: webhooks.take(conn, "crm_call_task", now, HOUR, 1))
        store.write(lambda conn: webhooks.note_failure(conn, taken, "503", Instant(now + HOUR)))
    finally:
        store.close()
    told = shop.run("status").out
    assert "Failing webhooks" in told
    assert re.search(r"crm_call_task +1 since 2026-11-20T11:00:00Z, next try 2026-11-20T12:00:00Z +503", told)


@pytest.mark.file  # jsonb of PostgreSQL keeps names in an order of its own
def test_an_unknown_message_is_listed_with_what_happens_to_it(busy: Shop, golden: Golden) -> None:
    now = busy.go_to("2026-11-20T11:00:00+00:00")
    busy.play()
    store = busy.store()
    try:
        with store.read() as conn:
            key = conn.exec_driver_sql("SELECT send_key FROM outbox WHERE customer = 'anna'").scalar_one()
        store.write(lambda conn: conn.exec_driver_sql("UPDATE outbox SET state = 'handoff', lease_until = 1"))
        store.write(
            lambda conn: outcomes.settle(
                conn, key, "anna", MessageState.UNKNOWN, now, settle_at=Instant(now + HOUR)
            )
        )
    finally:
        store.close()
    golden("golden/status_unknown.txt", report(busy.run("status")))
    golden("golden/why_unknown.txt", report(busy.run("why", "anna", "cart_reminder")))


@pytest.mark.file  # jsonb of PostgreSQL keeps names in an order of its own
def test_show_tells_everything_in_order(busy: Shop, golden: Golden) -> None:
    golden("golden/show_waiting.txt", report(busy.run("show", "anna")))
    busy.go_to("2026-11-20T11:00:00+00:00")
    busy.play()
    golden("golden/show_sent.txt", report(busy.run("show", "anna")))
    golden("golden/show_last.txt", report(busy.run("show", "anna", "--last", "2")))
    golden("golden/show_unreachable.txt", report(busy.run("show", "bob")))
    golden("golden/show_nobody.txt", report(busy.run("show", "carol")))
    by_id = busy.run("show", "anna", "--format", "json")
    address = json.loads(by_id.out)["reach"]["email"]["address"]
    assert busy.run("show", address.upper(), "--format", "json").out == by_id.out
    assert f'nothing is known of a customer "x{address}"' in busy.run("show", f"x{address}").err
    shown = json.loads(busy.run("show", "anna", "--format", "json").out)
    assert shown["reach"]["email"] == {
        "address": "anna@example.com",
        "consent": {"marketing": "given"},
        "suppressed": None,
        "bounced": False,
        "closed": None,
    }
    assert {"event", "change", "decision", "message"} <= {each["kind"] for each in shown["history"]}
    moments = [each["at"] for each in shown["history"]]
    assert moments == sorted(moments)
    sent = [each for each in shown["history"] if each.get("what") == "send"]
    assert [(each["place"], each["step"]) for each in sent] == [
        ("journeys/abandoned_cart.yaml:18", "cart_reminder")
    ]


def test_an_address_that_bounced_for_somebody_else_is_shown_as_closed(busy: Shop) -> None:
    store = busy.store()
    try:
        store.write(
            lambda conn: suppressions.suppress(
                conn,
                "email",
                "anna@example.com",
                "all",
                busy.clock.now(),
                suppressions.SuppressionReason.BOUNCED,
                "5.1.1",
            )
        )
    finally:
        store.close()
    busy.write("shout.jsonl", '{"customer_id": "anna", "email": "ANNA@Example.com"}')
    assert busy.run("import", str(busy.folder / "shout.jsonl")).code == 0
    busy.go_to("2026-11-20T11:00:00+00:00")
    busy.play()
    shown = busy.run("show", "anna").out
    assert "closed for everything (bounced: 5.1.1)" in shown
    assert "passes over email: the address is closed" in shown
    assert "unsubscribed" not in shown


def test_why_before_and_after(busy: Shop, golden: Golden) -> None:
    golden("golden/why_waiting.txt", report(busy.run("why", "anna", "cart_reminder")))
    golden("golden/why_never_entered.txt", report(busy.run("why", "anna", "welcome_hello")))
    golden("golden/why_unknown_template.txt", report(busy.run("why", "anna", "cart_remindr")))
    busy.go_to("2026-11-20T11:00:00+00:00")
    busy.play()
    golden("golden/why_sent.txt", report(busy.run("why", "anna", "cart_reminder")))
    golden("golden/why_unreachable.txt", report(busy.run("why", "bob", "cart_reminder")))
    golden("golden/why_sent.json.txt", report(busy.run("why", "anna", "cart_reminder", "--format", "json")))


def test_why_a_goal_came_first(busy: Shop, golden: Golden) -> None:
    busy.go_to("2026-11-20T10:30:00+00:00")
    order = _event("anna", "order_placed", "2026-11-20T10:30:00Z", '{"order_id": "8", "total": 80}')
    busy.write("order.jsonl", _events(order))
    busy.run("import", str(busy.folder / "order.jsonl"), "--live")
    busy.play()
    golden("golden/why_goal.txt", report(busy.run("why", "anna", "cart_reminder")))


def test_why_names_a_pause_and_quiet_hours(busy: Shop, golden: Golden) -> None:
    busy.run("pause", "abandoned_cart", "--why", "prices are wrong")
    golden("golden/why_paused.txt", report(busy.run("why", "anna", "cart_reminder")))
    busy.run("resume", "abandoned_cart")
    busy.go_to("2026-11-20T20:30:00+00:00")
    busy.play()
    golden("golden/why_quiet.txt", report(busy.run("why", "anna", "cart_reminder")))


def test_why_of_a_message_that_is_sent_twice_tells_where_the_run_is_once(busy: Shop) -> None:
    busy.write(
        "journeys/visits.yaml",
        """journey: visits
about: A reminder after a visit, and once more the next day.
start: {event: site_visited}
again: never
goal: {event: order_placed}
steps:
  - send: welcome_hello
    via: email
  - wait: 1 day
    id: a_day
  - send: welcome_hello
    id: once_more
    via: email
""",
    )
    assert busy.run("deploy").code == 0
    busy.go_to("2026-11-20T21:00:00+00:00")
    busy.write("visit.jsonl", _events(_event("anna", "site_visited", "2026-11-20T21:00:00Z")))
    assert busy.run("import", str(busy.folder / "visit.jsonl"), "--live").code == 0
    busy.play()
    told = busy.run("why", "anna", "welcome_hello").out
    assert told.count("is held before welcome_hello until") == 1
    # the morning after: the first was passed over, and what has not come yet is the second alone
    busy.go_to("2026-11-21T08:00:00+00:00")
    busy.play()
    told = busy.run("why", "anna", "welcome_hello").out
    assert "It was passed over" in told
    assert "It has not come yet to its step once_more: the run waits at a_day" in told


def test_other_names_of_a_customer_lead_to_the_same_history(busy: Shop) -> None:
    store = busy.store()
    try:
        store.write(
            lambda conn: conn.exec_driver_sql(
                "INSERT INTO alias (alias, customer, at) VALUES ('anon-1', 'anna', 0)"
            )
        )
    finally:
        store.close()
    shown = json.loads(busy.run("show", "anon-1", "--format", "json").out)
    assert (shown["customer"], shown["aliases"]) == ("anna", ["anon-1"])
    assert busy.run("why", "anon-1", "cart_reminder").out == busy.run("why", "anna", "cart_reminder").out


def _steady(text: str) -> str:
    """Without what depends on this machine: versions and room."""
    text = re.sub(r"(python +)[\d.]+", r"\1VERSION", text)
    text = re.sub(r"(?:ok|warn)( +sqlite +).*\n(?: +do:.*\n)?", r"ok  \1VERSION\n", text)
    text = re.sub(r"[\d,]+ MB free", "N MB free", text)
    return re.sub(r", \d+ to know of", ", N to know of", text)


@pytest.mark.file
def test_doctor_finds_what_keeps_it_from_working(small_shop: Shop, golden: Golden) -> None:
    running = FastClock(small_shop.clock.now(), 1.0)
    golden("golden/doctor.txt", _steady(report(small_shop.run("doctor", clock=running))))
    config = (small_shop.folder / "config.yaml").read_text(encoding="utf-8")
    small_shop.write(
        "config.yaml",
        config.replace(
            "via: outbox,", "via: smtp, host: 127.0.0.1, port: 9, user: u, password: env:NO_SUCH_SECRET,"
        ),
    )
    small_shop.run("deploy")
    small_shop.run("pause", "--why", "the first day")
    sick = small_shop.run("doctor", clock=running)
    golden("golden/doctor_sick.txt", _steady(report(sick)))
    assert sick.code == 1
    small_shop.write("data/shop.db", b"this is no database, whatever it is called" * 200)
    assert "FAIL  store" in small_shop.run("doctor", clock=running).out


def test_doctor_speaks_json(small_shop: Shop) -> None:
    found = json.loads(small_shop.run("doctor", "--format", "json").out)
    assert {"level", "what", "says", "cure"} == set(found[0])
    assert all(each["cure"] for each in found if each["level"] in ("warn", "FAIL"))
