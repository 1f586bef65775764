"""What happened becomes what is expected: `expect:` of failing stories is written anew, the rest of the file
stays as it is, to the letter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.language.nodes import Entry, Mapping, Scalar
from engine.language.nodes import Sequence as ListNode
from engine.language.yaml.source import read
from engine.simulate.stories.run_story import StoryResult
from engine.simulate.stories.story_lines import ComparedRow


def accept(text: str, file: str, results: Iterable[StoryResult]) -> str:
    """The text of a journey file in which each story that failed expects what happened. Lines that came as
    expected keep their comments. A story that could not be run, or whose `expect:` stands inside braces, is
    left alone."""
    failed = {
        result.story.name.span.line: result
        for result in results
        if not result.passed and result.rows and not result.problems
    }
    root, _ = read(text, file)
    tests = root.get("tests") if isinstance(root, Mapping) else None
    lines = text.split("\n")
    stories = tests.items if isinstance(tests, ListNode) else ()
    # From the last story upwards, so that the numbers of the lines above stay true.
    for story in reversed(stories):
        if not isinstance(story, Mapping):
            continue
        name, expect = _entry(story, "test"), _entry(story, "expect")
        if name is None or expect is None or name.value.span.line not in failed:
            continue
        block = _lines_of(expect)
        if block is None:
            continue
        first, last = block
        indent = expect.key.span.column - 1
        lines[first - 1 : last] = _written(lines[first - 1 : last], failed[name.value.span.line].rows, indent)
    return "\n".join(lines)


def _entry(story: Mapping, key: str) -> Entry | None:
    return next((entry for entry in story.entries if entry.key.text == key), None)


def _lines_of(expect: Entry) -> tuple[int, int] | None:
    """The first and last line of `expect:` with its list; None where it is not one line for each item."""
    first = expect.key.span.line
    if isinstance(expect.value, Scalar):
        return first, expect.value.span.line
    if not isinstance(expect.value, ListNode) or not expect.value.items:
        return None
    at = [item.span.line for item in expect.value.items]
    return (first, at[-1]) if first < at[0] and len(set(at)) == len(at) else None


def _written(before: Sequence[str], rows: Sequence[ComparedRow], indent: int) -> list[str]:
    happened = [row for row in rows if row.mark != "-"]
    key = " " * indent
    if not happened:
        return [f"{key}expect: nothing"]
    comments = {
        " ".join(line.partition(" #")[0].split()): line.partition(" #")[2] for line in before if " #" in line
    }
    written = [f"{key}expect:"]
    for row in happened:
        item = f"- {row.at.label}: {row.happened}"
        comment = comments.get(f"- {row.at.label}: {row.expected}") if row.mark == "=" else None
        written.append(f"{key}  {item}" + (f"          #{comment}" if comment else ""))
    return written
