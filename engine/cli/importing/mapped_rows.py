"""Rows of somebody else's file by a mapping: what belongs together is one, columns become our names, and
dates and amounts as they were written become what they mean. Row by row: a file of any length needs no
memory."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.cli.importing.rows import RowCells, SourceRow
from engine.compiler.catalogue.catalogue import CURRENCY, TEXT, TIME, Catalogue
from engine.runtime.intake.untyped import normal_name
from engine.simulate.replay.mapping_words import Getter
from engine.simulate.replay.row_mapping import ConsentRule, CustomerRows, EventRows, FileForm, RowMapping
from engine.values import Type, at_local, iso

MOST_LINES = 1_000
"""Rows that may belong together: an order of more lines is told as one that cannot be read."""

LINES = "lines"
"""What the rows of a group are called in a mapping: `sum of lines.price * lines.quantity`."""

_FIRST_SERIAL_DAY = dt.date(1899, 12, 30)  # of Excel and its like, which count a 29 February 1900
_SERIAL = re.compile(r"([0-9]{1,5})([.,][0-9]{1,10})?")
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_GROUPED = {
    "point": re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?|-?\d+(\.\d+)?"),
    "comma": re.compile(r"-?\d{1,3}(\.\d{3})+(,\d+)?|-?\d+(,\d+)?"),
}
_BLANKS = re.compile("[\\s\u00a0\u202f']")
_SIGNS = re.compile(
    r"^(?P<before>[€$£]|[A-Z]{3})?(?P<amount>[-+0-9.,\s\u00a0\u202f']+)(?P<after>[€$£]|[A-Z]{3})?$"
)
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP"}


@dataclass(frozen=True, slots=True)
class _Columns:
    """Types of our fields, and how the file writes them."""

    form: FileForm
    zone: ZoneInfo
    currency: str | None

    def read(self, raw: Any, kind: Type) -> Any:
        """A cell in the form that is taken; what does not fit stays as it is and is refused with a reason."""
        match kind.kind:
            case "list of" if isinstance(raw, list):
                inner = dict(kind.items)
                return [
                    {name: self.read(value, inner.get(name, TEXT)) for name, value in member.items()
                     if value not in (None, "")}
                    for member in raw
                ]  # fmt: skip
            case "number" | "money" if isinstance(raw, str):
                return _amount(raw, self.form.decimal, money=kind.kind == "money")
            case "date" | "birthday" | "time" if isinstance(raw, str):
                return _moment(raw.strip(), kind.kind, self.form.dates, self.zone)
            case "text" if isinstance(raw, str):
                # Spreadsheets are told by an apostrophe that 0049... is no number.
                return raw[1:] if raw[:1] == "'" and raw[1:2].isdigit() else raw
            case _:
                return raw


def mapped_rows(
    rows: Iterator[SourceRow], mapping: RowMapping, catalogue: Catalogue, zone: ZoneInfo
) -> Iterator[SourceRow]:
    """The rows with what each says as parts of ours; rows of a group as one."""
    columns = _Columns(mapping.form, ZoneInfo(mapping.form.timezone or zone.key), mapping.currency)
    for row in _grouped(rows, mapping.form.group):
        if row.why:
            yield row
            continue
        parts = tuple(_parts(row.cells, mapping, catalogue, columns))
        yield replace(row, parts=parts, why="" if parts else "no part of the mapping fits this row",
                      skipped=not parts)  # fmt: skip


def tidy(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as a mapping calls them: `Email (Billing)` is `email_billing`."""
    return {normal_name(name) or name: value for name, value in cells.items()}


def _grouped(rows: Iterator[SourceRow], column: str | None) -> Iterator[SourceRow]:
    group: list[SourceRow] = []
    for row in rows:
        # the group is a column by the name that the mapping uses
        tidied = row if row.why else replace(row, cells=tidy(row.cells))
        key = tidied.cells.get(column) if column else None
        if group and (key is None or tidied.why or group[0].cells.get(column or "") != key):
            yield _united(group)
            group = []
        if tidied.why or key is None:
            yield tidied if tidied.why else _united([tidied])
        # a column with one value for all rows would gather the whole file in memory
        elif len(group) >= MOST_LINES:
            yield replace(tidied, why=f"more than {MOST_LINES:,} rows belong together")
        else:
            group.append(tidied)
    if group:
        yield _united(group)


