"""Places, edits, names and sizes, without a server."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lsp.analysis import project_of
from engine.lsp.completions import TypingPlace, place_at
from engine.lsp.document import Document, Units, replacement
from engine.lsp.hovers import hover
from engine.lsp.names import NameKind, UsedName
from engine.lsp.segment_sizes import segment_sizes
from engine.problem import Span, split_lines
from engine.project import load
from engine.store.database import open_store
from tests.lsp.conftest import PROJECT

TEXT = st.text(st.sampled_from("ab é€😀\t\r\n\u2028\x0c"), max_size=60)
ENCODINGS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


@given(TEXT, st.sampled_from(sorted(ENCODINGS)), st.data())
def test_a_place_is_counted_in_the_units_of_the_editor(text: str, units: Units, data: st.DataObject) -> None:
    document, (encoding, size) = Document(text, units), ENCODINGS[units]
    number = data.draw(st.integers(0, len(document.lines) - 1))
    character = data.draw(st.integers(0, len(document.lines[number])))
    at = document.position(number, character)
    assert at.line == number
    before = document.lines[number].encode(encoding)[: at.character * size]
    assert before.decode(encoding) == document.lines[number][:character]
    assert document.character(at) == character


@given(TEXT, st.integers(-3, 20), st.integers(-3, 40), st.integers(0, 90))
def test_no_place_lies_outside_of_the_text(text: str, line: int, column: int, length: int) -> None:
    document = Document(text, "utf-16")
    place = document.range(Span("x", line, column, length))
    for end in (place.start, place.end):
        assert 0 <= end.line < len(document.lines)
        assert 0 <= end.character <= 2 * len(document.lines[end.line])


def test_the_mark_at_the_beginning_counts_for_the_editor_alone() -> None:
    document = Document("\ufeffjourney: x", "utf-16")
    assert document.range(Span("x", 1, 1, 7)).start.character == 1


LINES = st.lists(st.sampled_from(["", "a", "b", "é"]), min_size=1, max_size=7)


@given(LINES, LINES)
def test_an_edit_makes_one_text_of_another(before: list[str], after: list[str]) -> None:
    edit = replacement(before, after)
    assert (edit is None) == (before == after)
    assert edit is None or edit.applied(list(before)) == "\n".join(after)


STEPS = """journey: w
steps:
  - wait: 1 hour
    id: x
  - if:
      orders_count: 0
    then:
      - split: s
        into:
          50% a:
            - send: ▮
          50% b:
            - ▮
    else:
    - ▮
who: {did: {order▮
goal:
  event: ▮
  ▮
"""
PLACES = [
    TypingPlace(("steps", "then", "into", "50% a"), "send", is_item=True),
    TypingPlace(("steps", "then", "into", "50% b"), None, is_item=True),
    TypingPlace(("steps", "else"), None, is_item=True),
    TypingPlace(("who", "did"), None, is_item=False),
    TypingPlace(("goal",), "event", is_item=False),
    TypingPlace(("goal",), None, is_item=False, siblings=("event",)),
]


def test_a_place_is_known_by_the_columns_of_the_lines_above() -> None:
    marks = [(n, line.index("▮")) for n, line in enumerate(split_lines(STEPS)) if "▮" in line]
    lines = split_lines(STEPS.replace("▮", ""))
    assert [place_at(lines, line, character) for line, character in marks] == PLACES


@given(st.text(st.sampled_from("ab:-{},# \n'\"[]é"), max_size=80), st.data())
def test_every_text_has_places(text: str, data: st.DataObject) -> None:
    lines = split_lines(text)
    number = data.draw(st.integers(0, len(lines)))
    place_at(lines, number, data.draw(st.integers(0, 30)))


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("shop/journeys/a.yaml", "shop"),
        ("shop/journeys/segments/a.yaml", "shop"),
        ("shop/config.yaml", "shop"),
        ("shop/templates/_blocks/a.mjml", "shop"),
        ("shop/inner/journeys/a.yaml", "shop/inner"),
        ("shop/README.md", None),
        ("other/journeys/a.yaml", "other"),
        ("elsewhere/schemas/a.yaml", None),
    ],
)
def test_a_file_belongs_to_the_project_around_it(file: str, folder: str | None, tmp_path: Path) -> None:
    for name in ("shop/journeys", "shop/inner/journeys", "other/journeys", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "shop/config.yaml").touch()
    assert project_of(tmp_path / file) == (tmp_path / folder if folder is not None else None)


@pytest.mark.file
def test_the_size_of_a_segment_comes_from_the_store_which_is_only_read(tmp_path: Path) -> None:
    shop, base = tmp_path / "shop", tmp_path / "shop/shop.db"
    shutil.copytree(PROJECT, shop)
    config = re.sub(r"(?m)^store: .*\n", "", (shop / "config.yaml").read_text())
    (shop / "config.yaml").write_text(f"{config}store: sqlite:///shop.db\n")
    project, used = load(shop), UsedName(NameKind.segment, "lapsed_90", Span("x", 1, 1))

    def said() -> str:
        return hover(project, used, segment_sizes) or ""

    assert "who: " in said()
    assert "by the store" not in said()
    assert not base.exists()
    store = open_store("sqlite:///shop.db", shop)
    store.close()
    assert "0 customers are in it now, by the store" in said()
    kept = b"no database" * 100
    base.write_bytes(kept)
    assert "by the store" not in said()
    assert base.read_bytes() == kept
