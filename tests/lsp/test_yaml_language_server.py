"""The schemas of a project in the language server that most editors use for YAML: the real one, from npm."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.compiler.schema import schema_files
from engine.project import load_world
from tests.lsp.client import LanguageClient
from tests.lsp.conftest import PROJECT
from tests.npm import installed

SERVER = "yaml-language-server@2.0.0"
FILES = {
    "journey": "journeys/*.yaml",
    "segment": "journeys/segments/*.yaml",
    "customer": "schemas/customer.yaml",
    "events": "schemas/events.yaml",
    "product": "schemas/product.yaml",
    "config": "config.yaml",
}
CART = "journeys/abandoned_cart.yaml"

pytestmark = [pytest.mark.xdist_group("yaml"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server, as npm has it, outside of the repository."""
    modules = installed(SERVER, tmp_path_factory.mktemp("yaml-language-server"))
    return modules / "yaml-language-server/bin/yaml-language-server"


@pytest.fixture(scope="module")
def yaml(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageClient]:
    """The server, with the sample project and the schemas that `schema` writes for it."""
    shop = tmp_path_factory.mktemp("yaml") / "shop"
    shutil.copytree(PROJECT, shop)
    for file, text in schema_files(load_world(shop)).items():
        (shop / file).write_text(text)
    settings = {
        "schemas": {(shop / f"schemas/{name}.schema.json").as_uri(): glob for name, glob in FILES.items()},
        "schemaStore": {"enable": False},
        "validate": True,
        "completion": True,
        "yamlVersion": "1.2",
    }
    with LanguageClient(["node", program, "--stdio"], shop, os.environ, {"yaml": settings}) as client:
        client.initialize()
        client.wait(lambda: "workspace/configuration" in client.asked, "the question for settings")
        yield client


def told(yaml: LanguageClient, file: str, text: str) -> list[dict[str, Any]]:
    """What is wrong in a file with this text; each is opened once."""
    uri = yaml.uri(file)
    yaml.open(file, text)
    yaml.wait(lambda: uri in yaml.diagnostics, file)
    return yaml.diagnostics[uri]


NUMBERS = count(1)


def new_journey() -> str:
    """The server remembers texts by name and version, so every text gets a name of its own."""
    return f"journeys/text_{next(NUMBERS)}.yaml"


def test_a_sound_project_has_no_mistake(yaml: LanguageClient) -> None:
    # first one that is wrong: else silence could mean that no schema was read
    assert told(yaml, new_journey(), "journey: abandoned_cart\nfoo: 1\n") != []
    for glob in FILES.values():
        for path in sorted(yaml.folder.glob(glob)):
            file = path.relative_to(yaml.folder).as_posix()
            assert told(yaml, file, path.read_text()) == [], file


WRONG = [
    ("event: cart_updated", "event: cart_updatd", "cart_updatd"),
    ("- wait: 1 hour", "- wiat: 1 hour", "wiat"),
    ("- send: cart_reminder", "- send: cart_remindr", "cart_remindr"),
    ("holdout: 5%", "holdout: 0.05", "0.05"),
    ("priority: high", "priority: hihg", "hihg"),
    ("again: restart, then after 3 days", "again: restart, then after 3d", "restart, then after 3d"),
    ("      orders_count: 0", "      orders_cont: 0", "orders_cont"),
    ("{cart_emptied: since start}", "{cart_emptyed: since start}", "cart_emptyed"),
    ("{cart_emptied: since start}", "{cart_emptied: since begin}", "since begin"),
    ("- code: CART10\n", "- code: CART11\n", "CART11"),
    ("via: [push, email, sms]", "via: [push, fax, sms]", "fax"),
    ("at: 18:00", "at: 25:00", "25:00"),
    ("owner: retention@shop.example", "ownr: retention@shop.example", "ownr"),
    ("expect:\n      - day 0 10:20: goal", "expect:\n      - day 0 10:20: gaol", "gaol"),
]


@pytest.mark.parametrize(("was", "became", "place"), WRONG, ids=[place for _, _, place in WRONG])
def test_a_mistake_is_told_at_its_place(was: str, became: str, place: str, yaml: LanguageClient) -> None:
    text = (yaml.folder / CART).read_text()
    assert was in text
    wrong = text.replace(was, became, 1)
    at = wrong.index(place, wrong.index(became))
    line, character = wrong[:at].count("\n"), at - wrong.rfind("\n", 0, at) - 1
    places = [each["range"]["start"] for each in told(yaml, new_journey(), wrong)]
    assert {"line": line, "character": character} in places


OFFERED = [
    ("steps:\n  - ", {"send", "wait", "if", "choose", "split", "code", "exit"}),
    ("start:\n  ", {"event", "segment", "date", "every", "product"}),
    ("start:\n  event: ", {"cart_updated", "subscribed"}),
    ("goal:\n  event: ", {"order_placed"}),
    ("steps:\n  - send: ", {"cart_reminder", "welcome_hello"}),
    ("steps:\n  - send: welcome_hello\n    ", {"via", "next_after", "policy", "id"}),
    ("steps:\n  - send: welcome_hello\n    via: ", {"push", "email", "cheapest likely"}),
    ("steps:\n  - wait: ", {"3 days", "until 10:00"}),
    ("steps:\n  - wait: 3 days\n    for: ", {"order_placed"}),
    ("steps:\n  - code: ", {"CART10"}),
    ("steps:\n  - if:\n      ", {"orders_count", "total_spent", "did", "segment", "any"}),
    ("steps:\n  - if:\n      orders_count: 0\n    then:\n      - send: ", {"cart_reminder"}),
    ("who:\n  orders_count: ", {"at least 2", "is set"}),
    ("who:\n  segment: ", {"lapsed_90", "vip"}),
    ("who:\n  did:\n    ", {"order_placed"}),
    ("who:\n  did:\n    order_placed: ", {"ever", "in last 30 days"}),
    ("policy: ", {"marketing"}),
    ("again: ", {"never", "after 30 days"}),
    ("state: ", {"draft", "live"}),
]


@pytest.mark.parametrize(("head", "there"), OFFERED, ids=[head for head, _ in OFFERED])
def test_what_may_be_written_is_offered(head: str, there: set[str], yaml: LanguageClient) -> None:
    text = f"journey: abandoned_cart\n{head}"
    file, lines = new_journey(), text.split("\n")
    yaml.open(file, text)
    found = yaml.request("textDocument/completion", yaml.at(file, len(lines) - 1, len(lines[-1])))
    assert there <= {item["label"] for item in found["items"]}
