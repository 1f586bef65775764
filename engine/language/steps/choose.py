"""`choose` - one of several paths by the value of an attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.language.conditions.condition import form_of
from engine.language.grammar import Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, part
from engine.language.steps.kinds import StepKind, lift_paths, step_keys
from engine.language.syntax import Form, Hashed, Step, Text


@dataclass(frozen=True, slots=True)
class ChoosePath(Hashed):
    """A path of `choose`: forms of which one must fit; no forms: `else`."""

    hashed: ClassVar[str] = "ChoosePath forms label steps"
    forms: tuple[Form, ...]
    label: Text
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Choose(Step):
    """`choose: attribute` (or trigger.x, or `segment`)."""

    hashed: ClassVar[str] = "Choose - id was subject paths"
    verb: ClassVar[str] = "choose"
    subject: Text
    paths: tuple[ChoosePath, ...]

    def words(self) -> str:
        """`choose tier`."""
        return f"choose {self.subject.value}"

    def sides(self) -> tuple[tuple[Step, ...], ...]:
        """The paths; without an `else`, also past all of them."""
        written = tuple(path.steps for path in self.paths)
        return written if any(not path.forms for path in self.paths) else (*written, ())

    def side_labels(self) -> tuple[str, ...]:
        """The labels as they are written; `none of these` where nobody wrote an `else`."""
        written = tuple(path.label.value for path in self.paths)
        return written if len(written) == len(self.sides()) else (*written, "none of these")


CONSTRUCT = step_keys(
    "choose",
    (
        Key("choose", "attribute", "an attribute, trigger.x, or: segment", needed=True, example="tier"),
        Key("into", "paths", "values or forms with their steps; else comes last", needed=True,
            why="without paths there is nothing to choose from",
            example="\n           gold:\n             - send: ..."),
    ),
    "Takes the first path that fits.",
    (("paths", "into"), ("cases", "into"), ("branches", "into"), ("when", "into"), ("options", "into"),
     ("else", "else is the last path under  into:"), ("default",
     "write  else:  as the last path under  into:")),
)  # fmt: skip
_ELSE = {"default", "otherwise", "_", "*", "other", "others"}


def parse_choose(reader: MapReader) -> Choose | None:
    """A `choose` step; the paths are tried in their order."""
    subject = reader.text("choose")
    step_id, was = reader.name("id"), reader.name("was")
    node = reader.node("into")
    context = reader.context
    entries = (
        () if node is None else context.entries(node, "into", "\n           gold:\n             - send: ...")
    )
    paths = []
    for index, entry in enumerate(entries):
        if entry.key.text == "else" and index < len(entries) - 1:
            context.report(
                entry.key.span,
                "E46",
                '"else" must be the last path',
                "the paths are tried from the top, so none below it could ever be taken",
                "move it to the end of  into:",
            )
        paths.append(_path(context, entry, subject))
    return None if subject is None else Choose(reader.at, step_id, was, subject, tuple(paths))


def _path(context: ReadContext, entry: Entry, subject: Text | None) -> ChoosePath:
    label = entry.key.whole()
    steps = context.steps(entry.value, entry.key.span, label.value)
    if label.value == "else":
        return ChoosePath((), label, steps)
    # reported, and read on as what it means: its steps may hold mistakes of their own
    if label.value.casefold() in _ELSE:
        context.report(
            label.span,
            "E06",
            f'"{label.value}" is not a path',
            "what fits to nobody else stands last",
            'did you mean "else"?',
        )
        return ChoosePath((), label, steps)
    # a path can be read without knowing what is asked
    name = subject.value if subject else "x"
    forms: list[Form] = []
    for word in split_label(label):
        form = form_of(context, name, word)
        if form is not None:
            forms.append(form)
    return ChoosePath(tuple(forms), label, steps)


def split_label(label: Text) -> list[Text]:
    """`champion, loyal` at its commas, those inside brackets left alone."""
    words: list[Text] = []
    depth = start = 0
    for index, character in enumerate(f"{label.value},"):
        # a comma inside of brackets divides nothing here
        depth += (character == "[") - (character == "]")
        if character == "," and depth <= 0:
            piece = label.value[start:index]
            begin = start + len(piece) - len(piece.lstrip())
            if piece.strip():
                words.append(part(label, begin, len(piece.strip())))
            start = index + 1
    # one word: the label itself, with its own place in quotes or brackets
    return words if words and len(words[0].value) < len(label.value) else [label]


KINDS = (
    StepKind(
        4, CONSTRUCT, Choose, parse_choose, "choose: tier", other_verbs=("switch", "case", "match"),
        arrange=lambda context, entries: lift_paths(context, entries, CONSTRUCT),
    ),
)  # fmt: skip
