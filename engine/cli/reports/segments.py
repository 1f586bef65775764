"""What `segments` tells of each: its words, how many are in it, who came and went, and who uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from engine.compiler.nested_values import nested_values
from engine.core.conditions.condition import InSegment
from engine.core.journey import SegmentTrigger
from engine.core.journeys import Journeys
from engine.problem import Problem
from engine.project import Project
from engine.store import watermarks
from engine.store.audience import memberships
from engine.store.audience.memberships import SegmentCount
from engine.store.customers import batches
from engine.values import DAY, Instant, iso

LATELY = 7 * DAY
SHOWN = 5
"""Members that are named."""


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """One segment. `counted_at`: when time alone was last asked for everybody; what a customer does is asked
    at once. None: not yet."""

    name: str
    file: str
    about: str
    words: str
    members: int
    counted_at: str | None
    entered_in_7_days: int
    left_in_7_days: int
    used_by: tuple[str, ...]
    some_members: tuple[str, ...]


def report(conn: Connection, project: Project, now: Instant) -> list[SegmentReport]:
    """Every segment of the project, by name."""
    counted = memberships.counts(conn, Instant(now - LATELY))
    users = users_of(project.journeys)
    found = []
    for name, file in sorted(project.segments.items()):
        count, looked = counted.get(name, SegmentCount()), watermarks.get(conn, "segment", name)
        found.append(
            SegmentReport(
                name,
                file.span.file,
                file.about.value if file.about is not None else "",
                words_of(project.sources.get(file.span.file, "")),
                count.members,
                iso(looked.until) if looked is not None else None,
                count.entered,
                count.left,
                users.get(name, ()),
                tuple(memberships.some(conn, name, SHOWN)),
            )
        )
    return found


def users_of(journeys: Journeys) -> Mapping[str, tuple[str, ...]]:
    """Who asks for each segment: journeys by name, and other segments as `segment NAME`."""
    users: dict[str, list[str]] = {}
    asking: list[tuple[str, object]] = [
        *((journey.name, journey) for _, journey in sorted(journeys.by_name.items())),
        *((f"segment {rule.name}", rule) for _, rule in sorted(journeys.segments.items())),
    ]
    for user, compiled in asking:
        names = {name for asked in nested_values(compiled, InSegment) for name in asked.names}
        names |= {start.segment for start in nested_values(compiled, SegmentTrigger)}
        for name in names:
            users.setdefault(name, []).append(user)
    return {name: tuple(found) for name, found in users.items()}


def words_of(source: str) -> str:
    """What stands under `who:` in the file of a segment, on one line."""
    lines = [line.partition(" #")[0].rstrip() for line in source.splitlines()]
    begin = next((number for number, line in enumerate(lines) if line.startswith("who:")), None)
    if begin is None:
        return ""
    below = []
    for line in lines[begin + 1 :]:
        if line.strip() and not line.startswith(" "):
            break
        below.append(line.strip())
    words = [lines[begin].removeprefix("who:").strip(), *below]
    return " ".join(" ".join(word for word in words if word and not word.startswith("#")).split())


def warnings(conn: Connection, project: Project) -> list[Problem]:
    """Segments that nobody uses, and those that say nothing: nobody is in them, or everybody."""
    problems, everybody = [], batches.count(conn)
    counted, users = memberships.counts(conn, Instant(0)), users_of(project.journeys)
    for name, file in sorted(project.segments.items()):
        if name not in users:
            problems.append(
                Problem(
                    file.name.span, "W30", f'nobody uses the segment "{name}"',
                    "no journey and no other segment asks for it; it is computed for everybody all the same",
                    "use it, or delete the file", level="warning",
                )
            )  # fmt: skip
        if not everybody or watermarks.get(conn, "segment", name) is None:
            continue  # nobody was asked yet
        members = counted.get(name, SegmentCount()).members
        if members in (0, everybody):
            whole = "nobody is" if not members else f"all {everybody:,} customers are"
            problems.append(
                Problem(
                    file.name.span, "W31", f'{whole} in the segment "{name}"',
                    f"of {everybody:,} customers in the store; who asks for it gets nobody, or everybody",
                    "look at its conditions with  show CUSTOMER", level="warning",
                )
            )  # fmt: skip
    return problems
