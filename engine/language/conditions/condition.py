"""Conditions: a map of lines joined by *and*, its special keys, and lists that say how they combine
(design/language 2.7)."""

from __future__ import annotations

import re
from typing import Literal, cast

from engine.language.conditions.event_count_condition import parse_did
from engine.language.conditions.forms import looks_like_form, parse_form, parse_list, sign_problem
from engine.language.map_reader import MapReader, ReadContext, loose_name
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty, tail
from engine.language.spelling import Respelling, spell_form
from engine.language.syntax import (
    AllOf,
    Can,
    ConditionLine,
    Equals,
    Form,
    GoalIs,
    Group,
    InSegment,
    InsideJourney,
    Reacted,
    Test,
    Text,
)
from engine.language.wording import as_list, quoted, shown
from engine.problem import Problem, Span

_OTHER_NOT = re.compile(
    r"(?:no|never|without|isn't|is not|cannot|can't|not in|not inside) (\w+)", re.IGNORECASE
)

GROUPS = ("any", "all", "none")
SPECIAL = ("segment", "inside", "did", "can", "clicked", "opened", "goal")

_OTHER_GROUPS = {
    "or": "any", "either": "any", "any_of": "any", "one_of": "any", "and": "all", "all_of": "all",
    "not": "none", "neither": "none", "nor": "none", "none_of": "none", "not_any": "none", "unless": "none",
    "except": "none", "if": "all", "only_if": "all", "one": "any", "some": "any",
}  # fmt: skip

_OPERATORS = {
    "gte": "at least", "ge": "at least", "min": "at least", "lte": "at most", "le": "at most",
    "max": "at most",
    "gt": "more than", "lt": "less than", "eq": "", "equals": "", "ne": "not", "neq": "not", "not": "not",
    "in": "",
    "contains": "contains", "between": "between",
}  # fmt: skip


def read_condition(reader: MapReader, key: str) -> AllOf | None:
    """The condition of a map under `key`; the fields of an event are asked by `where` and `only`."""
    node = reader.node(key)
    if node is None:
        return None
    return parse_condition(reader.context, node, reader.at_key(key), key, of_event=key in ("where", "only"))


def parse_condition(
    context: ReadContext, node: Node, at: Span, key: str, of_event: bool = False
) -> AllOf | None:
    """The condition under `key`. `of_event`: a `where`, whose bare names are fields and nothing else is
    special."""
    if isinstance(node, Sequence) and not is_empty(node):
        context.report(
            node.span,
            "E28",
            "a list of conditions must say how they combine",
            'a bare list could mean "all" or "any"',
            "write  any:  or  all:  in front of the list",
        )
        return None
    if is_empty(node):
        context.empty(at, key, "{orders_count: at least 1}")
        return None
    if not isinstance(node, Mapping):
        _no_map(context, node, key)
        return None
    # `{segment: vip, staff}`: inside braces a comma begins a new line, and `staff` has nothing behind it
    kept: list[Entry] = []
    for entry in node.entries:
        last = kept[-1] if kept else None
        loose = isinstance(entry.value, Scalar) and is_empty(entry.value) and entry.key.text.isidentifier()
        if loose and last and isinstance(last.value, Scalar) and last.key.span.line == entry.key.span.line:
            context.report(entry.key.span, "E20", *loose_name(last.key.text, last.value.text, entry.key.text))
        else:
            kept.append(entry)
    lines = (_line(context, entry, of_event) for entry in kept)
    return AllOf(tuple(line for group in lines for line in group), node.span)


