"""A one-off send: a journey with one message that everybody in a segment enters at once, and nobody after them.

Its words are kept in the store, and every deployment takes it along as a file while people are inside, so that it goes
through the one interpreter: holds, caps, consent, lateness, pauses and the plan of a deployment know it as any other.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from engine import project as projects
from engine.core.happening import Occurrence
from engine.core.journeys import Journeys
from engine.errors import AuthorError
from engine.project import Project
from engine.store.inbox.inbox_codec import to_row
from engine.store.journeys import one_offs
from engine.store.journeys.one_offs import OneOff
from engine.values import Instant

PREFIX = "one_off_"
_NEVER = "nobody enters but those who were in the segment when it was sent"


@dataclass(frozen=True, slots=True)
class OneOffRequest:
    """What to send: `via` empty leaves the choice to the language; `at`: local date and time of each customer."""

    template: str
    segment: str
    policy: str
    goal: str
    via: tuple[str, ...] = ()
    next_after: str = ""
    at: str = ""


def head(template: str, day: dt.date) -> str:
    """How the names of one-off sends of a template on a day begin."""
    return f"{PREFIX}{template}_{day:%Y%m%d}"


def journey_of(wish: OneOffRequest, name: str) -> str:
    """The YAML of its journey."""
    lines = [
        f"journey: {name}",
        f"about: One-off send of {wish.template} to {wish.segment}; {_NEVER}",
        f"start: {{segment: {wish.segment}}}",
        "again: never",
        f"goal: {{event: {wish.goal}, within: 7 days}}",
        f"policy: {wish.policy}",
        "steps:",
    ]
    if wish.at:
        lines += [f"  - wait: until {wish.at}", "    id: the_moment"]
    lines.append(f"  - send: {wish.template}")
    if wish.via:
        listed = ", ".join(wish.via)
        lines.append(f"    via: [{listed}]" if len(wish.via) > 1 else f"    via: {listed}")
    if wish.next_after:
        lines.append(f"    next_after: {wish.next_after}")
    return "\n".join(lines) + "\n"


def same(one: OneOff, wish: OneOffRequest) -> bool:
    """Whether this is the same command once more."""
    return one.source.replace("state: stopped\n", "") == journey_of(wish, one.name)


def stopped(source: str) -> str:
    """The journey whose people leave now."""
    first, rest = source.split("start:", 1)
    return source if "state: stopped" in first else f"{first}state: stopped\nstart:{rest}"


def merged(conn: Connection, project: Project) -> Project:
    """The project with the one-off sends that are under way. Raises AuthorError when one of them does not fit it."""
    return with_one_offs(project, one_offs.list_active(conn), _known(conn))


def with_one_offs(project: Project, standing: Sequence[OneOff], known: frozenset[str]) -> Project:
    """As `merged`, with those that stand; `known`: all there ever were, which the files of a publication may hold."""
    written = {_file(one.name): one.source for one in standing}
    own = {name: text for name, text in project.sources.items() if _name(name) not in known}
    if not written and len(own) == len(project.sources):
        return project
    found = _load({**own, **written})
    wrong = next((each for each in found.problems if each.is_error and each.span.file in written), None)
    if wrong is not None:
        raise AuthorError(
            f"the one-off send {_name(wrong.span.file)} does not fit: {wrong.what}",
            wrong.fix or f"end it first with  main.py send --stop {_name(wrong.span.file)}",
        )
    return dataclasses.replace(
        found,
        folder=project.folder,
        commit=project.commit,
        journeys=dataclasses.replace(sealed(found.journeys, known), commit=project.commit),
    )


def sealed(journeys: Journeys, known: Iterable[str]) -> Journeys:
    """The journeys, of which one-off sends start nobody by themselves."""
    closed = {
        name: dataclasses.replace(journeys.by_name[name], starts=())
        for name in known
        if name in journeys.by_name
    }
    return dataclasses.replace(journeys, by_name={**journeys.by_name, **closed}) if closed else journeys


def sealed_as_stored(conn: Connection, journeys: Journeys) -> Journeys:
    """As `sealed`, for journeys that were read from a publication."""
    return sealed(journeys, _known(conn))


def start(
    conn: Connection, name: str, members: Sequence[tuple[int, str]], day: dt.date, now: Instant
) -> None:
    """Lets these customers (bucket, id) enter."""
    kind, body = to_row(Occurrence(0, name, now, day))
    one_offs.start(conn, members, kind, body, now)


def _known(conn: Connection) -> frozenset[str]:
    return frozenset(one.name for one in one_offs.named(conn, PREFIX))


def _load(sources: Mapping[str, str]) -> Project:
    with tempfile.TemporaryDirectory(prefix="perennial-") as folder:
        for name, text in sources.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        return projects.load(Path(folder))


def _file(name: str) -> str:
    return f"journeys/{name}.yaml"


def _name(file: str) -> str:
    return file.removeprefix("journeys/").removesuffix(".yaml")
