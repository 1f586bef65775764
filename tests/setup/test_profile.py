"""`./run profile COMMAND`: the command runs as ever, then its time is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def profiled(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "profile_command.py", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT, text=True, capture_output=True, check=False,
    )  # fmt: skip


def test_the_answer_stays_the_commands_and_the_time_goes_to_stderr() -> None:
    done = profiled("check", "journeys/welcome.yaml")
    assert done.stdout.startswith("1 journey")
    assert "Where the time went" in done.stderr
    assert "engine/compiler" in done.stderr


def test_without_a_command_it_says_how() -> None:
    assert "usage: ./run profile COMMAND" in profiled().stderr
