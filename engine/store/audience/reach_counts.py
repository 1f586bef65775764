"""Who can be written to, by channel, counted by the database from the documents of all customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from engine.core.facts.customer import ANY_PURPOSE
from engine.store.sql import rows


class ReachState(StrEnum):
    """Whether a channel may be used for a purpose; the first that holds, as in `why_closed`."""

    NO_ADDRESS = "no address"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    OPEN = "open"
    UNCONFIRMED = "unconfirmed"  # asked for the consent, and not answered yet
    NO_CONSENT = "no consent"


@dataclass(frozen=True, slots=True)
class ChannelPurpose:
    """A channel and a purpose."""

    channel: str
    purpose: str


@dataclass(frozen=True, slots=True)
class ReachSql:
    """The state of a customer `c`, as an expression with its parameters."""

    text: str
    parameters: tuple[str, ...]

    @property
    def is_open(self) -> str:
        """The expression that it is `OPEN`."""
        return f"{self.text} = '{ReachState.OPEN}'"


def counts(conn: Connection, wanted: Sequence[ChannelPurpose]) -> dict[ChannelPurpose, dict[ReachState, int]]:
    """How many customers are in which state of each channel and purpose: one look at everybody."""
    found: dict[ChannelPurpose, dict[ReachState, int]] = {of: {} for of in wanted}
    if not found:
        return found
    states = [state_sql(conn, of) for of in wanted]
    columns = ", ".join(state.text for state in states)
    places = ", ".join(str(place) for place in range(1, len(states) + 1))
    sql = f"SELECT {columns}, count(*) FROM customer c GROUP BY {places}"  # noqa: S608 - words of our own
    for *seen, n in rows(conn, sql, tuple(each for state in states for each in state.parameters)):
        for of, state in zip(wanted, map(ReachState, seen), strict=True):
            found[of][state] = found[of].get(state, 0) + int(n)
    return found


def open_counts(conn: Connection, wanted: Sequence[ChannelPurpose]) -> dict[ChannelPurpose, int]:
    """How many customers can be written to; as `counts`, at a quarter of its cost."""
    if not wanted:
        return {}
    states = [state_sql(conn, of) for of in wanted]
    columns = ", ".join(f"sum(CASE WHEN {state.is_open} THEN 1 ELSE 0 END)" for state in states)
    sql = f"SELECT {columns} FROM customer c"  # noqa: S608 - words of our own
    (found,) = rows(conn, sql, tuple(each for state in states for each in state.parameters))
    return {of: int(n or 0) for of, n in zip(wanted, found, strict=True)}


def state_sql(conn: Connection, of: ChannelPurpose) -> ReachSql:
    """One of `ReachState`."""
    if conn.dialect.name == "sqlite":
        # a path for each look: SQLite keeps the parsed document between them, but not that of a part of it
        look = "json_extract(c.reach, ?)"
        paths = [f'$."{of.channel}".{name}' for name in ("address", "bounced", "suppressed")]
        consent, consent_path = look, [f'$."{of.channel}".consents."{of.purpose}"']
        address, suppressed, has_bounced = look, look, f"{look} = 1"
    else:
        part = "(c.reach -> CAST(? AS TEXT))"
        paths = [of.channel] * 3
        address, suppressed = f"({part} ->> 'address')", f"({part} ->> 'suppressed')"
        has_bounced = f"({part} ->> 'bounced') = 'true'"
        consent, consent_path = f"({part} -> 'consents' ->> CAST(? AS TEXT))", [of.channel, of.purpose]
    text = (
        f"CASE WHEN coalesce({address}, '') = '' THEN '{ReachState.NO_ADDRESS}'"
        f" WHEN {has_bounced} THEN '{ReachState.BOUNCED}'"
        f" WHEN {suppressed} IN ('all', '{ANY_PURPOSE}', ?) THEN '{ReachState.SUPPRESSED}'"
        f" ELSE CASE {consent} WHEN 'given' THEN '{ReachState.OPEN}'"
        f" WHEN 'asked' THEN '{ReachState.UNCONFIRMED}' ELSE '{ReachState.NO_CONSENT}' END END"
    )
    return ReachSql(text, (*paths, of.purpose, *consent_path))