def _united(group: Sequence[SourceRow]) -> SourceRow:
    """What belongs together stands in the first row, and where it is empty in a later one."""
    cells: dict[str, Any] = {}
    # from the last to the first, so that the first one wins
    for row in reversed(group):
        cells |= row.cells
    lines = [dict(row.cells) for row in group]
    last = group[-1]
    return SourceRow(
        last.line, {**cells, **group[0].cells, LINES: lines}, raw=group[0].raw,
        more=tuple(row.raw for row in group[1:]),
    )  # fmt: skip


def _parts(
    cells: Mapping[str, Any], mapping: RowMapping, catalogue: Catalogue, columns: _Columns
) -> Iterator[RowCells]:
    """Everything that one row says, what it says about the customer first."""
    if mapping.products is not None and all(fits(cells) for fits in mapping.products.where):
        fields = _fields(mapping.products.fields, cells, catalogue.product, columns)
        yield RowCells("products", {"product_id": columns.read(mapping.products.id(cells), TEXT), **fields})
    if mapping.customers is not None and all(fits(cells) for fits in mapping.customers.where):
        yield _customer(mapping.customers, cells, catalogue, columns)
    for rule in mapping.events:
        if all(fits(cells) for fits in rule.where):
            yield from _event(rule, cells, catalogue, columns)


def _event(
    rule: EventRows, cells: Mapping[str, Any], catalogue: Catalogue, columns: _Columns
) -> Iterator[RowCells]:
    who, email, phone = (_read(get, cells, TEXT, columns) for get in rule.whose)
    if rule.about is not None:
        about = _customer(rule.about, cells, catalogue, columns)
        own = {"customer_id": who} if who else {}
        yield replace(
            about, cells={**about.cells, **own}, email=email or about.email, phone=phone or about.phone
        )
    properties = _fields(rule.fields, cells, catalogue.event_fields(rule.name) or {}, columns)
    at, own = _read(rule.at, cells, TIME, columns), _read(rule.id, cells, TEXT, columns)
    said = {"customer_id": who, "event": rule.name, "at": at, "id": own, "properties": properties}
    yield RowCells("events", {name: value for name, value in said.items() if value is not None}, email, phone)


def _customer(
    rule: CustomerRows, cells: Mapping[str, Any], catalogue: Catalogue, columns: _Columns
) -> RowCells:
    said = _fields(rule.fields, cells, catalogue.attributes, columns)
    for consent in rule.consents:
        said |= _consent(consent, cells, columns)
    for name, get, kind in (("customer_id", rule.id, TEXT), ("at", rule.at, TIME)):
        if (value := _read(get, cells, kind, columns)) is not None:
            said[name] = value
    return RowCells("customers", said, said.get("email"), said.get("phone"))


def _consent(rule: ConsentRule, cells: Mapping[str, Any], columns: _Columns) -> dict[str, Any]:
    name = f"consent.{rule.channel}"
    for state, checks in rule.states:
        if all(fits(cells) for fits in checks):
            said = {name: state} | ({f"{name}.purpose": rule.purpose} if rule.purpose else {})
            for part, get in rule.proof:
                value = _read(get, cells, TIME if part == "when" else TEXT, columns)
                if value is not None:
                    said[f"{name}.{part}"] = value
            return said
    return {}


def _fields(
    fields: Sequence[tuple[str, Getter]],
    cells: Mapping[str, Any],
    types: Mapping[str, Type],
    columns: _Columns,
) -> dict[str, Any]:
    values = {
        name: value
        for name, get in fields
        if (value := _read(get, cells, types.get(name, TEXT), columns)) is not None
    }
    if columns.currency and any(kind.kind in ("money", "list of") for kind in types.values()):
        # only where an amount may stand, and never over what a cell says
        values.setdefault(CURRENCY, columns.currency)
    return values


