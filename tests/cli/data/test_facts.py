"""`facts` and `facts rebuild`, and what other commands say of a fact that is not whole."""

from __future__ import annotations

import json

import pytest

from engine.runtime.advance.advancer import Publication
from engine.runtime.advance.backfilling import fill_page
from engine.store.facts import definitions
from engine.store.journeys import deployments
from tests.cli.conftest import Shop
from tests.conftest import Golden

SCHEMA = """attributes: {{}}
facts:
  orders_count: count of order_placed
  last_order_at: last order_placed
  spent: {spent}
  lately: count of order_placed in last 7 days
"""
ORDER = (
    '{{"customer_id": "{who}", "event": "order_placed", "at": "2026-11-{day}T09:00:00Z", "id": "{who}-{day}",'
    ' "order_id": "{who}-{day}", "total": "{total} EUR"}}\n'
)


@pytest.fixture
def bought(small_shop: Shop) -> Shop:
    """Two customers who bought twice, and a definition that was changed since."""
    small_shop.write("schemas/customer.yaml", SCHEMA.format(spent="sum of order_placed.total"))
    small_shop.play()
    orders = "".join(
        ORDER.format(who=who, day=day, total=total)
        for who, day, total in (("c1", 10, 30), ("c1", 12, 10), ("c2", 13, 70))
    )
    said = small_shop.run("import", str(small_shop.write("orders.jsonl", orders)))
    assert said.code == 0, said.out + said.err
    small_shop.play()
    small_shop.write("schemas/customer.yaml", SCHEMA.format(spent="average of order_placed.total"))
    return small_shop


def pages(shop: Shop, many: int) -> None:
    """What the daemon does about it."""
    store = shop.store()
    with store.read() as conn:
        number = deployments.current_number(conn)
    for _ in range(many):
        fill_page(store, Publication(number, shop.project().journeys), shop.clock.now())
    store.close()


def test_a_changed_definition_is_told_wherever_its_fact_is_shown(bought: Shop, golden: Golden) -> None:
    deployed = bought.run("deploy")
    shown = [deployed.err, bought.run("facts").out, bought.run("status").out.partition("\n\n")[0]]
    shown.append(bought.run("show", "c1").out.partition("Reach")[0])
    pages(bought, 10)
    shown += [bought.run("facts", "spent").out, bought.run("show", "c1").out.partition("Reach")[0]]
    golden("golden/facts.txt", "\n---\n".join(shown))


def test_a_rebuild_counts_anew_and_ends_whole(bought: Shop) -> None:
    bought.play()
    before = json.loads(bought.run("facts", "--format", "json").out)
    assert {each["name"]: each["state"] for each in before} == {
        "lately": "asked", "last_order_at": "whole", "orders_count": "whole", "spent": "counting",
    }  # fmt: skip
    done = json.loads(bought.run("facts", "rebuild", "--format", "json").out)
    assert {each["name"]: each["state"] for each in done} == {
        "last_order_at": "whole", "orders_count": "whole", "spent": "whole",
    }  # fmt: skip
    assert "spent" in bought.run("show", "c1").out
    assert "20 EUR " in bought.run("show", "c1").out


def test_a_rebuild_forgets_no_events_that_are_not_kept_unless_it_is_told_to(bought: Shop) -> None:
    bought.play()
    pages(bought, 10)
    store = bought.store()
    store.write(lambda conn: conn.exec_driver_sql("DELETE FROM event WHERE id = 'c1-10'"))
    refused = json.loads(bought.run("facts", "rebuild", "--format", "json").out)
    by_name = {each["name"]: each for each in refused}
    assert "not rebuilt" in by_name["spent"]["says"]
    assert "facts rebuild spent --from-kept" in by_name["spent"]["says"]
    assert "not rebuilt" not in by_name["orders_count"]["says"], "its counter says all"
    assert "20 EUR " in bought.run("show", "c1").out
    (kept,) = json.loads(bought.run("facts", "rebuild", "spent", "--from-kept", "--format", "json").out)
    assert (kept["state"], kept["short"], kept["counted_from"]) == ("whole", 1, "2026-11-12T09:00:00Z")
    shown = bought.run("show", "c1").out
    assert "10 EUR " in shown
    assert "counted from 2026-11-12 on: earlier events of 1 customer were not kept" in shown
    assert "counted from" not in bought.run("show", "c2").out.partition("Reach")[0]
    with store.read() as conn:
        assert definitions.all_of(conn)["orders_count"].short == 0
    store.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("facts", "nobody"), 'there is no fact "nobody" in what was deployed'),
        (("facts", "rebuild", "lately"), "lately is counted when it is asked for"),
        (("facts", "--from-kept"), "--from-kept says how to rebuild"),
        (("facts", "a", "b"), "this is nothing that can be done with facts"),
    ],
)
def test_what_cannot_be_done_is_said(bought: Shop, words: tuple[str, ...], said: str) -> None:
    answer = bought.run(*words)
    assert answer.code == 2
    assert said in answer.err
