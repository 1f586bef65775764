"""A repository of journeys as a shop keeps it for a year: a seeded stream of commits of every kind that
people make, each with what a review has to say of it."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import partial
from itertools import pairwise
from pathlib import Path

from tests.cli.authoring.test_renames import git


class Meaning(StrEnum):
    """What a review has to say of a commit."""

    NOTHING = auto()  # layout, comments, order: nothing at all
    SOMETHING = auto()  # a difference of some kind
    ANY = auto()  # it depends on what happens to stand there; no crash is asked for


@dataclass(frozen=True)
class Commit:
    """One commit of the main branch. `says`: words that stand in its review."""

    subject: str
    meaning: Meaning
    says: str = ""


class CannotError(Exception):
    """There is nothing here that could be edited so."""


class History:
    """Edits a project below `folder`, at random but always the same for a seed. `more`: kinds of edits beside
    those of this file."""

    def __init__(self, folder: Path, seed: int, more: Sequence[Callable[[History], Commit]] = ()) -> None:
        self.folder = folder
        self.edits = (*EDITS, *EDITS, *more)  # most of what is edited are journeys
        self.dice = random.Random(seed)
        self.number = 0
        self.broken: dict[Path, bytes] = {}
        self.is_sound = True
        """Said by whoever looks at a commit: without mistakes."""

    def commits(self, count: int) -> Iterator[Commit]:
        """Makes so many commits, and says of each what it is when it is made."""
        made = unsound = 0
        good = commit_at(self.folder)
        while made < count:
            self.number += 1
            edit: Callable[[History], Commit]
            # what was broken is mended soon: between the two everything else goes on
            if self.broken and self.dice.random() < 0.6:
                edit = repair
            elif unsound > 3:
                edit = partial(go_back, to=good)
            else:
                edit = self.dice.choice(self.edits)
            try:
                commit = edit(self)
            except CannotError:
                git(self.folder, "checkout", "-f", ".")
                continue
            git(self.folder, "add", "-A", ".")
            git(self.folder, "commit", "--allow-empty", "-m", commit.subject)
            made += 1
            yield commit
            unsound = 0 if self.is_sound else unsound + 1
            if self.is_sound:
                good = commit_at(self.folder)

    def files(self, pattern: str) -> list[Path]:
        found = [path for path in sorted(self.folder.glob(pattern)) if path not in self.broken]
        return [path for path in found if path.is_file() and not path.is_symlink()]

    def one(self, pattern: str, holds: str = "") -> Path:
        found = [path for path in self.files(pattern) if re.search(holds, read(path), re.MULTILINE)]
        if not found:
            raise CannotError
        return self.dice.choice(found)

    def replace(self, path: Path, pattern: str, new: Callable[[re.Match[str]], str]) -> None:
        """Writes something else for one of the places that fit."""
        text = read(path)
        places = list(re.finditer(pattern, text, re.MULTILINE))
        if not places:
            raise CannotError
        place = self.dice.choice(places)
        write(path, text[: place.start()] + new(place) + text[place.end() :])


def commit_at(folder: Path) -> str:
    """The one that is checked out."""
    words = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def lines_of(path: Path) -> list[str]:
    return read(path).split("\n")


JOURNEYS, SEGMENTS, MAILS = "journeys/*.yaml", "journeys/segments/*.yaml", "templates/*.mjml"
YAML = ("journeys/*.yaml", "journeys/segments/*.yaml", "schemas/*.yaml", "config.yaml")

# --- layout, comments and order: no difference ---------------------------------------------------------


def comments(history: History) -> Commit:
    path = history.one(history.dice.choice(YAML))
    lines = lines_of(path)
    for _ in range(3):
        # above a line, with its indent; inside of a text of several lines it would be text
        place = history.dice.randrange(len(lines))
        indent = re.match(r" *", lines[place])
        if "|" not in read(path) and ">" not in read(path):
            lines.insert(place, f"{indent[0] if indent else ''}# a remark, {history.number}: not: yaml [")
    write(path, "\n".join(lines))
    return Commit(f"remarks in {path.name}", Meaning.NOTHING)


def blank_lines(history: History) -> Commit:
    path = history.one(history.dice.choice(YAML))
    if re.search(r"[|>][+-]?\s*$", read(path), re.MULTILINE):
        raise CannotError
    text = re.sub(r"\n(?=\w)", "\n\n", read(path)) + "\n" * history.dice.randrange(3)
    write(path, re.sub(r"(?<=\w)$", "  ", text, count=5, flags=re.MULTILINE))
    return Commit(f"air in {path.name}", Meaning.NOTHING)


def key_order(history: History) -> Commit:
    path = history.one(JOURNEYS)
    head, *blocks = re.split(r"^(?=[a-z_]+:)", read(path), flags=re.MULTILINE)
    blocks = [block if block.endswith("\n") else block + "\n" for block in blocks]
    history.dice.shuffle(blocks)
    write(path, head + "".join(blocks))
    return Commit(f"another order in {path.name}", Meaning.NOTHING)


def keys_of_a_step(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^( +)- wait: .*\n\1  id: .*\n\1  at: .*\n")
    history.replace(
        path,
        r"^( +)- (wait: .*)\n\1  (id: .*)\n\1  (at: .*)\n",
        lambda m: f"{m[1]}- {m[4]}\n{m[1]}  {m[2]}\n{m[1]}  {m[3]}\n",
    )
    return Commit(f"another order at a wait of {path.name}", Meaning.NOTHING)


def line_ends(history: History) -> Commit:
    path = history.one(history.dice.choice((*YAML, MAILS)))
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\r\n", b"\n") if b"\r\n" in data else data.replace(b"\n", b"\r\n"))
    return Commit(f"line ends of {path.name}", Meaning.NOTHING)


def byte_order_mark(history: History) -> Commit:
    path = history.one(JOURNEYS)
    data = path.read_bytes()
    mark = b"\xef\xbb\xbf"
    path.write_bytes(data.removeprefix(mark) if data.startswith(mark) else mark + data)
    return Commit(f"an editor of Windows saved {path.name}", Meaning.NOTHING)


def quotes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^(again|journey|priority|event|  event): \w+ *$")
    history.replace(path, r"^(again|journey|  event): (\w+) *$", lambda m: f'{m[1]}: "{m[2]}"')
    return Commit(f"quotes in {path.name}", Meaning.NOTHING)


def braces(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^(goal|start):\n  event: \w+\n(?!  )")
    history.replace(path, r"^(goal|start):\n  event: (\w+)\n(?!  )", lambda m: f"{m[1]}: {{event: {m[2]}}}\n")
    return Commit(f"one line instead of two in {path.name}", Meaning.NOTHING)


def no_braces(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^(goal|start): \{event: \w+\}$")
    history.replace(path, r"^(goal|start): \{event: (\w+)\}$", lambda m: f"{m[1]}:\n    event:   {m[2]}")
    return Commit(f"two lines instead of one in {path.name}", Meaning.NOTHING)


def less_indent(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^steps:\r?\n  - ")
    before, _, rest = read(path).partition("steps:")
    steps, after = [*re.split(r"^(?=[a-z])", rest, maxsplit=1, flags=re.MULTILINE), ""][:2]
    write(path, f"{before}steps:" + re.sub(r"^  ", "", steps, flags=re.MULTILINE) + after)
    return Commit(f"less indent in {path.name}", Meaning.NOTHING)


def words_of_the_team(history: History) -> Commit:
    (history.folder / "README.md").write_text(f"# Campaigns\n\n{history.number} `code` | </details>\n")
    (history.folder / "notes").mkdir(exist_ok=True)
    (history.folder / "notes" / "Grüße, и ещё.md").write_text(str(history.number))
    return Commit("notes of the team", Meaning.NOTHING)


def modes(history: History) -> Commit:
    path = history.one(JOURNEYS)
    path.chmod(0o755 if path.stat().st_mode & 0o100 == 0 else 0o644)
    return Commit(f"mode of {path.name}", Meaning.NOTHING)


def remark_in_a_message(history: History) -> Commit:
    path = history.one(MAILS, r"</mj-column>")
    history.replace(path, r"</mj-column>", lambda m: f"{{# why, {history.number} #}}\n    {m[0]}")
    return Commit(f"a remark in {path.name}", Meaning.NOTHING)


# --- what reaches somebody ------------------------------------------------------------------------------


def wait_length(history: History) -> Commit:
    path = history.one(JOURNEYS, r"- wait: \d+ days")
    history.replace(path, r"- wait: (\d+) days", lambda m: f"- wait: {int(m[1]) + 1} days")
    return Commit(f"longer wait in {path.name}", Meaning.SOMETHING, "people in flight")


def rename_place(history: History, *, was: bool) -> Commit:
    path = history.one(JOURNEYS, r"^( +)id: (\w+)\r?$")
    if was and "was:" in read(path):
        raise CannotError

    def renamed(place: re.Match[str]) -> str:
        kept = f"{place[1]}was: {place[2]}\n" if was else ""
        return f"{kept}{place[1]}id: {place[2]}_{history.number}"

    history.replace(path, r"^( +)id: (\w+)\r?$", renamed)
    return Commit(f"another name in {path.name}, was: {was}", Meaning.SOMETHING)


def renamed_with_was(history: History) -> Commit:
    return rename_place(history, was=True)


def renamed_without(history: History) -> Commit:
    return rename_place(history, was=False)


def was_goes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^ +was: \w+\r?$")
    write(path, re.sub(r"^ +was: \w+\r?\n", "", read(path), flags=re.MULTILINE))
    return Commit(f"a former name goes from {path.name}", Meaning.ANY)


STEP = r"^( +)- (?:send|wait|set|add|code|remove):.*\n(?:\1  .*\n)*"


def steps_of(text: str) -> list[re.Match[str]]:
    found = re.finditer(STEP, text, re.MULTILINE)
    return [match for match in found if "tests:" not in text[: match.start()]]


def step_moves(history: History) -> Commit:
    path = history.one(JOURNEYS, STEP)
    text = read(path)
    steps = steps_of(text)
    if len(steps) < 2:
        raise CannotError
    first, second = sorted(history.dice.sample(steps, 2), key=lambda match: match.start())
    if first[1] != second[1] or first[0] == second[0]:
        raise CannotError
    between = text[first.end() : second.start()]
    write(path, text[: first.start()] + second[0] + between + first[0] + text[second.end() :])
    return Commit(f"steps of {path.name} change places", Meaning.ANY)


def step_goes(history: History) -> Commit:
    path = history.one(JOURNEYS, STEP)
    text = read(path)
    steps = steps_of(text)
    if len(steps) < 2:
        raise CannotError
    gone = history.dice.choice(steps)
    write(path, text[: gone.start()] + text[gone.end() :])
    return Commit(f"a step of {path.name} goes", Meaning.SOMETHING)


def step_comes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^steps:\r?\n( *)- ")
    wait = ("- wait: 9 hours", f"  id: pause_{history.number}")
    history.replace(
        path,
        r"^steps:(\r?\n)( *)- ",
        lambda m: "".join([f"steps:{m[1]}", *(f"{m[2]}{line}{m[1]}" for line in wait), f"{m[2]}- "]),
    )
    return Commit(f"a wait comes first in {path.name}", Meaning.SOMETHING, f"pause_{history.number}")


def split_comes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^steps:\n  - ")
    name = f"split_{history.number}"
    paths = "".join(
        f"      {share}% {path_name}:\n        - wait: {wait}\n          id: {name}_{path_name}\n"
        for share, path_name, wait in ((20, "late", "1 hour"), (80, "later", "2 hours"))
    )
    text = f"  - split: {name}\n    into:\n{paths}"
    history.replace(path, r"^steps:\n", lambda m: m[0] + text)
    return Commit(f"a test begins in {path.name}", Meaning.SOMETHING, name)


SHARE = r"^( +)(\d+)%(?= \w+:)"


def share_changes(history: History) -> Commit:
    path = history.one(JOURNEYS, SHARE)
    text = read(path)
    # the shares of a split make a hundred: what one gets more its neighbour has less
    neighbours = [
        (first, second)
        for first, second in pairwise(re.finditer(SHARE, text, re.MULTILINE))
        if first[1] == second[1] and "into:" not in text[first.end() : second.start()] and int(second[2]) > 7
    ]
    if not neighbours:
        raise CannotError
    first, second = history.dice.choice(neighbours)
    shares = f"{first[1]}{int(first[2]) + 7}%", f"{second[1]}{int(second[2]) - 7}%"
    between = text[first.end() : second.start()]
    write(path, text[: first.start()] + shares[0] + between + shares[1] + text[second.end() :])
    return Commit(f"another share in {path.name}", Meaning.SOMETHING)


def again(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^again: [\w ]+$")
    history.replace(
        path, r"^again: ([\w ]+)$",
        lambda m: f"again: after {history.number + 30} days" if m[1] != "always" else "again: never",
    )  # fmt: skip
    return Commit(f"who may come again into {path.name}", Meaning.SOMETHING, "only newcomers")


def about(history: History) -> Commit:
    path = history.one(history.dice.choice((JOURNEYS, SEGMENTS)), r"^about: ")
    hostile = "</details> | `x` [a](http://b.example) @everybody **b** <!-- -->"
    history.replace(path, r"^about: .*", lambda _: f"about: 'For {history.number}. {hostile}'")
    return Commit(f"other words about {path.name}", Meaning.SOMETHING)


def holdout(history: History) -> Commit:
    path = history.one(JOURNEYS)
    text = re.sub(r"^holdout: .*\r?\n", "", read(path), flags=re.MULTILINE)
    write(path, re.sub(r"^steps:", f"holdout: {history.number % 90 + 1}%\nsteps:", text, flags=re.MULTILINE))
    return Commit(f"another holdout of {path.name}", Meaning.ANY)


def closing(history: History) -> Commit:
    path = history.one(JOURNEYS)
    text, state = read(path), re.compile(r"^state: \w+\r?\n", re.MULTILINE)
    begun = re.sub("^steps:", "state: closing\nsteps:", text, flags=re.MULTILINE)
    write(path, state.sub("", text) if state.search(text) else begun)
    return Commit(f"{path.name} closes, or opens", Meaning.SOMETHING)


def journey_comes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^journey: \w+\r?$")
    name = f"copy_{history.number}"
    text = re.sub(r"^journey: .*$", f"journey: {name}", read(path), flags=re.MULTILINE)
    write(path.with_name(f"{name}.yaml"), text)
    return Commit(f"a copy of {path.name}", Meaning.SOMETHING, f"journey {name}")


def journey_goes(history: History) -> Commit:
    """Mostly as `deploy` wants it: it closes, and is removed later. While people are inside each review after
    a removal is refused, so that few are."""
    found = history.files(JOURNEYS)
    if len(found) < 4:
        raise CannotError
    path = history.dice.choice(found)
    text = read(path)
    if re.search(r"^state: closing\r?$", text, re.MULTILINE) or history.dice.random() < 0.2:
        path.unlink()
        return Commit(f"{path.name} goes", Meaning.SOMETHING)
    open_text = re.sub(r"^state: \w+\r?\n", "", text, flags=re.MULTILINE)
    closed = re.sub("^steps:", "state: closing\nsteps:", open_text, flags=re.MULTILINE)
    if closed == open_text:
        raise CannotError
    write(path, closed)
    return Commit(f"{path.name} closes, to go later", Meaning.SOMETHING)


def journey_renamed(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^journey: \w+\r?$")
    name = f"named_{history.number}"
    was = f"\nwas: {path.stem}" if history.dice.random() < 0.5 and "\nwas:" not in read(path) else ""
    write(
        path.with_name(f"{name}.yaml"),
        re.sub(r"^journey: .*$", f"journey: {name}{was}", read(path), flags=re.MULTILINE),
    )
    path.unlink()
    return Commit(f"{path.name} is called {name}", Meaning.SOMETHING)


def file_renamed_only(history: History) -> Commit:
    path = history.one(JOURNEYS)
    path.rename(path.with_name(f"file_{history.number}.yaml"))
    return Commit(f"the file of {path.name} alone has another name", Meaning.ANY)


def message_changes(history: History) -> Commit:
    path = history.one(MAILS, r"<mj-text>\w")
    history.replace(path, r"<mj-text>(?=\w)", lambda m: f"{m[0]}No {history.number} & <b>news</b>: ")
    return Commit(f"other words in {path.name}", Meaning.ANY)


def subject_changes(history: History) -> Commit:
    path = history.one(MAILS, r"^subject: .*$")
    history.replace(path, r"^subject: .*$", lambda _: f"subject: News {history.number}")
    return Commit(f"another subject of {path.name}", Meaning.SOMETHING, f"News {history.number}")


def message_goes(history: History) -> Commit:
    path = history.one(MAILS)
    history.broken[path] = path.read_bytes()
    path.unlink()
    return Commit(f"{path.name} goes", Meaning.ANY)


def quiet_hours(history: History) -> Commit:
    path = history.one("config.yaml", r"quiet: \d\d:00-\d\d:00")
    history.replace(path, r"quiet: (\d\d):00", lambda m: f"quiet: {19 + (int(m[1]) - 18) % 4}:00")
    return Commit("other quiet hours", Meaning.SOMETHING, "policy")


def caps(history: History) -> Commit:
    path = history.one("config.yaml", r"caps: \[\d+ a day")
    history.replace(path, r"caps: \[(\d+) a day", lambda m: f"caps: [{int(m[1]) % 3 + 1} a day")
    return Commit("other caps", Meaning.SOMETHING, "policy")


def shop_is_called(history: History) -> Commit:
    path = history.one("config.yaml", r"^shop: \{name: [^,]*,")
    history.replace(path, r"^shop: \{name: [^,]*,", lambda _: f"shop: {{name: Shop {history.number},")
    return Commit("the shop has another name", Meaning.SOMETHING)


def fact_comes(history: History) -> Commit:
    path = history.one("schemas/customer.yaml", r"^facts:.*$")
    text = f"\n  orders_{history.number}: count of order_placed in last {history.number} days"
    history.replace(path, r"^facts:.*$", lambda m: m[0].rstrip("\r") + text)
    return Commit("one more fact", Meaning.SOMETHING, f"orders_{history.number}")


def segment_comes(history: History) -> Commit:
    name = f"segment_{history.number}"
    path = history.folder / "journeys" / "segments" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    days = history.number + 10
    write(path, f"segment: {name}\nabout: Lapsed.\nwho:\n  last_order_at: more than {days} days ago\n")
    return Commit("one more segment", Meaning.SOMETHING, name)


def segment_changes(history: History) -> Commit:
    path = history.one(SEGMENTS, r"^ +\w+: .*?\d+ days")
    history.replace(path, r"^( +\w+: .*?)(\d+) days", lambda m: f"{m[1]}{int(m[2]) + 1} days")
    return Commit(f"another length in {path.name}", Meaning.SOMETHING, "only newcomers")


def segment_goes(history: History) -> Commit:
    path = history.one(SEGMENTS)
    path.unlink()
    return Commit(f"{path.name} goes", Meaning.SOMETHING)


def story_changes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^ +- test: .*$")
    history.replace(path, r"^( +)- test: .*$", lambda m: f"{m[1]}- test: it is story {history.number}")
    return Commit(f"a story of {path.name} is told otherwise", Meaning.ANY)


# --- what should not happen, and does -------------------------------------------------------------------


def go_back(history: History, *, to: str) -> Commit:
    """All mistakes at once are given up."""
    history.broken.clear()
    git(history.folder, "rm", "-r", "-q", "--ignore-unmatch", ".")
    git(history.folder, "checkout", to, "--", ".")
    return Commit("back to what was right", Meaning.ANY)


def repair(history: History) -> Commit:
    path, text = history.broken.popitem()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    path.write_bytes(text)
    return Commit(f"mend {path.name}", Meaning.ANY)


def broken_yaml(history: History) -> Commit:
    path = history.one(history.dice.choice((*YAML, MAILS)))
    history.broken[path] = path.read_bytes()
    lines = lines_of(path)
    lines.insert(
        history.dice.randrange(len(lines)),
        history.dice.choice((": [", "\t- x", "{% if", "}}", "<<<<<<< HEAD", "a: &b *c")),
    )
    write(path, "\n".join(lines))
    return Commit(f"{path.name} is broken", Meaning.ANY)


def cut_off(history: History) -> Commit:
    path = history.one(history.dice.choice((*YAML, MAILS)))
    data = history.broken[path] = path.read_bytes()
    path.write_bytes(data[: history.dice.randrange(len(data))])
    return Commit(f"{path.name} is cut off", Meaning.ANY)


def other_encoding(history: History) -> Commit:
    path = history.one(history.dice.choice((JOURNEYS, MAILS)))
    data = history.broken[path] = path.read_bytes()
    is_latin = history.dice.random() < 0.5
    path.write_bytes(data + b"# gr\xfc\xdfe\n" if is_latin else read(path).encode("utf-16"))
    return Commit(f"{path.name} in another encoding", Meaning.ANY)


def file_is_gone(history: History) -> Commit:
    path = history.one(history.dice.choice(YAML))
    history.broken[path] = path.read_bytes()
    if path.name == "config.yaml":
        write(path, "")
    else:
        path.unlink()
    return Commit(f"{path.name} is gone", Meaning.ANY)


def link_instead(history: History) -> Commit:
    path = history.one(JOURNEYS)
    history.broken[path] = path.read_bytes()
    path.unlink()
    path.symlink_to(history.dice.choice(("/etc/hostname", "nowhere.yaml", "../config.yaml")))
    return Commit(f"{path.name} is a link", Meaning.ANY)


def large_file(history: History) -> Commit:
    path = history.one(history.dice.choice((JOURNEYS, MAILS)))
    history.broken[path] = path.read_bytes()
    path.write_bytes(history.broken[path] + b"# " + b"x" * 1_100_000 + b"\n")
    return Commit(f"{path.name} is too large", Meaning.ANY)


def merged(history: History) -> Commit:
    """A branch that began a few commits ago, where nothing that both changed is in the way."""
    git(history.folder, "checkout", "-B", "side", "HEAD~2" if history.number > 3 else "HEAD")
    try:
        path = history.one(JOURNEYS, r"^about: ")
        write(path, read(path) + f"\n# from the side, {history.number}\n")
        git(history.folder, "commit", "-am", "on the side")
    finally:
        git(history.folder, "checkout", "-f", "main")
    try:
        git(history.folder, "merge", "--no-ff", "-X", "ours", "-m", "merge", "side")
    except Exception as wrong:
        git(history.folder, "reset", "--hard", "main")
        raise CannotError from wrong
    return Commit("merge", Meaning.ANY)


EDITS: tuple[Callable[[History], Commit], ...] = (
    comments, blank_lines, key_order, keys_of_a_step, line_ends, byte_order_mark, quotes, braces, no_braces,
    less_indent, words_of_the_team, modes, remark_in_a_message,
    wait_length, renamed_with_was, renamed_without, was_goes, step_moves, step_goes, step_comes, split_comes,
    share_changes, again, about, holdout, closing, journey_comes, journey_goes, journey_renamed,
    file_renamed_only, message_changes, subject_changes, message_goes, quiet_hours, caps, shop_is_called,
    fact_comes, segment_comes, segment_changes, segment_goes, story_changes,
    broken_yaml, cut_off, other_encoding, file_is_gone, link_instead, large_file, merged,
)  # fmt: skip
