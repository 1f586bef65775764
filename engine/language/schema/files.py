"""The JSON Schema of journeys for editors, made from the tables of the grammar and the project's own names.

Unions are chosen by `if`/`then`, never by `oneOf`: messages then name the right thing and completion works
(design/language 2.18).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.language.conditions.condition import GROUPS
from engine.language.grammar import GOAL, JOURNEY, LONG_DID, SEGMENT, STARTS, TEST, Construct, Key
from engine.language.schema import values as value
from engine.language.schema.values import (
    SCALAR,
    Schema,
    names,
    names_or_list,
    offering,
    one_or_list,
    ref,
    words,
)
from engine.language.steps.register import KINDS, STORY_FORMS
from engine.language.steps.send import LIKELY
from engine.language.stories.story_expect import FORMS
from engine.language.wording import as_list

_DRAFT = "http://json-schema.org/draft-07/schema#"


@dataclass(frozen=True, slots=True)
class SchemaNames:
    """The project's own names, each with a sentence that the editor shows."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    journeys: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    webhooks: Mapping[str, str] = field(default_factory=dict)
    recommendations: Mapping[str, str] = field(default_factory=dict)


def journey_schema(known: SchemaNames) -> Schema:
    """The schema of a file in journeys/."""
    return {
        "$schema": _DRAFT,
        "title": "A journey",
        **construct_schema(JOURNEY),
        "definitions": _definitions(known),
    }


def segment_schema(known: SchemaNames) -> Schema:
    """The schema of a file in journeys/segments/."""
    return {
        "$schema": _DRAFT,
        "title": "A segment",
        **construct_schema(SEGMENT),
        "definitions": _definitions(known),
    }


def _definitions(known: SchemaNames) -> Schema:
    steps = {
        f"step_{verb}": {**construct_schema(kind.construct), **kind.rules} for verb, kind in KINDS.items()
    }
    starts = {
        construct.name: {**construct_schema(construct), **_RULES.get(construct.name, {})}
        for construct in STARTS
    }
    start = _by_key(
        {construct.keys[0].name: ref(construct.name) for construct in STARTS}, "a start is one of these"
    )
    for choice in start["allOf"]:
        # `every: year` beside a date says that it returns: it is not the clock.
        if choice["if"] == {"required": ["every"]}:
            choice["if"]["not"] = {"required": ["date"]}
    groups = {group: {"type": "array", "minItems": 1, "items": ref("where")} for group in GROUPS}
    return {
        "condition": _condition(known),
        "where": {
            "type": "object",
            "minProperties": 1,
            "properties": groups,
            "additionalProperties": ref("form"),
        },
        "form": value.FORM,
        "phrase": _phrase(),
        "did": _did(known),
        "steps": {"type": "array", "minItems": 1, "items": ref("step")},
        "step": _by_key({verb: ref(f"step_{verb}") for verb in KINDS}, "a step is one verb"),
        "starts": one_or_list(ref("start")),
        "start": start,
        "goal": {
            **construct_schema(GOAL),
            "anyOf": [{"required": ["event"]}, {"required": ["when"]}],
            **_RULES["goal"],
        },
        "test": {**construct_schema(TEST), "required": ["test", "expect"]},
        **steps,
        **starts,
        **_names(known),
    }


def _names(known: SchemaNames) -> Schema:
    reactions = {"clicked": "somebody tapped or clicked", "opened": "somebody opened it"}
    attribute = {
        "anyOf": [
            names(known.attributes, {"segment": "the segments somebody is in"}),
            {"pattern": value.REFERENCE},
        ]
    }
    return {
        # a project without schemas may use any name
        "attribute": attribute if known.attributes else SCALAR,
        "day_or_attribute": offering(
            {
                "if": {"pattern": value.LIKE_A_DAY},
                "then": value.CALENDAR_DAY,
                "else": ref("attribute"),
            },
            value.CALENDAR_DAY,
            ref("attribute"),
        ),
        "event": names(known.events),
        "segment": names(known.segments),
        "journey": names(known.journeys),
        "template": names(known.templates),
        "channel": names(known.channels),
        "policy": names(known.policies),
        "pool": names(known.codes),
        "webhook": names(known.webhooks),
        "with_value": _with_value(
            {f"recommend.{name}": about for name, about in known.recommendations.items()}
        ),
        "reaction": names(known.events, reactions),
    }


def _with_value(lists: Mapping[str, str]) -> Schema:
    """What a message is given: any value, or one of the shop's lists of products, which the editor offers."""
    return {
        "if": {"type": "string", "pattern": r"^recommend\."},
        "then": names(lists),
        "else": SCALAR,
        "defaultSnippets": [
            {"label": name, "body": name, "description": about} for name, about in lists.items()
        ],
    }


