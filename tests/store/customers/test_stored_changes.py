"""What the history of a customer keeps of a change reads back as it was written."""

from __future__ import annotations

from engine.core.happening import ProfileChanged
from engine.store.customers import events
from engine.store.database import Store
from engine.store.sql import rows
from engine.values import Instant


def test_a_change_reads_back_with_devices_that_came_and_without_those_that_went(store: Store) -> None:
    change = ProfileChanged(
        1, Instant(5), {"language": "de", "country": None}, {"email": "a@example.com", "sms": None},
        {("email", "marketing"): "given", ("email", "news.daily"): "asked"},
        joined=(("push", "device"),), left=(("viber", "device"),),
    )  # fmt: skip
    store.write(lambda conn: events.append(conn, 0, [("c1", change)]))
    with store.read() as conn:
        ((document,),) = rows(conn, "SELECT CAST(fields AS TEXT) FROM event WHERE name = '$changed'")
    said = events.stored_change(document)
    assert said.attributes == {"language": "de", "country": None}
    assert said.addresses == {"email": "a@example.com", "sms": None, "push": "device"}
    assert said.consents == {"email": "given"}
