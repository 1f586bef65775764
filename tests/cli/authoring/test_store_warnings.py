"""What `check --store` tells that no file can: what the shop does not send, and whom nobody asked."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shop, report
from tests.conftest import Golden

MANY = 120
LATER = "2026-12-10T10:00:00+00:00"
MUCH_LATER = "2027-02-20T10:00:00+00:00"


def people(consent: str = "none") -> str:
    line = '{{"customer_id": "c{}", "email": "c{}@example.com"{}}}\n'
    said = "" if consent == "none" else f', "consent": {{"email": "{consent}"}}'
    return "".join(line.format(n, n, said) for n in range(MANY))


def events(name: str, day: str, *, tag: str = "") -> str:
    line = '{{"customer_id": "c{0}", "event": "{1}", "at": "{2}T09:00:00Z", "id": "{1}{3}{0}"}}\n'
    return "".join(line.format(n, name, day, tag) for n in range(MANY))


@pytest.fixture
def grown(small_shop: Shop) -> Shop:
    """Customers without consent who signed up three weeks ago; the journey waits for their orders."""
    small_shop.play()
    take(small_shop, people())
    take(small_shop, events("subscribed", "2026-11-20"), "--live")
    small_shop.go_to(LATER)
    return small_shop


def take(shop: Shop, lines: str, *words: str) -> None:
    said = shop.run("import", *words, str(shop.write("taken.jsonl", lines)))
    assert said.code == 0, said.out + said.err
    shop.play(deliver=False)


def test_what_nobody_sends_nobody_agreed_to_and_nobody_uses(grown: Shop, golden: Golden) -> None:
    template = grown.folder / "templates/welcome_hello.email.mjml"
    grown.write("templates/spring_sale.email.mjml", template.read_bytes())
    said = grown.run("check", "--store")
    golden("golden/check_store_warnings.txt", report(said))
    assert said.code == 0
    assert ", 0 warnings." in grown.run("check").out


def test_each_is_mended_by_what_its_fix_says(grown: Shop) -> None:
    assert {"W55", "W56"} <= codes(grown)
    take(grown, events("order_placed", "2026-12-09"), "--live")
    assert "W55" not in codes(grown)
    take(grown, people("asked"))
    assert "W56" not in codes(grown)


def test_an_event_that_stopped_to_come_is_told(grown: Shop) -> None:
    take(grown, events("order_placed", "2026-12-09"), "--live")
    grown.go_to(MUCH_LATER)
    assert "W55" not in codes(grown)  # everything stopped: nobody sends anything
    take(grown, events("subscribed", "2027-02-19", tag="again"), "--live")
    said = grown.run("check", "--store").out
    assert 'W55: no "order_placed" came since 2026-12-09' in said
    assert 'no "subscribed"' not in said


def test_a_young_store_and_imported_history_say_nothing_of_events(small_shop: Shop) -> None:
    small_shop.play()
    take(small_shop, people("given"))
    take(small_shop, events("subscribed", "2026-01-20"))  # history
    assert "W55" not in codes(small_shop)
    small_shop.go_to(LATER)
    assert "W55" not in codes(small_shop)
    take(small_shop, events("subscribed", "2026-12-09", tag="live"), "--live")
    assert "W55" not in codes(small_shop)  # they came today


def test_an_attribute_that_nobody_has_is_not_zero(grown: Shop) -> None:
    schema = grown.folder / "schemas/customer.yaml"
    schema.write_text(schema.read_text().replace("attributes:", "attributes:\n  open_tickets: number", 1))
    journey = grown.folder / "journeys/welcome.yaml"
    text = journey.read_text()
    journey.write_text(text.replace("again:", "who: {open_tickets: 0}\nagain:", 1))
    said = grown.run("check", "--store", "journeys/welcome.yaml").out
    assert 'W59: nobody has "open_tickets"' in said
    assert "fix: write  open_tickets: not more than 0" in said
    journey.write_text(text.replace("again:", "who: {open_tickets: not more than 0}\nagain:", 1))
    assert "W59" not in codes(grown)
    journey.write_text(text.replace("again:", "who: {open_tickets: 0}\nagain:", 1))
    take(grown, '{"customer_id": "c1", "open_tickets": 0}\n')
    assert "W59" not in codes(grown)


def codes(shop: Shop) -> set[str]:
    words = shop.run("check", "--store").out.replace(":", "").split()
    return {word for word in words if word[:1] == "W" and word[1:].isdigit()}
