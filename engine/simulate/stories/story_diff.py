"""The words for the result of a story: a failing one as a story diff, a passing one as one line
(design/language 2.16)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.simulate.stories.story_lines import Row


def render_passed(name: str) -> str:
    """`ok    buys within the hour`."""
    return f"ok    {name}"


def render_failed(name: str, rows: Sequence[Row]) -> str:
    """The story in three columns: when, expected, happened; `-` did not happen, `+` was not expected."""
    when = max([len("when"), *(len(row.at.label) for row in rows)]) + 3
    wide = max([len("expected"), *(len(row.expected) for row in rows)]) + 4
    lines = [f"FAIL  {name}", f"     {'when':<{when}}{'expected':<{wide}}happened"]
    lines += [
        f"  {row.mark}  {row.at.label:<{when}}{row.expected:<{wide}}{row.happened}".rstrip() for row in rows
    ]
    return "\n".join(lines)


def render_broken(name: str) -> str:
    """A story that could not be run: its problems are shown beside it."""
    return f"ERROR {name}"
