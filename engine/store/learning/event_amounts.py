"""The amount of an event in SQL: the number or the money of a field, or the sum over a list of items."""

from __future__ import annotations

from engine.core.facts.rule import FactRule


def amount_sql(rule: FactRule, dialect: str, *, exact: bool = True) -> str:
    """The amount of an event `e` in the currency `:currency`, NULL without one; its other parameters are
    `amount_keys`. `exact`: on SQLite the digits as they were written, several joined by commas, since a sum
    of doubles would not be; else a double."""
    amount, items = (_SQLITE, _SQLITE_ITEMS) if dialect == "sqlite" else (_POSTGRES, _POSTGRES_ITEMS)
    double = "REAL" if dialect == "sqlite" else "double precision"
    if not exact:
        amount = f"CAST({amount} AS {double})"
    spent = amount.format(document="e.fields", key=":path")
    if "." not in (rule.field or ""):
        return spent
    add_up = "group_concat" if exact and dialect == "sqlite" else "sum"
    inner = amount.format(document="i.value", key=":inner")
    return f"COALESCE({spent}, (SELECT {add_up}({inner}) FROM {items}))"  # noqa: S608 - texts of this module


def amount_keys(rule: FactRule, dialect: str) -> dict[str, str]:
    """Where the amount stands in the fields of an event; a path such as `items.price` goes over a list."""
    path = rule.field or ""
    head, _, inner = path.partition(".")
    keys = {"path": path}
    if inner:
        keys |= {"head": head, "inner": inner}
    return {name: key_of(key, dialect) for name, key in keys.items()}


def key_of(name: str, dialect: str) -> str:
    """A key of a document, as the operators of the database take it."""
    return f'$."{name}"' if dialect == "sqlite" else name


_SQLITE = (
    "CASE json_type({document}, {key}) WHEN 'object' THEN CASE WHEN {document} -> {key} ->> '$.currency' = "
    ":currency"
    " THEN {document} -> {key} -> '$.amount' END WHEN 'integer' THEN {document} -> {key}"
    " WHEN 'real' THEN {document} -> {key} END"
)
_SQLITE_ITEMS = (
    "json_each(CASE json_type(e.fields, :head) WHEN 'array' THEN e.fields -> :head END) i WHERE "
    "i.type = 'object'"
)
_POSTGRES = (
    "CASE jsonb_typeof({document} -> {key}) WHEN 'object' THEN CASE WHEN {document} -> {key} ->> "
    "'currency' = :currency"
    " THEN CAST({document} -> {key} ->> 'amount' AS numeric) END"
    " WHEN 'number' THEN CAST({document} ->> {key} AS numeric) END"
)
_POSTGRES_ITEMS = (
    "jsonb_array_elements(CASE jsonb_typeof(e.fields -> :head) WHEN 'array' THEN e.fields -> :head "
    "END) AS i(value)"
)
