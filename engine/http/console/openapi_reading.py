"""What OpenAPI says about the answers to those who read: reports, journeys, customers."""

from __future__ import annotations

from typing import Any

from engine.http.console.openapi import MAYBE_TEXT, answers

_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def _record(optional: tuple[str, ...] = (), *, is_free: bool = False, **properties: Any) -> dict[str, Any]:
    """An object whose fields are always there, but for the optional ones; `is_free`: it may have others."""
    return {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
        "additionalProperties": is_free,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def _maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_PERIOD: dict[str, Any] = {
    "type": "object",
    "required": ["from", "to"],
    "properties": {"from": _TEXT, "to": _TEXT},
}
_ROW = _record(
    is_free=True,
    optional=("before", "year_before", "trend", "by_day", "note"),
    before=_map({"type": ["number", "null"]}),
    year_before=_map({"type": ["number", "null"]}),
    trend=_list({"type": "number"}),
    by_day=_map(_list({"type": ["number", "null"]})),
    note=_TEXT,
)
REPORT = answers(
    _record(
        report=_TEXT,
        title=_TEXT,
        period=_PERIOD,
        before=_maybe(_PERIOD),
        year_before=_maybe(_PERIOD),
        currency=_TEXT,
        timezone=_TEXT,
        made_at=_TEXT,
        notes=_list(_TEXT),
        tables=_list(
            _record(
                optional=("remarks",),
                name=_TEXT,
                title=_TEXT,
                trend=_TEXT,
                rows=_list({**_ROW, "description": "the label of the line, and its figures by name"}),
                remarks=_list(_TEXT),
            )
        ),
        definitions=_map(_record(title=_TEXT, unit=_TEXT, formula=_TEXT, counts=_TEXT, day=_TEXT, of=_TEXT)),
    ),
    "The report. Shares are parts of one, money is in `currency`, what is not known is null",
    {404: "There is no such report, or no such journey"},
    "text/csv",
)
JOURNEYS = answers(
    _record(
        deployment=_maybe(_record(number=_COUNT, at=_TEXT, by=_TEXT, commit=MAYBE_TEXT)),
        journeys=_list(
            _record(
                name=_TEXT,
                about=_TEXT,
                owner=_TEXT,
                file=MAYBE_TEXT,
                state={**MAYBE_TEXT, "description": "null: it is not published any more"},
                version={**MAYBE_TEXT, "description": "changes with its behaviour"},
                people={**_COUNT, "description": "inside of it, with its holdout"},
                holdout=_COUNT,
                on_the_way={**_COUNT, "description": "between two steps"},
                steps=_list(_record(step=_TEXT, people=_COUNT)),
            )
        ),
    ),
    "What was published last, and who is inside",
    {},
)
_RUN = _record(
    optional=("channel", "why"),
    journey=_TEXT,
    key={**_TEXT, "description": "what it is about, where several run at once"},
    started_at=_TEXT,
    holdout={"type": "boolean"},
    rests={
        "type": "string",
        "enum": [
            "waits", "is held", "hands over", "listens", "is unknown", "needs a code", "is moved",
            "is on its way", "is in the holdout",
        ],
    },
    step=MAYBE_TEXT,
    channel=_TEXT,
    why=_TEXT,
    next=_record(step={**MAYBE_TEXT, "description": "null: the end"}, at=MAYBE_TEXT),
)  # fmt: skip
CUSTOMER_KNOWN = answers(
    _record(
        optional=(
            "since", "timezone", "attributes", "facts", "addresses", "closed", "consents", "segments", "runs",
        ),
        id=_TEXT,
        other_ids=_list(_TEXT),
        since=_TEXT,
        timezone=_TEXT,
        attributes=_map({}),
        facts=_map({}),
        addresses=_map(_list(_TEXT)),
        closed={**_map(_TEXT), "description": "channels that must not be used, and why"},
        consents={**_map(_map(_TEXT)), "description": "channel, purpose, state"},
        segments=_list(_TEXT),
        runs=_list(_RUN),
        not_applied={**_COUNT, "description": "what was received and is applied in a moment"},
    ),
    "Who they are; of whom nothing is applied yet, the ids alone",
    {404: "Nothing is known of this customer", 409: "Several customers have this address"},
)  # fmt: skip
for _described in (REPORT, JOURNEYS, CUSTOMER_KNOWN):
    _described[304] = {"description": "What the caller has under this ETag is still so"}
