"""Whose a row is that names no customer: whoever has its e-mail address, else its phone number; a new
customer where nobody has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from engine.channel_kinds import normalised
from engine.cli.importing.items import names_customer
from engine.cli.importing.rows import RowCells
from engine.command_hints import command
from engine.config import Config
from engine.errors import UsageError
from engine.runtime.intake.contact import contact
from engine.store.customers import address_index
from engine.store.database import Store
from engine.store.meta import address_hash, secret
from engine.store.sql import rows

Address = tuple[str, str]
"""Channel (`email` or `phone`) and the address in the one form that all its writings have."""

NEW = "import-"
"""How the ids of customers begin who are known by their address alone."""


def with_customers(
    said: Sequence[tuple[RowCells, ...]], store: Store, config: Config
) -> list[tuple[RowCells, ...]]:
    """The parts of rows with the customer that each is about. One query for all rows."""
    wanted = {
        address
        for parts in said
        for part in parts
        if _is_nobodys(part) and (address := _address(part, config)) is not None
    }
    if not wanted:
        return list(said)
    with store.read() as conn:
        # whose an address is stands in the store when what was said of customers is applied; before that
        # the same person would come a second time
        waiting = "SELECT 1 FROM inbox WHERE kind = 'changed' AND customer NOT LIKE ? LIMIT 1"
        if rows(conn, waiting, (f"{NEW}%",)):
            raise UsageError(
                "what was said of other customers is received and not applied yet, and whose these rows "
                "are is found by their address:",
                f"start the daemon ({command('run')}), and import this file when  {command('status')}  "
                "says that nothing waits",
            )
        people, key = address_index.customers_of(conn, wanted), secret(conn)
    return [tuple(_with_customer(parts, people, key, config)) for parts in said]


def _with_customer(
    parts: Sequence[RowCells], people: dict[Address, list[str]], key: str, config: Config
) -> Iterator[RowCells]:
    for part in parts:
        address = _address(part, config) if _is_nobodys(part) else None
        if address is None:
            yield part
            continue
        channel, text = address
        known = people.get(address)
        who = known[0] if known else f"{NEW}{address_hash(key, 'import', f'{channel} {text}')[:26]}"
        # Of somebody new the address is what they are known by from now on.
        own = {} if known else {channel: text}
        if part.kind == "customers":
            yield replace(part, cells={"customer_id": who, **own, **part.cells})
            continue
        if own and all(other.kind != "customers" for other in parts):
            yield RowCells("customers", {"customer_id": who, **own})
        yield replace(part, cells={"customer_id": who, **part.cells})


def _is_nobodys(part: RowCells) -> bool:
    if part.kind == "products" or names_customer(part.cells):
        return False
    return not (part.kind == "customers" and part.cells.get("id"))


def _address(part: RowCells, config: Config) -> Address | None:
    """None where there is none, or none that can be read: the row is refused for want of a customer."""
    country = part.cells.get("country")
    region = country if isinstance(country, str) else config.shop.country or None
    for channel, text in (("email", part.email), ("phone", part.phone)):
        if text:
            try:
                return channel, normalised(channel, contact(channel, str(text), region))
            except ValueError:
                continue
    return None