def file_schema(construct: Construct, known: SchemaNames) -> Schema:
    """The schema of a file that has its words in one table, with the definitions that they refer to."""
    schema: Schema = {"$schema": _DRAFT, "title": construct.about, **construct_schema(construct)}
    definitions, needed = _definitions(known), list(_referred(schema))
    found: Schema = {}
    # only what is referred to, so that a small file has a small schema
    while needed:
        name = needed.pop()
        if name not in found:
            found[name] = definitions[name]
            needed += _referred(definitions[name])
    return schema | ({"definitions": dict(sorted(found.items()))} if found else {})


def _referred(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(place := schema.get("$ref"), str):
            yield place.rpartition("/")[2]
        schema = tuple(schema.values())
    for part in schema if isinstance(schema, tuple | list) else ():
        yield from _referred(part)


def construct_schema(construct: Construct) -> Schema:
    """The schema of a map with fixed keys, as `map_reader` takes it."""
    return {
        "type": ["object", "null"] if construct.blank else "object",
        "description": construct.about,
        "properties": {key.name: {**_key(key), "description": key.about} for key in construct.keys},
        "additionalProperties": False,
        "required": [key.name for key in construct.keys if key.needed],
    }


def named_schema(schema: Mapping[str, object]) -> Schema:
    """The schema of a map from names of our own to what `schema` says."""
    return {
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
        "additionalProperties": dict(schema),
    }


def _key(key: Key) -> Schema:
    """The schema of what stands behind a key, by its kind."""
    simple: dict[str, Schema] = {
        "text": {**SCALAR, "pattern": r"\S"}, "name": value.NAME, "length": value.LENGTH,
        "clock": value.CLOCK,
        "date": value.DATE, "share": value.SHARE, "again": value.AGAIN, "wait": value.WAIT, "day": value.DAY,
        "weekdays": value.WEEKDAYS_VALUE, "long_did_count": value.COUNT, "given": GIVEN, "when": WHEN,
        "expect": EXPECT, "shares": _SHARES, "paths": _PATHS, "wait_clock": value.WAIT_CLOCK,
        "next_after": value.NEXT_AFTER, "decide": value.DECIDE, "via": _VIA,
        "count": {**SCALAR, "pattern": "^[0-9]+$"}, "secret": {"type": "string", "pattern": "^(env|file):"},
        "texts": one_or_list(SCALAR), "map": {"type": "object", "minProperties": 1,
        "additionalProperties": SCALAR}, "values": {"type": "object", "minProperties": 1,
        "additionalProperties": {"if": {"type": "object"}, "then": _CHOSEN,
        "else": ref("with_value")}},
    }  # fmt: skip
    if key.kind in simple:
        # what the table says of a key wins over what its kind says
        return {**simple[key.kind], **_pattern(key), **(key.shape or {})}
    inner = construct_schema(key.of) if key.of else dict(key.shape or {})
    match key.kind:
        case "block" | "any":
            return inner
        case "named":
            return named_schema(inner)
        case "free":
            return {"type": "object", "additionalProperties": inner}
        case "holdout":
            choice: Schema = {"if": {"type": "object"}, "then": inner, "else": value.SHARE}
            return offering(choice, value.SHARE)
        case "choice":
            return {**words(key.choices), **(key.shape or {})}
        case "watchers":
            return names_or_list(words(key.choices))
        case "events":
            return names_or_list(ref("event"))
        case "awaited":
            awaited: Schema = {
                "if": {"pattern": "^(clicked|opened) "},
                "then": value.AWAITED_REACTION,
                "else": ref("event"),
            }
            return offering(one_or_list(awaited), ref("event"))
        case "tests":
            return {"type": "array", "minItems": 1, "items": ref("test")}
        case _:
            return ref(key.kind)


def _pattern(key: Key) -> Schema:
    """What the editor holds a text against; a list of texts is told by `check` alone."""
    if key.pattern is None or key.kind != "text":
        return {}
    return {"pattern": f"^({key.pattern.pattern})$", "patternErrorMessage": key.pattern.why}


def _by_key(kinds: dict[str, Schema], message: str) -> Schema:
    """A map whose first key says what it is: the schema is chosen by that key."""
    return {
        "type": "object",
        "properties": {verb: {} for verb in kinds},
        "allOf": [{"if": {"required": [verb]}, "then": schema} for verb, schema in kinds.items()],
        "anyOf": [{"required": [verb]} for verb in kinds],
        "errorMessage": f"{message}: {', '.join(kinds)}",
        "defaultSnippets": [{"label": verb, "body": {verb: "$1"}} for verb in kinds],
    }


def _condition(known: SchemaNames) -> Schema:
    groups = {group: {"type": "array", "minItems": 1, "items": ref("condition")} for group in GROUPS}
    special: Schema = {
        "segment": _asked(ref("segment")),
        "inside": _asked(ref("journey")),
        "can": _asked(ref("channel")),
        "clicked": offering(_opposite(ref("template")), ref("template")),
        "opened": offering(_opposite(ref("template")), ref("template")),
        "goal": words(("reached", "not reached")),
        "did": ref("did"),
    }
    attributes = {name: {**ref("form"), "description": about} for name, about in known.attributes.items()}
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {**attributes, **special, **groups},
        "patternProperties": {value.REFERENCE: ref("form")},
        "additionalProperties": False if known.attributes else ref("form"),
    }


