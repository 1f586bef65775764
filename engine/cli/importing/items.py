"""Rows turned into items: which column is the customer, the moment, an attribute, an address, a consent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

from msgspec import structs

from engine.cli.importing.rows import Kind, RowCells, SourceRow
from engine.errors import UsageError
from engine.http.intake.strict_json import unstorable
from engine.ids import derive
from engine.runtime.intake.items import CustomerItem, EventItem, Item, ProductItem, RefusedItem

CUSTOMER = ("customer_id", "user_id", "userId")
MOMENT = ("at", "timestamp", "time", "occurred_at")
EVENT = ("event", "event_name")
ROW = ("id", "event_id", "message_id", "messageId")
ADDRESS = ("email", "phone")
PROPERTIES, ADDRESSES, CONSENT = "properties", "addresses", "consent"


@dataclass(frozen=True, slots=True)
class ItemError:
    """A row that says nothing we could take: which column, and why."""

    field: str
    why: str


@dataclass(frozen=True, slots=True)
class RowRules:
    """How the rows of one file are taken."""

    kind: Kind
    event: str | None  # of every row, where no column says it
    history: bool  # the rows start nothing
    salt: str  # makes the ids of customer rows those of this import
    at: str  # when the import began (ISO), for rows without a moment


def guess(columns: Collection[str], event: str | None) -> Kind:
    """What a file holds, by its columns. Raises UsageError when nobody can tell."""
    if event is not None or _first(columns, EVENT):
        return "events"
    if "product_id" in columns and not _first(columns, CUSTOMER):
        return "products"
    if _first(columns, (*CUSTOMER, "id", *ADDRESS)):
        return "customers"
    raise UsageError(
        f"nobody can tell what this file holds: its columns are {', '.join(list(columns)[:12]) or 'none'}",
        "customers need customer_id, email or phone, events need one of them, event and at, products need "
        "product_id; or name the event of all rows with  --event NAME, or say what its columns are with  "
        "--mapping FILE",
    )


def parts_of(row: SourceRow, rules: RowRules) -> tuple[RowCells, ...]:
    """What a row says: by the mapping, or one thing under its own columns."""
    if row.parts or row.why:
        return row.parts
    if names_customer(row.cells):
        return (RowCells(rules.kind, row.cells),)
    email, phone = (_text(row.cells, (name,)) for name in ADDRESS)
    return (RowCells(rules.kind, row.cells, email, phone),)


def names_customer(cells: Mapping[str, Any]) -> bool:
    """Whether a row says by an id whose it is."""
    return bool(cells.get("customer_id") or cells.get("user_id") or cells.get("userId"))


def kept_row(row: SourceRow, parts: Sequence[RowCells], rules: RowRules) -> dict[str, Any]:
    """A row as it is kept in quarantine, with what tells how to read it again."""
    cells = parts[-1].cells if parts else {}
    names = {"event": (_text(cells, EVENT) or rules.event) if rules.kind == "events" else None,
             "customer_id": _text(cells, CUSTOMER),
             "id": _text(cells, ROW) if rules.kind == "events" else None}  # fmt: skip
    said: list[Any] = [[part.kind, dict(part.cells)] for part in parts]
    return {**names, "line": row.line, "parts": said or list(row.raw), "rules": asdict(rules)}


def item_of(cells: Mapping[str, Any], place: int, rules: RowRules) -> Item | ItemError:
    """The item of one row; `place` is its number in the batch. Of a customer, and of the fields of an event,
    cells that cannot be stored are left out alone."""
    dropped: list[RefusedItem] = []
    if (fault := unstorable(cells if type(cells) is dict else dict(cells), place)) is not None:
        faults = {name: wrong for name in cells if (wrong := unstorable({name: cells[name]}, place))}
        essential = {*CUSTOMER, *EVENT, *MOMENT, *ROW, PROPERTIES}
        if rules.kind == "products" or not faults or not essential.isdisjoint(faults):
            return ItemError(fault.field, fault.why)
        cells = {name: cell for name, cell in cells.items() if name not in faults}
        dropped = list(faults.values())
    match rules.kind:
        case "events":
            item: Item | ItemError = _event(cells, place, rules)
            if isinstance(item, EventItem) and dropped:
                fields = (replace(wrong, field=f"properties.{wrong.field}") for wrong in dropped)
                return structs.replace(item, dropped=tuple(fields))
            return item
        case "customers":
            item = _customer(cells, place, rules)
            return structs.replace(item, dropped=tuple(dropped)) if isinstance(item, CustomerItem) else item
        case "products":
            who = _text(cells, ("product_id",))
            if not who or len(who) > 200:
                return ItemError("product_id", '"product_id" is needed: a text of 1 to 200 characters')
            return ProductItem(
                place, who, {name: _parsed(value) for name, value in cells.items() if name != "product_id"}
            )


def _who(cells: Mapping[str, Any], names: tuple[str, ...]) -> str | ItemError:
    """The customer, under any of the names for them; two that differ are nobody."""
    given = {text for name in names if name in cells and (text := _as_text(cells[name]))}
    if len(given) > 1:
        named = [name for name in names if name in cells]
        return ItemError(named[0], f"{' and '.join(named)} say two different things")
    who = next(iter(given), "")
    if not who or len(who) > 200:
        why = '"customer_id" is needed: a text of 1 to 200 characters, or an email or phone in its place'
        return ItemError("customer_id", why)
    return who


@dataclass(frozen=True, slots=True)
class _EventColumns:
    """Which column of an event is what; "" where there is none. `fields`: column and field."""

    event: str
    at: str
    id: str
    fields: tuple[tuple[str, str], ...]


def _read_event_columns(names: tuple[str, ...]) -> _EventColumns:
    event, at, id_ = (_first(names, wanted) for wanted in (EVENT, MOMENT, ROW))
    others = {event, at, id_, *CUSTOMER, PROPERTIES, "history"}
    fields = [(name, name.removeprefix("properties.")) for name in names if name not in others]
    return _EventColumns(event, at, id_, tuple(fields))


_known_event_columns = lru_cache(maxsize=1_000)(_read_event_columns)
"""Rows of one file have the same columns, nearly always."""

_MOST_COLUMNS = 100
"""More are read anew each time: the memory for many wide rows is whoever wrote the file's."""


