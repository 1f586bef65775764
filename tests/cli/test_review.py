"""`review`: a change as one comment."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import Shop, report
from tests.cli.test_diff import replace, without_commits
from tests.cli.test_renames import git
from tests.conftest import Golden

PEOPLE = [
    {"customer_id": f"c{n:02}", "email": f"c{n:02}@example.com", "consent": {"email": "given"}}
    for n in range(12)
]
EVENTS = [
    {"customer_id": f"c{n:02}", "event": "subscribed", "at": f"2026-11-20T10:00:{n:02}Z"} for n in range(12)
]


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A committed project with twelve people in its journey, and a snapshot of them."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", "config.yaml", "journeys", "templates", "schemas")
    git(small_shop.folder, "commit", "-m", "first")
    for name, rows, live in (("people.jsonl", PEOPLE, ()), ("events.jsonl", EVENTS, ("--live",))):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        assert small_shop.run("import", *live, str(small_shop.write(name, lines))).code == 0
    for moment in ("2026-11-20T10:01:00", "2026-11-22T09:00:00"):
        small_shop.go_to(f"{moment}+00:00")
        small_shop.play()
        if moment.startswith("2026-11-20"):
            assert small_shop.run("snapshot", "--out", str(small_shop.folder / "early.jsonl.gz")).code == 0
    assert small_shop.run("snapshot", "--out", str(small_shop.folder / "snapshot.jsonl.gz")).code == 0
    return small_shop


def without_hashes(text: str) -> str:
    return re.sub(r"index [0-9a-f]+\.\.[0-9a-f]+", "index HASHES", without_commits(text))


def test_a_change_with_a_snapshot_is_one_comment(shop: Shop, golden: Golden) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    replace(shop, "templates/welcome_hello.email.mjml", "Hello", "Good morning")
    said = shop.run("review", "--base", "main", "--snapshot", str(shop.folder / "snapshot.jsonl.gz"))
    golden("golden/review.txt", without_hashes(report(said)))


def test_people_inside_are_in_it_and_a_failing_story_ends_with_1(shop: Shop) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    said = shop.run("review", "--snapshot", str(shop.folder / "early.jsonl.gz"))
    assert said.code == 1
    assert "12 people inside" in said.out
    assert "keep the moment they were promised" in said.out
    assert "**failed**" in said.out


def test_without_a_snapshot_it_says_what_it_cannot_know(shop: Shop, golden: Golden) -> None:
    assert shop.run("review").out.splitlines()[1] == "**Nothing changes for customers.**"
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    golden("golden/review_mistake.txt", without_hashes(report(shop.run("review", "--base", "main"))))


def test_words_of_an_author_stay_words(shop: Shop) -> None:
    hostile = "</details> | `x` [a](http://b.example) @everybody **b**"
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    about = next(line for line in text.splitlines() if line.startswith("about:"))
    shop.write("journeys/welcome.yaml", text.replace(about, f"about: '{hostile}'"))
    said = shop.run("review").out.partition("<details>")[0]
    assert "everybody" in said
    assert "</details>" not in said
    assert "`x`" not in said
    assert "@everybody" not in said


def test_a_large_change_stays_readable_and_fits(shop: Shop) -> None:
    welcome = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    for number in range(60):
        name = f"welcome_{number}"
        shop.write(f"journeys/{name}.yaml", welcome.replace("journey: welcome", f"journey: {name}"))
    git(shop.folder, "add", "journeys")
    said = shop.run("review", "--snapshot", str(shop.folder / "snapshot.jsonl.gz")).out
    assert len(said) < 65_535
    assert len(said.partition("<details>")[0].splitlines()) <= 60
    assert "and 57 more: changes" in said
    assert "all of it is in the first fold" in said
    assert "<summary>All that changes</summary>" in said
    assert "Too long for a comment" in said
