"""The JSON Schemas that editors use, made from the project's own names: what the command `schema` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jsonschema import Draft7Validator

from engine.compiler.catalogue.catalogue import BUILT_IN, OWN_EVENTS, PRODUCT_STARTS
from engine.compiler.catalogue.catalogue_file import EVENTS_FILE, PRODUCT_FILE
from engine.compiler.conditions.forms import describe
from engine.compiler.facts.customer_file import CUSTOMER_FILE
from engine.compiler.incentives.offers import names_of_codes
from engine.compiler.project_context import ProjectContext
from engine.compiler.recommendations import names_a_value
from engine.config.file import CONFIG
from engine.config.recommendations import recommendation_shape
from engine.core.facts.rule import FactRule
from engine.core.policy import Policy
from engine.language.schema.files import SchemaNames, file_schema, journey_schema, segment_schema
from engine.language.weekdays import WEEKDAYS
from engine.values import Type


def schema_files(project: ProjectContext) -> dict[str, str]:
    """The text of every generated file by its path in the project; the same names give the same text."""
    known = names_of(project)
    schemas: dict[str, Mapping[str, object]] = {
        "journey": journey_schema(known),
        "segment": segment_schema(known),
        "customer": file_schema(CUSTOMER_FILE, known),
        "events": file_schema(EVENTS_FILE, known),
        "product": file_schema(PRODUCT_FILE, known),
        "config": _config_schema(project, known),
    }
    for schema in schemas.values():
        # names come from people: an editor must never get a broken schema
        Draft7Validator.check_schema(schema)
    return {
        f"schemas/{name}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }


def names_of(project: ProjectContext) -> SchemaNames:
    """The names of a project, each with a sentence that the editor shows."""
    catalogue, config = project.catalogue, project.config
    attributes = {
        name: f"one of {', '.join(kind.choices)}" if kind.choices else describe(kind)
        for name, kind in catalogue.attributes.items()
    }
    attributes |= {name: _about_fact(rule) for name, rule in catalogue.facts.items()}
    events = {name: _about_fields(fields) for name, fields in catalogue.events.items()}
    events |= {other: f"another name of {name}" for other, name in catalogue.also.items()}
    events |= {name: f"the engine says so; {_about_fields(fields)}" for name, fields in OWN_EVENTS.items()}
    events |= {name: _about_fields(fields) for name, fields in PRODUCT_STARTS.items()}
    return SchemaNames(
        attributes=attributes,
        events=events,
        segments={name: file.about.value if file.about else "" for name, file in project.segments.items()},
        journeys=dict.fromkeys(sorted(project.journeys), "a journey of this project"),
        templates={
            name: f"written for {', '.join(project.templates.channels(name))}"
            for name in sorted(project.templates.by_name)
        },
        channels={
            name: f"{channel.price.normalize():f} {channel.currency} a message"
            for name, channel in config.channels.items()
        },
        policies={name: _about_policy(project.policy(name)) for name in project.policy_names()},
        codes=names_of_codes(project),
        webhooks={name: hook.url for name, hook in config.webhooks.items()},
        recommendations={
            name: ", ".join(words.value for words, _ in listed.sources)
            for name, listed in config.recommendations.items()
        },
    )


def _config_schema(project: ProjectContext, known: SchemaNames) -> dict[str, object]:
    """config.yaml names attributes of customers and fields of products in one place: where products are
    recommended."""
    catalogue = project.catalogue
    own = [name for name in catalogue.customer_names() if name not in BUILT_IN]
    named = [name for name in own if names_a_value(catalogue.customer_type(name))]
    fields = {name: describe(kind) for name, kind in catalogue.product_fields.items()}
    schema = file_schema(CONFIG, known)
    schema["properties"]["recommendations"]["additionalProperties"] = recommendation_shape(named, fields)
    return schema


def _about_fact(rule: FactRule) -> str:
    field = f".{rule.field}" if rule.field else ""
    return f"{describe(rule.type)}, computed: {rule.how} of {rule.event}{field}"


def _about_fields(fields: Mapping[str, Type]) -> str:
    return f"fields: {', '.join(fields)}" if fields else "no fields"


def _about_policy(policy: Policy | None) -> str:
    if policy is None:
        return ""
    quiet = policy.quiet
    hours = f"quiet {quiet.start:%H:%M}-{quiet.end:%H:%M}" if quiet and quiet.has_hours else "no quiet hours"
    days = f"; only {', '.join(WEEKDAYS[day] for day in quiet.days)}" if quiet and quiet.days else ""
    return f"consent: {policy.consent or 'none'}; {hours}{days}"
