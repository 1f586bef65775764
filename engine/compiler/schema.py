"""The JSON Schemas that editors use, made from the project's own names: what `main.py schema` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jsonschema import Draft7Validator

from engine.compiler.catalogue.catalogue import OWN_EVENTS, PRODUCT_STARTS
from engine.compiler.catalogue.catalogue_file import CUSTOMER_FILE, EVENTS_FILE, PRODUCT_FILE
from engine.compiler.conditions.forms import describe
from engine.compiler.project_context import ProjectContext
from engine.config.file import PARTS, POOL_KINDS
from engine.config.mailbox import KEYS as MAILBOX
from engine.config.options import COMMON, STRUCTURED, VIAS
from engine.config.policies import PARTS as POLICY_PARTS
from engine.config.signup import LIST_PARTS
from engine.config.tracking import CHOICES as TRACKING
from engine.core.facts.customer import FactRule
from engine.core.policy import Policy
from engine.language.schema.files import Names, file_schema, journey_schema, segment_schema
from engine.values import Type

Schema = dict[str, object]

_DRAFT = "http://json-schema.org/draft-07/schema#"
_NAME = "^[a-z][a-z0-9_]*$"
_TEXT: Schema = {"type": ["string", "number", "boolean"]}


def schema_files(project: ProjectContext) -> dict[str, str]:
    """The text of every generated file by its path in the project; the same names give the same text."""
    known = names_of(project)
    schemas: dict[str, Mapping[str, object]] = {
        "journey": journey_schema(known),
        "segment": segment_schema(known),
        "customer": file_schema(CUSTOMER_FILE),
        "events": file_schema(EVENTS_FILE),
        "product": file_schema(PRODUCT_FILE),
        "config": _config(),
    }
    for schema in schemas.values():
        # names come from people: an editor must never get a broken schema
        Draft7Validator.check_schema(schema)
    return {
        f"schemas/{name}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }


def names_of(project: ProjectContext) -> Names:
    """The names of a project, each with a sentence that the editor shows."""
    catalogue, config = project.catalogue, project.config
    attributes = {name: _about_type(kind) for name, kind in catalogue.attributes.items()}
    attributes |= {name: _about_fact(rule) for name, rule in catalogue.facts.items()}
    events = {name: _about_fields(fields) for name, fields in catalogue.events.items()}
    events |= {other: f"another name of {name}" for other, name in catalogue.also.items()}
    events |= {name: f"the engine says so; {_about_fields(fields)}" for name, fields in OWN_EVENTS.items()}
    events |= {name: _about_fields(fields) for name, fields in PRODUCT_STARTS.items()}
    return Names(
        attributes=attributes,
        events=events,
        segments={name: file.about.value if file.about else "" for name, file in project.segments.items()},
        templates={
            name: f"written for {', '.join(project.templates.channels(name))}"
            for name in sorted(project.templates.by_name)
        },
        channels={
            name: f"{channel.price.normalize():f} {channel.currency} a message"
            for name, channel in config.channels.items()
        },
        policies={name: _about_policy(project.policy(name)) for name in project.policy_names()},
        codes={name: pool.kind for name, pool in config.codes.items()},
        webhooks={name: hook.url for name, hook in config.webhooks.items()},
    )


def _about_type(kind: Type) -> str:
    return f"one of {', '.join(kind.choices)}" if kind.choices else describe(kind)


def _about_fact(rule: FactRule) -> str:
    field = f".{rule.field}" if rule.field else ""
    return f"{describe(rule.type)}, computed: {rule.how} of {rule.event}{field}"


def _about_fields(fields: Mapping[str, Type]) -> str:
    return f"fields: {', '.join(fields)}" if fields else "no fields"


def _about_policy(policy: Policy | None) -> str:
    if policy is None:
        return ""
    quiet = f"quiet {policy.quiet.start:%H:%M}-{policy.quiet.end:%H:%M}" if policy.quiet else "no quiet hours"
    return f"consent: {policy.consent or 'none'}; {quiet}"


# --- the files of the shop -----------------------------------------------------------------------


def _file(title: str, properties: Mapping[str, object]) -> Schema:
    return {"$schema": _DRAFT, "title": title, **_map(properties)}


def _map(properties: Mapping[str, object], needed: tuple[str, ...] = ()) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**schema, "required": list(needed)} if needed else schema


def _named(schema: Mapping[str, object]) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": _NAME}, "additionalProperties": dict(schema)}


def _config() -> Schema:
    channel: Schema = {
        "type": "object",
        "required": ["via"],
        "properties": {"via": {"enum": list(VIAS)}},
        "allOf": [
            {
                "if": {"properties": {"via": {"const": name}}, "required": ["via"]},
                "then": _map(
                    {
                        key: {"enum": [name]} if key == "via" else {} if key in STRUCTURED else dict(_TEXT)
                        for key in (*COMMON, *via.options)
                    },
                    via.needed,
                ),
            }
            for name, via in VIAS.items()
        ],
    }
    pool = _map(
        {"kind": {"enum": list(POOL_KINDS)}, **{key: dict(_TEXT) for key in POOL_KINDS.values()}}, ("kind",)
    )
    parts: dict[str, object] = {part: {} for part in PARTS}
    parts |= {
        "shop": _map({key: dict(_TEXT) for key in ("name", "url", "address")}),
        "timezone": {"type": "string", "examples": ["Europe/Berlin"]},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "languages": {"type": "array", "items": {"type": "string"}},
        "store": {
            "type": "string",
            "pattern": "^(sqlite:///|postgresql)",
            "examples": ["sqlite:///data/shop.db"],
        },
        "http": _map({key: dict(_TEXT) for key in ("listen", "public_url")}),
        "egress": _map({"allow": {"type": "array", "items": {"type": "string"}}}),
        "holdout": {"type": "string", "pattern": "^[0-9]{1,3}%$"},
        "channels": {"type": "object", "additionalProperties": channel},
        "policies": _named(_map({key: {} for key in POLICY_PARTS})),
        "codes": {"type": "object", "additionalProperties": pool},
        "webhooks": _named(_map({"url": dict(_TEXT), "secret": dict(_TEXT)}, ("url",))),
        "link_key": {
            "type": ["string", "array"],
            "pattern": "^(env|file):",
            "items": {"pattern": "^(env|file):"},
        },
        "mailbox": _map({key: dict(_TEXT) for key in MAILBOX}, ("imap", "user", "password")),
        "tracking": _map({key: {"enum": list(words)} for key, words in TRACKING.items()}),
        "signup": _map(
            {
                **{key: dict(_TEXT) for key in ("confirmed", "per_network", "in_all")},
                "origins": {"type": "array", "items": {"type": "string"}},
                "lists": _named(_map({key: dict(_TEXT) for key in LIST_PARTS}, ("event", "text"))),
            }
        ),
        "ceilings": {
            "type": "object",
            "properties": {
                "sudden": {"type": "string", "pattern": r"^[0-9.]+ times$", "examples": ["3 times"]}
            },
            "additionalProperties": {
                "type": "string",
                "pattern": r"^[0-9]+ (a|per) day$",
                "examples": ["10000 a day"],
            },
        },
        "deliver_only": {"type": "array", "items": {"type": "string"}},
    }
    return _file("The shop", parts)