def _event(cells: Mapping[str, Any], place: int, rules: RowRules) -> EventItem | ItemError:
    known = _known_event_columns if len(cells) <= _MOST_COLUMNS else _read_event_columns
    columns = known(tuple(cells))
    who, event = _who(cells, CUSTOMER), _as_text(cells.get(columns.event)) or rules.event
    at, own = _as_text(cells.get(columns.at)), _as_text(cells.get(columns.id))
    if isinstance(who, ItemError):
        return who
    if not event or len(event) > 100:
        return ItemError("event", '"event" is needed: the name of what happened')
    if not at and rules.history:
        return ItemError("at", '"at" is needed: when it happened, such as 2026-11-27T10:00:00Z')
    inner = cells.get(PROPERTIES)
    if inner is not None and not isinstance(inner, dict):
        return ItemError(PROPERTIES, "this must be an object")
    properties = {field: _parsed(cells[column]) for column, field in columns.fields}
    properties.update(inner or {})
    # A row without an id of its own gets one of its content: the same row of the same file counts once
    key = own or derive("row", who, event, at or "", json.dumps(properties, sort_keys=True, default=str))
    return EventItem(place, who, event, at, key, properties, history=rules.history)


def _customer(cells: Mapping[str, Any], place: int, rules: RowRules) -> CustomerItem | ItemError:
    names = CUSTOMER if _first(cells, CUSTOMER) else ("id",)
    who, at = _who(cells, names), _first(cells, ("at", "timestamp"))
    if isinstance(who, ItemError):
        return who
    attributes: dict[str, Any] = {}
    addresses: dict[str, Any] = {}
    consent: dict[str, Any] = {}
    for name, value in cells.items():
        head, _, rest = name.partition(".")
        if name in (*names, at):
            continue
        if head == ADDRESSES:
            addresses |= {rest: value} if rest else value if isinstance(value, dict) else {"": value}
        elif head == CONSENT:
            _agree(consent, rest, value)
        else:
            attributes[name] = value if isinstance(value, (dict, list)) else _parsed(value)
    if not all(name and isinstance(to, str | int | list | None) for name, to in addresses.items()):
        return ItemError(ADDRESSES, "write one column per channel, for example  addresses.push")
    # Customers change back and forth, so the same row of a later import counts again: `salt` is of this one
    key = derive("row", rules.salt, who, json.dumps(dict(cells), sort_keys=True, default=str))
    moment = _text(cells, (at,)) if at else None
    return CustomerItem(
        place, who, key, attributes, addresses, at=moment or rules.at, history=rules.history, consent=consent
    )


def _agree(consent: dict[str, Any], rest: str, value: Any) -> None:
    """`consent.email: given`, beside it `consent.email.when`, `.where`, `.text`, `.purpose`; or one
    object."""
    if not rest:
        consent.update(value if isinstance(value, dict) else {"": value})
        return
    channel, _, part = rest.partition(".")
    known = consent.setdefault(channel, {})
    if isinstance(value, dict):
        known.update(value)
    else:
        known[part or "state"] = str(value).strip().lower() if not part else value


def _first(names: Collection[str], wanted: tuple[str, ...]) -> str:
    for name in wanted:
        if name in names:
            return name
    return ""


def _text(cells: Mapping[str, Any], wanted: tuple[str, ...]) -> str | None:
    return _as_text(cells.get(_first(cells, wanted)))


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip() or None


def _parsed(value: Any) -> Any:
    """A cell that holds a JSON list or object is read as one; every other text is a text."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
