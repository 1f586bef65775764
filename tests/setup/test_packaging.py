"""What packaging/ holds is right as far as this machine can say: figures that exist, files that are copied,
units and rules that their own programs take. A program that is not installed is skipped by name."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from engine.http.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
RULES = PACKAGING / "prometheus/alerts.yaml"
DASHBOARD = PACKAGING / "grafana/perennial.json"

_FIGURE = re.compile(r"\b(?:perennial|process)_\w+")
_SELECTOR = re.compile(r"\b((?:perennial|process)_\w+)\{([^}]*)\}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(*words: str | Path, **options: Any) -> str:
    done = subprocess.run(
        [*map(str, words)], check=False, capture_output=True, text=True, timeout=120, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout + done.stderr)


def _figures() -> dict[str, set[str]]:
    """Every name that a query may ask for, with its labels."""
    metrics = Metrics()
    found = {family.name + end: set[str]() for family in metrics.process.collect() for end in ("", "_total")}
    for figure in vars(metrics).values():
        if isinstance(figure, MetricWrapperBase):
            name, labels = figure._name, set(figure._labelnames)
            for end in {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(
                figure._type or "", [""]
            ):
                found[name + end] = labels | ({"le"} if end == "_bucket" else set())
    return found


def _rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in _rules())
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in document["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (entry["query"]["query"] for entry in document["templating"]["list"][1:])
    yield from (entry["expr"] for entry in document["annotations"]["list"])


def test_rules_and_panels_ask_for_figures_and_labels_that_exist() -> None:
    known = _figures()
    for query in _queries():
        assert set(_FIGURE.findall(query)) <= set(known), query
        for name, labels in _SELECTOR.findall(query):
            asked = set(re.findall(r"(\w+)\s*[=!]", labels)) - {"instance", "job"}
            assert asked <= known[name], query


def test_every_figure_is_on_the_dashboard_and_in_the_docs() -> None:
    shown = set(_FIGURE.findall(DASHBOARD.read_text(encoding="utf-8")))
    told = set(_FIGURE.findall((ROOT / "docs/operating.md").read_text(encoding="utf-8")))
    for family in Metrics().registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        assert {name, f"{name}_bucket"} & shown, f"{name} is on no panel"
        assert name in told, f"{name} is not in docs/operating.md"


@pytest.mark.parametrize("rule", _rules(), ids=lambda rule: rule["alert"])
def test_every_rule_says_why_it_is_one_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert {"summary", "reason", "do"} <= set(rule["annotations"])


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_prometheus_takes_the_rules() -> None:
    _run(_program("promtool"), "check", "rules", RULES)
    _run(_program("promtool"), "check", "config", PACKAGING / "prometheus/scrape.yaml")


def test_systemd_takes_the_unit_and_finds_it_closed(tmp_path: Path) -> None:
    analyze = _program("systemd-analyze")
    unit = tmp_path / "perennial.service"
    text = (PACKAGING / "systemd/perennial.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/perennial/.venv/bin/python", sys.executable), encoding="utf-8")
    assert "perennial.service:" not in _run(analyze, "verify", unit)
    if "--offline" not in _run(analyze, "--help"):
        pytest.skip("this systemd-analyze rates only units that are loaded")
    rated = re.search(
        r"exposure level for perennial.service: ([\d.]+)", _run(analyze, "security", "--offline=true", unit)
    )
    assert rated is not None
    assert float(rated[1]) < 2.5


def test_the_image_holds_what_the_program_needs_and_runs_as_nobody(tmp_path: Path) -> None:
    lines = (PACKAGING / "docker/Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    last = [(word, rest) for word, rest in steps][[word for word, _ in steps].index("FROM", 1) :]
    assert dict(last)["USER"] == "10001:10001"
    assert "/healthz" in dict(last)["HEALTHCHECK"]
    assert all(re.search(r":[\d.]+", rest) for word, rest in steps if word == "FROM"), (
        "a base without a version"
    )
    kept = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    app = tmp_path / "app"
    for word, rest in last:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            for source in sources:
                assert source in kept, f".dockerignore keeps {source} out"
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                app.mkdir(exist_ok=True)
                copy(ROOT / source, app / (target if copy is shutil.copytree else Path(target) / source))
    # with these files and no others the program publishes a shop, which makes its store
    environment = {
        **os.environ,
        "PYTHONPATH": "",
        "PERENNIAL_PROJECT": str(tmp_path / "shop"),
        "PERENNIAL_COMMIT": "abc",
    }
    main = [sys.executable, str(app / "main.py")]
    _run(*main, "new", "project", tmp_path / "shop", env=environment, cwd=tmp_path)
    _run(*main, "deploy", env=environment, cwd=tmp_path)
    assert "nothing was deployed yet" not in _run(*main, "status", env=environment, cwd=tmp_path)


def test_the_services_wait_for_the_database_and_have_no_rights() -> None:
    document = yaml.safe_load((PACKAGING / "docker/compose.yaml").read_text(encoding="utf-8"))
    daemon = document["services"]["daemon"]
    assert (ROOT / "packaging/docker" / daemon["build"]["context"]).resolve() == ROOT
    assert (ROOT / daemon["build"]["dockerfile"]).is_file()
    assert daemon["depends_on"]["db"]["condition"] == "service_healthy"
    assert (daemon["read_only"], daemon["cap_drop"]) == (True, ["ALL"])
    assert all(port.startswith("127.0.0.1:") for port in daemon["ports"]), (
        "the world reaches it past the proxy"
    )
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
    ):
        environment = {**os.environ, "DB_PASSWORD": "x", "SHOP": "/srv/shop"}
        _run(
            "docker", "compose", "-f", PACKAGING / "docker/compose.yaml", "config", "--quiet", env=environment
        )


@pytest.mark.parametrize("name", ["nginx/perennial.conf", "caddy/Caddyfile"])
def test_the_examples_of_the_docs_are_the_files(name: str) -> None:
    assert f"packaging/{name}" in (ROOT / "docs/proxy.md").read_text(encoding="utf-8")
