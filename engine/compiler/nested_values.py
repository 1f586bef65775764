"""Every value of a kind that stands anywhere inside a compiled one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from operator import attrgetter, methodcaller
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")


def nested_values(compiled: object, kind: type[Kind]) -> Iterator[Kind]:
    """Every value of a kind that stands anywhere inside a compiled value."""
    stack: list[object] = [compiled]
    while stack:
        value = stack.pop()
        if isinstance(value, kind):
            yield value
        kind_of_value: Any = type(value)  # mypy does not take a class of unknown kind as a key
        parts_of = _parts_of(kind_of_value)
        if parts_of is not None:
            stack.extend(parts_of(value))


@cache
def _parts_of(kind: type[Any]) -> Callable[[Any], Iterable[object]] | None:
    """What gives the parts of a value of this class; None: it has none. Found once per class: there are few
    of them, and very many values."""
    if issubclass(kind, msgspec.Struct):
        names = kind.__struct_fields__
    else:
        names = (
            tuple(part.name for part in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()
        )
    if len(names) == 1:
        (name,) = names
        return lambda value: (getattr(value, name),)
    if names:
        return attrgetter(*names)
    if issubclass(kind, (tuple, list, frozenset)):
        return iter
    return methodcaller("values") if issubclass(kind, Mapping) else None