def parse_value(context: ReadContext, name: str, node: Node, at: Span | None = None) -> Form | None:
    """The form behind one attribute; `at`: where its name stands."""
    match node:
        case Scalar() if not is_empty(node):
            return form_of(context, name, node.whole())
        case Sequence() if not is_empty(node):
            return _one_of(context, name, node)
        case Mapping() if not is_empty(node):
            _block(context, name, node)
        # a key without a value is what YAML makes of a line without its colon
        case _ if at is not None and (meant := _without_colon(name)):
            context.report(
                at,
                "E03",
                f'there is no ": " in {quoted(name)}',
                'a condition is written as "attribute: words", with a space behind the colon',
                f"write  {meant}",
            )
        case _:
            context.report(
                node.span,
                "E20",
                f"{quoted(name)} has nothing behind it",
                "conditions are written as words, for example  at least 2",
                f"write  {name}: is set  or  {name}: is not set",
            )
    return None


def _without_colon(name: str) -> str:
    """`{stamps at least 2}` and `{segment:vip}` are keys without a value; empty for a plain name."""
    match = re.fullmatch(r"([\w.]+)(?: +|:)(\S.*)", name)
    return f"{match[1]}: {shown(match[2])}" if match else ""


def form_of(context: ReadContext, name: str, text: Text) -> Form | None:
    """The form in a text, or None after noting the problem."""
    form = parse_form(name, text)
    if isinstance(form, Problem):
        context.problems.append(form)
        return None
    spelling = spell_form(text.value)
    # noted though it is understood: `fmt` writes the canonical words
    if spelling.words != text.value:
        context.respelled.append(Respelling(text, spelling.words, "" if spelling.certain else name))
    return form


def _line(context: ReadContext, entry: Entry, of_event: bool) -> tuple[ConditionLine, ...]:
    key, node = entry.key.text, entry.value
    line: ConditionLine | None
    if key in GROUPS:
        line = _group(context, entry, of_event)
    # with one value behind it, `not` or `or` may be the name of an attribute
    elif (how := _OTHER_GROUPS.get(key.casefold().replace(" ", "_"))) and not isinstance(node, Scalar):
        line = _other_group(context, entry, how, of_event)
    elif not of_event and key.casefold() in _DID_NOT and isinstance(node, Mapping):
        _did_not(context, entry, node)
        line = None
    elif not of_event and key.casefold() in _DID and isinstance(node, Mapping):
        _did(context, entry, node)
        line = None
    elif of_event or key not in SPECIAL:
        form = parse_value(context, key, node, entry.key.span)
        line = None if form is None else Test(entry.key.whole(), form)
    elif key == "did":
        return parse_did(context, entry, lambda r, n, at: parse_condition(r, n, at, "where", of_event=True))
    elif key == "goal":
        word = context.choice(
            entry.value,
            "goal",
            ("reached", "not reached"),
            {
                "true": "reached",
                "yes": "reached",
                "false": "not reached",
                "no": "not reached",
                "missed": "not reached",
            },
        )
        line = None if word is None else GoalIs(word.value == "reached", entry.key.span)
    else:
        line = _names(context, entry)
    return () if line is None else (line,)


_DID_NOT = (
    "did not", "didn't", "didnt", "did_not", "not did", "not_did", "has not", "hasn't", "has_not",
    "never did", "never_did", "not done", "not_done", "has_not_done",
)  # fmt: skip
_DID = ("has", "has done", "has_done", "done", "happened", "event", "events", "did_event")


def _did(context: ReadContext, entry: Entry, node: Mapping) -> None:
    """`has_done: {order_placed: ever}`."""
    said = [
        f"{shown(event.key.text)}: {shown(event.value.text)}"
        for event in node.entries
        if isinstance(event.value, Scalar)
    ]
    is_whole = len(said) == len(node.entries)
    context.report(
        entry.key.span,
        "E20",
        f"{quoted(entry.key.text)} is not a condition",
        "what somebody did stands below the key  did",
        f"write  did: {{{', '.join(said)}}}" if is_whole else "write  did:  instead",
    )


