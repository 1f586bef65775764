"""Columns as people name them in a spreadsheet: `Customer ID`, `E-Mail`, `First name`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from engine.cli.importing.items import ADDRESSES, CONSENT, CUSTOMER, EVENT, MOMENT, PROPERTIES, ROW
from engine.cli.importing.rows import Kind, SourceRow
from engine.compiler.catalogue.catalogue import CURRENCY, Catalogue
from engine.runtime.intake.untyped import normal_name
from engine.simulate.replay.row_mapping import RowMapping

_ALSO = {
    "e_mail": "email", "email_address": "email", "e_mail_address": "email", "mail": "email",
    "phone_number": "phone", "mobile": "phone", "mobile_phone": "phone", "telephone": "phone",
    "firstname": "first_name", "given_name": "first_name", "lastname": "last_name", "surname": "last_name",
    "family_name": "last_name", "country_code": "country", "customerid": "customer_id", "userid": "user_id",
    "date_of_birth": "birthday", "birth_date": "birthday",
}  # fmt: skip


def known_names(catalogue: Catalogue) -> set[str]:
    """What a column may be called without a mapping."""
    return {
        *CUSTOMER, *EVENT, *MOMENT, *ROW, PROPERTIES, ADDRESSES, CONSENT, CURRENCY, "product_id",
        *catalogue.settable, *catalogue.product,
        *(name for fields in catalogue.events.values() for name in fields),
    }  # fmt: skip


def own_names(columns: Sequence[str], catalogue: Catalogue) -> dict[str, str]:
    """Our name for each column: its own where it is known, else as it is written in small letters with
    underscores where that is known. Two columns never get one name."""
    known = known_names(catalogue)
    names = {column: _own(column, known) for column in columns}
    written = set(columns)
    given: set[str] = set()
    for column, own in names.items():
        if own != column and (own in written or own in given):
            names[column] = column
        given.add(names[column])
    return names


def _own(column: str, known: set[str]) -> str:
    if column in known:
        return column
    head, dot, rest = (part.strip() for part in column.partition("."))
    head = head.lower()
    if dot and head in (CONSENT, ADDRESSES):
        return f"{head}.{rest.lower()}"
    if dot and head == PROPERTIES:
        return f"{head}.{rest}"
    plain = normal_name(column)
    return next((name for name in (plain, _ALSO.get(plain, "")) if name in known), column)


def renamed(rows: Iterator[SourceRow], names: Mapping[str, str]) -> Iterator[SourceRow]:
    """The rows under our names."""
    for row in rows:
        yield replace(row, cells={names.get(name, name): cell for name, cell in row.cells.items()})


def kind_of(mapping: RowMapping) -> Kind:
    """What a file holds in the first place, by its mapping."""
    if mapping.events:
        return "events"
    return "customers" if mapping.customers else "products"
