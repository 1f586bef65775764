"""A template that reads `paths.x` is shown once for each path of the split; a fact that is a moment is shown
as one."""

from __future__ import annotations

from tests.cli.conftest import Shop

JOURNEY = """journey: offers
start: {event: order_placed}
again: always
goal: {event: order_placed}
policy: service
steps:
  - split: tone
    into:
      50% warm:
        - add: {points: 1}
      50% cool:
        - add: {points: 2}
  - send: offer_note
"""
TEMPLATE = """---
subject: "{% if paths.tone == 'warm' %}Dear friend{% else %}Hello{% endif %}"
---
<p>{{ paths.tone }}: you ordered {{ customer.last_order_at or "never" }}</p>
"""


def test_each_path_is_shown_and_a_moment_reads_as_one(shop: Shop) -> None:
    shop.write("journeys/offers.yaml", JOURNEY)
    shop.write("templates/offer_note.email.html", TEMPLATE)
    page = shop.folder / "page.html"
    answer = shop.run("preview", "offer_note", "--no-browser", "--out", str(page))
    assert answer.code == 0, answer.err
    shown = page.read_text()
    assert "email, en, tone: warm" in shown
    assert "email, en, tone: cool" in shown
    assert "Dear friend" in shown
    assert "Hello" in shown
    assert "202" in shown.partition("you ordered ")[2][:30]
    assert "you ordered 17" not in shown  # milliseconds since 1970
