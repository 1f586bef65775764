"""A repository of journeys is walked commit by commit: `review` never fails, never shows a change for layout,
and its counts agree with versions that are played by themselves."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.ids import drawn_from
from engine.project import load
from engine.simulate.replay.replay import ReplayOptions, replay
from tests.cli.authoring.test_renames import git
from tests.cli.conftest import Answer, Shop
from tests.cli.journey_history import Commit, History, Meaning
from tests.cli.shop_edits import SHOP_EDITS

_ROW = re.compile(r"^\| (\w+): send (\w+) via (\w+) \| ([\d,]+) \| ([\d,]+) \| [-+\d,]+ \|$", re.MULTILINE)
_CHANGED = re.compile(r"something happens differently to \*\*([\d,]+)\*\*")
_ACTS = re.compile(r"(?<!\\)\]\(|^\s*/[a-z]|<(?!!-- perennial)|(?<!\\)`x", re.MULTILINE)

FIRST, LAST_DAY = dt.date(2026, 11, 21), 28
PEOPLE = [
    {"customer_id": f"c{number:02}", "email": f"c{number:02}@example.com", "consent": {"email": "given"}}
    for number in range(40)
]


@dataclass(frozen=True)
class Played:
    """One version over the events: messages by journey, template and channel, and what happened to whom, as
    they know it: what a step is called is none of that."""

    messages: Counter[MessageKey]
    customers: dict[str, list[str]]


class MessageKey(NamedTuple):
    journey: str
    template: str
    channel: str


@dataclass(frozen=True)
class Row:
    file: str
    customer: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Version:
    """The rows of one version that was played, and of each journey its former name, or None."""

    rows: list[Row]
    was: dict[str, str | None]

    def as_in(self, later: Version) -> Played:
        """With the names that journeys have in a later version, which may be those of before again."""
        names = {}
        for name, was in self.was.items():
            given = [new for new, former in later.was.items() if former == name]
            back = [was] if was is not None and was in later.was and was not in self.was else []
            names[name] = next(iter([*([name] if name in later.was else []), *given, *back]), name)
        messages: Counter[MessageKey] = Counter()
        customers = defaultdict(list)
        for row in self.rows:
            fields = {**row.fields, "journey": names[row.fields["journey"]]}
            fields.pop("step", None)
            customers[row.customer].append(f"{row.file} {json.dumps(fields, sort_keys=True)}")
            if row.file == "messages.jsonl":
                messages[MessageKey(fields["journey"], fields["template"], fields["channel"])] += 1
        return Played(messages, {name: sorted(rows) for name, rows in customers.items()})


def played(shop: Shop, events: Path, out: Path) -> Version | None:
    """The files as they lie there, played for themselves; None where they cannot be."""
    project = load(shop.folder)
    if project.has_errors:
        return None
    replay(project.journeys, project.world, [events], None, ReplayOptions(strict=True, out=out, jobs=1))
    rows = []
    for file in sorted(out.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            rows.append(Row(file.name, fields["customer"], fields))
    return Version(rows, {name: journey.was for name, journey in project.journeys.by_name.items()})


def events_of(names: tuple[str, ...]) -> dict[int, list[str]]:
    """By day, four weeks of forty customers who do everything that starts or ends something."""
    days: dict[int, list[str]] = {}
    for number in range(40):
        name = names[number % len(names)]
        second = names[(number * 7 + 3) % len(names)]
        first, hour = number % 7 * 4, number % 4 + 7
        fields = {"total": 20 + number, "order_id": f"o{number}", "cart_id": f"k{number}", "source": "shop"}
        for event, day, at in ((names[0], first, hour), (name, first, 11), (second, LAST_DAY, 11)):
            moment = f"{FIRST + dt.timedelta(days=day)}T{at:02}:00:00Z"
            row = {"customer_id": f"c{number:02}", "event": event, "at": moment, "properties": fields}
            days.setdefault(day, []).append(json.dumps(row) + "\n")
    return days


def walk(shop: Shop, seed: int, commits: int, snapshot: Path) -> Counter[str]:
    """Reviews each commit against the one before. How many of each meaning there were."""
    seen: Counter[str] = Counter()
    history = History(shop.folder, seed, SHOP_EDITS)
    out = shop.folder.parent / "played"
    before = played(shop, snapshot, out / "0")
    for number, commit in enumerate(history.commits(commits), start=1):
        now = played(shop, snapshot, out / str(number))
        what = f"seed {seed}, commit {number}: {commit.subject}"
        answer = shop.run("review", "--base", "HEAD~1", "--snapshot", str(snapshot), "--format", "json")
        seen += look(what, answer, commit, (before, now), is_whole=not history.broken)
        before, history.is_sound = now, now is not None
    return seen


def look(
    what: str,
    answer: Answer,
    commit: Commit,
    versions: tuple[Version | None, Version | None],
    *,
    is_whole: bool,
) -> Counter[str]:
    """One review. `is_whole`: no file is broken."""
    assert answer.code in (0, 1), f"{what}\n{answer.err}"
    said = json.loads(answer.out)
    text = said["comment"]
    head = text.partition("<details>")[0]
    what = f"{what}\n{head}"
    assert answer.code == (0 if said["passes"] else 1), what
    assert len(text) < 65_535, what
    assert len(head.splitlines()) <= 60, what
    assert not _ACTS.search(head), what
    if commit.meaning is Meaning.NOTHING:
        assert said["affects"] == [], what
    if commit.meaning is Meaning.NOTHING and not said["unread"]:
        assert "### What changes" not in text, what
        assert "Nothing changes for customers" in text, what
    elif commit.meaning is Meaning.SOMETHING and is_whole:
        assert "### What changes" in text, what
        # of a file with a mistake nothing else can be said
        assert said["unread"] or commit.says in text.replace("\\", ""), what
    if said["unread"]:
        assert "**Nothing changes" not in text, what
        assert all(f"`{each['file']}` cannot be compared" in text for each in said["unread"]), what
    before, now = versions
    is_played = before is not None and now is not None
    assert "### What would be sent" in text or not is_played, what
    assert "### What would be sent" not in text or now is not None, what
    changed = 0
    if before is not None and now is not None:
        changed = compare(what, text, before.as_in(now), now.as_in(now))
    return Counter({commit.meaning: 1, "passes": said["passes"], "played": is_played, "differs": changed > 0})


def compare(what: str, text: str, before: Played, now: Played) -> int:
    """The comment counts what these two versions did. To how many something else happens."""
    told = _CHANGED.search(text)
    assert told is not None, what
    everybody = before.customers.keys() | now.customers.keys()
    changed = sum(before.customers.get(name) != now.customers.get(name) for name in everybody)
    assert int(told[1].replace(",", "")) == changed, what
    rows = {
        MessageKey(journey, template, channel): (int(first.replace(",", "")), int(second.replace(",", "")))
        for journey, template, channel, first, second in _ROW.findall(text.replace("\\", ""))
    }
    differing = {
        key: (before.messages[key], now.messages[key])
        for key in before.messages.keys() | now.messages.keys()
        if before.messages[key] != now.messages[key]
    }
    if re.search(r"and [\d,]+ more lines?: all", text, re.MULTILINE):
        assert rows.items() <= differing.items(), what
    else:
        assert rows == differing, what
    return changed


def shop_with_events(shop: Shop, names: tuple[str, ...], tmp_path: Path) -> Path:
    """Commits the project, and plays four weeks so that people are inside; a snapshot with the events."""
    git(shop.folder, "init", "-b", "main")
    git(shop.folder, "config", "core.autocrlf", "false")
    git(shop.folder, "add", "config.yaml", "journeys", "templates", "schemas")
    git(shop.folder, "commit", "-m", "first")
    (shop.folder / ".git/info/exclude").write_text("data/\nout/\n")
    people = tmp_path / "people.jsonl"
    people.write_text("".join(json.dumps(row) + "\n" for row in PEOPLE))
    # The store's secret is made here, and with it who is whom in the snapshot: of whom a holdout or a share
    # takes hold goes by the name, so with other names other customers would be met by an edit.
    with drawn_from(random.Random(1).randbytes):
        assert shop.run("import", str(people)).code == 0
    for day, rows in sorted(events_of(names).items()):
        # on its day: what is older starts nobody
        shop.go_to(f"{FIRST + dt.timedelta(days=day)}T12:00:00+00:00")
        events = tmp_path / f"events{day}.jsonl"
        events.write_text("".join(rows))
        assert shop.run("import", "--live", str(events)).code == 0
        shop.play()
    snapshot = tmp_path / "snapshot.jsonl.gz"
    assert shop.run("snapshot", "--out", str(snapshot), "--last", "60 days").code == 0
    return snapshot


SMALL = ("subscribed", "cart_updated", "order_placed")
SAMPLE = ("subscribed", "cart_updated", "order_placed", "product_viewed", "site_visited", "review_written")


def test_some_weeks_of_a_small_shop(small_shop: Shop, tmp_path: Path) -> None:
    for name in ("birthday_gift", "cart_reminder", "thank_you", "winback"):
        assert small_shop.run("new", "journey", name).code == 0
    snapshot = shop_with_events(small_shop, SMALL, tmp_path)
    seen = walk(small_shop, 1, 24, snapshot)
    assert seen[Meaning.NOTHING] >= 4
    assert seen["played"] >= 8
    assert seen["differs"] >= 2


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", [2, 3])
def test_a_year_of_the_sample_shop(shop: Shop, tmp_path: Path, seed: int) -> None:
    snapshot = shop_with_events(shop, SAMPLE, tmp_path)
    seen = walk(shop, seed, 300, snapshot)
    assert seen["played"] >= 60
    assert seen["differs"] >= 8
    assert seen["passes"] >= 20


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(4, 10))
def test_a_year_of_a_small_shop(small_shop: Shop, tmp_path: Path, seed: int) -> None:
    for name in ("birthday_gift", "cart_reminder", "thank_you", "winback"):
        assert small_shop.run("new", "journey", name).code == 0
    snapshot = shop_with_events(small_shop, SMALL, tmp_path)
    seen = walk(small_shop, seed, 300, snapshot)
    assert seen["played"] >= 60
    assert seen["differs"] >= 8
