"""The n-th fault: every n-th statement, commit and socket operation of a run of 30 messages fails once.

`PERENNIAL_SWEEP_STEP=1 ./run pytest -m soak tests/crash/test_sweep.py` goes through all of them,
`main.py crashtest --sweep` too.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.crashtest.sweep import KINDS, sweep

STEP = int(os.environ.get("PERENNIAL_SWEEP_STEP", "29"))


@pytest.mark.timeout(3600 if STEP < 10 else 240)
@pytest.mark.parametrize("step", [149, pytest.param(STEP, marks=pytest.mark.soak)])
def test_any_statement_commit_or_socket_operation_of_30_messages_may_fail(tmp_path: Path, step: int) -> None:
    swept = sweep(tmp_path, step, lambda *_: None)
    assert swept.wrong == []
    assert all(swept.struck[kind] > 0 for kind in KINDS), swept.struck
    verdict = swept.verdict
    assert verdict.planned >= 30 * sum(swept.struck.values())
    assert (verdict.lost, verdict.duplicated, verdict.unexpected, verdict.unlisted) == ([], [], [], [])
    assert verdict.unknown < verdict.planned / 20, "a fault leaves few messages unknown"
