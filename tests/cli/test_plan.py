"""`plan`: what it says of people inside is what `deploy` then does, to the customer."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from engine.runtime.publish.deploy import published_journeys
from engine.runtime.publish.planning import Fate, plan
from engine.store.sql import rows
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


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """Twelve customers in three waits of a journey, on the sixth day."""
    for name in ("hello", "bye"):
        small_shop.write(f"templates/{name}.email.html", LETTER)
    small_shop.write("journeys/thanks.yaml", JOURNEY)
    customer = (small_shop.folder / "schemas/customer.yaml").read_text(encoding="utf-8")
    small_shop.write(
        "schemas/customer.yaml", customer.replace("attributes:", "attributes:\n  tickets: number", 1)
    )
    assert small_shop.run("check").code == 0, report(small_shop.run("check"))
    small_shop.play()
    for day, customers in (("20", 3), ("22", 4), ("25", 5)):
        small_shop.go_to(f"2026-11-{day}T12:00:00+00:00")
        lines: list[dict[str, Any]] = []
        for number in range(customers):
            customer = f"c{day}{number}"
            lines.append(
                {"customer_id": customer, "email": f"{customer}@example.com", "tickets": 10 * number}
            )
            lines.append(
                {
                    "event": "order_placed", "customer_id": customer, "id": customer,
                    "at": f"2026-11-{day}T11:59:00Z", "properties": {"order_id": customer},
                }
            )  # fmt: skip
        for kind in ("customer_id", "event"):
            wanted = [line for line in lines if next(iter(line)) == kind]
            file = small_shop.write(f"{day}-{kind}.jsonl", "\n".join(map(json.dumps, wanted)))
            taken = small_shop.run("import", str(file), "--live")
            assert taken.code == 0, report(taken)
        small_shop.play()
    small_shop.go_to("2026-11-26T10:00:00+00:00")
    small_shop.play()
    return small_shop


def change(shop: Shop, *edits: tuple[str, str]) -> None:
    text = (shop.folder / "journeys/thanks.yaml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    head, _, _ = text.partition("tests:")
    shop.write("journeys/thanks.yaml", head)


def resting(shop: Shop) -> Counter[str]:
    store = shop.store()
    try:
        with store.read() as conn:
            found = rows(
                conn, "SELECT coalesce(step, '') FROM enrollment WHERE ended_at IS NULL AND NOT holdout"
            )
            return Counter(step for (step,) in found)
    finally:
        store.close()


def test_people_by_place_and_what_becomes_of_them(shop: Shop, golden: Golden) -> None:
    change(
        shop,
        ("  - wait: 3 days\n    id: second\n", ""),
        ("wait: 5 days\n    id: third", "wait: 7 days\n    id: third"),
        ("tickets: at least 100", "tickets: at least 20"),
    )
    golden("golden/plan.txt", report(shop.run("plan")))
    golden("golden/plan.json.txt", report(shop.run("plan", "--format", "json")))


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


EDITS: dict[str, tuple[tuple[str, str], ...]] = {
    "renamed": (("id: second", "id: middle\n    was: second"),),
    "another length": (("wait: 3 days", "wait: 1 week"), ("\n    was: second", "")),
    "moved": (
        ("  - wait: 1 day\n    id: first\n", ""),
        ("  - send: bye", "  - wait: 1 day\n    id: first\n  - send: bye"),
    ),
    "gone": (("  - wait: 1 week\n    id: middle\n", ""),),
    "the last steps are gone": (
        ("  - wait: 5 days\n    id: third\n  - wait: 1 day\n    id: first\n  - send: bye\n", ""),
    ),
    "stopped": (("policy: service", "policy: service\nstate: stopped"),),
}  # fmt: skip


def test_deploy_does_what_the_plan_says(shop: Shop) -> None:
    for edit, changes in EDITS.items():
        before = resting(shop)
        change(shop, *changes)
        store = shop.store()
        try:
            with store.read() as conn:
                old = published_journeys(conn)
                assert old is not None
                coming = plan(conn, old, shop.project().journeys, shop.clock.now())
        finally:
            store.close()
        (journey,) = coming.journeys
        assert Counter({place.step: place.people for place in journey.places}) == before, edit
        expected: Counter[str] = Counter()
        for place in journey.places:
            if place.fate in (Fate.FINISHES, Fate.LEAVES):
                continue
            expected[place.to or place.step] += place.people
        assert shop.run("deploy", "--yes").code == 0, edit
        after = resting(shop)
        # who has come to the end rests at no step until their next turn
        assert Counter({step: people for step, people in after.items() if step}) == +Counter(
            {step: people for step, people in expected.items() if step}
        ), edit
