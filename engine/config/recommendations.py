"""`recommendations:` of config.yaml: which products messages show, from sources that are tried in order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from engine.config import RecommendationConfig
from engine.core.recommendations.rule import (
    OF_ATTRIBUTE,
    OF_PRODUCTS,
    ExclusionKind,
    ProductExclusion,
    ProductSource,
    SeedKind,
    SourceKind,
)
from engine.language.conditions.condition import read_condition
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry
from engine.language.quantities import parse_length
from engine.language.schema.values import FORM, one_or_list
from engine.language.syntax import Text
from engine.language.wording import as_list, quoted
from engine.problem import Problem, did_you_mean

FROM, ONLY, NEVER = "from", "only", "never"

SOURCES = (
    *(f"{kind} {seeds}" for kind in OF_PRODUCTS for seeds in SeedKind),
    *OF_ATTRIBUTE,
    SourceKind.CHEAPER,
)
"""Every source whose words stand fast; `bestsellers of ATTRIBUTE` and `new of ATTRIBUTE` come on top."""

EXCLUSIONS = (*ExclusionKind, "bought in last 90 days", "viewed in last 7 days")
"""What `never` may say; the lengths are examples."""

_NAME = r"[a-z][a-z0-9_]*"
_LAST = re.compile(rf"({ExclusionKind.BOUGHT}|{ExclusionKind.VIEWED}) in (?:the )?last (.+)")
_PRODUCTS = re.compile(rf"({'|'.join(OF_PRODUCTS)}) ({'|'.join(SeedKind)})")
_ATTRIBUTE = re.compile(rf"({'|'.join(OF_ATTRIBUTE)})(?: of ({_NAME}))?")
_SPELLED = {
    "bought ever": ExclusionKind.BOUGHT, "bought before": ExclusionKind.BOUGHT,
    "in cart": ExclusionKind.IN_CART, "in the trigger": ExclusionKind.IN_TRIGGER,
    "in last order": ExclusionKind.IN_LAST_ORDER,
}  # fmt: skip
"""What only one meaning can have."""

RECOMMENDATION = Construct(
    "recommendation",
    "a recommendation",
    (
        Key(FROM, "any", "where products come from, tried in this order until there are enough", needed=True,
            example="[complements of trigger, bestsellers]"),
        Key(ONLY, "any", "a condition on the product", example="{price: at most 150 EUR}"),
        Key(NEVER, "any", "what keeps a product out", example="[bought in last 90 days, in the cart]"),
    ),
    "Products that a message shows",
    (
        ("sources", FROM), ("where", ONLY), ("filter", ONLY), ("except", NEVER), ("exclude", NEVER),
        ("not", NEVER),
    ),
)  # fmt: skip


def recommendation_shape(attributes: Sequence[str], fields: Mapping[str, str]) -> dict[str, object]:
    """What the editor is told of one recommendation. `attributes`: those of customers behind `of`; `fields`:
    of products, each with its type."""
    of_attributes = [f"{kind} of {name}" for kind in OF_ATTRIBUTE for name in attributes]
    source = {
        "enum": [*SOURCES, *of_attributes],
        "errorMessage": (
            f"a source is {as_list(list(OF_PRODUCTS))}  with one of  {as_list(list(SeedKind))}  behind it,"
            f" or {as_list([*OF_ATTRIBUTE, SourceKind.CHEAPER])}"
        ),
    }
    exclusion = {
        "anyOf": [
            {"enum": list(ExclusionKind)},
            {"pattern": r"^(bought|viewed) in last [0-9]+ (day|week|month|year)s?$"},
        ],
        "examples": list(EXCLUSIONS),
        "errorMessage": f"it can be: {as_list(list(EXCLUSIONS))}",
    }
    shapes: dict[str, dict[str, object]] = {
        FROM: one_or_list(source),
        ONLY: {
            "type": "object",
            "minProperties": 1,
            "properties": {name: {**FORM, "description": about} for name, about in fields.items()},
        },
        NEVER: one_or_list(exclusion),
    }
    return {
        "type": "object",
        "properties": {
            key.name: {**shapes[key.name], "description": key.about} for key in RECOMMENDATION.keys
        },
        "required": [FROM],
        "additionalProperties": False,
    }


def read_recommendations(parts: MapReader) -> dict[str, RecommendationConfig]:
    """Each by its name; one that is half wrong is there, so that who names it is not wrong, too."""
    found = (_read(parts.context, entry) for entry in parts.entries("recommendations"))
    return {each.name.value: each for each in found if each is not None}


def _read(context: ReadContext, entry: Entry) -> RecommendationConfig | None:
    name = entry.key.whole()
    if not context.is_name(entry.key):
        return None
    reader = context.block(entry.value, RECOMMENDATION, entry.key, f"the recommendation {name.value}")
    if reader is None:
        return None
    node = reader.node(FROM)
    texts = context.texts(node, FROM, "[complements of trigger, bestsellers]") if node is not None else ()
    sources = tuple((text, source) for text in texts if (source := _source(context, text)) is not None)
    only = read_condition(reader, ONLY)
    node = reader.node(NEVER)
    texts = context.texts(node, NEVER, "[bought in last 90 days]") if node is not None else ()
    never = tuple(exclusion for text in texts if (exclusion := _exclusion(context, text)) is not None)
    return RecommendationConfig(name, sources, only, never)


def _source(context: ReadContext, text: Text) -> ProductSource | None:
    """E115: words that are no source."""
    words = " ".join(text.value.split())
    if match := _PRODUCTS.fullmatch(words):
        return ProductSource(SourceKind(match[1]), SeedKind(match[2]))
    if words == SourceKind.CHEAPER:
        return ProductSource(SourceKind.CHEAPER)
    if match := _ATTRIBUTE.fullmatch(words):
        return ProductSource(SourceKind(match[1]), attribute=match[2] or "")
    context.report(
        text.span, "E115", f"{quoted(text.value)} is no source of products",
        f"behind  {as_list(list(OF_PRODUCTS))}  stands one of: {as_list(list(SeedKind))}; "
        f"without one there are: {as_list([*OF_ATTRIBUTE, SourceKind.CHEAPER])}",
        _meant_source(words),
    )  # fmt: skip
    return None


def _meant_source(words: str) -> str:
    for kind in OF_PRODUCTS:
        rest = words.removeprefix(kind)
        if rest != words:
            # the beginning is right: only what stands behind it is not
            return did_you_mean(
                words, [f"{kind} {seeds}" for seeds in SeedKind], f"write  {kind} {SeedKind.TRIGGER}"
            )
    return did_you_mean(words, SOURCES, f"write  {SOURCES[0]}  or  {SourceKind.BESTSELLERS}")


def _exclusion(context: ReadContext, text: Text) -> ProductExclusion | None:
    """E116: words that keep nothing out."""
    words = " ".join(text.value.split())
    if (kind := _SPELLED.get(words)) is not None:
        return ProductExclusion(kind, words=words)
    if words in list(ExclusionKind):
        return ProductExclusion(ExclusionKind(words), words=words)
    if match := _LAST.fullmatch(words):
        length = parse_length(Text(match[2], text.span))
        if not isinstance(length, Problem):
            return ProductExclusion(ExclusionKind(match[1]), length.duration.roughly(), words)
    near = re.fullmatch(r"(bought|viewed) (?:in |within |for )?(?:the )?(\d+ \w+)(?: ago)?", words)
    context.report(
        text.span, "E116", f"{quoted(text.value)} keeps no product out",
        f"never: takes  {as_list(list(EXCLUSIONS))}",
        f"write  {near[1]} in last {near[2]}" if near
        else did_you_mean(words, EXCLUSIONS, "write  bought in last 90 days  or  in trigger"),
    )  # fmt: skip
    return None