def _did_not(context: ReadContext, entry: Entry, node: Mapping) -> None:
    """`did not: {order_placed: in last 30 days}`."""
    said = [(event.key.text, event.value.text) for event in node.entries if isinstance(event.value, Scalar)]
    denied = [
        f"{shown(event)}: {'never' if phrase == 'ever' else f'not {shown(phrase)}'}" for event, phrase in said
    ]
    is_whole = len(denied) == len(node.entries) and "not not" not in " ".join(denied)
    context.report(
        entry.key.span,
        "E20",
        f"{quoted(entry.key.text)} is not a condition",
        "the key is  did, and what is denied has  not  or  never  in its own line",
        f"write  did: {{{', '.join(denied)}}}" if is_whole else "write  not  in each line below  did:",
    )


def _other_group(context: ReadContext, entry: Entry, how: str, of_event: bool) -> Group | None:
    """`or:`, `and:`, `not:`: read as what is meant, so that nothing more is said of what stands below."""
    listed = isinstance(entry.value, Sequence)
    # lines of one map are joined by *and*: what is denied is that all of them hold
    together = entry.key.text.casefold() in ("not", "unless", "except")
    context.report(
        entry.key.span,
        "E28",
        f"{quoted(entry.key.text)} is not how conditions combine",
        "it is  any:  (one of them),  all:  or  none:  in front of a list",
        f'did you mean "{how}"?' if listed else _group_fix(how, entry.value, together=together),
    )
    items = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
    # at the place of what was written, so that a mistake below is shown in the author's own line
    meant = Entry(Scalar(how, entry.key.span, plain=True), Sequence(items, entry.value.span))
    return _group(context, meant, of_event)


def _group_fix(how: str, node: Node, *, together: bool = False) -> str:
    """The author's own conditions, each behind a dash; `together`: all of them behind one."""
    lines = [
        f"\n           {' ' if together and number else '-'} {shown(entry.key.text)}: "
        f"{_value_of(entry.value)}"
        for number, entry in enumerate(node.entries if isinstance(node, Mapping) else ())
        if not isinstance(entry.value, Mapping)
    ]
    example = "\n           - orders_count: 0\n           - tier: gold" if is_empty(node) else ""
    if not lines and not example:
        return f"put a dash in front of each condition below  {how}:"
    return f"write\n         {how}:{''.join(lines) or example}"


def _group(context: ReadContext, entry: Entry, of_event: bool) -> Group | None:
    how, node = entry.key.text, entry.value
    if not isinstance(node, Sequence) or is_empty(node):
        context.report(
            entry.key.span,
            "E28",
            f"{quoted(how)} needs a list of conditions",
            "each condition of the list stands behind a dash",
            _group_fix(how, node),
        )
        return None
    conditions = (parse_condition(context, item, item.span, how, of_event) for item in node.items)
    kind = cast("Literal['any', 'all', 'none']", how)
    return Group(kind, tuple(c for c in conditions if c is not None), entry.key.span)


def _names(context: ReadContext, entry: Entry) -> InSegment | InsideJourney | Can | Reacted | None:
    """`segment`, `inside`, `can`, `clicked`, `opened`: a name, `not name`, a list of names."""
    key, node = entry.key.text, entry.value
    example = {"segment": "vip", "inside": "welcome", "can": "email"}.get(key, "welcome_hello")
    names = context.texts(node, key, example)
    # one template alone: of several only their author can say whether one or all are meant
    if key in {"clicked", "opened"} and (len(names) > 1 or (isinstance(node, Sequence) and names)):
        each = "".join(f"\n           - {key}: {shown(name.value)}" for name in names)
        context.report(
            node.span,
            "E20",
            f"{quoted(key)} needs one template here, not a list",
            "a list could mean all of them or one of them",
            f"write\n         any:{each}",
        )
        return None
    negated = False
    if isinstance(node, Scalar) and len(names) == 1:
        text = names[0]
        if sign := sign_problem(key, text):
            context.problems.append(sign)
            return None
        if meant := _OTHER_NOT.fullmatch(text.value):
            context.report(
                text.span,
                "E21",
                f"{quoted(text.value)} is not a name",
                "what is denied has  not  in front of it",
                f"write  {key}: not {meant[1]}",
            )
            return None
        negated = text.value.startswith("not ")
        word = tail(text, 4) if negated else text
        # `not [a, b]` is one text to YAML
        names = parse_list(word) if word.value.startswith("[") and word.value.endswith("]") else (word,)
    if not names:
        return None
    span = entry.key.span
    match key:
        case "segment":
            return InSegment(names, negated, span)
        case "inside":
            return InsideJourney(names, negated, span)
        case "can":
            return Can(names, negated, span)
        case _:
            return Reacted("clicked" if key == "clicked" else "opened", names[0], negated, span)


