"""The short form of the crash test: `main.py crashtest` as it is typed, with its exit code and its figures.

`PERENNIAL_KILLS=500 PERENNIAL_MESSAGES=20000 ./run pytest -m soak tests/crash` makes it as long as you like.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tools.crashtest.processes import environment

ROOT = Path(__file__).resolve().parents[2]
LONG = int(os.environ.get("PERENNIAL_KILLS", "8")), int(os.environ.get("PERENNIAL_MESSAGES", "300"))


def crashtest(*words: str, code: int = 0) -> tuple[dict[str, Any], str]:
    """Its answer and its remarks."""
    command = [sys.executable, str(ROOT / "main.py"), "crashtest", "--format", "json", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(), cwd=ROOT)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(done.stdout) if done.stdout else {}, done.stderr


@pytest.mark.timeout(300 + 10 * LONG[0])
@pytest.mark.parametrize(("kills", "messages"), [(2, 80), pytest.param(*LONG, marks=pytest.mark.soak)])
def test_case_1_kill_nine_a_few_times_none_is_lost_or_doubled(kills: int, messages: int) -> None:
    said, remarks = crashtest(
        "--messages", str(messages), "--kills", str(kills), "--seed", "11", "--parallel", "2"
    )
    assert "seed 11" in remarks
    words = {
        name: said[name]
        for name in ("lost", "duplicated", "unexpected", "unlisted", "broken", "waiting", "failed")
    }
    assert set(words.values()) == {0}, said["cases"]
    assert said["seed"] == 11
    assert said["kills"] == kills
    assert said["planned"] >= messages
    assert said["unknown"]["delivered"] <= said["unknown"]["listed"] <= 48 * kills
    assert said["arrived"] >= said["planned"] - said["unknown"]["listed"]
    assert set(said["channels"]) == {"smtp", "http"}


@pytest.mark.soak
@pytest.mark.postgres
@pytest.mark.timeout(600 + 20 * LONG[0])
def test_case_1_on_postgresql_with_three_processes_on_each_database() -> None:
    kills, messages = LONG
    said, _ = crashtest(
        "--messages", str(messages), "--kills", str(kills), "--seed", "12", "--parallel", "1",
        "--store", stores.server(), "--workers", "3",
    )  # fmt: skip
    words = {
        name: said[name]
        for name in ("lost", "duplicated", "unexpected", "unlisted", "broken", "waiting", "failed")
    }
    assert set(words.values()) == {0}, said["cases"]
    assert said["helpers"] > 0


def test_several_processes_on_a_file_are_refused() -> None:
    _, remarks = crashtest("--workers", "2", code=2)
    assert "an SQLite file belongs to one" in remarks


def test_a_point_that_there_is_not_is_refused() -> None:
    _, remarks = crashtest("--at", "after lunch", code=2)
    assert 'there is no point "after lunch"' in remarks
    assert "before the last byte" in remarks
