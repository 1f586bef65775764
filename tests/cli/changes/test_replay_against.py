"""`replay --against` in a git repository."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace, without_commits
from tests.cli.conftest import Shop, report
from tests.conftest import Golden


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A project whose files are committed on main, and changed since."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", ".")
    git(small_shop.folder, "commit", "-m", "first")
    return small_shop


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """Forty people who sign up; every third orders a day and a half later."""
    lines: list[tuple[str, str, str, dict[str, object]]] = []
    for n in range(40):
        day, hour = 2 + n % 5, 8 + n % 10
        lines.append(("subscribed", f"c{n:02}", f"2026-03-{day:02}T{hour:02}:{n:02}:00Z", {}))
        if n % 3 == 0:
            paid = {"total": 30, "currency": "EUR"}
            lines.append(("order_placed", f"c{n:02}", f"2026-03-{day + 1:02}T20:{n:02}:00Z", paid))
    lines.append(("subscribed", "last", "2026-03-20T10:00:00Z", {}))
    keys = ("event", "customer_id", "at", "properties")
    rows = [
        json.dumps(dict(zip(keys, line, strict=True))) for line in sorted(lines, key=lambda line: line[2])
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_both_versions_stand_side_by_side(shop: Shop, stream: Path, golden: Golden) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    assert stream.parent == Path.cwd()  # the answer names the file as it was named
    words = ("replay", "--events", stream.name, "--against", "main")
    golden("golden/replay_against.txt", without_commits(report(shop.run(*words))))
    golden("golden/replay_against.json.txt", without_commits(report(shop.run(*words, "--format", "json"))))
    golden(
        "golden/replay_against_sample.txt",
        without_commits(report(shop.run(*words, "--one-in", "4", "--no-days"))),
    )


def test_the_rows_of_both_are_kept_apart(shop: Shop, stream: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert shop.run("replay", "--events", str(stream), "--against", "main", "--out", str(out)).code == 0
    before, after = (out / version / "messages.jsonl" for version in ("before", "after"))
    assert before.read_text(encoding="utf-8") == after.read_text(encoding="utf-8") != ""


def test_a_version_that_git_does_not_know_or_that_has_mistakes_is_refused(
    shop: Shop, stream: Path, golden: Golden
) -> None:
    words = ("replay", "--events", str(stream))
    said = [report(shop.run(*words, "--against", "nowhere")), report(shop.run(*words, "--one-in", "4"))]
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    git(shop.folder, "commit", "-am", "broken")
    replace(shop, "journeys/welcome.yaml", "wait: soon", "wait: 1 day")
    said.append(report(shop.run(*words, "--against", "main")))
    golden("golden/replay_against_refused.txt", without_commits("".join(said)))
