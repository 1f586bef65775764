"""`story --events`: a run of a replay as a test, and the way there from `replay --against`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace, without_commits
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

THANKS = """
journey: thanks
start: {event: points_earned, where: {points: at least 30}}
again: always
goal: {event: subscribed}
policy: service
steps:
  - send: welcome_hello
"""


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A project on main, and in its folder a reminder that comes a day earlier and not to everybody."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", ".")
    git(small_shop.folder, "commit", "-m", "first")
    replace(small_shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    replace(
        small_shop, "journeys/welcome.yaml", "  event: subscribed\n",
        "  event: subscribed\n  where: {source: not kiosk}\n",
    )  # fmt: skip
    return small_shop


@pytest.fixture
def stream(shop: Shop) -> str:
    """People who sign up, some of them at a kiosk; every third orders a day and a half later."""
    lines: list[tuple[str, str, str, dict[str, object]]] = []
    for n in range(24):
        day, hour = 2 + n % 5, 8 + n % 10
        who = f"-c{n:02}" if n == 3 else f"c{n:02}"
        source: dict[str, object] = {"source": "kiosk" if n % 4 == 1 else "shop"}
        lines.append(("subscribed", who, f"2026-03-{day:02}T{hour:02}:{n:02}:00Z", source))
        if n % 3 == 0:
            paid: dict[str, object] = {"order_id": "ORD-CANARY", "total": 30, "currency": "EUR"}
            lines.append(("order_placed", who, f"2026-03-{day + 1:02}T20:{n:02}:30Z", paid))
    keys = ("event", "customer_id", "at", "properties")
    rows = [
        json.dumps(dict(zip(keys, line, strict=True))) for line in sorted(lines, key=lambda each: each[2])
    ]
    Path("events.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return "events.jsonl"


def pasted(shop: Shop, told: str) -> str:
    """What `test` says of a story under `tests:` of the journey; the file is as it was afterwards."""
    before = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    shop.write(
        "journeys/welcome.yaml", before.rstrip() + "\n" + "".join(f"  {line}\n" for line in told.splitlines())
    )
    answer = shop.run("test", "welcome")
    shop.write("journeys/welcome.yaml", before)
    (line,) = (line for line in answer.out.splitlines() if "a replayed run of" in line)
    return line.split()[0]


def test_each_customer_whose_story_changes_leads_to_a_test_that_passes_and_holds_the_change(
    shop: Shop, stream: str
) -> None:
    said = shop.run("replay", "--events", stream, "--against", "main").out
    commands = [line.split("as a test:")[1] for line in said.splitlines() if "as a test:" in line]
    assert len(commands) == said.count("welcome begins") > 2
    now: list[str] = []
    gone: list[str] = []
    for words in commands:
        _, _, _, *typed = shlex.split(words)
        answer = shop.run(*typed)
        assert answer.code == 0, answer.err
        assert "it passes" in answer.err
        assert "CANARY" not in answer.out
        (gone if "--rev" in typed else now).append(answer.out)
    assert now
    assert gone
    assert {pasted(shop, told) for told in now} == {"ok"}
    # Who does not come in any more is told as main has it, so that the folder fails
    assert {pasted(shop, told) for told in gone} == {"FAIL"}
    git(shop.folder, "checkout", "journeys/welcome.yaml")
    assert {pasted(shop, told) for told in now} == {"FAIL"}
    assert {pasted(shop, told) for told in gone} == {"ok"}


def test_a_run_whose_event_stands_behind_later_ones_is_found_by_the_moment_that_the_replay_tells(
    shop: Shop,
) -> None:
    lines = [
        {"event": "subscribed", "customer_id": who, "at": f"2026-03-0{at}:00Z", "properties": {}}
        for who, at in (("c2", "2T10:05"), ("c1", "2T10:00"), ("c3", "7T10:00"))
    ]
    Path("events.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    said = shop.run("replay", "--events", "events.jsonl", "--against", "main").out
    words = shlex.split(said.partition("as a test:")[2].partition("\n")[0])
    assert {"c1", "2026-03-02T10:05:00Z"} < {*words}
    answer = shop.run(*words[words.index("story") :])
    assert answer.code == 0, answer.err
    assert "day 0 11:00: subscribed" in answer.out, "in Berlin"


def test_what_it_says(shop: Shop, stream: str, golden: Golden) -> None:
    of_stream = ("--events", stream)
    said = [
        report(shop.run("story", *words))
        for words in (
            ("c00", "welcome", *of_stream),
            ("c00", "welcome", *of_stream, "--strict", "--name", "nobody is reached"),
            ("c01", "welcome", *of_stream, "--rev", "main", "--on", "2026-03-03"),
            ("c01", "welcome", *of_stream),
            ("c00", "welcom", *of_stream),
            ("c00", "welcome", *of_stream, "--on", "2026-01-01"),
            ("c00", "welcome", *of_stream, "--rev", "nowhere"),
            ("c00", "welcome", "--strict"),
            ("c00", "welcome", "--events", "nowhere.jsonl"),
        )
    ]
    golden("golden/story_of_replay.txt", without_commits("".join(said)))


def test_a_run_that_began_by_points_is_told_with_what_it_began_by(shop: Shop, stream: str) -> None:
    """The order that gave the points came before it."""
    config = (shop.folder / "config.yaml").read_text(encoding="utf-8")
    shop.write(
        "config.yaml", config + "points: {earn: [{event: order_placed, points: 1 for each 1 EUR of total}]}\n"
    )
    shop.write("journeys/thanks.yaml", THANKS)
    told = shop.run("story", "c00", "thanks", "--events", stream)
    assert "day 0 21:00: points_earned\n      points: 30\n" in told.out, told
    assert "day 0 21:00: send welcome_hello via email" in told.out
    assert told.err.startswith("it passes")


def test_what_other_journeys_do_to_a_run_is_told(shop: Shop, stream: str) -> None:
    """A story has one journey: what the cap of another took from it is expected to be sent there."""
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8").partition("\ntests:")[0]
    shop.write("journeys/first.yaml", text.replace("journey: welcome", "journey: first"))
    told = [shop.run("story", "c02", name, "--events", stream) for name in ("first", "welcome")]
    assert sum("among the other journeys" in each.err for each in told) == 1
    assert all("it passes" in each.err for each in told)
