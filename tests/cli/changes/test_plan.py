"""`plan` tells what `deploy` would do to people inside, and changes nothing."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from engine.cli.changes.plan import MOVED, RISKS
from engine.cli.stores import project_store
from engine.core.handlers.migrate import MoveRule
from engine.plan.in_flight import Risk
from engine.store.journeys import deployments
from tests import stores
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

JOURNEY = """journey: thanks
about: Three letters after an order.
owner: shop@shop.example
start: {event: order_placed, per: order_id}
again: always
goal: {when: {tickets: at least 100}}
policy: service
steps:
  - wait: 1 day
    id: first
  - send: hello
  - wait: 3 days
    id: second
  - send: welcome_hello
  - wait: 5 days
    id: third
  - send: bye
tests:
  - test: three letters
    when:
      - day 0 10:00: order_placed
        order_id: "1"
    expect:
      - day 1 10:00: send hello via email
      - day 4 10:00: send welcome_hello via email
      - day 9 10:00: send bye via email
      - day 9 10:00: finish
"""
LETTER = "---\nsubject: Hello\n---\n<p>Hello</p>\n"
ORDERS = {"20": 3, "22": 4, "25": 5}
"""Day of November -> how many order on it."""


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `shop` keeps what it played; nothing is there before."""
    return tmp_path_factory.mktemp("thanks") / "data"


@pytest.fixture
def shop(small_shop: Shop, played: Path) -> Shop:
    """Twelve customers in three waits of a journey, on the sixth day. It is played once, and every further
    test begins with a copy."""
    for name in ("hello", "bye"):
        small_shop.write(f"templates/{name}.email.html", LETTER)
    small_shop.write("journeys/thanks.yaml", JOURNEY)
    customer = (small_shop.folder / "schemas/customer.yaml").read_text(encoding="utf-8")
    small_shop.write(
        "schemas/customer.yaml", customer.replace("attributes:", "attributes:\n  tickets: number", 1)
    )
    if played.exists():
        shutil.copytree(played, small_shop.folder / "data", dirs_exist_ok=True)
        stores.keep(played, small_shop.folder)
    else:
        _play(small_shop)
        (small_shop.folder / "data").mkdir(exist_ok=True)  # on PostgreSQL there may be nothing in it
        shutil.copytree(small_shop.folder / "data", played)
        stores.keep(small_shop.folder, played)
    small_shop.go_to("2026-11-26T10:00:00+00:00")
    return small_shop


def _play(shop: Shop) -> None:
    assert shop.run("deploy").code == 0
    people = [
        {"customer_id": f"c{day}{n}", "email": f"c{day}{n}@example.com", "tickets": 10 * n}
        for day, customers in ORDERS.items() for n in range(customers)
    ]  # fmt: skip
    _take(shop, "people", people)
    for day, customers in ORDERS.items():
        shop.go_to(f"2026-11-{day}T12:00:00+00:00")
        orders = [
            {
                "event": "order_placed", "customer_id": f"c{day}{n}", "id": f"c{day}{n}",
                "at": f"2026-11-{day}T11:59:00Z", "properties": {"order_id": f"{day}{n}"},
            }
            for n in range(customers)
        ]  # fmt: skip
        _take(shop, day, orders)
        shop.play()
    shop.go_to("2026-11-26T10:00:00+00:00")
    shop.play()


def _take(shop: Shop, name: str, lines: list[dict[str, Any]]) -> None:
    file = shop.write(f"{name}.jsonl", "\n".join(map(json.dumps, lines)))
    taken = shop.run("import", str(file), "--live")
    assert taken.code == 0, report(taken)


