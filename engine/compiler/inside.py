"""Every value of a kind that stands anywhere inside a compiled one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TypeVar

import msgspec

Kind = TypeVar("Kind")


def inside(compiled: object, kind: type[Kind]) -> Iterator[Kind]:
    """Every value of a kind that stands anywhere inside a compiled value."""
    stack: list[object] = [compiled]
    while stack:
        value = stack.pop()
        if isinstance(value, kind):
            yield value
        if isinstance(value, msgspec.Struct):
            stack.extend(getattr(value, name) for name in value.__struct_fields__)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            stack.extend(getattr(value, part.name) for part in dataclasses.fields(value))
        elif isinstance(value, tuple | list | frozenset):
            stack.extend(value)
        elif isinstance(value, Mapping):
            stack.extend(value.values())