def _asked(name: Schema) -> Schema:
    """A name, or `not` and a name, or a list of them."""
    return offering(one_or_list(_opposite(name)), name)


def _opposite(name: Schema) -> Schema:
    """A name, or `not` and a name."""
    return {"if": {"type": "string", "pattern": "^not "}, "then": {"type": "string"}, "else": name}


def _phrase() -> Schema:
    """How often an event happened, in words, as a number, or in the long form."""
    long = {**construct_schema(LONG_DID), "not": {"required": ["last", "since"]}}
    in_short: Schema = {"if": {"type": "integer"}, "then": {}, "else": value.PHRASE}
    return offering({"if": {"type": "object"}, "then": long, "else": in_short}, value.PHRASE)


def _did(known: SchemaNames) -> Schema:
    events = {name: {**ref("phrase"), "description": about} for name, about in known.events.items()}
    return {
        "type": "object",
        "minProperties": 1,
        "properties": events,
        "additionalProperties": False if events else ref("phrase"),
    }


_VIA = offering(
    {
        "if": {"type": "array"},
        "then": {"type": "array", "items": ref("channel"), "minItems": 1},
        "else": {
            "if": {"type": "string", "pattern": f"^{LIKELY}"},
            "then": value.CHEAPEST_LIKELY,
            "else": ref("channel"),
        },
        "defaultSnippets": [{"label": LIKELY, "body": LIKELY}],
    },
    ref("channel"),
)
_CHOSEN: Schema = {
    "properties": {
        "choose": ref("attribute"),
        "into": {"type": "object", "minProperties": 1, "additionalProperties": SCALAR},
    },
    "additionalProperties": False,
    "required": ["choose", "into"],
}
_SHARES: Schema = {
    "type": "object",
    "minProperties": 1,
    "patternProperties": {value.SHARE_PATH: ref("steps")},
    "additionalProperties": False,
    "errorMessage": "a path is a share and a name:  45% gift:",
}
_PATHS: Schema = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"not": {"enum": ["default", "otherwise", "_", "other"]}},
    "additionalProperties": ref("steps"),
}
_RULES: dict[str, Schema] = {
    "start_date": {"not": {"required": ["before", "after"]}},
    "start_product": {
        "not": {"required": ["collect", "per"]},
        "if": {"properties": {"product": {"const": "price_drop"}}},
        "else": {"properties": {"by": False}},
    },
    "start_clock": {
        "allOf": [
            {
                "if": {"properties": {"every": {"const": "month"}}},
                "then": {"required": ["day"]},
                "else": {"properties": {"day": False}},
            },
            {
                "if": {"properties": {"every": {"const": "week"}}},
                "then": {"required": ["weekdays"]},
                "else": {"properties": {"weekdays": False}},
            },
        ]
    },
    "goal": {"not": {"required": ["event", "when"]}, "dependencies": {"where": ["event"]}},
}


# --- stories -----------------------------------------------------------------------------------

_AGO: Schema = {"type": "string", "pattern": " ago$", "patternErrorMessage": "written  3 days ago"}
GIVEN: Schema = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "timezone": value.pattern(r"UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+",
        "a time zone is written  Europe/Berlin"),
        "segments": names_or_list(ref("segment")),
        "inside": names_or_list(ref("journey")),
        "unreachable": names_or_list(ref("channel")),
        "no_consent": names_or_list(ref("channel")),
        "product": {"type": "object"},
        "paths": {"type": "object"},
        "did": {"type": "object", "additionalProperties": one_or_list({
            "if": {"type": "object"},
            "then": {"required": ["at"], "properties": {"at": _AGO}},
            "else": _AGO,
        })},
        "holdout": {"enum": [True, False, "true", "false"]},
    },
    "additionalProperties": one_or_list(SCALAR),
}  # fmt: skip
WHEN: Schema = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "patternProperties": {value.DAY_LINE: value.HAPPENING},
        "not": {"propertyNames": {"not": {"pattern": value.DAY_LINE}}},  # at least one key is a moment
        "errorMessage": "a line is  - day 0 18:30: order_placed  with its fields below",
    },
}
_GROUPS = ("message", "end", "side effect")
_EXPECTED = value.pattern(
    "|".join(
        form.editor_pattern or form.pattern.replace("(?:", "(")
        for form in sorted(FORMS.values(), key=lambda form: (_GROUPS.index(form.group),
        form.verb in STORY_FORMS))
    ),
    f"it can be: {as_list([form.example for form in FORMS.values() if form.in_short])}",
    "finish", "goal",
)  # fmt: skip
EXPECT: Schema = {
    "if": {"type": "string"},
    "then": {"const": "nothing"},
    "else": {
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "patternProperties": {value.DAY_LINE: _EXPECTED},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    },
}
