"""The golden files: a difference fails, `--update` rewrites."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TEST = """
def test_it(golden):
    golden("said.out", "what the code says now\\n")
"""


@pytest.fixture
def folder(pytester: pytest.Pytester) -> Path:
    pytester.makeconftest((Path(__file__).parents[1] / "conftest.py").read_text())
    pytester.makepyfile(TEST)
    return pytester.path


def test_a_missing_file_fails_and_update_writes_it(pytester: pytest.Pytester, folder: Path) -> None:
    pytester.runpytest_inprocess().assert_outcomes(failed=1)
    pytester.runpytest_inprocess("--update").assert_outcomes(passed=1)
    assert (folder / "said.out").read_text() == "what the code says now\n"
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_another_text_fails(pytester: pytest.Pytester, folder: Path) -> None:
    (folder / "said.out").write_text("what it said before\n")
    pytester.runpytest_inprocess().assert_outcomes(failed=1)
