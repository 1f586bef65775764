"""What the docs show works: journeys compile, commands and files that are named exist."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

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
    """The sample shop without its journeys."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copy(ROOT / "config.yaml", folder)
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
        errors = [problem for problem in load(shop).problems if problem.is_error and problem.span.file.startswith("journeys/")]
    finally:
        path.unlink()
    assert errors == [], (page, place)


def test_the_docs_show_journeys() -> None:
    assert len(SKETCHES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_every_step_of_the_language_is_in_the_reference() -> None:
    from engine.language.step_list import VERBS

    text = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"`{verb}" not in text and f"### {verb}" not in text and f"{verb}," not in text] == []
