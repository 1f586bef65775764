"""The schemas of editors refuse nothing that `check` accepts, and accept the names of the project alone."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compiler.formatter import Formatter
from engine.compiler.project_context import ProjectContext
from engine.compiler.schema import schema_files
from engine.language.nodes import Mapping, Node, Scalar, Sequence
from engine.language.yaml.source import read
from engine.problem import Span, split_lines
from engine.project import load_unsaved, load_world
from engine.simulate.checking import run_sound_stories
from engine.values import Instant
from tests.language.test_shape import Yaml12, errors

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests/cases"
PROJECT = CASES / "project"
NOW = Instant(1_772_452_800_000)  # 2 March 2026, noon


@cache
def world(folder: Path) -> ProjectContext:
    return load_world(folder)


@cache
def validator(folder: Path, kind: str) -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads(schema_files(world(folder))[f"schemas/{kind}.schema.json"]))


def kind_of(file: str) -> str:
    """Which schema is for a file of a project."""
    if file.startswith("journeys/"):
        return "segment" if file.startswith("journeys/segments/") else "journey"
    return Path(file).stem


def misfits(folder: Path, file: str, text: str) -> list[str]:
    return errors(validator(folder, kind_of(file)), yaml.load(text, Loader=Yaml12))


def is_accepted(file: str, text: str) -> bool:
    """By `check`, in the sample project; a story may fail, but not be wrong itself."""
    project = load_unsaved(PROJECT, {file: text}, NOW)
    if any(problem.is_error for problem in project.problems):
        return False
    return not run_sound_stories(project, project.problems, file.__eq__).problems


AUTHORED = [
    (folder, path.relative_to(folder).as_posix())
    for folder in (PROJECT, ROOT)
    for part in ("config.yaml", "journeys/**/*.yaml", "schemas/*.yaml")
    for path in sorted(folder.glob(part))
]


@pytest.mark.parametrize(("folder", "file"), AUTHORED, ids=[f"{f.name}-{p}" for f, p in AUTHORED])
def test_every_file_of_a_sound_project_fits(folder: Path, file: str) -> None:
    assert misfits(folder, file, (folder / file).read_text()) == []


def name_of(text: str) -> str:
    found = re.match(r"journey: ([a-z_0-9]+)$", text, re.MULTILINE)
    return f"journeys/{found[1]}.yaml" if found else ""


SINGLE = [
    path
    for path in sorted([*(CASES / "ok").glob("*.yaml"), *(CASES / "err").rglob("W*.yaml")])
    if name_of(path.read_text()) and is_accepted(name_of(path.read_text()), path.read_text())
]


@pytest.mark.parametrize("case", SINGLE, ids=lambda case: case.stem)
def test_every_journey_without_errors_fits(case: Path) -> None:
    text = case.read_text()
    assert misfits(PROJECT, name_of(text), text) == []


def test_there_are_such_journeys() -> None:
    assert len(SINGLE) > 15


# --- whatever is written -------------------------------------------------------------------------

WORDS = """
3 days, 90 min, 1h30, half an hour, 1 day 12 hours, 2 weeks, 10:00, 9:30, until 10:00, until Tuesday
10:00, until birthday, until 3 days before code.expires, until 2026-11-27 10:00, until
trigger.runs_out_on, until their hour, their hour, never, always, once, after 30 days, restart, once
a year, 5%, 10 percent, 45%, at least 2, 2 or more, 2+, max 3, over 5, under 5, between 2 and 5, not
2, 0, 1, 2.5, exactly 2 times, in last 30 days, not in last 30 days, since start, ever, twice, at
least 2 times in last 30 days, at least 20 EUR, €20, 20 €, '20,50 EUR', 100 EUR or more, is set, is
not set, true, false, yes, no, more than 90 days ago, less than 2 weeks ago, today, before
2026-11-27, after 2026-11-27, contains x, not contains x, starts with a, gold, not gold, '[gold,
silver]', '[]', push, email, sms, 'push, email', '[push, email, sms]', cheapest likely, 'cheapest
likely of push, email', auto, 'auto, else 6 hours', order_placed, cart_updated, '[order_placed,
cart_emptied]', clicked, opened, clicked welcome_hello, code_made, welcome_hello, cart_reminder,
WELCOME10, CART10, lapsed_90, not lapsed_90, orders_count, total_spent, tier, birthday,
trigger.total, product.price, code.value, customer.country, segment, workdays, weekend, Tuesday,
'[Tuesday, Thursday]', draft, live, paused, high, low, exit, stay, new, all, keep, recompute,
reached, not reached, marketing, service, skip, wait, day, week, month, last, 28, 27 November,
2026-11-27, price_drop, wishlist, nothing, finish, goal, order_id, product_id, ''
"""


def vocabulary() -> list[str]:
    return [str(word) for word in yaml.load(f"[{WORDS}]", Loader=yaml.BaseLoader)]


def scalars(node: Node) -> list[Scalar]:
    match node:
        case Scalar():
            return [node]
        case Mapping(entries=entries):
            return [scalar for entry in entries for scalar in scalars(entry.value)]
        case Sequence(items=items):
            return [scalar for item in items for scalar in scalars(item)]


@cache
def places(path: Path) -> tuple[str, tuple[Span, ...]]:
    text = path.read_text()
    root, _ = read(text, name_of(text))
    assert root is not None
    found = [scalar.span for scalar in scalars(root) if scalar.plain and scalar.text]
    return text, tuple(span for span in found if span.line > 1)


def with_another_word(path: Path, place: int, word: str) -> str:
    text, spans = places(path)
    span, lines = spans[place % len(spans)], split_lines(text)
    line, start = lines[span.line - 1], span.column - 1
    lines[span.line - 1] = f"{line[:start]}{word}{line[start + span.length :]}"
    return "\n".join(lines)


def fits_where_it_is_accepted(path: Path, place: int, word: str) -> bool:
    """False: it is not accepted. An editor is told of the canonical form, which `fmt` writes."""
    text = with_another_word(path, place, word)
    file = name_of(text)
    if not is_accepted(file, text):
        return False
    formatted = Formatter.of(world(PROJECT).catalogue).format(text, file)
    assert formatted is not None
    assert misfits(PROJECT, file, formatted) == [], text
    return True


SOURCES = [*sorted(PROJECT.glob("journeys/*.yaml")), *sorted((CASES / "ok").glob("*.yaml"))]


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(SOURCES), st.integers(0, 500), st.sampled_from(vocabulary()))
def test_whatever_check_accepts_fits(path: Path, place: int, word: str) -> None:
    fits_where_it_is_accepted(path, place, word)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_much_of_what_check_accepts_fits() -> None:
    dice, words, accepted = random.Random(1), vocabulary(), 0
    for _ in range(4000):
        accepted += fits_where_it_is_accepted(dice.choice(SOURCES), dice.randrange(500), dice.choice(words))
    assert accepted > 200
