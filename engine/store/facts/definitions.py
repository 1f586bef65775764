"""By which definition the values of a fact were computed, and how far another one has come.

A fact is `whole` (everybody has a value by one definition); `counting` (another definition is computed beside
it); `placing` (that one is whole, and takes the place of the one before in the rows of customers);
`dropping` (what was begun beside it is taken away again); or `removed` from the files. A fact that is new has
no definition in use while it is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection

from engine.store.sql import change, columns_of, rows
from engine.values import Instant

START = (-1, "")
"""Before the first customer."""


class DefinitionState(StrEnum):
    """Where a fact stands."""

    WHOLE = "whole"
    COUNTING = "counting"
    PLACING = "placing"
    DROPPING = "dropping"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FactDefinition:
    """A row. `fingerprint`: of the definition in use, "" for none; `deployment`: whose files have it;
    `since`: when it was whole. `counted_from`: events before it were not kept when it was counted, which
    `short` customers had; None: none is missing.

    Of the attempt to make `coming` whole: its number, who asked for it (`asked`: somebody did, it is the
    definition in use), whether it may leave out events that are not kept (`from_kept`), the last customer
    that it has come to, how many of how many; `found_from` and `found_short` become `counted_from` and
    `short`. `again`: somebody was given another id where nobody could count them.
    """

    name: str
    state: DefinitionState
    fingerprint: str
    deployment: int
    since: Instant
    counted_from: Instant | None = None
    short: int = 0
    attempt: int = 0
    coming: str = ""
    asked: bool = False
    from_kept: bool = False
    begun_at: Instant = Instant(0)
    at_bucket: int = START[0]
    at_customer: str = START[1]
    done: int = 0
    people: int = 0
    found_from: Instant | None = None
    found_short: int = 0
    again: bool = False

    @property
    def place(self) -> tuple[int, str]:
        """The last customer that the attempt has come to."""
        return self.at_bucket, self.at_customer

    @property
    def percent(self) -> int:
        """How much of counting, of placing or of dropping is done, rounded down."""
        return min(100 * self.done // max(self.people, 1), 100)

    def begun(
        self, coming: str, now: Instant, people: int, *, asked: bool = False, from_kept: bool = False
    ) -> FactDefinition:
        """With an attempt to make a definition whole, from the first customer on."""
        attempt = replace(self, attempt=self.attempt + 1, coming=coming, asked=asked, from_kept=from_kept)
        return replace(attempt, begun_at=now, people=people, found_from=None, found_short=0).turned(
            DefinitionState.COUNTING
        )

    def turned(self, state: DefinitionState) -> FactDefinition:
        """In another state, from the first customer on."""
        bucket, customer = START
        return replace(self, state=state, at_bucket=bucket, at_customer=customer, done=0, again=False)


@dataclass(frozen=True, slots=True)
class UnsettledFact:
    """What decisions have to know of a fact that is not whole."""

    name: str
    state: DefinitionState
    fingerprint: str
    deployment: int
    attempt: int
    coming: str


def all_of(conn: Connection) -> dict[str, FactDefinition]:
    """Every fact that is or was kept beside the attributes, by name."""
    found = rows(conn, f"SELECT {columns_of(FactDefinition)} FROM fact_definition ORDER BY name")  # noqa: S608
    return {definition.name: definition for definition in map(_read, found)}


def unsettled(conn: Connection) -> tuple[UnsettledFact, ...]:
    """The facts that are neither whole nor removed; mostly none. Asked for by every batch of decisions."""
    found = rows(conn, _UNSETTLED)
    return tuple(UnsettledFact(name, DefinitionState(state), *others) for name, state, *others in found)


_UNSETTLED = (
    f"SELECT {columns_of(UnsettledFact)} FROM fact_definition WHERE state NOT IN ('whole', 'removed')"  # noqa: S608
    " ORDER BY name"
)


def unset_names(conn: Connection) -> frozenset[str]:
    """Facts that nobody has a value of yet: they are new, or were gone, and are being counted."""
    return frozenset(each.name for each in unsettled(conn) if not each.fingerprint)


def is_counting(conn: Connection) -> bool:
    """Whether kept events are being counted, of which none may be dropped meanwhile."""
    return any(each.state is DefinitionState.COUNTING for each in unsettled(conn))


def put(conn: Connection, definitions: Iterable[FactDefinition]) -> None:
    """Writes rows as they are now."""
    for each in definitions:
        change(conn, _PUT, _cells(each))


def start_again(conn: Connection) -> None:
    """Every attempt goes through all customers once more: they stand in another order, or somebody has
    another id. Who was counted is not counted twice."""
    change(conn, "UPDATE fact_definition SET at_bucket = ?, at_customer = ?, done = 0", START)


def note_moved(conn: Connection) -> None:
    """Somebody was given another id where nobody could count them: each attempt goes round once more."""
    change(conn, "UPDATE fact_definition SET again = ? WHERE state NOT IN ('whole', 'removed')", (True,))


_NAMES = columns_of(FactDefinition).split(", ")
_PUT = (
    f"INSERT INTO fact_definition ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"  # noqa: S608
    f" ON CONFLICT (name) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _NAMES[1:])}"
)


def _cells(definition: FactDefinition) -> tuple[object, ...]:
    return tuple(
        value.value if isinstance(value := getattr(definition, name), DefinitionState) else value
        for name in _NAMES
    )


def _read(row: Sequence[object]) -> FactDefinition:
    cells = dict(zip(_NAMES, row, strict=True))
    cells["state"] = DefinitionState(str(cells["state"]))
    for name in ("asked", "from_kept", "again"):
        cells[name] = bool(cells[name])
    return FactDefinition(**cells)  # type: ignore[arg-type]  # the columns are the fields
