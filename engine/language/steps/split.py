"""`split` - paths by chance, in whole percents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from engine.language.grammar import Key
from engine.language.holdout import parse_decide
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Scalar, part, tail
from engine.language.quantities import parse_share
from engine.language.spelling import spell_share
from engine.language.steps.kinds import StepKind, lift_paths, step_keys
from engine.language.syntax import DecisionMoment, Hashed, Step, Text
from engine.language.wording import quoted, shown


@dataclass(frozen=True, slots=True)
class SplitPath(Hashed):
    """`45% percent:`; `share` in whole percents."""

    hashed: ClassVar[str] = "SplitPath share name steps"
    share: int
    name: Text
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Split(Step):
    """`split: name`; the name is the id."""

    hashed: ClassVar[str] = "Split - id was name paths -"
    verb: ClassVar[str] = "split"
    name: Text
    paths: tuple[SplitPath, ...]
    decide: DecisionMoment | None = None

    def words(self) -> str:
        """`split offer_test`."""
        return f"split {self.name.value}"

    def sides(self) -> tuple[tuple[Step, ...], ...]:
        """The paths: together they are everybody."""
        return tuple(path.steps for path in self.paths)

    def side_labels(self) -> tuple[str, ...]:
        """`45% percent`."""
        return tuple(f"{path.share}% {path.name.value}" for path in self.paths)

    @property
    def resting_id(self) -> Text:
        """The name of the split: the path that somebody took is stored under it."""
        return self.name


CONSTRUCT = step_keys(
    "split",
    (
        Key("split", "name", "name of the experiment", needed=True, example="offer_test"),
        Key("into", "shares", "shares with a name and their steps, 100% together", needed=True,
            why="without paths there is nothing to divide",
            example="\n           50% with_gift:\n             - send: ...\n           50% without:\n      "
            "       - send: ..."),
        Key("decide", "decide", "when it is said which path is better, fixed beforehand",
            example="after 2,000 people each"),
    ),
    "Divides customers by chance.",
    (("paths", "into"), ("variants", "into"), ("branches", "into"), ("cohorts", "into"), ("weights", "into"),
     ("percent", "write the shares under  into:  as  50% name:")),
)  # fmt: skip
CONTROLS = ("holdout", "control")
"""A path of one of these names is what the others are compared with; without one it is the first."""

_PATH = re.compile(r"(\S+|\d{1,3} *(?:%|percent|per cent|pct))\s+([a-z][a-z0-9_]*)")


def parse_split(reader: MapReader) -> Split | None:
    """A `split` step; the shares add up to 100%."""
    shares = _shares_instead_of_a_name(reader)
    name = Text("offer_test", reader.at) if shares else reader.name("split")
    step_id, was = reader.name("id"), reader.name("was")
    node = reader.node("into")
    context = reader.context
    entries = (
        () if node is None else context.entries(node, "into", "\n           50% a:\n             - send: ...")
    )
    # one cause, one message: who writes the share behind the name does so in every path
    turned = [entry for entry in entries if _share_behind(entry)]
    for entry in turned[:1]:
        context.report(
            entry.key.span,
            "E45",
            f"{quoted(entry.key.text)} has its share behind it",
            "a path begins with its share, and its steps stand below it",
            f"write  {_share_behind(entry)}% {_name_meant(entry.key.text)}:  with its steps below it",
        )
    # likewise who writes none, or all of them behind the verb
    bare = [entry for entry in entries if entry not in turned and _BARE.fullmatch(entry.key.text)]
    if shares:
        labels = [entry.key.text for entry in bare] or [_LETTERS[index] for index in range(len(shares))]
        _shares_belong_to_paths(reader, shares, labels)
    told = (*turned, *(bare if shares else bare[1:]))
    read = [_path(context, entry, is_told=entry in told) for entry in entries]
    paths = tuple(path for path in read if path is not None)
    seen: dict[str, int] = {}
    for path in paths:
        first = seen.setdefault(path.name.value, path.name.span.line)
        if first != path.name.span.line:
            context.report(
                path.name.span,
                "E04",
                f"{quoted(path.name.value)} is written twice here (first in line {first})",
                "the name of a path is stored with the customer who took it",
                "give each path a name of its own",
            )
    decide = parse_decide(reader)
    if decide is not None:
        _check_control(context, paths, decide)
    total = sum(path.share for path in paths)
    # a path that could not be read has its own message; the sum without it would only follow from that
    if entries and len(paths) == len(entries) and total != 100:
        context.report(
            reader.at_key("split"),
            "E45",
            f"the paths of this split add up to {total}%, not 100%",
            "nobody may be left without a path",
            "make the shares smaller until they add up to 100%"
            if total > 100
            else f'change the shares; for "no message" add a path  {100 - total}% holdout:  with  '
            "- exit: holdout",
        )
    return None if name is None else Split(reader.at, step_id, was, name, paths, decide)


def _check_control(context: ReadContext, paths: tuple[SplitPath, ...], decide: DecisionMoment) -> None:
    if len(paths) == 1:
        context.report(
            decide.span,
            "E139",
            "a split with one path compares nothing",
            "a path is better than another one",
            "add a second path, or remove  decide:",
        )
    controls = [path.name for path in paths if path.name.value in CONTROLS]
    if len(controls) > 1:
        context.report(
            controls[1].span,
            "E140",
            f"this split has two controls, {' and '.join(quoted(name.value) for name in controls)}",
            "every path is compared with the one that is called holdout or control, else with the first",
            "give one of them another name",
        )


_LETTERS = "abcdefghij"
_BARE = re.compile(r"[a-z][a-z0-9_]*")
_SHARES = re.compile(r"\d{1,3} ?%?(?: ?(?:[/:|,-]|and) ?\d{1,3} ?%?){1,9}")


def _shares_instead_of_a_name(reader: MapReader) -> list[str]:
    """The shares of `split: 50/50`; none where a name stands there."""
    node = reader.node("split")
    if not isinstance(node, Scalar) or not _SHARES.fullmatch(node.text):
        return []
    return re.findall(r"\d+", node.text)


def _shares_belong_to_paths(reader: MapReader, shares: list[str], labels: list[str]) -> None:
    node = reader.node("split")
    assert node is not None  # the shares are from there
    even = labels if len(labels) == len(shares) else [_LETTERS[index] for index in range(len(shares))]
    paths = "".join(f"\n           {share}% {label}:" for share, label in zip(shares, even, strict=True))
    reader.context.report(
        node.span,
        "E45",
        "a split has a name, and its shares stand with the paths",
        "reports tell of the experiment by its name",
        f"write\n         split: offer_test\n         into:{paths}",
    )


_SHARE_BEHIND = re.compile(r"(\d{1,3}) ?(?:%|percent|per cent)?", re.IGNORECASE)


def _share_behind(entry: Entry) -> str:
    """The share of `a: 50%`; "" where the path begins with it."""
    behind = entry.value.text if isinstance(entry.value, Scalar) else ""
    match = None if _PATH.fullmatch(entry.key.text) else _SHARE_BEHIND.fullmatch(behind)
    return match[1] if match else ""


def _name_meant(label: str) -> str:
    """The name of a path: small letters, digits and `_`."""
    return re.sub(r"[^a-z0-9]+", "_", shown(label).casefold()).strip("_").lstrip("0123456789_") or "gift"


def _path(context: ReadContext, entry: Entry, *, is_told: bool) -> SplitPath | None:
    """`is_told`: what is wrong with the label has been said, so only its steps are read."""
    label = entry.key.whole()
    if is_told and isinstance(entry.value, Scalar):
        return None
    steps = context.steps(entry.value, entry.key.span, label.value)
    if is_told:
        return None
    match = _PATH.fullmatch(label.value)
    if not match:
        word = _name_meant(label.value)
        number = re.search(r"\d{1,3}(?= ?%)", label.value) or re.match(r"\d{1,3}", label.value)
        context.report(
            label.span,
            "E45",
            f"{quoted(label.value)} is not a path of a split",
            "a path is a share and a name made of small letters, digits and _",
            f"write  {number[0]}% {word}:"
            if number
            else f"write its share in front of it, as in  50% {word}:",
        )
        return None
    share = context.keep(parse_share(context.spell(part(label, 0, match.end(1)), spell_share)))
    return None if share is None else SplitPath(share, tail(label, match.start(2)), steps)


KINDS = (
    StepKind(
        5, CONSTRUCT, Split, parse_split, "split: offer_test",
        other_verbs=("ab_test", "abtest", "a_b_test", "experiment", "random", "test"),
        arrange=lambda context, entries: lift_paths(context, entries, CONSTRUCT),
    ),
)  # fmt: skip