def _read(get: Getter | None, cells: Mapping[str, Any], kind: Type, columns: _Columns) -> Any:
    raw = get(cells) if get is not None else None
    return None if raw is None or raw == "" else columns.read(raw, kind)


def _amount(raw: str, decimal: str, *, money: bool) -> str | dict[str, str]:
    """`1.234,56 €` is `1234.56 EUR`. A text that is no amount in this writing becomes none: 39.90 in a file
    with commas may be thirty-nine or three thousand nine hundred and ninety."""
    match = _SIGNS.match(raw.strip())
    if match is None:
        return {"written": raw}
    digits = _BLANKS.sub("", match["amount"]).removeprefix("+")
    # the groups are looked at before the signs are taken away: afterwards 1,23 and 123 are the same
    if not _GROUPED[decimal].fullmatch(digits):
        return {"written": raw}
    plain = digits.replace(",", "") if decimal == "point" else digits.replace(".", "").replace(",", ".")
    sign = match["before"] or match["after"]
    if sign is None:
        return plain
    return f"{plain} {_CURRENCIES.get(sign, sign)}" if money else {"written": raw}


def _moment(raw: str, kind: str, order: tuple[str, ...], zone: ZoneInfo) -> str:
    """A day or a moment in ISO 8601. Times without a zone are those of the file's place."""
    written = _written(raw, order)
    if written is None:
        return _without_year(raw, order) if kind == "birthday" else raw
    day, rest = written
    # a day needs no clock: what stands behind it is left out
    if kind != "time":
        return day.isoformat()
    clock = _CLOCK.fullmatch(rest) if rest else None
    if rest and clock is None:
        return raw
    time = _time(clock) if clock else dt.time()
    if time is None:
        return raw
    if clock and clock["zone"]:
        offset = clock["zone"].replace("UTC", "Z").replace("GMT", "Z")
        return f"{day.isoformat()}T{time.isoformat()}{offset}"
    return iso(at_local(day, time, zone))


def _written(raw: str, order: tuple[str, ...]) -> tuple[dt.date, str] | None:
    """The day, and what stands behind it."""
    serial = _SERIAL.fullmatch(raw) if order else None
    try:
        if serial is not None:
            seconds = round(float(f"0{(serial[2] or '.0').replace(',', '.')}") * 86_400)
            # a spreadsheet counts days and keeps the time as a fraction of one
            clock = dt.timedelta(seconds=seconds)
            return _FIRST_SERIAL_DAY + dt.timedelta(days=int(serial[1])), str(clock).zfill(
                8
            ) if seconds else ""
        if match := re.match(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]\s*(.*))?$", raw):
            return dt.date(int(match[1]), int(match[2]), int(match[3])), match[4] or ""
        if not order:
            return None
        sign = re.escape(order[3])
        match = re.match(rf"(\d{{1,4}}){sign}(\d{{1,2}}){sign}(\d{{1,4}})(?:,?\s+(.*))?$", raw)
        if match is None:
            return None
        parts = dict(zip(order[:3], match.groups()[:3], strict=True))
        # Of two digits nobody knows the century.
        if len(parts["year"]) != 4:
            return None
        return dt.date(int(parts["year"]), int(parts["month"]), int(parts["day"])), match[4] or ""
    except (ValueError, OverflowError):
        return None


def _time(clock: re.Match[str]) -> dt.time | None:
    hour = int(clock["hour"])
    if clock["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if clock["half"][0] in "pP" else 0)
    try:
        return dt.time(hour, int(clock["minute"]), int(clock["second"] or 0))
    except ValueError:
        return None


def _without_year(raw: str, order: tuple[str, ...]) -> str:
    """`31.12.` and `12/31` of a birthday whose year nobody told."""
    if not order:
        return raw
    sign = re.escape(order[3])
    match = re.fullmatch(rf"(\d{{1,2}}){sign}(\d{{1,2}}){sign}?", raw)
    if match is None:
        return raw
    parts = dict(zip([part for part in order[:3] if part != "year"], match.groups(), strict=True))
    return f"--{parts['month'].zfill(2)}-{parts['day'].zfill(2)}"
