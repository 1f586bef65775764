"""The words of `rfm:` in schemas/customer.yaml: the groups of customers, as a list of names or with their scores."""

from __future__ import annotations

import re
from itertools import product

from engine.core.rfm import ALL, BEST, DEFAULT, Group, GroupTable, Range
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean

SCORES = ("recency", "frequency", "money")
ELSE = "else"

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_RANGE = re.compile(r"([1-5])(?:\s?-\s?([1-5]))?")
_EXAMPLE = "champion: {recency: 4-5, frequency: 4-5, money: 4-5}"


def read_groups(node: Node | None) -> tuple[GroupTable, list[Problem]]:
    """The table of a shop. Without one, and for a list of names, the scores are those of the engine's own table."""
    reader = _Reader()
    match node:
        case Mapping() if node.entries:
            table = reader.table(node)
        case Sequence() if node.items:
            table = reader.chosen(node)
        case Scalar() if not is_empty(node):
            reader.refuse(
                node.span,
                f"{quoted(node.text)} is not a list of groups",
                "each group has a name",
                f"write  rfm: [{', '.join(DEFAULT.names)}]",
            )
            table = DEFAULT
        case _:
            table = DEFAULT
    return (table if table.names else DEFAULT), reader.problems  # fmt: skip


class _Reader:
    """Reads what it can and keeps what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, span: Span, what: str, why: str, fix: str) -> None:
        """E86."""
        self.problems.append(Problem(span, "E86", what, why, fix))

    def chosen(self, node: Sequence) -> GroupTable:
        """A list of names: those groups of the engine's table."""
        known, names = DEFAULT.names, list[str]()
        for item in node.items:
            word = item.text if isinstance(item, Scalar) else ""
            if word in names:
                self.refuse(
                    item.span,
                    f"{quoted(word)} stands here twice",
                    "a group has one line",
                    "remove one of the two",
                )
            elif word in known:
                names.append(word)
            else:
                self.refuse(
                    item.span,
                    f"{quoted(word)} has no scores" if word else "this is not the name of a group",
                    f"a list takes the scores from the engine's own table, which knows: {', '.join(known)}",
                    did_you_mean(word, known, f"write every group with its scores, as  {_EXAMPLE}"),
                )
        return GroupTable(tuple(group for group in DEFAULT.groups if group.name in names))  # fmt: skip

    def table(self, node: Mapping) -> GroupTable:
        """A map: each group with its scores, the first that fits counts."""
        groups: list[tuple[Group, Span]] = []
        otherwise = None
        for entry in node.entries:
            if entry.key.text == ELSE:
                otherwise = self._otherwise(entry.value)
            elif not _NAME.fullmatch(entry.key.text):
                self._bad_name(entry.key)
            elif not isinstance(entry.value, Mapping) or not entry.value.entries:
                self.refuse(entry.key.span, f"{quoted(entry.key.text)} has no scores", "they say who belongs to the group", f"write for example  {entry.key.text}: {{recency: 4-5, frequency: 4-5}}")  # fmt: skip
            else:
                groups.append((self._group(entry.key.text, entry.value), entry.key.span))
        table = GroupTable(tuple(group for group, _ in groups), otherwise)
        if not self.problems:
            self._look_for_empty(table, groups)
        return table

    def _group(self, name: str, node: Mapping) -> Group:
        found: dict[str, Range] = {}
        for entry in node.entries:
            if entry.key.text in SCORES:
                found[entry.key.text] = self._range(entry.value)
            else:
                self.refuse(
                    entry.key.span, f"{quoted(entry.key.text)} is not a score", f"the scores are: {', '.join(SCORES)}",
                    did_you_mean(entry.key.text, SCORES, "remove it"),
                )  # fmt: skip
        return Group(name, *(found.get(score, ALL) for score in SCORES))

    def _range(self, node: Node) -> Range:
        words = node.text.strip() if isinstance(node, Scalar) else ""
        read = _RANGE.fullmatch(words)
        low, high = (int(read[1]), int(read[2] or read[1])) if read else (0, 0)
        if 0 < low <= high:
            return low, high
        self.refuse(
            node.span, f"{quoted(words)} is not a range of scores" if words else "this is not a range of scores",
            f"scores go from 1 to {BEST}, {BEST} is the best; one of them, or the lowest and the highest with a hyphen",
            f"write  {_meant(words)}",
        )  # fmt: skip
        return ALL

    def _otherwise(self, node: Node) -> str | None:
        if isinstance(node, Scalar) and _NAME.fullmatch(node.text):
            return node.text
        self.refuse(
            node.span,
            "else needs the name of a group",
            "it is for everybody whom no group holds",
            "write  else: ordinary",
        )
        return None

    def _bad_name(self, key: Scalar) -> None:
        meant = re.sub(r"[^a-z0-9]+", "_", key.text.casefold().replace("'", "")).strip("_")
        self.refuse(
            key.span, f"{quoted(key.text)} cannot be a name", "names are small letters, digits and _, a letter first",
            f"write  {meant if _NAME.fullmatch(meant) else 'a_name'}",
        )  # fmt: skip

    def _look_for_empty(self, table: GroupTable, groups: list[tuple[Group, Span]]) -> None:
        """A group that stands behind one that holds all its scores would never have anybody."""
        each = range(1, BEST + 1)
        every = list(product(each, each, each))
        first = [next((group for group in table.groups if group.holds(scores)), None) for scores in every]
        for group, span in groups:
            if not any(one is group for one in first):
                self.refuse(
                    span, f"nobody can ever be {quoted(group.name)}", "the first group that fits counts, and those above hold all its scores",
                    "move it further up, or change its scores",
                )  # fmt: skip


def _meant(words: str) -> str:
    """What the author of a range probably meant."""
    found = sorted({int(digit) for digit in re.findall(r"\b[1-5]\b", words)})
    if len(found) == 1:
        return {"least": f"{found[0]}-{BEST}", "most": f"1-{found[0]}"}.get(
            words.split(" ")[-2:][0], str(found[0])
        )
    return f"{found[0]}-{found[-1]}" if found else f"4-{BEST}"
