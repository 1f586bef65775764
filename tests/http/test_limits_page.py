"""docs/limits.md says what the code does: each number of the page is the one of its constant."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.channels import answer_heads, egress
from engine.config import Signup
from engine.core.decision import causes
from engine.core.facts import fold, taking_back, tally
from engine.core.handlers import product_starts
from engine.core.products import event_products
from engine.http import body, callback_routes, connections, context, keys, push_routes
from engine.http.intake import browsers, strict_json
from engine.http.reading import journey_routes, report_routes, shared_answers
from engine.runtime.intake import limits, signups
from engine.store.inbox import refusals
from engine.store.products import history, watching

PAGE = Path(__file__).resolve().parents[2] / "docs" / "limits.md"
ROWS = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]

KB = 1024
LIMITS = [
    ("connections at once", connections.MOST_CONNECTIONS, ""),
    ("connections of one address", connections.MOST_PER_ADDRESS, ""),
    ("time until the head is whole", connections.HEAD_SECONDS, " seconds"),
    ("time from the head to the end of the answer", connections.REQUEST_SECONDS, " seconds"),
    ("time that an idle connection is kept", connections.KEEP_ALIVE_SECONDS, " seconds"),
    ("size of the head", connections.LARGEST_HEAD / KB, " KB"),
    ("header lines", connections.MOST_HEADERS, ""),
    ("chunks of fewer than", connections.FREE_CHUNKS, ""),
    ("chunks of fewer than", connections.SMALLEST_CHUNK, " bytes"),
    ("requests that a client sends ahead", connections.MOST_AHEAD, ""),
    ("body of events", body.MAX_BODY / KB / KB, " MB"),
    ("body of a callback", callback_routes.MAX_CALLBACK / KB / KB, " MB"),
    ("form, sign-up", body.MAX_FORM / KB, " KB"),
    ("fields of a form", body.MAX_FIELDS, ""),
    ("time until the body is whole", body.READ_SECONDS, " seconds"),
    ("items of a request", strict_json.MAX_ITEMS, ""),
    ("line ends of JSON Lines", strict_json.MAX_LINES, ""),
    ("objects and lists of a body", strict_json.MAX_BRACKETS, ""),
    ("commas of a body", strict_json.MAX_COMMAS, ""),
    ("reports in a callback", callback_routes.MOST_REPORTS, ""),
    ("levels inside an item", strict_json.MAX_DEPTH, ""),
    ("values inside an item", strict_json.MAX_NODES, ""),
    ("characters of a text", strict_json.MAX_TEXT, ""),
    ("characters of a name", strict_json.MAX_KEY, ""),
    ("body in which one item", strict_json.SECOND_READING / KB, " KB"),
    ("requests that wait for the store", context.MOST_WAITING, ""),
    ("bytes of all bodies", body.MOST_BYTES / KB / KB, " MB"),
    ("bytes of all other bodies", body.MOST_BYTES_OF_STRANGERS / KB / KB, " MB"),
    ("informational answers", answer_heads.MOST_INFORMATIONAL, ""),
    ("bytes of an answer that", answer_heads.PIECE / KB, " KB"),
    ("body of an answer", egress.LARGEST_ANSWER / KB, " KB"),
    ("wrong keys of one address", keys.GUESSES, " a minute"),
    ("time until a revoked key ends", keys.REMEMBERED, " seconds"),
    ("sign-ups of one network", Signup().per_network, " an hour"),
    ("sign-ups altogether", Signup().in_all, " an hour"),
    ("sign-ups beyond that", signups.BEYOND, " an hour"),
    ("calls with a browser's key", browsers.MOST_CALLS, " a minute"),
    ("body with a browser's key", browsers.MAX_BODY / KB, " KB"),
    ("attributes of a customer", limits.MOST_UNDECLARED, ""),
    ("bytes of the attributes", limits.MOST_BYTES / KB, " KB"),
    ("devices of a customer", fold.DEVICES, ""),
    ("different values that a", tally.MOST_VALUES, ""),
    ("different values that `number", tally.MOST_DIFFERENT, ""),
    ("events of a customer that `less`", taking_back.MOST_KEPT, ""),
    ("events whose gaps", tally.MOST_MOMENTS, ""),
    ("refused items of one source", refusals.MOST_OF_A_KIND, ""),
    ("refused items that are kept altogether", refusals.MOST, ""),
    ("characters of a refused item", refusals.LARGEST / KB, " KB"),
    ("different mistakes of one source", refusals.MOST_COUNTED, ""),
    ("subscriptions of browsers", push_routes.MOST_CALLS, " a minute"),
    ("[reports over HTTP]", shared_answers.AT_ONCE, ""),
    ("different reports that are made", shared_answers.MOST_WAITING, ""),
    ("time for which a report", report_routes.KEPT, " seconds"),
    ("time for which `/journeys`", journey_routes.KEPT, " seconds"),
    ("products of one event", event_products.MOST_PRODUCTS, ""),
    ("products that the events of a request", watching.MOST_TOUCHES, ""),
    ("products that `collect`", product_starts.MOST_COLLECTED, ""),
    ("[prices](prices.md) of a product", history.MOST_PRICES, ""),
    ("starts of a journey in one chain", causes.MOST_ROUNDS, ""),
]


@pytest.mark.parametrize(("row", "number", "unit"), LIMITS, ids=[row for row, _, _ in LIMITS])
def test_the_page_says_the_number_of_the_code(row: str, number: float, unit: str) -> None:
    found = [line for line in ROWS if line.startswith(f"| {row}")]
    assert len(found) == 1
    assert f"{number:,.0f}{unit}" in found[0]


def test_every_row_of_the_page_is_held() -> None:
    held = tuple(f"| {row}" for row, _, _ in LIMITS)
    free = ("| what |", "| `Content-Length` and", "| packed otherwise", "| confirmations to one mailbox",
            "| channels with an address", "| purposes of consents", "| names of events")  # fmt: skip
    assert [row for row in ROWS if not row.startswith((*held, *free))] == []
