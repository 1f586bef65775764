"""Two versions of config.yaml or of a file of schemas/, from their trees: what stands under each key.

The order of keys is no difference, except inside `into:`, where the first that fits is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from engine.language import nodes
from engine.language.nodes import Node, Scalar
from engine.plan.difference import Affected, Consequence, Difference, DiffSign, SubjectDiff, subject_diff
from engine.problem import Span

_ORDERED = "into"

_AT_ONCE = Consequence(Affected.POLICY, "at once, for everything that is not handed over yet")
_OTHER_SENDER = Consequence(Affected.MESSAGES, "at once, for everything that is not handed over yet")
_NOT_WRITTEN = Consequence(Affected.MESSAGES, "in messages that are not written yet")
_TIERS = Consequence(Affected.IN_FLIGHT, "asked of everybody anew")
_CONSEQUENCES: Mapping[str, Mapping[str, Consequence]] = {
    "config.yaml": {
        "policies": _AT_ONCE,
        "channels": _AT_ONCE,
        "channels.*.from": _OTHER_SENDER,
        "channels.*.price": Consequence(
            Affected.MESSAGES,
            "in figures and plans from now on; with  via: cheapest likely  also in which channel is first",
        ),
        "channels.*.reply_to": _OTHER_SENDER,
        "catalogue": Consequence(Affected.MESSAGES, "for products, from the next time the feed is read"),
        "ceilings": _AT_ONCE,
        "deliver_only": _AT_ONCE,
        "holdout": Consequence(
            Affected.NEWCOMERS, "who is inside stays; who is held out of everything gets no more"
        ),
        "codes": Consequence(
            Affected.MESSAGES,
            "for codes that are given from now on; those that somebody has stay as they are",
        ),
        "codes.*.text": Consequence(
            Affected.MESSAGES,
            "these are words alone: what a code takes off is set in the shop; messages say the new ones of"
            " codes that are given from now on, and the former ones of a code that somebody has",
        ),
        "recommendations": _NOT_WRITTEN,
        "retention": Consequence(
            Affected.NOTHING,
            "what is older goes in the next night, for good; nothing asked today counts that far back",
        ),
        "retention.receipts": Consequence(
            Affected.NEWCOMERS, "an event that comes again later than that is taken again"
        ),
        "points": Consequence(Affected.IN_FLIGHT, "for what is earned from now on"),
        "points.expire": Consequence(
            Affected.IN_FLIGHT,
            "for what is earned from now on; points that somebody has end when they were to",
        ),
        "points.warn": Consequence(
            Affected.IN_FLIGHT, "for all points that have not been warned of, also those that somebody has"
        ),
        "points.worth": Consequence(Affected.NOTHING, ""),
        "tiers": _TIERS,
        "shop": _NOT_WRITTEN,
        "currency": Consequence(
            Affected.MESSAGES, "amounts that come in from now on without a currency of their own are in it"
        ),
        "http.public_url": _NOT_WRITTEN,
        "tracking": _NOT_WRITTEN,
        "signup": Consequence(Affected.NEWCOMERS, "for whoever signs up from now on"),
        "timezone": Consequence(Affected.IN_FLIGHT, "waits of customers without an own zone move with it"),
        "languages": _NOT_WRITTEN,
    },
    "schemas/customer.yaml": {
        "facts": Consequence(
            Affected.IN_FLIGHT,
            "conditions and segments go by the former value until everybody is counted anew; "
            "what is counted over the last days counts at once",
        ),
        "rfm": Consequence(Affected.IN_FLIGHT, "the groups are made anew in the next night"),
        "attributes": Consequence(Affected.IN_FLIGHT, "for values that come in from now on"),
    },
    "schemas/events.yaml": {
        "events": Consequence(Affected.IN_FLIGHT, "for events that come in from now on"),
    },
    "schemas/product.yaml": {
        "product": Consequence(Affected.MESSAGES, "for products that come in from now on"),
    },
}
"""By file and its keys, from the top; `*` is any one; the longest that fits counts (design/language 2.15)."""

_HELD_BACK: Mapping[str, str] = {
    "quiet": "what is due within the new hours, by the customer's clock, waits for their end",
    "weekdays": "what is due on another day waits for the next allowed one",
}
"""By the key of a policy, what becomes of messages that it holds back (design/language 2.13)."""

_NO_PHRASES: Mapping[str, str] = {}
_PHRASES: Mapping[str, Mapping[str, str]] = {
    "points.earn": {
        "event": "for {}",
        "where": "where {}",
        "who": "of customers with {}",
        "once": "once for each customer",
        "at_most": "at most {}",
        "and": "beside the first line that fits",
    },
}
"""By the path of a list and a key of its items, how a reader says it."""


def settings_diff(file: str, before: Node | None, now: Node | None) -> SubjectDiff | None:
    """None where both say the same."""
    known = _CONSEQUENCES.get(file, {})
    changes: list[Difference] = []
    # of a file that comes or goes every key does: in one line nobody could read them
    if isinstance(before, nodes.Mapping) and now is None:
        now = nodes.Mapping((), before.span)
    elif isinstance(now, nodes.Mapping) and before is None:
        before = nodes.Mapping((), now.span)
    for found in _different((), before, now):
        fitting = [keys for keys in known if _leads_to(keys.split("."), found.path)]
        consequence = known[max(fitting, key=len)] if fitting else Consequence(Affected.NOTHING, "")
        words, rule = f"{'.'.join(found.path)}: {found.words}", consequence.rule
        if consequence is _AT_ONCE and found.path[0] == "policies" and len(found.path) > 2:
            held_back = _held_back(now, found.path)
            rule += f"; {held_back}" if held_back else ""
        if consequence is _TIERS and (by := _value_under(now, ("tiers", "by"))) is not None:
            rule += f", by {_text(by)}"
        if consequence is _TIERS and (keep := _value_under(now, ("tiers", "keep"))) is not None:
            rule += f"; nobody falls out of a tier within {_text(keep)} of reaching it"
        changes.append(Difference(found.sign, words, consequence.affected, rule, found.place))
    return subject_diff("settings", file, file, changes)


def _leads_to(keys: Sequence[str], path: Sequence[str]) -> bool:
    return len(keys) <= len(path) and all(
        key in ("*", at) for key, at in zip(keys, path[: len(keys)], strict=True)
    )


def _held_back(tree: Node | None, path: Sequence[str]) -> str:
    """What becomes of messages that a changed key of a policy holds back; "" where hours, days or caps that
    are gone hold back nothing."""
    policy, key = path[:2], path[2]
    written = _value_under(tree, (*policy, key))
    if written is None or _text(written) in ("none", "[]"):
        return ""
    if key != "caps":
        return _HELD_BACK.get(key, "")
    if_capped = _value_under(tree, (*policy, "if_capped"))
    waits = _text(if_capped) if if_capped is not None else "skip"
    then = "is skipped" if waits == "skip" else waits.replace("wait", "waits", 1)
    return f"what finds no free place {then}, unless its  send  says otherwise"


def _value_under(tree: Node | None, path: Sequence[str]) -> Node | None:
    """What stands under a path of keys; None: nothing."""
    node = tree
    for key in path:
        entries = node.entries if isinstance(node, nodes.Mapping) else ()
        node = next((entry.value for entry in entries if entry.key.text == key), None)
    return node


@dataclass(frozen=True, slots=True)
class _Found:
    """What differs under a path of keys."""

    path: tuple[str, ...]
    sign: DiffSign
    words: str
    place: Span


def _different(path: tuple[str, ...], before: Node | None, now: Node | None) -> Iterator[_Found]:
    if isinstance(before, nodes.Mapping) and isinstance(now, nodes.Mapping):
        yield from _maps(path, before, now)
    elif isinstance(before, nodes.Sequence) and isinstance(now, nodes.Sequence):
        yield from _lists(path, before, now)
    elif now is None:
        if before is not None:
            yield _Found(path, DiffSign.REMOVED, _words(before), before.span)
    elif before is None:
        yield _Found(path, DiffSign.ADDED, _words(now), now.span)
    elif _text(before) != _text(now):
        yield _Found(path, DiffSign.CHANGED, f"{_words(before)} -> {_words(now)}", now.span)


def _maps(path: tuple[str, ...], before: nodes.Mapping, now: nodes.Mapping) -> Iterator[_Found]:
    former = {entry.key.text: entry.value for entry in before.entries}
    present = {entry.key.text: entry.value for entry in now.entries}
    for key in [*present, *(key for key in former if key not in present)]:
        yield from _different((*path, key), former.get(key), present.get(key))
    if path[-1:] == (_ORDERED,):
        order = [key for key in former if key in present]
        if order != [key for key in present if key in former]:
            words = f"the first that fits is taken, now in the order {', '.join(present)}"
            yield _Found(path, DiffSign.MOVED, words, now.span)


def _lists(path: tuple[str, ...], before: nodes.Sequence, now: nodes.Sequence) -> Iterator[_Found]:
    phrases = _PHRASES.get(".".join(path), {})
    former, present = [_text(item) for item in before.items], [_text(item) for item in now.items]
    same = SequenceMatcher(a=former, b=present, autojunk=False)
    for how, start, end, first, last in same.get_opcodes():
        if how == "equal":
            continue
        gone, came = before.items[start:end], now.items[first:last]
        if len(gone) == len(came):
            for was, item in zip(gone, came, strict=True):
                yield _Found(path, DiffSign.CHANGED, _item_words(was, item, phrases), item.span)
        else:
            yield from (_Found(path, DiffSign.REMOVED, _words(was, phrases), was.span) for was in gone)
            yield from (_Found(path, DiffSign.ADDED, _words(item, phrases), item.span) for item in came)


def _item_words(was: Node, item: Node, phrases: Mapping[str, str]) -> str:
    """Of two maps with the same keys only what differs, behind what tells which of the list they are:
    `for order_placed: points: 50 -> 100`."""
    if isinstance(was, nodes.Mapping) and isinstance(item, nodes.Mapping):
        former = {entry.key.text: entry.value for entry in was.entries}
        same = [entry for entry in item.entries if _same(former.get(entry.key.text), entry.value)]
        other = [entry for entry in item.entries if entry not in same]
        is_alike = former.keys() == {entry.key.text for entry in item.entries}
        if is_alike and 2 * len(other) <= max(2, len(item.entries)):
            told = "; ".join(
                f"{entry.key.text}: {_words(former[entry.key.text])} -> {_words(entry.value)}"
                for entry in other
            )
            return f"{_map_words(same, phrases)}: {told}" if same else told
    return f"{_words(was, phrases)} -> {_words(item, phrases)}"


def _same(was: Node | None, item: Node) -> bool:
    return was is not None and _text(was) == _text(item)


def _words(node: Node, phrases: Mapping[str, str] = _NO_PHRASES) -> str:
    """A part of a tree for readers who are no programmers, without brackets around all of it. `phrases`: by
    its keys."""
    match node:
        case nodes.Mapping():
            return _map_words(node.entries, phrases) or "nothing"
        case nodes.Sequence():
            return ", ".join(map(_inside, node.items)) or "none"
        case Scalar():
            return node.text


def _map_words(entries: Iterable[nodes.Entry], phrases: Mapping[str, str]) -> str:
    return ", ".join(
        phrases[entry.key.text].format(_words(entry.value))
        if entry.key.text in phrases
        else f"{entry.key.text}{'' if isinstance(entry.value, nodes.Mapping) else ':'} {_inside(entry.value)}"
        for entry in entries
    )


def _inside(node: Node) -> str:
    """Beside others: in parentheses where it could be read as some of them."""
    match node:
        case nodes.Mapping(entries=parts) | nodes.Sequence(items=parts) if len(parts) > 1:
            return f"({_words(node)})"
        case _:
            return _words(node)


def _text(node: Node) -> str:
    """A part of a tree in one line, the same for every layout."""
    match node:
        case Scalar():
            return node.text
        case nodes.Sequence():
            return f"[{', '.join(_text(item) for item in node.items)}]"
        case nodes.Mapping():
            return f"{{{', '.join(f'{entry.key.text}: {_text(entry.value)}' for entry in node.entries)}}}"
