"""JSON Schema of stories: what is given, what happens, what is expected."""

from __future__ import annotations

from engine.language.schema import values as value
from engine.language.schema.values import SCALAR, Schema, one_or_list, ref
from engine.language.steps.register import STORY_FORMS
from engine.language.stories.story_expect import FORMS
from engine.language.wording import as_list

GIVEN: Schema = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "timezone": value.pattern(r"UTC|[A-Za-z_]+(/[A-Za-z0-9_+-]+)+", "a time zone is written  Europe/Berlin"),
        "segments": one_or_list(ref("segment")),
        "unreachable": one_or_list(ref("channel")),
        "no_consent": one_or_list(ref("channel")),
        "product": {"type": "object"},
        "paths": {"type": "object"},
        "did": {"type": "object", "additionalProperties": one_or_list({
            "if": {"type": "object"},
            "then": {"required": ["at"]},
            "else": {"type": "string", "pattern": " ago$", "patternErrorMessage": "written  3 days ago"},
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
        for form in sorted(FORMS.values(), key=lambda form: (_GROUPS.index(form.group), form.verb in STORY_FORMS))
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
