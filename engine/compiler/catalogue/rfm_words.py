"""The words of `rfm:` in schemas/customer.yaml: the groups of customers, as a list of names or with their
scores, and the borders between the scores."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise, product

from engine.core.facts.rfm import ALL, BEST, DEFAULT, QUINTILES, Borders, Group, GroupTable, Range
from engine.language.grammar import Construct, Key
from engine.language.map_reader import NAME, FileRules, MapReader, ReadContext
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty
from engine.language.schema.files import construct_schema, named_schema
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)
_RANGE = re.compile(r"([1-5])(?:\s?-\s?([1-5]))?")
_SCORE_SHAPE = {
    "type": ["string", "number"],
    "pattern": "^[1-5](\\s?-\\s?[1-5])?$",
    "patternErrorMessage": "write a score from 1 to 5, or a range such as  4-5",
    "examples": ["5", "4-5", "1-2"],
}
_ELSE = "else"
_EXAMPLE = "champion: {recency: 4-5, frequency: 4-5, money: 4-5}"

GROUP = Construct(
    "group",
    "a group",
    (
        Key("recency", "any", "how lately they bought", shape=_SCORE_SHAPE),
        Key("frequency", "any", "how often they bought", shape=_SCORE_SHAPE),
        Key("money", "any", "how much they spent", shape=_SCORE_SHAPE),
    ),
    "The scores of the customers in a group; one that is left out may be any",
    stray="remove it",
)
GROUPS_SHAPE = {
    "anyOf": [
        {"type": "array", "items": {"enum": list(DEFAULT.names)}, "uniqueItems": True},
        {**named_schema(construct_schema(GROUP)), "properties": {_ELSE: {"type": "string"}}},
    ]
}
_BORDER_SHAPE = {
    "type": "array",
    "items": {"type": ["number", "string"], "pattern": r"^\d+(\.\d+)?$"},
    "minItems": BEST - 1,
    "maxItems": BEST - 1,
    "errorMessage": "four numbers, the lowest first",
}
BORDERS = Construct(
    "borders",
    "borders",
    (
        Key("recency", "any", "days since the last event; fewer than the first: 5", shape=_BORDER_SHAPE),
        Key("frequency", "any", "how many events; the last or more: 5", shape=_BORDER_SHAPE),
        Key("money", "any", "the sum; the last or more: 5", shape=_BORDER_SHAPE),
    ),
    "Four numbers between the five scores; what is left out is cut at the quintiles",
    stray="remove it",
)
RFM = Construct(
    "rfm",
    '"rfm"',
    (
        Key("borders", "block", "where the scores are cut", of=BORDERS),
        Key("groups", "any", "the groups, as a list of names or with their scores", shape=GROUPS_SHAPE),
    ),
    "How customers are scored, and the groups that come of it",
    stray="remove it",
)
RFM_SHAPE = {"anyOf": [*GROUPS_SHAPE["anyOf"], construct_schema(RFM)]}
_RULES = FileRules(
    unknown_key="E86", wrong_shape="E86", missing="E86", empty="E86", wrong_value="E86", bad_name="E86"
)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """How a shop scores its customers, and the groups that come of it."""

    groups: GroupTable = DEFAULT
    borders: Borders = QUINTILES


def read_rfm(node: Node | None, problems: list[Problem]) -> ScoreTable:
    """`rfm:`: the groups alone, or `borders` and `groups` under names of their own."""
    context = ReadContext(_RULES, problems)
    if isinstance(node, Mapping) and {"borders", "groups"} & {entry.key.text for entry in node.entries}:
        reader = MapReader(context, RFM, node.entries, node.span, "rfm")
        return ScoreTable(
            _read_groups(context, reader.node("groups")), _read_borders(context, reader.node("borders"))
        )
    return ScoreTable(_read_groups(context, node))


def _read_borders(context: ReadContext, node: Node | None) -> Borders:
    if node is None:
        return QUINTILES
    if not isinstance(node, Mapping) or is_empty(node):
        context.refuse(
            node.span,
            "borders needs four numbers for each of recency, frequency, money",
            "they lie between the five scores",
            "write  borders: {recency: [30, 90, 180, 365]}",
        )
        return QUINTILES
    reader = MapReader(context, BORDERS, node.entries, node.span, "borders")
    nodes = ((key.name, reader.node(key.name)) for key in BORDERS.keys)
    return Borders(*(None if own is None else _read_border(context, name, own) for name, own in nodes))


def _read_border(context: ReadContext, name: str, node: Node) -> tuple[Decimal, ...] | None:
    items = node.items if isinstance(node, Sequence) else (node,)
    words = [item.text.strip() if isinstance(item, Scalar) else "" for item in items]
    numbers = [Decimal(word) for word in words if _NUMBER.fullmatch(word)]
    rising = len(numbers) == len(words) == BEST - 1 and all(low < high for low, high in pairwise(numbers))
    if rising and numbers[0] > 0:
        return tuple(numbers)
    # What was written, in order; the author has to find what is missing.
    known = sorted({number for number in numbers if number > 0})
    whole = len(known) == BEST - 1 == len(words)
    unit = {"recency": "days since the last event", "frequency": "how many events"}.get(name, "amounts")
    context.refuse(
        node.span,
        f"the borders of {name} are not four rising numbers",
        f"they lie between the five scores: {unit}, the lowest first, in the currency of the shop"
        if name == "money"
        else f"they lie between the five scores: {unit}, the lowest first",
        f"write  {name}: [{', '.join(format(number, 'f') for number in known)}]"
        if whole
        else f"write four numbers without words for  {name}, the lowest first",
    )
    return None


def _read_groups(context: ReadContext, node: Node | None) -> GroupTable:
    """The table of a shop. Without one, and for a list of names, the scores are those of the engine's own
    table."""
    match node:
        case Mapping() if node.entries:
            table = _read_table(context, node)
        case Sequence() if node.items:
            table = _chosen_groups(context, node)
        case Scalar() if not is_empty(node):
            context.wrong(
                node,
                "is not a list of groups",
                "each group has a name",
                f"write  rfm: [{', '.join(DEFAULT.names)}]",
            )
            table = DEFAULT
        case _:
            table = DEFAULT
    return table if table.names else DEFAULT


def _chosen_groups(context: ReadContext, node: Sequence) -> GroupTable:
    """A list of names: those groups of the engine's table."""
    known, names = DEFAULT.names, list[str]()
    for item in node.items:
        word = item.text if isinstance(item, Scalar) else ""
        if word in names:
            context.refuse(
                item.span,
                f"{quoted(word)} stands here twice",
                "a group has one line",
                "remove one of the two",
            )
        elif word in known:
            names.append(word)
        else:
            context.refuse(
                item.span,
                f"{quoted(word)} has no scores" if word else "this is not the name of a group",
                f"a list takes the scores from the engine's own table, which knows: {', '.join(known)}",
                did_you_mean(word, known, f"write every group with its scores, as  {_EXAMPLE}"),
            )
    return GroupTable(tuple(group for group in DEFAULT.groups if group.name in names))