def _one_of(context: ReadContext, name: str, node: Sequence) -> Form | None:
    values: list[Text] = []
    for item in node.items:
        if not isinstance(item, Scalar) or is_empty(item):
            _block(context, name, item)
            return None
        if looks_like_form(item.text) or item.text.startswith("not "):
            context.report(
                item.span,
                "E21",
                f"{quoted(item.text)} cannot stand in a list of values",
                "a list means: one of these values",
                "write each of them as a condition of its own: under  any:  where one of them is enough, "
                "else under  all:",
            )
            return None
        if sign := sign_problem(name, item.whole()):
            context.problems.append(sign)
            return None
        values.append(item.whole())
    return Equals(tuple(values), node.span, many=True)


def _block(context: ReadContext, name: str, node: Node) -> None:
    written, meant = "", _words_of(node)
    if isinstance(node, Mapping) and len(node.entries) == 1:
        operator, value = node.entries[0].key.text, node.entries[0].value
        if isinstance(value, Scalar):
            written = f"   (not  {name}: {{{shown(operator, 20)}: {shown(value.text, 30)}}})"
    context.report(
        node.span,
        "E20",
        f"{quoted(name)} needs one short text here, not a "
        f"{'list' if isinstance(node, Sequence) else 'block'}",
        "conditions are written as words, for example  at least 2",
        f"write  {name}: {meant}{written}" if meant else "",
    )


def _words_of(node: Node) -> str:
    """Our words for the operators of another tool; "" where they mean nothing here."""
    if not isinstance(node, Mapping):
        return ""
    # `$gte` and `_lt` are those of query languages
    operators = [(entry.key.text.casefold().lstrip("$_"), entry.value) for entry in node.entries]
    words = [(_OPERATORS.get(operator), value) for operator, value in operators]
    match words:
        case [("between", Sequence(items=(low, high)))]:
            return f"between {_value_of(low)} and {_value_of(high)}"
        case [(str() as how, value)]:
            return f"{how} {_value_of(value)}".strip()
        case [("at least", low), ("at most", high)] | [("at most", high), ("at least", low)]:
            return f"between {_value_of(low)} and {_value_of(high)}"
        case _:
            return ""


def _value_of(node: Node) -> str:
    if isinstance(node, Scalar):
        return shown(node.text, 30)
    items = node.items if isinstance(node, Sequence) else ()
    return f"[{as_list([shown(item.text, 20) for item in items[:5] if isinstance(item, Scalar)])}]"


def _no_map(context: ReadContext, node: Node, key: str) -> None:
    text = node.text if isinstance(node, Scalar) else ""
    words = text.split()
    meant = ""
    if len(words) > 1 and words[0].isidentifier():
        rest = " ".join(words[1:])
        meant = f"{words[0]}: {rest.lstrip('=').strip() if rest.startswith('==') else rest}"
        if sign := sign_problem(words[0], Text(rest, node.span)):
            meant = sign.fix.removeprefix("write  ")
    context.report(
        node.span,
        "E20",
        f"{quoted(key)} needs conditions of the form  attribute: words",
        "one line is one fact, so that a changed word is visible in a review",
        f"write  {key}: {{{shown(meant)}}}" if meant else "write an attribute, a colon and the words",
    )
