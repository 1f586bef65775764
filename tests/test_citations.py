"""What the code cites, and what the pages name, is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DESIGN = ROOT / "docs" / "design"
FOLDERS = ("engine", "tools", "tests", "benchmarks")
SOURCES = sorted(
    file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") if file != Path(__file__)
)
TEXTS = [*SOURCES, *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]

_ANCHOR = r"(?:cases? \d+(?:-\d+)?|[T]\d+|\d+[A-F]|\d+\.\d+)"
_CITATION = re.compile(rf"design/(language|reliability|threats)\s+({_ANCHOR}[^).\n]*(?:\.\d[^).\n]*)*)")
_BEGUN = re.compile(r"design/(?:language|reliability|threats)(?!\.md|\.)\b")
_FORMER = re.compile(
    r"\b(?:LANGUAGE|RELIABILITY|PERFORMANCE|DEPENDENCIES|DESIGN|STYLE)(?:\.md)? (?:\d|[TR]\d|case)"
)


def _anchors(page: str) -> set[str]:
    """The numbers of headings and of the rows of tables."""
    text = (DESIGN / f"{page}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#{2,3} (\d+(?:\.\d+|[A-F])?)\b", text, flags=re.MULTILINE)
    rows = re.findall(r"^\| (T?\d+) \|", text, flags=re.MULTILINE)
    return {*headings, *(row if row.startswith("T") else f"case {row}" for row in rows)}


def _cited(words: str) -> list[str]:
    """`2.3 to 2.5, cases 81-83, 89` by its single anchors; the ends of a range stand for it."""
    anchors, cases = [], False
    for word in re.findall(r"cases?|T\d+|\d+\.\d+|\d+[A-F]\b|\d+|rules?|[^\s,-]+", words):
        if re.fullmatch(r"cases?", word):
            cases = True
        elif re.fullmatch(r"T\d+|\d+\.\d+|\d+[A-F]", word):
            anchors.append(word)
        elif cases and word.isdigit():
            anchors.append(f"case {word}")
    return anchors


def test_every_citation_leads_to_a_heading_or_a_row() -> None:
    known = {page.stem: _anchors(page.stem) for page in DESIGN.glob("*.md")}
    nowhere, count = [], 0
    for file in TEXTS:
        for page, words in _CITATION.findall(file.read_text(encoding="utf-8")):
            cited = _cited(words)
            count += len(cited)
            nowhere += [(str(file.relative_to(ROOT)), page, one) for one in cited if one not in known[page]]
    assert nowhere == []
    assert count > 100


def test_a_citation_has_a_number() -> None:
    bare = [
        str(file.relative_to(ROOT))
        for file in SOURCES
        if len(_BEGUN.findall(text := file.read_text(encoding="utf-8"))) != len(_CITATION.findall(text))
    ]
    assert bare == []


def test_nothing_outside_of_the_repository_is_cited() -> None:
    assert [file.name for file in TEXTS if _FORMER.search(file.read_text(encoding="utf-8"))] == []


def test_the_pages_that_the_code_names_exist() -> None:
    named = {
        name
        for file in SOURCES
        for name in re.findall(r"\bdocs/[\w/]+(?:-\w+)*\.md", file.read_text("utf-8"))
    }
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


_ROWS = re.findall(
    r"^\| [^|]+ \| `([\w/.]+)(?:: (\w+))?` \|$",
    (ROOT / "docs" / "map.md").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)


@pytest.mark.parametrize(("path", "name"), _ROWS)
def test_the_map_leads_somewhere(path: str, name: str) -> None:
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    defined = {
        node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    defined |= {
        node.target.id
        for node in body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert not name or name in defined


def test_the_map_leads_into_every_folder() -> None:
    page = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    led = {name.rpartition("/")[0] for name in re.findall(r"`(engine/[\w/]+\.py)", page)}
    folders = {file.parent for file in ROOT.glob("engine/**/__init__.py")}
    assert {folder.relative_to(ROOT).as_posix() for folder in folders} - led == set()


@pytest.mark.parametrize(
    "page",
    [
        "docs/map.md",
        "docs/architecture.md",
        *(f"docs/decisions/{file.name}" for file in (ROOT / "docs/decisions").glob("0*.md")),
    ],
)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    named = re.findall(r"`((?:engine|tests|benchmarks)/[\w/.]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []
