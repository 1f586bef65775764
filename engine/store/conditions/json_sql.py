"""Looks into JSON documents in SQL, on SQLite and PostgreSQL alike.

Each element renders itself per dialect. A path is a row of keys; the text of a key is always bound,
never rendered. Kinds of JSON values have other names in each database: `NUMBERS` and its like hold both.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import TableValuedAlias
from sqlalchemy.types import NullType, TypeDecorator

from engine.store.serialization import dump

NUMBERS = ("integer", "real", "number")
TEXTS = ("text", "string")
TRUTHS = ("true", "false", "boolean")
ARRAYS = ("array",)
OBJECTS = ("object",)

Key = str | int


class ExactNumber(TypeDecorator[Decimal]):
    """A number to compare with: exact on PostgreSQL; on SQLite an integer, else the nearest double, as its
    JSON is."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """For SQLite the value as it is: `Float` would make doubles of integers too."""
        return dialect.type_descriptor(NullType() if dialect.name == "sqlite" else sa.Numeric())

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> Any:
        """The value as the driver takes it."""
        if value is None or dialect.name != "sqlite":
            return value
        whole = int(value)
        return whole if whole == value and -(2**63) <= whole < 2**63 else float(value)


class _Look(FunctionElement[Any]):
    """`document` at the end of `keys`."""

    inherit_cache = True

    def __init__(self, document: sa.ColumnElement[Any], *keys: Key) -> None:
        quoted = "".join(f"[{key}]" if isinstance(key, int) else f'."{key}"' for key in keys)
        super().__init__(
            document, sa.literal(f"${quoted}", sa.String), *(sa.literal(str(key), sa.String) for key in keys)
        )

    def sqlite(self, compiler: SQLCompiler, **kw: Any) -> str:
        """`document, '$."key"'`."""
        document, path, *_ = self.clauses
        return f"{compiler.process(document, **kw)}, {compiler.process(path, **kw)}"

    def postgresql(self, compiler: SQLCompiler, **kw: Any) -> str:
        """`document, 'key'`."""
        document, _, *keys = self.clauses
        return ", ".join(compiler.process(each, **kw) for each in (document, *keys))


class json_kind(_Look):  # noqa: N801  # reads as the SQL function that it is
    """The kind of the value there; NULL where there is none."""

    inherit_cache = True
    type = sa.String()


class json_text(_Look):  # noqa: N801
    """The text there, compared by code points. Ask only behind a look at the kind."""

    inherit_cache = True
    type = sa.String()


class json_number(_Look):  # noqa: N801
    """The number there, also one that is written as text. Ask only behind a look at the kind."""

    inherit_cache = True
    type = ExactNumber()


class json_truth(_Look):  # noqa: N801
    """True where `true` stands."""

    inherit_cache = True
    type = sa.Boolean()


class json_items(_Look):  # noqa: N801
    """The items of a list as rows, none for anything but a list; see `items_of`."""

    inherit_cache = True
    type = sa.JSON()


def items_of(document: sa.ColumnElement[Any], *keys: Key) -> TableValuedAlias:
    """The items of a list as a table with one column `value`, itself a document (or a text, for a list of
    texts)."""
    return json_items(document, *keys).table_valued("value")


class item_kind(FunctionElement[str]):  # noqa: N801
    """The kind of one of `items_of`; on SQLite NULL for a text that is no document."""

    inherit_cache = True
    type = sa.String()


class item_text(FunctionElement[str]):  # noqa: N801
    """One of `items_of` a list of texts, as a text."""

    inherit_cache = True
    type = sa.String()


class json_with(FunctionElement[Any]):  # noqa: N801
    """An object with other values under some names, and without those that are None: values in the form that
    is stored."""

    inherit_cache = True
    type = sa.JSON()

    def __init__(self, document: sa.ColumnElement[Any], values: Mapping[str, object]) -> None:
        gone = sorted(name for name, value in values.items() if value is None)
        super().__init__(
            document, sa.literal(dump(dict(values)), sa.String), sa.literal(dump(gone), sa.String)
        )


@compiles(json_with, "sqlite")
def _(element: json_with, compiler: SQLCompiler, **kw: Any) -> str:
    document, values, _ = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"json_patch({document}, {values})"


@compiles(json_with, "postgresql")
def _(element: json_with, compiler: SQLCompiler, **kw: Any) -> str:
    document, values, gone = (compiler.process(clause, **kw) for clause in element.clauses)
    names = f"ARRAY(SELECT jsonb_array_elements_text(CAST({gone} AS JSONB)))"
    return f"(({document} || CAST({values} AS JSONB)) - {names})"


@compiles(item_text, "sqlite")
def _(element: item_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(item_text, "postgresql")
def _(element: item_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)} #>> '{{}}')"


@compiles(item_kind, "sqlite")
def _(element: item_kind, compiler: SQLCompiler, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    return f"CASE WHEN json_valid({value}) THEN json_type({value}) END"


@compiles(item_kind, "postgresql")
def _(element: item_kind, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_typeof({compiler.process(element.clauses, **kw)})"


@compiles(json_kind, "sqlite")
def _(element: json_kind, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_type({element.sqlite(compiler, **kw)})"


@compiles(json_kind, "postgresql")
def _(element: json_kind, compiler: SQLCompiler, **kw: Any) -> str:
    return f"jsonb_typeof(jsonb_extract_path({element.postgresql(compiler, **kw)}))"


@compiles(json_text, "sqlite")
def _(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"json_extract({element.sqlite(compiler, **kw)})"


@compiles(json_text, "postgresql")
def _(element: json_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f'(jsonb_extract_path_text({element.postgresql(compiler, **kw)}) COLLATE "C")'


@compiles(json_number, "sqlite")
def _(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(json_extract({element.sqlite(compiler, **kw)}) AS NUMERIC)"


@compiles(json_number, "postgresql")
def _(element: json_number, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST(jsonb_extract_path_text({element.postgresql(compiler, **kw)}) AS NUMERIC)"


@compiles(json_truth, "sqlite")
def _(element: json_truth, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(json_type({element.sqlite(compiler, **kw)}) = 'true')"


@compiles(json_truth, "postgresql")
def _(element: json_truth, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(jsonb_extract_path({element.postgresql(compiler, **kw)}) = 'true'::jsonb)"


@compiles(json_items, "sqlite")
def _(element: json_items, compiler: SQLCompiler, **kw: Any) -> str:
    look = element.sqlite(compiler, **kw)
    again = element.sqlite(compiler, **kw)
    return f"json_each(CASE WHEN json_type({look}) = 'array' THEN json_extract({again}) ELSE '[]' END)"


@compiles(json_items, "postgresql")
def _(element: json_items, compiler: SQLCompiler, **kw: Any) -> str:
    look = f"jsonb_extract_path({element.postgresql(compiler, **kw)})"
    return f"jsonb_array_elements(CASE WHEN jsonb_typeof({look}) = 'array' THEN {look} ELSE '[]'::jsonb END)"
