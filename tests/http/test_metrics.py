"""What `/metrics` tells of a daemon that works: how long things took, how late they are, what runs there."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx2
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from engine.http.app import create_figures_app
from engine.http.metrics import Metrics
from tests.daemon.shop import PLAIN
from tests.http.conftest import Served
from tests.http.web_shop import WebShop


def test_an_event_is_measured_on_its_way_in_and_through_the_decision(served: Served) -> None:
    before = _figures(served)
    with served.client() as client:
        assert client.post("/events", json={"event": "subscribed", "customer_id": "measured"}).is_success
    deadline = time.monotonic() + 30
    while (after := _figures(served)).get("perennial_decided_total", 0) <= before["perennial_decided_total"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for name in (
        'perennial_request_seconds_count{route="/events"}', "perennial_decision_seconds_count",
        "perennial_store_commit_seconds_count", "perennial_store_jobs_total",
    ):  # fmt: skip
        assert after[name] > before.get(name, 0), name


def test_what_runs_there_is_told(served: Served) -> None:
    figures = _figures(served)
    assert [name for name in figures if name.startswith('perennial_build_info{commit="')]
    assert [name for name in figures if re.match(r'perennial_deployment_info\{commit=".*",number="1"', name)]
    assert abs(figures["perennial_deployment_timestamp_seconds"] - time.time()) < 3600
    assert figures['perennial_store_bytes{part="database"}'] > 100_000
    assert figures["process_resident_memory_bytes"] > 10_000_000
    assert figures["perennial_due_lag_seconds"] < 60


def test_labels_are_those_of_routes_and_channels_never_of_requests(served: Served) -> None:
    for path in ("/u/token1", "/u/token2", "/nowhere/1", "/nowhere/2"):
        httpx2.get(f"{served.url}{path}", verify=PLAIN)
    routes = set(re.findall(r'route="([^"]*)"', " ".join(_figures(served))))
    assert not [route for route in routes if "token1" in route or "nowhere/" in route]


def test_what_a_channel_says_is_counted_with_its_time_and_its_lag() -> None:
    metrics = Metrics()
    metrics.delivered("email", "refused for now", 0.2, 70.0)
    metrics.delivered("email", "accepted", 0.2, -1.0)  # a clock that was put back is no negative lag
    text = metrics.text().decode()
    assert 'perennial_messages_total{channel="email",outcome="refused_for_now"} 1.0' in text
    assert 'perennial_delivery_lag_seconds_bucket{channel="email",le="300.0"} 2.0' in text
    assert 'perennial_delivery_lag_seconds_bucket{channel="email",le="60.0"} 1.0' in text
    assert 'perennial_delivery_seconds_sum{channel="email"} 0.4' in text


def test_a_process_that_serves_nobody_tells_its_figures_and_nothing_else(tmp_path: Path) -> None:
    shop = WebShop(tmp_path)
    try:
        with TestClient(
            create_figures_app(shop.context), client=("127.0.0.1", 1), base_url="http://localhost"
        ) as here:
            assert here.get("/healthz").text == "ok\n"
            assert "perennial_due_lag_seconds 0.0" in here.get("/metrics").text
            for path in ("/", "/events", "/outbox", "/docs", "/u/x"):
                assert here.get(path).status_code == 404, path
    finally:
        shop.close()


def _figures(served: Served) -> dict[str, float]:
    text = httpx2.get(f"{served.url}/metrics", verify=PLAIN).text
    return {
        sample.name
        + (
            "{" + ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items())) + "}"
            if sample.labels
            else ""
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
