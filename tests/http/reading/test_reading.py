"""Dashboards and notebooks read reports, journeys and customers: the figures of the commands, at little
cost."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import pytest
from jsonschema import Draft202012Validator

from engine.clock import SystemClock
from engine.figures.export import as_csv, as_json
from engine.figures.period import Granularity
from engine.figures.report_query import ReportQuery, understood
from engine.figures.reports import by_name as reports
from engine.figures.reports.by_name import KINDS, NAMES, ReportTopic
from engine.http.problems import Refusal
from engine.http.reading.report_routes import ReportForm, make_report
from engine.http.reading.shared_answers import MOST_WAITING, ReadAnswer, SharedAnswers
from engine.project import load
from engine.store.customers import enrollments
from engine.values import iso
from tests.conftest import Golden
from tests.http.conftest import ROOT, Served
from tests.http.web_shop import WebShop

BUYER = "buyer"
"""Who is in no holdout."""


@pytest.fixture(scope="module")
def lived(served: Served) -> Served:
    """Somebody filled a cart and waits in its journey, having bought before."""
    past = {"event": "order_placed", "customer_id": BUYER, "at": "2026-02-11T12:00:00Z", "history": True}
    with served.client() as writer:
        body = {"email": f"{BUYER}@example.com", "consent": {"email": "given"}, "birthday": "1990-05-17"}
        assert writer.put(f"/customers/{BUYER}", json=body).status_code == 200
        events = [
            {**past, "properties": {"order_id": uuid4().hex, "total": 30, "currency": "EUR"}},
            {"event": "cart_updated", "customer_id": BUYER, "properties": {"total": 80}},
        ]
        assert writer.post("/events", json=events).json()["taken"] == 2
    served.wait_for_run(BUYER, "abandoned_cart")
    return served


@pytest.fixture(scope="module")
def reader(lived: Served) -> Iterator[httpx2.Client]:
    with lived.client("read") as made:
        yield made


@pytest.fixture(scope="module")
def described(reader: httpx2.Client) -> Any:
    return reader.get("/openapi.json").json()["paths"]


def _validated(described: Any, path: str, answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    content = described[path]["get"]["responses"]["200"]["content"]["application/json"]
    told = answer.json()
    Draft202012Validator(content["schema"]).validate(told)
    return told


def test_every_report_is_answered_as_it_is_described(reader: httpx2.Client, described: Any) -> None:
    for name in NAMES:
        of = {ReportTopic.JOURNEY: {"of": "abandoned_cart"}, ReportTopic.CUSTOMER: {"of": BUYER}}.get(
            KINDS[name].of, {}
        )
        told = _validated(described, "/reports/{name}", reader.get(f"/reports/{name}", params=of))
        assert told["report"] == name
        assert told["definitions"]


def test_the_figures_are_those_of_the_command(lived: Served, reader: httpx2.Client) -> None:
    days, now, journeys = ("2026-02-01", "2026-03-31"), SystemClock().now(), load(lived.folder).journeys
    parameters = {"from": days[0], "to": days[1], "by": "month"}
    with lived.store() as store, store.read() as conn:
        asked = ReportQuery("overview", "", *days, by=Granularity.month)
        found = reports.report(conn, understood(conn, asked, journeys, now, 365), journeys, now)
    told = reader.get("/reports/overview", params=parameters).json()
    assert {**told, "made_at": ""} == {**json.loads(orjson.dumps(as_json(found))), "made_at": ""}
    assert told["tables"][0]["rows"][0]["all_orders"] == 1
    text = reader.get("/reports/overview", params={**parameters, "format": "csv"})
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.text == as_csv(found)


def test_what_has_not_changed_is_not_sent_again(lived: Served, reader: httpx2.Client) -> None:
    for path in ("/reports/customers?from=2020-01-01&to=2020-01-31", "/journeys", f"/customers/{BUYER}"):
        first = reader.get(path)
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        again = reader.get(path, headers={"If-None-Match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert reader.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    tag = reader.get(f"/customers/{BUYER}").headers["etag"]
    with lived.client() as writer:
        assert writer.put(f"/customers/{BUYER}", json={"first_name": "Bea"}).status_code == 200
    assert reader.get(f"/customers/{BUYER}", headers={"If-None-Match": tag}).status_code == 200


def test_what_cannot_be_asked_is_said_with_what_can(reader: httpx2.Client, golden: Golden) -> None:
    wrong = (
        "overvew", "journey", "journey?of=abandoned_kart", "channels?of=email", "channels?from=yesterday",
        "channels?last=a+while", "channels?from=2026-03-02&to=2026-03-01", "channels?last=30+years",
        "channels?from=2026-03-02&last=30+days", "channels?by=hour", "channels?format=html",
        "channels?form=csv",
    )  # fmt: skip
    said = []
    for path in wrong:
        answer = reader.get(f"/reports/{path}")
        assert answer.headers["content-type"] == "application/problem+json"
        problem = {key: value for key, value in answer.json().items() if key not in ("code", "message")}
        said.append(f"{path}\n{json.dumps(problem, indent=1)}\n")
    golden("golden/reports_refused.txt", "\n".join(said))


def test_a_parameter_that_there_is_not_is_refused(reader: httpx2.Client) -> None:
    for path in ("/journeys?state=live", f"/customers/{BUYER}?fields=id"):
        answer = reader.get(path)
        assert answer.status_code == 400
        assert "there is no parameter" in answer.json()["title"]


def test_only_keys_that_may_read_are_answered(lived: Served) -> None:
    with lived.client("till") as other:
        for path in ("/reports/overview", "/journeys", f"/customers/{BUYER}"):
            assert other.get(path).status_code == 403
            assert httpx2.get(f"{lived.url}{path}").status_code == 401


def test_journeys_tell_what_is_published_and_who_is_inside(
    lived: Served, reader: httpx2.Client, described: Any
) -> None:
    files = load(lived.folder).journeys.by_name
    for _ in range(100):  # what was told a moment ago is told again
        told = _validated(described, "/journeys", reader.get("/journeys"))
        cart = next(each for each in told["journeys"] if each["name"] == "abandoned_cart")
        with lived.store() as store, store.read() as conn:
            inside = enrollments.inside(conn, "abandoned_cart")["abandoned_cart"]
        if (cart["people"], cart["holdout"]) == (inside.people, inside.holdout):
            break
        time.sleep(0.05)
    assert (cart["people"], cart["holdout"]) == (inside.people, inside.holdout)
    assert told["deployment"]["number"] >= 1
    assert {each["name"] for each in told["journeys"]} >= set(files)
    assert cart["state"] == "live"
    assert cart["file"] == "journeys/abandoned_cart.yaml"
    assert [each["step"] for each in cart["steps"]] == [step.id for step in files["abandoned_cart"].steps]
    resting = {each["step"]: each["people"] for each in cart["steps"] if each["people"]}
    assert resting == {step: people for step, people in inside.steps.items() if step}
    assert sum(resting.values()) + cart["on_the_way"] + cart["holdout"] == cart["people"] > 0


def test_a_customer_is_told_with_facts_and_where_their_runs_rest(
    lived: Served, reader: httpx2.Client, described: Any
) -> None:
    for _ in range(100):
        told = _validated(described, "/customers/{customer}", reader.get(f"/customers/{BUYER}"))
        if not told["not_applied"]:
            break
        time.sleep(0.05)
    assert told["facts"]["orders_count"] == 1
    assert "orders_count" not in told["attributes"]
    assert told["attributes"]["birthday"] == "1990-05-17"
    assert told["facts"]["last_order_at"].endswith("Z")
    assert told["addresses"]["email"] == [f"{BUYER}@example.com"]
    assert told["consents"]["email"] == {"marketing": "given"}
    (run,) = [each for each in told["runs"] if each["journey"] == "abandoned_cart"]
    steps = [step.id for step in load(lived.folder).journeys.by_name["abandoned_cart"].steps]
    assert run["next"].pop("at") > iso(SystemClock().now())
    assert (run["rests"], run["step"], run["next"]) == ("waits", steps[0], {"step": steps[1]})


CELLS = re.findall(
    r"^```python\n(.*?)^```",
    (ROOT / "docs" / "read-api.md").read_text(encoding="utf-8"),
    re.MULTILINE | re.DOTALL,
)


def test_the_cells_of_the_notebook_run(lived: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERENNIAL_URL", lived.url)
    monkeypatch.setenv("PERENNIAL_KEY", lived.key("read"))
    said: list[tuple[Any, ...]] = []
    names: dict[str, Any] = {"print": lambda *words: said.append(words)}
    plain, with_pandas = CELLS
    exec(plain, names)
    assert names["inside"]["abandoned_cart"] >= 1
    assert said[0][0] == names["overview"]["period"]
    if importlib.util.find_spec("pandas") is not None:
        exec(with_pandas, names)
        assert "abandoned_cart" in said[-1][0].to_string()


@pytest.fixture
def web_shop(tmp_path: Path) -> Iterator[WebShop]:
    made = WebShop(tmp_path)
    yield made
    made.close()


@dataclass
class Desk:
    """Asks for reports as the route does."""

    shop: WebShop
    shared: SharedAnswers = field(default_factory=SharedAnswers)

    async def ask(self, day: int, name: str = "channels") -> ReadAnswer:
        asked, form = ReportQuery(name, first="2026-01-01", last=f"2026-01-{day:02}"), ReportForm.json
        return await self.shared.answer(asked, lambda: make_report(self.shop.context, asked, form), 60)


def test_those_who_ask_the_same_at_once_share_one_report(web_shop: WebShop) -> None:
    desk = Desk(web_shop)

    async def ask() -> None:
        first, *others = await asyncio.gather(*(desk.ask(1) for _ in range(50)))
        assert all(each is first for each in others)
        assert await desk.ask(1) is first
        assert await desk.ask(2) is not first

    asyncio.run(ask())


def test_who_goes_away_leaves_the_report_to_the_others(web_shop: WebShop) -> None:
    desk = Desk(web_shop)

    async def ask() -> None:
        gone, stays = (asyncio.create_task(desk.ask(1)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).body

    asyncio.run(ask())


def test_too_many_different_reports_are_refused_and_the_next_ones_are_not(web_shop: WebShop) -> None:
    desk = Desk(web_shop)

    async def ask() -> None:
        answers = await asyncio.gather(
            *(desk.ask(day + 1) for day in range(MOST_WAITING + 1)), return_exceptions=True
        )
        refused = [each for each in answers if isinstance(each, Refusal)]
        assert [(each.status, each.retry_after) for each in refused] == [(503, 5)]
        assert answers[-1] is refused[0]
        assert (await desk.ask(31)).body

    asyncio.run(ask())


def test_a_refusal_is_not_kept(web_shop: WebShop) -> None:
    desk = Desk(web_shop)

    async def ask() -> None:
        for _ in range(MOST_WAITING + 1):
            with pytest.raises(Refusal) as refusal:
                await desk.ask(1, "nothing")
            assert refusal.value.status == 404

    asyncio.run(ask())
