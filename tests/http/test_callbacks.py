"""`/callbacks/<channel>` of a real application: genuine calls are stored before they are answered, others
change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest

from engine.clock import ManualClock
from engine.core.decision.effects import Send
from engine.http.app import create_app
from engine.http.context import Context, LiveProject
from engine.http.metrics import Metrics
from engine.runtime.publish.published import publish_in_memory
from engine.store.database import Store
from engine.store.messages import outcomes, queue, records
from engine.store.messages.states import MessageState
from engine.values import HOUR, MINUTE, Instant
from tests.channels.twilio_server import ACCOUNT, TOKEN, signature
from tests.runtime.sending_shop import CONFIG, SENDING_FILES
from tests.runtime.shop import write_project
from tests.stores import new_store

pytestmark = pytest.mark.anyio

NOW = Instant(1_782_000_000_000)
PUBLIC = "https://news.shop.example/perennial"
URL = f"{PUBLIC}/callbacks/sms"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Site:
    """The application with its store; `arrived` counts how often the advancer was told."""

    def __init__(self, folder: Path) -> None:
        config = CONFIG.replace(
            "sms: {via: outbox, price: 0 EUR}",
            'sms: {via: twilio, account: env:TWILIO_SID, token: env:TWILIO_TOKEN, from: "+359888000000"}',
        )
        files = {**SENDING_FILES, "config.yaml": f"http: {{public_url: {PUBLIC}}}\n{config}"}
        self.read = write_project(folder / "project", files)
        self.store: Store = new_store(folder)
        self.metrics, self.arrived = Metrics(), 0
        self.live = publish_in_memory(1, self.read, folder / "project", "secret")
        context = Context(self.store, ManualClock(NOW), self._live, self._arrived, lambda: "", self.metrics)
        transport = httpx2.ASGITransport(app=create_app(context), raise_app_exceptions=True)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://evil.example")

    def _live(self) -> LiveProject:
        live = self.live
        return LiveProject(live.project.config, live.intake, live.links, live.folder)

    def _arrived(self) -> None:
        self.arrived += 1

    def message(self) -> str:
        """One text message that was handed over; its key."""
        latest = Instant(NOW + HOUR)
        send = Send(
            "k", "run", "cart", "cart_reminder", "cart_reminder", "sms", "marketing", "marketing", NOW,
            latest, True,
        )  # fmt: skip
        self.store.write(lambda conn: records.plan(conn, 0, [("anna", send)], NOW))
        (taken,) = self.store.write(lambda conn: queue.claim(conn, "sms", "me", NOW, MINUTE, 1))
        assert self.store.write(lambda conn: queue.hand_over(conn, taken, "hash", NOW)) == "handed"
        self.store.write(lambda conn: outcomes.settle(conn, "k", "anna", MessageState.UNKNOWN, NOW))
        return "k"

    def rows(self, table: str) -> int:
        with self.store.read() as conn:
            return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    def state(self) -> str:
        with self.store.read() as conn:
            found = records.find(conn, "k")
        assert found is not None
        return found.state


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("TWILIO_SID", ACCOUNT)
    monkeypatch.setenv("TWILIO_TOKEN", TOKEN)
    made = Site(tmp_path)
    yield made
    made.store.close()


FIELDS = [("MessageSid", "SM1" + "0" * 31), ("MessageStatus", "delivered"), ("To", "+359881234567")]


async def _post(
    site: Site, fields: list[tuple[str, str]], signed: str, query: str = "?key=k"
) -> httpx2.Response:
    headers = {**FORM, "X-Twilio-Signature": signed}
    return await site.client.post(f"/callbacks/sms{query}", content=urlencode(fields), headers=headers)


async def test_a_genuine_callback_settles_its_message_before_it_is_answered(site: Site) -> None:
    site.message()
    answer = await _post(site, FIELDS, signature(f"{URL}?key=k", FIELDS))
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/xml")
    assert (site.state(), site.rows("report"), site.arrived) == ("delivered", 1, 1)
    assert b'perennial_reports_total{channel="sms",kind="delivered"} 1.0' in site.metrics.text()


async def test_case_40_the_same_callback_fifty_times_is_answered_alike_and_counts_once(site: Site) -> None:
    site.message()
    signed = signature(f"{URL}?key=k", FIELDS)
    answers = [await _post(site, FIELDS, signed) for _ in range(50)]
    assert {(one.status_code, one.text) for one in answers} == {(200, answers[0].text)}
    assert site.rows("report") == 1
    assert b'perennial_reports_repeated_total{channel="sms"} 49.0' in site.metrics.text()


@pytest.mark.parametrize(
    "signed_for",
    [
        "",
        "http://news.shop.example/perennial/callbacks/sms?key=k",  # another scheme than the configured one
        "http://evil.example/callbacks/sms?key=k",  # what the Host header says
        f"{URL}?key=another",
        f"{PUBLIC}/callbacks/whatsapp?key=k",
    ],
)
async def test_case_100_a_signature_for_another_address_changes_nothing(site: Site, signed_for: str) -> None:
    site.message()
    answer = await _post(site, FIELDS, signature(signed_for, FIELDS) if signed_for else "")
    assert (answer.status_code, site.state(), site.rows("report"), site.arrived) == (403, "unknown", 0, 0)


async def test_case_102_without_a_token_callbacks_are_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.message()
    monkeypatch.delenv("TWILIO_TOKEN")
    answer = await _post(site, FIELDS, signature(f"{URL}?key=k", FIELDS))
    assert (answer.status_code, site.rows("report")) == (403, 0)


async def test_what_makes_no_sense_is_400_and_what_nobody_calls_is_404(site: Site) -> None:
    senseless = [("Hello", "world")]
    answer = await _post(site, senseless, signature(f"{URL}?key=k", senseless))
    assert (answer.status_code, site.rows("report")) == (400, 0)
    for channel in ("push", "email", "nowhere"):
        assert (await site.client.post(f"/callbacks/{channel}", content=b"x")).status_code == 404


async def test_case_59_a_body_without_end_is_413(site: Site) -> None:
    answer = await site.client.post("/callbacks/sms", content=b"a=" + b"b" * 6_000_000, headers=FORM)
    assert (answer.status_code, site.rows("report")) == (413, 0)


async def test_nothing_is_answered_with_2xx_that_is_not_stored(site: Site) -> None:
    site.message()
    site.store.write(lambda conn: conn.exec_driver_sql("ALTER TABLE report RENAME TO report_away"))
    answer = await _post(site, FIELDS, signature(f"{URL}?key=k", FIELDS))
    assert (answer.status_code, site.state()) == (503, "unknown")
    assert answer.headers["retry-after"]
    site.store.write(lambda conn: conn.exec_driver_sql("ALTER TABLE report_away RENAME TO report"))
    assert (await _post(site, FIELDS, signature(f"{URL}?key=k", FIELDS))).status_code == 200
    assert site.state() == "delivered"
