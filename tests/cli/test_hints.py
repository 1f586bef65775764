"""Hints say what was typed: whoever pastes one into the same shell gets on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from engine.command_hints import command, name_project, started_as, without_project
from tests.cli.conftest import ROOT, Shop


def _said(words: list[str], cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_hint_pasted_into_the_same_shell_works(small_shop: Shop, tmp_path: Path) -> None:
    folder = small_shop.folder
    folder.rename(tmp_path / "my shop")
    said = _said([str(ROOT / "run"), "--project", "my shop", "status"], tmp_path)
    hint = re.search(r"nothing was deployed yet: (.*), or ", said)
    assert hint, said
    assert hint[1] == f"{ROOT}/run --project 'my shop' deploy"
    assert "deployment 1" in _said(["sh", "-c", hint[1]], tmp_path)


@pytest.mark.parametrize(
    ("program", "typed"), [("/usr/bin/perennial", "perennial"), ("main.py", "python main.py")]
)
def test_other_ways_to_start_it_are_said_as_they_are(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch, program: str, typed: str
) -> None:
    monkeypatch.delenv("PERENNIAL_COMMAND")
    small_shop.program = program
    assert f"make one with  {typed} --project SHOP keys new" in small_shop.run("keys", "list").out


def test_a_project_from_the_environment_need_not_be_named(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERENNIAL_PROJECT", str(small_shop.folder))
    said = _said([str(ROOT / "run"), "keys", "list"], small_shop.folder)
    assert f"make one with  {ROOT}/run keys new" in said


def test_what_belongs_to_no_project_names_none() -> None:
    with started_as("perennial"):
        name_project("a b")
        assert command("status") == "perennial --project 'a b' status"
        assert without_project("new project DIR") == "perennial new project DIR"
    assert command("status") == "./run status"


def test_no_hint_speaks_of_a_file_that_a_shell_does_not_find() -> None:
    sources = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = [path for path in sources if "main.py " in path.read_text(encoding="utf-8")]
    assert not named
