"""What the docs show works: journeys compile, commands and files that are named exist."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from engine.config.channels import VIAS
from engine.config.file import read_config
from engine.language.steps.register import VERBS
from engine.project import load

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")

SKETCHES = [
    (page.name, place, block)
    for page in PAGES
    for place, block in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")))
    if block.startswith("journey:")
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample shop without its journeys, with the recommendations that the docs show."""
    folder = tmp_path_factory.mktemp("shop")
    config = (ROOT / "config.yaml").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "recommendations.md").read_text(encoding="utf-8")
    shown = next(block for block in _BLOCK.findall(page) if block.startswith("recommendations:"))
    (folder / "config.yaml").write_text(f"{config}\n{shown}" if shown[:16] not in config else config)
    for name in ("schemas", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copytree(ROOT / "journeys" / "segments", folder / "journeys" / "segments")
    return folder


@pytest.mark.parametrize(("page", "place", "block"), SKETCHES)
def test_a_journey_in_the_docs_compiles(shop: Path, page: str, place: int, block: str) -> None:
    name = block.split("\n", 1)[0].removeprefix("journey:").strip()
    path = shop / "journeys" / f"{name}.yaml"
    path.write_text(block, encoding="utf-8")
    try:
        errors = [
            problem
            for problem in load(shop).problems
            if problem.is_error and problem.span.file.startswith("journeys/")
        ]
    finally:
        path.unlink()
    assert errors == [], (page, place)


def test_the_docs_show_journeys() -> None:
    assert len(SKETCHES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    missing = [
        link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()
    ]
    assert missing == []


def _sections(page: str, mark: str) -> dict[str, str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return {
        part.partition("\n")[0].strip(): part for part in re.split(rf"^{mark} ", text, flags=re.MULTILINE)[1:]
    }


def test_the_steps_are_the_same_in_the_language_and_in_the_reference() -> None:
    headings = [verb for heading in _sections("language.md", "###") for verb in heading.split(", ")]
    assert set(VERBS) <= set(headings)
    editors = json.loads((ROOT / "schemas" / "journey.schema.json").read_text(encoding="utf-8"))
    assert set(VERBS) == set(editors["definitions"]["step"]["properties"])


@pytest.mark.parametrize("path", sorted((ROOT / "schemas").glob("*.json")), ids=lambda path: path.name)
def test_what_a_schema_for_editors_refers_to_stands_in_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    referred = set(re.findall(r'"\$ref": "#/definitions/(\w+)"', text))
    assert referred <= json.loads(text).get("definitions", {}).keys()


def test_every_problem_is_documented() -> None:
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "engine").rglob("*.py"))
    text = (ROOT / "docs" / "problems.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| ([A-Z]\d{2,3}) \|", text, flags=re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(re.findall(r'"([EWT]\d{2,3})"', sources)) == set(documented)


def _keys_of_the_config() -> Iterator[tuple[str, str]]:
    """Every key with the section it belongs to, from what `check` and the editors know."""
    whole = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    for part, schema in whole["properties"].items():
        yield part, part
        below = schema.get("additionalProperties")
        for key in (below if isinstance(below, dict) else schema).get("properties", {}):
            yield part, key
    for name in VIAS:
        for key in VIAS[name].construct().keys:
            yield "channels", key.name


@pytest.mark.parametrize(("part", "key"), sorted(set(_keys_of_the_config())))
def test_every_key_of_the_config_is_documented(part: str, key: str) -> None:
    section = _sections("config.md", "##")[part]
    assert part == key or f"`{key}`" in section


def _examples_of_the_config() -> Iterator[str]:
    """All of the page of config.yaml, and those of other pages that hold parts of it alone."""
    parts = {part for part, _ in _keys_of_the_config()} - {"tests"}
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            written = block.removeprefix("# config.yaml\n")
            keys = re.findall(r"^(\w+):", written, re.MULTILINE)
            if page.name == "config.md" or (keys and parts.issuperset(keys)):
                yield written


@pytest.mark.parametrize("block", list(_examples_of_the_config()))
def test_the_examples_of_the_config_are_right(block: str) -> None:
    channels = "" if block.startswith("channels:") else "channels: {sms: {via: outbox}}\n"
    assert [problem for problem in read_config(channels + block)[1] if problem.is_error] == []
    editors = json.loads((ROOT / "schemas" / "config.schema.json").read_text(encoding="utf-8"))
    # Every scalar stays text, as our own reader has it: `clicks: yes` is no true.
    assert list(Draft7Validator(editors).iter_errors(yaml.load(block, Loader=yaml.BaseLoader))) == []


def test_the_architecture_names_every_folder() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([\w/]+)/`[^|]* \|", page, re.MULTILINE)
    engine = ROOT / "engine"
    there = {file.parent.relative_to(engine).as_posix() for file in engine.glob("*/**/__init__.py")}
    assert sorted(told) == sorted(there | {"tools"})
