"""`show`: the ledger of consent in the order of time, with the proof of each line."""

from __future__ import annotations

import json
from functools import partial

import pytest

from engine.runtime.feedback.consent import ConsentProof, withdraw
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

ANNA = {
    "customer_id": "anna",
    "email": "anna@example.com",
    "consent": {
        "email": {
            "state": "given",
            "when": "2026-03-02T08:30:00Z",
            "where": "checkout",
            "text": "Yes, send me\noffers",
        }
    },
}
BOB = {"customer_id": "bob", "email": "bob@example.com", "consent": {"email": "given"}}


@pytest.fixture
def agreed(small_shop: Shop) -> Shop:
    """Anna agreed in March, by the proof of the import; Bob's import has none. Both left an hour later by the
    link."""
    small_shop.write("people.jsonl", f"{json.dumps(ANNA)}\n{json.dumps(BOB)}\n")
    assert small_shop.run("deploy").code == 0
    assert small_shop.run("import", str(small_shop.folder / "people.jsonl")).code == 0
    small_shop.play()
    now = small_shop.go_to("2026-11-20T11:00:00+00:00")
    said = ConsentProof(now, "unsubscribe link", "Stop \x1b[31mthese messages")
    store = small_shop.store()
    try:
        for customer in ("anna", "bob"):
            store.write(partial(withdraw, customer=customer, pairs=[("email", "marketing")], proof=said))
    finally:
        store.close()
    small_shop.play()
    return small_shop


def test_what_was_given_and_taken_back_stands_in_the_history(agreed: Shop, golden: Golden) -> None:
    golden("golden/show_consents.txt", report(agreed.run("show", "anna")))
    golden("golden/show_consents_without_proof.txt", report(agreed.run("show", "bob")))


def test_json_has_the_ledger_to_the_letter(agreed: Shop) -> None:
    shown = json.loads(agreed.run("show", "anna", "--format", "json", "--last", "1").out)
    assert shown["consents"] == [
        {
            "at": "2026-03-02T08:30:00Z",
            "channel": "email",
            "purpose": "marketing",
            "state": "given",
            "source": "checkout",
            "wording": "Yes, send me\noffers",
        },
        {
            "at": "2026-11-20T11:00:00Z",
            "channel": "email",
            "purpose": "marketing",
            "state": "withdrawn",
            "source": "unsubscribe link",
            "wording": "Stop \x1b[31mthese messages",
        },
    ]
    assert {"local_at", "names_step"}.isdisjoint(shown["history"][0])
