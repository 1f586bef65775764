"""The strict reader: what stays text, what is refused, and that nothing makes it crash or slow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from engine.language.nodes import Mapping, Node, Scalar, Sequence
from engine.language.parse import parse_journey, parse_segment
from engine.language.yaml.plain_text import clean
from engine.language.yaml.source import DEEPEST, MOST_PROBLEMS, read
from engine.problem import Problem, Span, split_lines

ROOT = Path(__file__).parent.parent.parent
JOURNEYS = sorted(ROOT.glob("journeys/*.yaml"))
YAML_SIGNS = st.text(alphabet="ab:-[]{},'\"|>&*!%#? \n\t@`<=~0\x00\r\ufeffé", max_size=60)


def values(text: str) -> dict[str, str]:
    root, problems = read(text, "f")
    assert problems == []
    assert isinstance(root, Mapping)
    return {entry.key.text: entry.value.text for entry in root.entries if isinstance(entry.value, Scalar)}


@pytest.mark.parametrize(
    "written",
    [
        "NO",
        "on",
        "10:30",
        "08:30",
        "21:00",
        "0123",
        "1.10",
        "2026-03-01",
        "yes",
        "~",
        "1_000",
        "+359888123456",
        "null",
    ],
)
def test_every_scalar_stays_as_it_is_written(written: str) -> None:
    assert values(f"{written}: {written}\n") == {written: written}


def test_byte_order_mark_and_line_ends_of_windows_are_accepted() -> None:
    assert values("\ufeffjourney: welcome\r\nagain: never\r\n") == {"journey": "welcome", "again": "never"}
    root, problems = read(b"\xef\xbb\xbfa: b\r\nc: d\r\n", "f")
    assert problems == []
    assert isinstance(root, Mapping)
    assert [entry.key.span.line for entry in root.entries] == [1, 2]


def test_columns_count_characters() -> None:
    root, _ = read("ключ: '🎁 подарък'  # x\nb: c", "f")
    assert isinstance(root, Mapping)
    assert root.entries[0].value.span == Span("f", 1, 7, 11)


def test_many_mistakes_of_one_kind_are_all_reported_up_to_a_limit() -> None:
    _, problems = read("a: &x b\nc: &y d\n", "f")
    assert [problem.span.line for problem in problems] == [1, 2]
    _, problems = read("".join(f"a{n}: &x b\n" for n in range(1000)), "f")
    assert len(problems) == MOST_PROBLEMS


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[" * 100_000, "nested more than 20 levels deep"),
        ("a: " + "[" * 100_000, "nested more than 20 levels deep"),
        ("{a: " * 100_000, "nested more than 20 levels deep"),
        ("- " * 100_000, "nested more than 20 levels deep"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", 'no anchors: "&a"'),
        ("a: !!python/object/apply:os.system [echo]\n", "no tags"),
        ("x" * 10_000_000, "larger than 1 MB"),
        (b"a: \xff\xfe", "not written in UTF-8"),
        ("a: \x00", "invisible character"),
        ("a: \ud800", "invisible character"),
        ("a: b\u2028c", "invisible character"),
        ("", "this file is empty"),
        ("---\n...\n", "this file is empty"),
        ("~", "this file is not a journey"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_traps_are_refused_with_a_clear_text(text: str | bytes, what: str) -> None:
    journey, problems = parse_journey(text, "f")
    assert journey is None
    assert what in problems[0].what


def test_twenty_levels_are_read_and_one_more_is_not() -> None:
    assert read("[" * DEEPEST + "x" + "]" * DEEPEST, "f")[1] == []
    assert read("[" * (DEEPEST + 1) + "x" + "]" * (DEEPEST + 1), "f")[0] is None


@example("0\xa0")
@given(st.one_of(st.text(max_size=80), YAML_SIGNS, st.binary(max_size=60)))
def test_no_text_crashes_and_every_place_lies_in_the_file(text: str | bytes) -> None:
    root, problems = read(text, "f")
    decoded = text if isinstance(text, str) else text.decode("utf-8", errors="replace")
    lines = split_lines(decoded)
    for span in [*(p.span for p in problems), *(_spans(root) if root else [])]:
        assert 1 <= span.line <= len(lines)
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1
    if problems:
        return
    assert root is not None
    # a space of another width counts as a space
    assert _plain(root) == _by_composer(clean(decoded, "f")[0])


@given(
    st.recursive(
        st.sampled_from(["x", "'y z'", "at least 2"]), lambda inner: st.lists(inner, min_size=1, max_size=3)
    )
)
def test_lists_are_read_as_deep_as_they_are_written(content: list[object] | str) -> None:
    text = _flow(content)
    depth = text.count("[") and max(text[:i].count("[") - text[:i].count("]") for i in range(len(text) + 1))
    root, problems = read(text, "f")
    assert (root is None) == (depth > DEEPEST)
    assert bool(problems) == (depth > DEEPEST)


@pytest.mark.parametrize("file", JOURNEYS, ids=lambda file: file.stem)
def test_a_file_cut_anywhere_gives_a_journey_or_problems(file: Path) -> None:
    content = file.read_bytes()
    step = 1 if file.stem == "win_back" else 13  # one at every byte, the others here and there
    for end in range(JOURNEYS.index(file), len(content), step):
        journey, problems = parse_journey(content[:end], f"journeys/{file.name}")
        assert journey is not None or problems
        _check_places(content[:end], problems)


@pytest.mark.parametrize("file", JOURNEYS[:2], ids=lambda file: file.stem)
def test_a_missing_line_never_crashes(file: Path) -> None:
    lines = file.read_text().split("\n")
    for number in range(len(lines)):
        text = "\n".join(lines[:number] + lines[number + 1 :])
        _, problems = parse_journey(text, f"journeys/{file.name}")
        _check_places(text.encode(), problems)
    assert parse_segment("\n".join(lines), "f")[1]


def test_the_parser_written_in_python_reads_the_same() -> None:
    """A build of PyYAML without libyaml has no C parser."""
    script = (
        "import sys, yaml\n"
        "if hasattr(yaml, 'CSafeLoader'): del yaml.CSafeLoader\n"
        "from engine.language.parse import parse_journey\n"
        "for name in sys.argv[1:]:\n"
        "    with open(name, 'rb') as f: print(*parse_journey(f.read(), name), sep='\\n')\n"
    )
    names = [str(file.relative_to(ROOT)) for file in JOURNEYS]
    ran = subprocess.run(
        [sys.executable, "-c", script, *names], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    ours = [str(part) for name in names for part in parse_journey((ROOT / name).read_bytes(), name)]
    assert ran.stdout == "\n".join(ours) + "\n"


def _check_places(content: bytes, problems: list[Problem]) -> None:
    lines = split_lines(content.decode("utf-8", errors="replace"))
    for problem in problems:
        assert 1 <= problem.span.line <= len(lines)
        assert 1 <= problem.span.column <= len(lines[problem.span.line - 1]) + 1


def _spans(node: Node) -> list[Span]:
    match node:
        case Scalar(span=span):
            return [span]
        case Mapping(entries=entries, span=span):
            return [span, *(s for e in entries for part in (e.key, e.value) for s in _spans(part))]
        case Sequence(items=items, span=span):
            return [span, *(s for item in items for s in _spans(item))]


def _plain(node: Node) -> object:
    match node:
        case Scalar(text=text):
            return text
        case Mapping(entries=entries):
            return {entry.key.text: _plain(entry.value) for entry in entries}
        case Sequence(items=items):
            return [_plain(item) for item in items]


def _by_composer(text: str) -> object:
    """What PyYAML's own composer makes of it, with all scalars as text."""
    return yaml.load(
        text.replace("\r\n", "\n").replace("\r", "\n"), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    )


def _flow(content: list[object] | str) -> str:
    return content if isinstance(content, str) else f"[{', '.join(_flow(item) for item in content)}]"  # type: ignore[arg-type]
