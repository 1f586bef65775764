"""docs/glossary.md names every public class of the packages below, and nothing that is not there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "core", "store", "runtime", "channels", "figures", "statistics",
    "simulate", "plan", "compiler", "lsp", "cli",
)  # fmt: skip
ROW = re.compile(r"^\| (?P<term>[^|]+) \| (?P<meaning>[^|]+) \| `(?P<name>\w+)` \| `(?P<file>[\w/.]+)` \|$")
TWINS = "engine/language/"
"""What the author wrote is typed there under the name that it has when it is compiled."""


def rows() -> list[tuple[str, str, str, str]]:
    lines = (ROOT / "docs/glossary.md").read_text().splitlines()
    return [(row["term"], row["meaning"], row["name"], row["file"]) for row in map(ROW.match, lines) if row]


def classes(folder: str) -> dict[tuple[str, str], str]:
    """(class, file) -> the first sentence of its docstring, for every public class below a folder."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                text = " ".join((ast.get_docstring(node) or "").split())
                found[node.name, str(path.relative_to(ROOT))] = re.split(r"(?<=[.!?:]) ", text)[0]
    return found


def test_every_class_has_a_row() -> None:
    listed = {(name, file) for _, _, name, file in rows()}
    known = {pair: text for package in PACKAGES for pair, text in classes(f"engine/{package}").items()}
    missing = [
        f"| {re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', name).lower()} | {text} | `{name}` | `{file}` |"
        for (name, file), text in known.items()
        if (name, file) not in listed
    ]
    assert not missing, "docs/glossary.md lacks these rows:\n" + "\n".join(missing)


def test_every_row_names_a_class_that_exists() -> None:
    known = classes("engine")
    assert [row for row in rows() if (row[2], row[3]) not in known] == []


def test_a_term_stands_once_and_has_a_sentence() -> None:
    terms = Counter(term for term, _, _, _ in rows())
    assert [term for term, times in terms.items() if times > 1] == []
    assert [term for term, meaning, _, _ in rows() if len(meaning.strip()) < 12] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_means_one_thing(package: str) -> None:
    """No two public classes of the engine share a name; syntax and core share those of the language."""
    everywhere = [(name, file) for name, file in classes("engine") if not file.startswith(TWINS)]
    files: dict[str, list[str]] = {}
    for name, file in everywhere:
        files.setdefault(name, []).append(file)
    doubled = {name: where for name, where in files.items() if len(where) > 1}
    assert {
        name: where
        for name, where in doubled.items()
        if any(file.startswith(f"engine/{package}/") for file in where)
    } == {}
