"""What people change beside the steps of a journey: settings, facts, the catalogue, codes, points, names that
stand in many files; and the same written otherwise. For the histories that `review` walks."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

from engine.language.fmt import format_journey
from engine.project import load
from engine.simulate.stories.accept import accept
from engine.simulate.stories.story_report import run_stories
from tests.cli.authoring.test_renames import git
from tests.cli.journey_history import (
    JOURNEYS,
    MAILS,
    SEGMENTS,
    CannotError,
    Commit,
    History,
    Meaning,
    read,
    write,
)

CONFIG, EVENTS, CUSTOMER, PRODUCT = (
    "config.yaml", "schemas/events.yaml", "schemas/customer.yaml", "schemas/product.yaml",
)  # fmt: skip
BLOCK = r"^(?=[a-z_]+:)"
LIST = r"^{}:.*\n((?:  .*\n|\n)+)"

# --- the same, written otherwise -----------------------------------------------------------------------


def formatted(history: History) -> Commit:
    path = history.one(JOURNEYS)
    text = read(path).removeprefix("\ufeff")
    after = format_journey(text, f"journeys/{path.name}")
    if after == text:
        raise CannotError
    write(path, after)
    return Commit(f"fmt of {path.name}", Meaning.NOTHING)


def settings_in_another_order(history: History) -> Commit:
    path = history.one(history.dice.choice((CONFIG, CUSTOMER)))
    head, *blocks = re.split(BLOCK, read(path), flags=re.MULTILINE)
    blocks = [block if block.endswith("\n") else block + "\n" for block in blocks]
    history.dice.shuffle(blocks)
    write(path, head + "".join(blocks))
    return Commit(f"another order in {path.name}", Meaning.NOTHING)


def entries_in_another_order(history: History) -> Commit:
    file, key = history.dice.choice(
        ((CUSTOMER, "facts"), (CUSTOMER, "attributes"), (EVENTS, "events"), (PRODUCT, "product"),
         (CONFIG, "policies"), (CONFIG, "codes")),
    )  # fmt: skip
    path = history.one(file, LIST.format(key))

    def turned(place: re.Match[str]) -> str:
        entries = re.split(r"^(?=  \w)", place[1], flags=re.MULTILINE)
        head = place[0].removesuffix(place[1])
        return head + "".join(each for each in (entries[0], *reversed(entries[1:])) if each)

    history.replace(path, LIST.format(key), turned)
    return Commit(f"{key} of {path.name} in another order", Meaning.NOTHING)


def settings_in_quotes(history: History) -> Commit:
    path = history.one(CONFIG, r"^(timezone|currency): [\w/]+ *$")
    history.replace(path, r"^(timezone|currency): ([\w/]+) *$", lambda m: f'{m[1]}: "{m[2]}"')
    return Commit("quotes in config.yaml", Meaning.NOTHING)


def one_line_of_a_map(history: History) -> Commit:
    path = history.one(CONFIG, r"^  (\w+):\n((?:    \w+: [^\n#{|>]+\n)+)")

    def flowing(place: re.Match[str]) -> str:
        inside = ", ".join(line.strip() for line in place[2].splitlines())
        return f"  {place[1]}: {{{inside}}}\n"

    history.replace(path, r"^  (\w+):\n((?:    \w+: [^\n#{|>]+\n)+)(?!    )", flowing)
    return Commit("one line instead of several in config.yaml", Meaning.NOTHING)


def several_lines_of_a_map(history: History) -> Commit:
    simple = r"^  (\w+): \{((?:\w+: [\w.:% -]+, )*\w+: [\w.:% -]+)\}\n"
    path = history.one(CONFIG, simple)
    history.replace(
        path, simple,
        lambda m: f"  {m[1]}:\n" + "".join(f"      {each}\n" for each in m[2].split(", ")),
    )  # fmt: skip
    return Commit("several lines instead of one in config.yaml", Meaning.NOTHING)


def why_it_is_so(history: History) -> Commit:
    path = history.one(history.dice.choice((CONFIG, CUSTOMER, SEGMENTS, JOURNEYS)), r"^ +\w+: [\w ]+\r?$")
    history.replace(path, r"^( +\w+: [\w ]+?) *(\r?)$", lambda m: f"{m[1]}   # why: {history.number}{m[2]}")
    return Commit(f"a remark behind a line of {path.name}", Meaning.NOTHING)


def into_a_folder(history: History) -> Commit:
    path = history.one(JOURNEYS)
    folder = path.parent / "spring"
    folder.mkdir(exist_ok=True)
    path.rename(folder / path.name)
    return Commit(f"{path.name} goes into a folder", Meaning.NOTHING)


def out_of_a_folder(history: History) -> Commit:
    path = history.one("journeys/spring/*.yaml")
    to = path.parent.parent / path.name
    if to.exists():
        raise CannotError
    path.rename(to)
    return Commit(f"{path.name} comes out of its folder", Meaning.NOTHING)


# --- settings ------------------------------------------------------------------------------------------


def policy_changes(history: History) -> Commit:
    path = history.one(CONFIG, r"too_late: \d+ hours")
    history.replace(path, r"too_late: (\d+) hours", lambda m: f"too_late: {int(m[1]) % 40 + 5} hours")
    return Commit("messages are too late at another time", Meaning.SOMETHING, "policy")


def policy_comes(history: History) -> Commit:
    path = history.one(CONFIG, r"^policies:\n")
    name = f"news_{history.number}"
    text = f"  {name}: {{consent: marketing, quiet: 20:00-10:00, caps: [1 a week]}}\n"
    history.replace(path, r"^policies:\n", lambda m: m[0] + text)
    return Commit("one more policy", Meaning.SOMETHING, name)


def policy_of_a_journey(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^steps:")
    text = re.sub(r"^policy: .*\r?\n", "", read(path), flags=re.MULTILINE)
    policy = "marketing" if "\npolicy: service" in read(path) else "service"
    write(path, re.sub(r"^steps:", f"policy: {policy}\nsteps:", text, flags=re.MULTILINE))
    return Commit(f"{path.name} by another policy", Meaning.ANY)


def priority(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^steps:")
    level = "low" if "\npriority: high" in read(path) else "high"
    text = re.sub(r"^priority: .*\r?\n", "", read(path), flags=re.MULTILINE)
    write(path, re.sub(r"^steps:", f"priority: {level}\nsteps:", text, flags=re.MULTILINE))
    return Commit(f"another priority of {path.name}", Meaning.ANY)


def code_comes(history: History) -> Commit:
    path = history.one(CONFIG)
    line = f"  SALE{history.number}: {{kind: shared, code: SALE{history.number}, text: 10%}}\n"
    if not re.search(r"^codes:", read(path), re.MULTILINE):
        write(path, read(path).rstrip("\n") + "\ncodes:\n")
    history.replace(path, r"^codes:\r?\n", lambda m: m[0] + line)
    return Commit("one more pool of codes", Meaning.SOMETHING, f"SALE{history.number}")


def code_is_worth_more(history: History) -> Commit:
    path = history.one(CONFIG, r"text: \d+%")
    history.replace(path, r"text: (\d+)%", lambda m: f"text: {int(m[1]) % 40 + 5}%")
    return Commit("a code is worth more", Meaning.SOMETHING, "codes")


def points_change(history: History) -> Commit:
    path = history.one(CONFIG, r"points: \d+[, ]")
    history.replace(path, r"points: (\d+)([, ])", lambda m: f"points: {int(m[1]) + 1}{m[2]}")
    return Commit("another number of points", Meaning.SOMETHING, "points")


def tiers_change(history: History) -> Commit:
    path = history.one(CONFIG, r"into: \{.*gold: \d+")
    history.replace(path, r"gold: (\d+)", lambda m: f"gold: {int(m[1]) + 1}")
    return Commit("gold is farther away", Meaning.SOMETHING, "tiers")


def recommended_otherwise(history: History) -> Commit:
    path = history.one(CONFIG, r"^      - bestsellers of favourite_category\n      - bestsellers\n")
    history.replace(
        path, r"^(      - bestsellers of favourite_category\n)(      - bestsellers\n)", lambda m: m[2] + m[1]
    )
    return Commit("bestsellers come first", Meaning.SOMETHING, "recommendations")


def language_comes(history: History) -> Commit:
    path = history.one(CONFIG, r"^languages: \[[a-z, ]+\]")
    text = read(path)
    language = next(
        (each for each in ("de", "fr", "bg") if each not in text.partition("languages:")[2][:30]), ""
    )
    if not language:
        raise CannotError
    history.replace(path, r"^languages: \[([a-z, ]+)\]", lambda m: f"languages: [{m[1]}, {language}]")
    return Commit(f"letters in {language}", Meaning.SOMETHING, "languages")


# --- facts, events, products ----------------------------------------------------------------------------


def fact_changes(history: History) -> Commit:
    path = history.one(CUSTOMER, r"in last \d+ days")
    history.replace(path, r"in last (\d+) days", lambda m: f"in last {int(m[1]) + 1} days")
    return Commit("another length of a fact", Meaning.SOMETHING, "facts")


def fact_goes(history: History) -> Commit:
    path = history.one(CUSTOMER, r"^  orders_\d+: .*\n")
    history.replace(path, r"^  orders_\d+: .*\n", lambda _: "")
    return Commit("a fact goes", Meaning.ANY)


def fact_as_a_map(history: History) -> Commit:
    path = history.one(CUSTOMER, r"^facts:\n")
    text = (
        f"  large_{history.number}:\n    is: count of order_placed\n    where: {{total: at least 30 EUR}}\n"
    )
    history.replace(path, r"^facts:\n", lambda m: m[0] + text)
    return Commit("a fact over some orders", Meaning.SOMETHING, f"large_{history.number}")


def attribute_comes(history: History) -> Commit:
    path = history.one(CUSTOMER, r"^attributes:.*\n")
    name = f"hobby_{history.number}"
    history.replace(path, r"^attributes:.*\n", lambda m: f"{m[0]}  {name}: text\n")
    return Commit("one more attribute", Meaning.SOMETHING, name)


def field_of_an_event(history: History) -> Commit:
    path = history.one(EVENTS, r"^      order_id: text\n")
    history.replace(path, r"^      order_id: text\n", lambda m: f"{m[0]}      note_{history.number}: text\n")
    return Commit("one more field of an order", Meaning.SOMETHING, f"note_{history.number}")


def event_comes(history: History) -> Commit:
    path = history.one(EVENTS, r"^events:.*\n")
    name = f"asked_{history.number}"
    history.replace(path, r"^events:.*\n", lambda m: f"{m[0]}  {name}:\n    fields: {{about: text}}\n")
    return Commit("one more event", Meaning.SOMETHING, name)


def field_of_products(history: History) -> Commit:
    path = history.one(PRODUCT, r"^product:.*\n")
    name = f"colour_{history.number}"
    history.replace(path, r"^product:.*\n", lambda m: f"{m[0]}  {name}: text\n")
    return Commit("one more field of products", Meaning.SOMETHING, name)


# --- whom a journey is for -------------------------------------------------------------------------------


def with_key(history: History, key: str, value: str) -> Path:
    path = history.one(JOURNEYS, r"^steps:")
    text = read(path)
    if re.search(rf"^{key}:", text, re.MULTILINE):
        raise CannotError
    write(path, re.sub(r"^steps:", f"{key}: {value}\nsteps:", text, count=1, flags=re.MULTILINE))
    return path


def who_comes(history: History) -> Commit:
    path = with_key(history, "who", f"{{orders_count: less than {history.number + 2}}}")
    return Commit(f"{path.name} is not for everybody", Meaning.SOMETHING)


def exit_comes(history: History) -> Commit:
    path = with_key(history, "exit_if", f"{{orders_count: at least {history.number + 2}}}")
    return Commit(f"{path.name} ends early", Meaning.SOMETHING, "people in flight")


def who_asks_otherwise(history: History) -> Commit:
    path = history.one(JOURNEYS, r"orders_count: less than \d+")
    history.replace(
        path, r"orders_count: less than (\d+)", lambda m: f"orders_count: less than {int(m[1]) + 1}"
    )
    return Commit(f"{path.name} is for more of them", Meaning.ANY)


def start_fits_less(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^start:\n  event: (order_placed|cart_updated)\n(?!  )")
    history.replace(
        path, r"^(start:\n  event: (?:order_placed|cart_updated)\n)(?!  )",
        lambda m: f"{m[1]}  where: {{total: at least {history.number} EUR}}\n",
    )  # fmt: skip
    return Commit(f"only larger ones start {path.name}", Meaning.SOMETHING, "only newcomers")


def another_hour(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^    at: \d\d:00\r?$")
    history.replace(path, r"^    at: (\d\d):00", lambda m: f"    at: {9 + (int(m[1]) - 8) % 11:02}:00")
    return Commit(f"another hour in {path.name}", Meaning.SOMETHING)


def question_around_a_step(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^  - send: \w+\n(?!    )")
    history.replace(
        path, r"^  - (send: \w+)\n(?!    )",
        lambda m: f"  - if: {{orders_count: at least 1}}\n    then:\n      - {m[1]}\n",
    )  # fmt: skip
    return Commit(f"only some get a message of {path.name}", Meaning.ANY)


def another_message(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^ +- send: \w+\r?$")
    sent = history.dice.choice(re.findall(r"^ +- send: (\w+)\r?$", read(path), re.MULTILINE))
    new = f"{sent.partition('_new')[0]}_new{history.number}"
    if new == sent:
        raise CannotError
    for each in history.files("templates/*"):
        if each.name.partition(".")[0] == sent:
            write(each.with_name(each.name.replace(sent, new, 1)), read(each))
    write(path, re.sub(rf"(- send: ){sent}(?!\w)", rf"\g<1>{new}", read(path)))
    return Commit(f"{path.name} sends {new} instead of {sent}", Meaning.SOMETHING)


def much_sooner(history: History) -> Commit:
    wait = r"^( +)- wait: (\d+) days\n((?:\1  .*\n)*)"

    def in_hours(place: re.Match[str]) -> str:
        # a time of the day belongs to days
        rest = re.sub(r"^ +at: .*\n", "", place[3], flags=re.MULTILINE)
        return f"{place[1]}- wait: {place[2]} hours\n{rest}"

    path = history.one(JOURNEYS, wait)
    history.replace(path, wait, in_hours)
    return Commit(f"a wait of hours in {path.name}", Meaning.SOMETHING, "people in flight")


def story_goes(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^tests:\n")
    head, _, tests = read(path).partition("\ntests:\n")
    stories = re.split(r"^(?=  - test:)", tests, flags=re.MULTILINE)
    if len(stories) < 3:
        raise CannotError
    del stories[history.dice.randrange(1, len(stories))]
    write(path, f"{head}\ntests:\n{''.join(stories)}")
    return Commit(f"a story of {path.name} goes", Meaning.ANY)


def stories_accepted(history: History) -> Commit:
    """A story that fails keeps everything from being merged, so somebody soon writes down what happens."""
    project = load(history.folder)
    if project.has_errors:
        raise CannotError
    report = run_stories(list(project.files.values()), project.journeys, project.world)
    failing = [each for each in report.journeys if each.failed]
    if not failing:
        raise CannotError
    for each in failing:
        path = history.folder / each.file
        write(path, accept(read(path), each.file, each.results))
    return Commit("the stories expect what happens", Meaning.ANY)


# --- what stands in many files ---------------------------------------------------------------------------


def everywhere(history: History, old: str, new: str, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in history.files(pattern):
            if re.search(rf"(?<!\w){old}(?!\w)", text := read(path)):
                write(path, re.sub(rf"(?<!\w){old}(?!\w)", new, text))


def message_renamed(history: History) -> Commit:
    path = history.one(MAILS)
    old = path.name.partition(".")[0]
    new = f"{old.partition('_no')[0]}_no{history.number}"
    for each in history.files("templates/*"):
        if each.name.partition(".")[0] == old:
            each.rename(each.with_name(each.name.replace(old, new, 1)))
    everywhere(history, old, new, ("journeys/*.yaml", "journeys/spring/*.yaml"))
    return Commit(f"the message {old} is called {new}", Meaning.ANY)


def segment_renamed(history: History) -> Commit:
    path = history.one(SEGMENTS, r"^segment: \w+\r?$")
    new = f"people_{history.number}"
    everywhere(history, path.stem, new, ("journeys/*.yaml", "journeys/*/*.yaml", "config.yaml"))
    path.rename(path.with_name(f"{new}.yaml"))
    return Commit(f"the segment {path.stem} is called {new}", Meaning.SOMETHING, new)


def message_in_another_language(history: History) -> Commit:
    path = history.one("templates/*.email.mjml")
    to = path.with_name(path.name.replace(".mjml", ".de.mjml"))
    if to.exists():
        raise CannotError
    write(to, read(path))
    return Commit(f"{path.name} in German", Meaning.ANY)


def channel_comes(history: History) -> Commit:
    path = history.one(CONFIG, r"^channels:\n")
    if re.search(r"^  push:", read(path), re.MULTILINE):
        raise CannotError
    history.replace(path, r"^channels:\n", lambda m: f"{m[0]}  push: {{via: outbox, price: 0 EUR}}\n")
    for mail in history.files("templates/*.email.mjml"):
        write(mail.with_name(f"{mail.name.partition('.')[0]}.push.txt"), "News from us\n")
    return Commit("push as well", Meaning.SOMETHING, "channels")


def undone(history: History) -> Commit:
    if history.broken or history.number < 3:
        raise CannotError
    git(history.folder, "rm", "-r", "-q", "--ignore-unmatch", ".")
    git(history.folder, "checkout", "HEAD~1", "--", ".")
    return Commit("the last one is taken back", Meaning.ANY)


def conflict_is_left(history: History) -> Commit:
    path = history.one(JOURNEYS, r"^  - wait:")
    history.broken[path] = path.read_bytes()
    history.replace(
        path, r"^(  - wait:.*)$",
        lambda m: textwrap.dedent(f"""\
            <<<<<<< HEAD
            {m[1]}
            =======
            {m[1]} and more
            >>>>>>> side"""),
    )  # fmt: skip
    return Commit(f"a merge of {path.name} is not done", Meaning.ANY)


SHOP_EDITS: tuple[Callable[[History], Commit], ...] = (
    formatted, settings_in_another_order, entries_in_another_order, settings_in_quotes, one_line_of_a_map,
    several_lines_of_a_map, why_it_is_so, into_a_folder, out_of_a_folder,
    policy_changes, policy_comes, policy_of_a_journey, priority, code_comes, code_is_worth_more,
    points_change, tiers_change, recommended_otherwise, language_comes,
    fact_changes, fact_goes, fact_as_a_map, attribute_comes, field_of_an_event, event_comes,
    field_of_products,
    another_message, much_sooner,
    who_comes, exit_comes, who_asks_otherwise, start_fits_less, another_hour, question_around_a_step,
    story_goes, stories_accepted, stories_accepted, message_renamed, segment_renamed,
    message_in_another_language, channel_comes, undone,
    conflict_is_left,
)  # fmt: skip
