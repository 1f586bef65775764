"""The editor's schema says the same as the parser, as far as a schema can."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from engine.language.nodes import Mapping, Node, Scalar
from engine.language.schema.files import SchemaNames, journey_schema, segment_schema
from engine.language.yaml.source import read

ROOT = Path(__file__).parent.parent.parent
JOURNEYS = sorted(ROOT.glob("journeys/*.yaml"))
SEGMENTS = sorted(ROOT.glob("journeys/segments/*.yaml"))
CASES = sorted((ROOT / "tests/cases/err/language").glob("*.yaml"))
JOURNEY = jsonschema.Draft7Validator(journey_schema(SchemaNames()))
SEGMENT = jsonschema.Draft7Validator(segment_schema(SchemaNames()))

BEYOND_A_SCHEMA = {
    "E04_path_twice",  # names of keys against each other
    "E16_other_file",  # the name of the file
    "E17_their_hour_with_hours", "E17_their_hour_twice", "E30_until_their_hour",
    "E17_cheapest_likely_in_a_list",
    "E17_at_with_hours", "E17_two_times", "E17_do_sends", "E17_reaction_in_list",  # what fits to what
    "E30_no_such_day", "E17_one_day_every_year",  # days of months, and one day that cannot return
    "E08_date_of_wait",
    # forms inside a text, by the kind of attribute
    "E21_in_list", "E21_misspelt", "E21_is_not", "E21_other_words", "E30_ago", "E30_date_hours",
    "E30_nothing",  # numbers inside a text
    "E45_shares", "E45_too_much",  # sums
    "E139_holdout", "E139_one_path", "E140_two_controls",  # what is compared with what
    "E46_else_first",  # order
    "E47_after_exit", "E47_after_all_exits",
    "E55_set", "E55_fields",
    "E07_two_events",  # names: a schema without a project takes any text
    "W62_how_often",  # a warning: it may be meant
}  # fmt: skip


@pytest.mark.parametrize("file", JOURNEYS, ids=lambda file: file.stem)
def test_journeys_fit_their_schema(file: Path) -> None:
    assert errors(JOURNEY, texts(file)) == []
    assert errors(JOURNEY, as_editors_read(file)) == []


@pytest.mark.parametrize("file", SEGMENTS, ids=lambda file: file.stem)
def test_segments_fit_their_schema(file: Path) -> None:
    assert errors(SEGMENT, texts(file)) == []
    assert errors(SEGMENT, as_editors_read(file)) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_mistakes_do_not_fit(case: Path) -> None:
    root, problems = read(case.read_text(), case.name)
    if root is None or problems:
        return  # no editor reads it either
    assert bool(errors(JOURNEY, plain(root))) == (case.stem not in BEYOND_A_SCHEMA)


def test_names_of_the_project_are_offered_with_what_they_are() -> None:
    known = SchemaNames(
        attributes={"orders_count": "number of orders"},
        events={"order_placed": "a paid order", "subscribed": "newsletter"},
        templates={"welcome_hello": "e-mail"},
        channels={"email": "", "push": ""},
    )
    schema = journey_schema(known)
    assert schema["definitions"]["event"]["enumDescriptions"] == ["a paid order", "newsletter"]
    validator = jsonschema.Draft7Validator(schema)
    content = texts(ROOT / "journeys/welcome.yaml")
    content["steps"] = [{"send": "welcome_hello"}]
    content.pop("tests")
    assert errors(validator, content) == []
    assert errors(validator, {**content, "who": {"order_count": "0"}})
    assert errors(validator, {**content, "goal": {"event": "order_place"}})
    assert errors(validator, {**content, "steps": [{"send": "welcome_hallo"}]})


def test_lists_of_products_are_offered_where_a_message_is_given_values() -> None:
    known = SchemaNames(recommendations={"with_this_order": "complements of trigger"})
    schema = journey_schema(known)
    assert [snippet["label"] for snippet in schema["definitions"]["with_value"]["defaultSnippets"]] == [
        "recommend.with_this_order"
    ]
    validator = jsonschema.Draft7Validator({**schema, **schema["definitions"]["step_send"]})
    for given in ("recommend.with_this_order", "trigger.total", 5, "a present"):
        assert errors(validator, {"send": "hello", "with": {"value": given}}) == [], given
    assert errors(validator, {"send": "hello", "with": {"value": "recommend.with_his_order"}}) != []


def test_the_schema_itself_is_draft_7() -> None:
    jsonschema.Draft7Validator.check_schema(journey_schema(SchemaNames()))
    jsonschema.Draft7Validator.check_schema(segment_schema(SchemaNames()))


def errors(validator: jsonschema.Draft7Validator, content: object) -> list[str]:
    return [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(content)]


def texts(file: Path) -> Any:
    root, problems = read(file.read_bytes(), file.name)
    assert root is not None
    assert not problems
    return plain(root)


def plain(node: Node) -> Any:
    match node:
        case Scalar(text=text):
            return text
        case Mapping(entries=entries):
            return {entry.key.text: plain(entry.value) for entry in entries}
        case _:
            return [plain(item) for item in node.items]


class Yaml12(yaml.SafeLoader):
    """Numbers, true and false as YAML 1.2 has them; everything else is text."""


Yaml12.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag in {"tag:yaml.org,2002:float", "tag:yaml.org,2002:null"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))
Yaml12.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?[0-9]+$"), list("-+0123456789"))


def as_editors_read(file: Path) -> Any:
    return yaml.load(file.read_text(), Loader=Yaml12)
