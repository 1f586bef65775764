"""JSON Schemas for data that comes in: events, attributes and products. They take exactly what `typed`
takes: an empty text stands for a value that is not there, wherever something else than a text is meant."""

from __future__ import annotations

from collections.abc import Mapping

from engine.compiler.catalogue.catalogue import CURRENCY as CURRENCY_FIELD
from engine.compiler.catalogue.catalogue import Catalogue
from engine.compiler.catalogue.json_values import (
    AMOUNT,
    BIRTHDAY,
    CURRENCY,
    DIGITS_OF_A_MOMENT,
    FALSE,
    MOMENT,
    NUMBER,
    TRUE,
)
from engine.values import EPOCH_END, Type

Schema = dict[str, object]

_LARGEST = 10**15


def event_schema(catalogue: Catalogue, event: str) -> Schema | None:
    """The schema of an event's fields under any of its names; None: there is no such event."""
    fields = catalogue.event_fields(event)
    return None if fields is None else _object(fields)


def attributes_schema(catalogue: Catalogue) -> Schema:
    """The schema of a customer's attributes; computed facts may not be among them."""
    named = {name: kind for name, kind in catalogue.attributes.items() if name not in catalogue.ledger}
    schema = _object(named)
    if computed := [*catalogue.facts, *sorted(catalogue.ledger)]:
        schema["not"] = {"anyOf": [{"required": [name]} for name in computed]}
    return schema


def _object(fields: Mapping[str, Type]) -> Schema:
    properties: dict[str, object] = {name: _type(kind) for name, kind in fields.items()}
    if CURRENCY_FIELD not in properties and any(
        kind.kind in ("money", "list of") for kind in fields.values()
    ):
        properties[CURRENCY_FIELD] = {
            "type": ["string", "null"],
            "pattern": f"^({CURRENCY.replace('A-Z', 'A-Za-z')})?$",
        }
    return {"type": "object", "properties": properties}


def _type(kind: Type) -> Schema:
    match kind.kind:
        case "text":
            return {"type": ["string", "number", "null"]}
        case "number" | "share":
            return _amount(NUMBER)
        case "money":
            return _amount(AMOUNT)
        case "true/false":
            return {"enum": [True, False, None, "", *TRUE, *FALSE]}
        case "one of":
            numbers = [int(word) for word in kind.choices if str(word).isdigit() and str(int(word)) == word]
            return {"enum": [*kind.choices, *numbers, None, ""]}
        case "date":
            return {"type": ["string", "null"], "pattern": f"^({MOMENT})?$"}
        case "time":
            return {
                "type": ["string", "number", "null"],
                "pattern": f"^({MOMENT}|{DIGITS_OF_A_MOMENT})?$",
                "minimum": 0,
                "exclusiveMaximum": EPOCH_END,
            }
        case "birthday":
            return {"type": ["string", "null"], "pattern": f"^({BIRTHDAY}|{MOMENT})?$"}
        case "list of text":
            return {
                "type": ["array", "string", "number", "null"],
                "items": {"type": ["string", "number", "null"]},
            }
        case "list of":
            return {
                "type": ["array", "string", "null"],
                "maxLength": 0,
                "maxItems": 1_000,
                "items": _object(dict(kind.items)),
            }


def _amount(pattern: str) -> Schema:
    return {
        "type": ["number", "string", "null"],
        "pattern": f"^({pattern})?$",
        "exclusiveMinimum": -_LARGEST,
        "exclusiveMaximum": _LARGEST,
    }
