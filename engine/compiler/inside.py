"""Every value of a kind that stands anywhere inside a compiled one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")


def inside(compiled: object, kind: type[Kind]) -> Iterator[Kind]:
    """Every value of a kind that stands anywhere inside a compiled value."""
    stack: list[object] = [compiled]
    while stack:
        value = stack.pop()
        if isinstance(value, kind):
            yield value
        kind_of_value: Any = type(value)  # mypy does not take a class of unknown kind as a key
        fields = _fields(kind_of_value)
        if fields:
            stack.extend(getattr(value, name) for name in fields)
        elif isinstance(value, tuple | list | frozenset):
            stack.extend(value)
        elif isinstance(value, Mapping):
            stack.extend(value.values())


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a record by name. Asked once per class: there are few of them, and very many values."""
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    return tuple(part.name for part in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()
