"""A copy of the sample project with the server beside it, as an editor starts it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.clock import SystemClock
from engine.problem import Problem
from engine.project import load
from engine.simulate.checking import find_problems
from tests.lsp.client import LanguageClient

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "tests/cases/project"
COMMAND = (sys.executable, ROOT / "main.py", "lsp")


class Editor(LanguageClient):
    """An editor with a project. Versions of its texts only ever grow, over all tests that share it."""

    versions_given = count(1)

    def text_of(self, file: str) -> str:
        return (self.folder / file).read_bytes().decode()

    def show(self, file: str, text: str | None = None) -> list[dict[str, Any]]:
        """Opens a file, as it lies there or with another text; what is then wrong in it, stories included."""
        version = next(self.versions_given)
        self.open(file, self.text_of(file) if text is None else text, version)
        return self.diagnostics_of(file, version)

    def type(self, file: str, text: str) -> list[dict[str, Any]]:
        """Another text for an open file, not saved."""
        version = next(self.versions_given)
        self.change(file, text, version)
        return self.diagnostics_of(file, version)

    def shut(self, file: str) -> None:
        self.notify("textDocument/didClose", {"textDocument": {"uri": self.uri(file)}})

    def under(self, method: str, file: str, text: str, word: str, more: int = 1) -> Any:
        """Asks about the first place of a word in a text, `more` characters inside of it."""
        before = text[: text.index(word) + more]
        line = before.count("\n")
        return self.request(method, self.at(file, line, len(before) - before.rfind("\n") - 1))

    def actions(self, file: str, diagnostic: dict[str, Any]) -> list[dict[str, Any]]:
        asked = {"range": diagnostic["range"], "context": {"diagnostics": [diagnostic]}}
        found: list[dict[str, Any]] = self.request(
            "textDocument/codeAction", {"textDocument": {"uri": self.uri(file)}, **asked}
        )
        return found

    def says_of(self, text: str, edits: list[dict[str, Any]]) -> str:
        """The text with edits of the protocol."""
        lines = text.split("\n")
        for edit in sorted(edits, key=lambda e: (e["range"]["start"]["line"],), reverse=True):
            start, end = edit["range"]["start"], edit["range"]["end"]
            first, last = lines[start["line"]], lines[end["line"]]
            head = utf16(first)[: start["character"] * 2].decode("utf-16-le")
            tail = utf16(last)[end["character"] * 2 :].decode("utf-16-le")
            lines[start["line"] : end["line"] + 1] = (head + edit["newText"] + tail).split("\n")
        return "\n".join(lines)


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def checked(folder: Path) -> dict[str, list[Problem]]:
    """What `check` says of the files of a folder, by file; stories are left out."""
    by_file: dict[str, list[Problem]] = {}
    for problem in find_problems(load(folder, SystemClock().now())):
        by_file.setdefault(problem.span.file, []).append(problem)
    return by_file


def started(folder: Path, **more: Any) -> Editor:
    environment = {name: value for name, value in os.environ.items() if name != "PERENNIAL_PROJECT"}
    editor = Editor(COMMAND, folder, environment)
    editor.initialize(**more)
    return editor


@pytest.fixture(scope="session")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """One server for the tests that ask for it: each shuts what it opened and leaves the folder as it was."""
    folder = tmp_path_factory.mktemp("editor") / "shop"
    shutil.copytree(PROJECT, folder)
    with started(folder) as editor:
        yield editor
        assert editor.leave() == 0
        # nothing but the protocol on stdout, and no complaint
        assert editor.foreign == []
        assert editor.shown == [], editor.said()