def _read_table(context: ReadContext, node: Mapping) -> GroupTable:
    """A map: each group with its scores, the first that fits counts."""
    before = len(context.problems)
    groups: list[tuple[Group, Span]] = []
    otherwise = None
    for entry in node.entries:
        name = entry.key.text
        if name == _ELSE:
            otherwise = _read_else(context, entry.value)
            continue
        if not context.is_name(entry.key):
            continue
        if not isinstance(entry.value, Mapping) or is_empty(entry.value):
            fix = f"write for example  {name}: {{recency: 4-5, frequency: 4-5}}"
            context.wrong(entry.key, "has no scores", "they say who belongs to the group", fix)
            continue
        reader = MapReader(context, GROUP, entry.value.entries, entry.key.span, f"the group {name}")
        nodes = (reader.node(key.name) for key in GROUP.keys)
        group = Group(name, *(ALL if score is None else _read_range(context, score) for score in nodes))
        groups.append((group, entry.key.span))
    table = GroupTable(tuple(group for group, _ in groups), otherwise)
    if len(context.problems) == before:
        # a group that stands behind one that holds all its scores would never have anybody
        every_score = range(1, BEST + 1)
        holders = [
            next((group for group in table.groups if group.holds(scores)), None)
            for scores in product(every_score, every_score, every_score)
        ]
        for group, span in groups:
            if not any(holder is group for holder in holders):
                context.refuse(
                    span,
                    f"nobody can ever be {quoted(group.name)}",
                    "the first group that fits counts, and those above hold all its scores",
                    "move it further up, or change its scores",
                )
    return table


def _read_range(context: ReadContext, node: Node) -> Range:
    words = node.text.strip() if isinstance(node, Scalar) else ""
    scores = _RANGE.fullmatch(words)
    low, high = (int(scores[1]), int(scores[2] or scores[1])) if scores else (0, 0)
    if 0 < low <= high:
        return low, high
    context.refuse(
        node.span,
        f"{quoted(words)} is not a range of scores" if words else "this is not a range of scores",
        f"scores go from 1 to {BEST}, {BEST} is the best; "
        "one of them, or the lowest and the highest with a hyphen",
        f"write  {_meant(words)}",
    )
    return ALL


def _read_else(context: ReadContext, node: Node) -> str | None:
    if isinstance(node, Scalar) and NAME.fullmatch(node.text):
        return node.text
    context.refuse(
        node.span,
        "else needs the name of a group",
        "it is for everybody whom no group holds",
        "write  else: ordinary",
    )
    return None


def _meant(words: str) -> str:
    """What the author of a range probably meant."""
    digits = sorted({int(digit) for digit in re.findall(r"\b[1-5]\b", words)})
    if len(digits) == 1:
        return {"least": f"{digits[0]}-{BEST}", "most": f"1-{digits[0]}"}.get(
            words.split(" ")[-2:][0], str(digits[0])
        )
    return f"{digits[0]}-{digits[-1]}" if digits else f"4-{BEST}"
