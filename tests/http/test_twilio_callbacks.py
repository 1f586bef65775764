"""`/callbacks/sms` as Twilio meets it: over HTTP, behind a proxy, with strangers around."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from engine import project
from engine.core.facts.customer import Reach
from engine.core.happening import ProfileChanged
from engine.http.app import create_app
from engine.http.context import Context, LiveProject
from engine.http.metrics import Metrics
from engine.runtime.publish.published import publish_in_memory
from engine.store.customers import suppressions
from engine.store.messages import reports
from tests.channels.twilio_server import ACCOUNT, TOKEN, call
from tests.runtime.shop import Shop

URL = "https://news.shop.example/callbacks/sms"
NUMBER = "+359888123456"
FILES = {
    "config.yaml": """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: UTC
currency: EUR
languages: [en]
store: sqlite:///data/shop.db
http: {listen: 127.0.0.1:8080, public_url: https://news.shop.example}
channels:
  email: {via: outbox, price: 0 EUR}
  sms: {via: twilio, account: env:TW_ACCOUNT, token: env:TW_TOKEN, from: "+359888000001", price: 0.06 EUR}
  whatsapp: {via: twilio, account: env:TW_NOT_SET, token: env:TW_NOT_SET_EITHER, from: "+359888000001"}
policies:
  marketing: {quiet: none, caps: none}
""",
    "schemas/customer.yaml": "attributes:\n  tier: text\n",
    "schemas/events.yaml": "events:\n  signed_up: {}\n  order_placed: {}\n",
    "journeys/news.yaml": "journey: news\nstart: {event: signed_up}\nagain: never\n"
    "goal: {event: order_placed}\nsteps:\n  - send: hello\n    via: sms\n",
    "templates/hello.sms.txt": "Hello. Reply STOP to end",
}


class Desk:
    """The daemon's HTTP side over a real store. `twilio` posts a signed form; `strange` changes what
    arrives."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop(folder, FILES)
        read = project.load(folder / "project0")
        live = publish_in_memory(1, read, folder / "project0", "a secret of this shop")
        said = LiveProject(live.project.config, live.intake, live.links, folder / "project0")
        context = Context(self.shop.store, self.shop.clock, lambda: said, lambda: None, lambda: "", Metrics())
        self.browser = TestClient(create_app(context), base_url="http://10.0.0.7:8080")
        reach = {"sms": NUMBER}
        agreed = {("sms", "marketing"): "given"}
        self.shop.happen("c1", ProfileChanged(0, self.shop.clock.now(), {}, reach, agreed), None)
        self.shop.run()

    def posts(self, url: str = URL, signed_url: str = "", path: str = "", **fields: str) -> int:
        made = call(url, list(fields.items()), signed_url=signed_url)
        answer = self.browser.post(
            path or url.removeprefix("https://news.shop.example"),
            content=made.body,
            headers=dict(made.headers),
        )
        if answer.status_code == 200:
            assert (answer.text, answer.headers["content-type"].partition(";")[0]) == (
                "<Response/>",
                "text/xml",
            )
        self.shop.run()
        return answer.status_code

    def reach(self) -> Reach:
        with self.shop.store.read() as conn:
            return reports.reach_of(conn, "c1")["sms"]

    def kept(self) -> int:
        with self.shop.store.read() as conn:
            return int(conn.exec_driver_sql("SELECT count(*) FROM report").scalar_one())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("TW_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("TW_TOKEN", TOKEN)
    made = Desk(tmp_path)
    yield made
    made.browser.close()
    made.shop.close()


def test_case_93_a_stop_over_http_closes_the_number_before_the_next_message(desk: Desk) -> None:
    assert desk.posts(MessageSid="SM1", From=NUMBER, Body="Stop.") == 200
    with desk.shop.store.read() as conn:
        assert "all" in suppressions.active(conn, "sms", NUMBER)
    assert desk.reach().consents["marketing"] == "withdrawn"
    for _ in range(3):
        assert desk.posts(MessageSid="SM1", From=NUMBER, Body="Stop.") == 200
    assert desk.kept() == 2  # the reply and the stop, once


def test_case_100_strangers_are_refused_and_nothing_is_written(desk: Desk) -> None:
    stop = {"MessageSid": "SM1", "From": NUMBER, "Body": "STOP"}
    for wrong in (
        "http://news.shop.example/callbacks/sms",
        "http://10.0.0.7:8080/callbacks/sms",  # what the Host header says counts for nothing
        f"{URL}?key=other",
        f"{URL}/",
    ):
        assert desk.posts(signed_url=wrong, **stop) == 403
    assert desk.browser.post("/callbacks/sms", data=stop).status_code == 403
    assert desk.kept() == 0
    assert desk.reach().consents["marketing"] == "given"
    assert desk.posts(signed_url=URL.replace(".example/", ".example:443/"), **stop) == 200


def test_case_102_a_channel_without_a_token_refuses_everything(desk: Desk) -> None:
    url = URL.replace("/sms", "/whatsapp")
    assert desk.posts(url, MessageSid="SM1", From=f"whatsapp:{NUMBER}", Body="STOP") == 403
    assert desk.kept() == 0


def test_a_genuine_call_that_makes_no_sense_is_a_bad_request(desk: Desk) -> None:
    assert desk.posts(MessageStatus="delivered") == 400