def change(shop: Shop, *edits: tuple[str, str]) -> None:
    text = (shop.folder / "journeys/thanks.yaml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    head, _, _ = text.partition("tests:")
    shop.write("journeys/thanks.yaml", head)


class _Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_people_by_place_and_what_becomes_of_them(shop: Shop, golden: Golden) -> None:
    change(
        shop,
        ("  - wait: 3 days\n    id: second\n", ""),
        ("wait: 5 days\n    id: third", "wait: 7 days\n    id: third"),
        ("tickets: at least 100", "tickets: at least 20"),
    )
    golden("golden/plan.txt", report(shop.run("plan")))
    golden("golden/plan.json.txt", report(shop.run("plan", "--format", "json")))
    golden("golden/deploy_planned.txt", report(shop.run("deploy")))


def test_deploy_tells_what_is_sent_a_day_where_it_asks_and_where_it_is_wished(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(shop, ("again: always", "who: {tickets: at least 10}\nagain: always"))
    _, _, rest = shop.run("plan").out.partition("What is sent a day, ")
    sent = rest.partition("journey thanks: changes")[0]
    assert "thanks: starts" in sent
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdin", _Terminal("n\nn\n"))
        assert sent in shop.run("deploy").out, "a person who is asked reads what plan says"
        assert "What is sent a day" not in shop.run("deploy", "--no-replay").out
    wished = json.loads(shop.run("deploy", "--replay", "--format", "json").out)
    assert wished["number"] == 2
    assert wished["traffic"]["journeys"][0]["journey"] == "thanks"


def test_a_person_is_asked_also_where_what_is_published_cannot_be_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a file that an earlier version of the language took."""
    with project_store(shop.folder) as store:
        store.write(_publish_another_bye)
    assert "1 file cannot be compared" in shop.run("plan").out
    with monkeypatch.context() as terminal:
        terminal.setattr("sys.stdin", _Terminal("n\n"))
        said = shop.run("deploy")
    assert "Publish?" in said.out
    assert said.code == 1
    assert "templates/bye.email.html cannot be compared" in said.err
    assert len(shop.run("deployments").out.splitlines()) == 2, "nothing is published"


def _publish_another_bye(conn: Connection) -> None:
    (last,) = deployments.latest(conn, 1)
    sources = deployments.files(conn, last.number)
    assert "templates/bye.email.html" in sources
    deployments.record(
        conn, at=last.at, whom=last.whom, commit=last.commit, hash_="another", journeys=last.journeys,
        sources={**sources, "templates/bye.email.html": LETTER.replace("Hello</p>", "{% if %}</p>")},
        plan={}, happened={},
    )  # fmt: skip


def test_a_script_that_deploys_waits_for_no_replay(shop: Shop) -> None:
    change(shop, ("again: always", "who: {tickets: at least 10}\nagain: always"))
    said = shop.run("deploy", "--yes").out
    assert "journey thanks: changes" in said
    assert "What is sent a day" not in said


def test_who_would_enter_no_longer_is_counted_over_what_is_recorded(shop: Shop, golden: Golden) -> None:
    change(shop, ("again: always", "who: {tickets: at least 10, orders_count: at most 9}\nagain: always"))
    customer = (shop.folder / "schemas/customer.yaml").read_text(encoding="utf-8")
    counted = "{is: count of order_placed, where: {order_id: is set}}"
    assert "orders_count: count of order_placed" in customer
    shop.write(
        "schemas/customer.yaml",
        customer.replace("orders_count: count of order_placed", f"orders_count: {counted}"),
    )
    golden("golden/plan_entries.txt", report(shop.run("plan")))
    told = json.loads(shop.run("plan", "--format", "json", "--one-in", "2").out)["traffic"]
    assert told["one_in"] == 2
    assert told["journeys"][0]["starts"]["margin"] > 0
    assert json.loads(shop.run("plan", "--format", "json", "--no-replay").out)["traffic"] is None


def test_a_plan_that_cannot_be_written_says_where(shop: Shop) -> None:
    refused = shop.run("plan", "--out", str(shop.folder / "nowhere" / "plan.json"))
    assert (refused.code, "plan.json cannot be written: No such file" in refused.err) == (2, True), report(
        refused
    )


def test_a_reviewed_plan_is_published_and_what_happened_stands_beside_it(shop: Shop, golden: Golden) -> None:
    change(
        shop, ("  - wait: 3 days\n    id: second\n", ""), ("tickets: at least 100", "tickets: at least 20")
    )
    written = shop.run("plan", "--out", str(shop.folder / "plan.json"))
    assert written.code == 0, report(written)
    plan = (shop.folder / "plan.json").read_text(encoding="utf-8")
    golden("golden/plan_file.json", re.sub(r'"hash": "\w+"', '"hash": "HASH"', plan))
    text = (shop.folder / "journeys/thanks.yaml").read_text(encoding="utf-8")
    shop.write("journeys/thanks.yaml", text.replace("at least 20", "at least 10"))
    golden(
        "golden/deploy_not_reviewed.txt", report(shop.run("deploy", "--plan", str(shop.folder / "plan.json")))
    )
    shop.write("journeys/thanks.yaml", text)
    done = shop.run("deploy", "--plan", str(shop.folder / "plan.json"))
    assert "deployment 2" in done.out, report(done)
    golden("golden/deployments_people.txt", report(shop.run("deployments")))
    golden("golden/deploy_rollback.txt", report(shop.run("deploy", "--rollback")))


def test_a_renamed_step_is_asked_about_with_both_answers(shop: Shop, golden: Golden) -> None:
    change(shop, ("id: second", "id: middle"))
    golden("golden/plan_doubt.txt", report(shop.run("plan")))
    golden("golden/deploy_doubt.txt", report(shop.run("deploy", "--yes", "--format", "json")))
    said = shop.run("deploy", "--yes", "--gone", "thanks.second")
    assert said.code == 0, report(said)
    assert "thanks: 4 people inside were moved" in said.out


def test_nothing_to_do_is_said_and_told_programs(shop: Shop) -> None:
    said = shop.run("plan", "--exit-code")
    assert (said.code, said.out) == (0, "nothing changes against deployment 1\n")
    change(shop, ("wait: 5 days", "wait: 6 days"))
    assert shop.run("plan", "--exit-code").code == 4
    assert shop.run("plan").code == 0


def test_a_journey_without_its_file_is_refused_while_people_are_inside(shop: Shop) -> None:
    (shop.folder / "journeys/thanks.yaml").unlink()
    said = shop.run("plan")
    assert said.code == 1, report(said)
    assert "journey thanks: 12 people inside" in said.out
    assert "state: closing" in said.out
    assert shop.run("deploy", "--yes").code != 0


def test_before_the_first_deployment_there_is_nothing_to_compare_with(small_shop: Shop) -> None:
    said = small_shop.run("plan")
    assert said.code != 0
    assert "deploy" in said.err


def test_whom_a_fact_that_is_counted_anew_moves_is_counted(shop: Shop) -> None:
    asked = "  - if: {orders_count: at least 1}\n    then:\n      - send: bye\n"
    change(shop, ("  - send: bye\n", asked), ("goal:", "exit_if: {total_spent: less than 0 EUR}\ngoal:"))
    assert shop.run("deploy", "--yes").code == 0
    facts = shop.folder / "schemas/customer.yaml"
    text = facts.read_text(encoding="utf-8")
    large = "{is: count of order_placed, where: {total: at least 1000 EUR}}"
    facts.write_text(text.replace("orders_count: count of order_placed", f"orders_count: {large}"))
    told = shop.run("plan", "--no-replay").out
    assert (
        "12 of 12 inside have another value of orders_count: "
        "12 come to a condition that answers otherwise by now\n"
    ) in told
    said = json.loads(shop.run("plan", "--no-replay", "--format", "json").out)
    assert [(each["journey"], each["other_answer"]) for each in said["people"]["recounts"]] == [
        ("thanks", 12)
    ]


def test_a_step_without_a_name_is_told_in_its_words(shop: Shop) -> None:
    asked = "  - if: {orders_count: at least 1}\n    then:\n      - send: bye\n"
    change(shop, ("  - send: bye\n", asked))
    assert shop.run("deploy", "--yes").code == 0
    change(shop, ("  - wait: 5 days\n    id: third\n", ""))
    told = shop.run("plan", "--no-replay").out
    assert "      3  in thanks, third  go on to if orders_count: at least 1\n" in told
    goes_on = "go on to if orders_count: at least 1 at the promised moment; the last of them"
    assert f"      3  at third   {goes_on}" in told
    assert "#" not in told


def test_a_snapshot_of_everything_says_who_leaves_as_the_store_does(shop: Shop) -> None:
    assert shop.run("snapshot", "--out", "week.jsonl").code == 0
    change(
        shop,
        ("tickets: at least 100", "tickets: at least 20"),
        ("policy:", "exit_if: {orders_count: 1}\npolicy:"),
    )
    (journey,) = json.loads(shop.run("plan", "--format", "json").out)["people"]["journeys"]
    leaving = {name: journey[name] for name in ("reaches_goal", "leaves_early")}
    assert leaving == {"reaches_goal": 6, "leaves_early": 6}
    told = shop.run("plan", "--snapshot", "week.jsonl").out
    assert "     12  in thanks  of 12 who were played leave by the change\n" in told
    assert (
        "  thanks: 12 runs began within what was played and are inside at its end; 6 leave at once by the"
        " changed goal and 6 leave at once by the changed exit_if; orders_count: only what is recorded"
        " counts, so the real numbers are others\n"
        "  Of those who came in before what was played only the store can say who leaves.\n"
    ) in told
    said = json.loads(shop.run("plan", "--snapshot", "week.jsonl", "--format", "json").out)
    (inside,) = said["traffic"]["inside"]
    assert {**inside, **leaving} == inside


def test_every_rule_and_every_risk_has_its_words() -> None:
    assert MOVED.keys() == set(MoveRule)
    assert RISKS.keys() == set(Risk)


def test_members_who_come_in_are_counted_before_and_followed_afterwards(shop: Shop, golden: Golden) -> None:
    """Six of the twelve have twenty tickets or more, and the segment is as new as its journey."""
    shop.write(
        "journeys/segments/holders.yaml",
        "segment: holders\nabout: Hold tickets.\nwho:\n  tickets: at least 20\n",
    )
    text = JOURNEY.replace("{event: order_placed, per: order_id}", "{segment: holders, members: all}")
    shop.write(
        "journeys/holders.yaml", text.replace("journey: thanks", "journey: holders").partition("tests:")[0]
    )
    plan = shop.run("plan", "--no-replay")
    deployed = shop.run("deploy", "--yes")
    again = shop.run("plan", "--no-replay", "--format", "json")
    assert json.loads(again.out)["people"]["admissions"] == []
    status = shop.run("status")
    coming = status.out[status.out.index("Members coming in") :].split("\n\n")[0]
    golden("golden/plan_members.txt", f"{plan.out}\n{deployed.out}{deployed.err}\n{coming}\n")
