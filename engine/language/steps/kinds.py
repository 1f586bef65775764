"""What a kind of step declares about itself: its keys, how it is read, and every word that others need
about it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from engine.language.grammar import ID, WAS, Construct, Key
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Mapping, Scalar, Sequence
from engine.language.syntax import Step
from engine.language.wording import quoted

Parse: TypeAlias = Callable[[MapReader], "Step | None"]


@dataclass(frozen=True, slots=True)
class StoryForm:
    """What a step leaves behind, in words: a line of `expect:` in a story, and a line of a customer's
    history.

    `subject` and `detail` in braces are those of the trace (`decision/effects.py`), whose kind is `verb`.
    """

    verb: str
    group: Literal["message", "end", "side effect"]  # a story lists all of them, side effects if it wants to
    says: str  # the line of a story
    pattern: str  # the lines that can be expected (a regular expression)
    example: str  # as one of the things that "it can be"
    meant: Callable[
        [str, str], str
    ]  # what to write, by the word behind the verb and by all that stands there
    history: str = ""  # the line of the history; the reports have words of their own where it is empty
    says_of_list: str = ""  # the line of a story where the subject is an attribute that holds a list
    editor_pattern: str = ""  # where editors let more pass
    in_short: bool = True  # named in the short sentence that editors show


@dataclass(frozen=True, slots=True)
class StepKind:
    """A verb. `register` finds it, and every list of verbs comes from there."""

    order: int  # the place among the verbs when people are told about them
    construct: Construct
    step: type[Step]  # what `parse` makes
    parse: Parse
    example: str = "send: welcome_hello"  # to type where somebody wrote something else
    other_verbs: tuple[str, ...] = ()  # words of other tools for this verb
    is_instant: bool = False  # takes no time and leads nowhere, so that reaching a goal can do it
    story: tuple[StoryForm, ...] = ()
    rules: MappingOf[str, object] = field(default_factory=dict)  # for editors, beside what the keys say
    arrange: Callable[[ReadContext, tuple[Entry, ...]], tuple[Entry, ...]] = lambda _, entries: entries
    """Puts the lines of a step where they belong, before they are read by their keys."""

    @property
    def verb(self) -> str:
        """The key that names the step."""
        return self.construct.name


def lift_paths(context: ReadContext, entries: tuple[Entry, ...], construct: Construct) -> tuple[Entry, ...]:
    """The lines of a `choose` or `split` whose paths stand beside its verb, read as if they stood below
    `into:`, and told once."""
    known = {key.name for key in construct.keys} | {"into"}
    others = {word for word, _ in construct.other_words} - {"else"}
    paths = [
        entry
        for entry in entries
        if entry.key.text not in known | others and isinstance(entry.value, Sequence)
    ]
    if not paths or any(entry.key.text in {"into"} | others for entry in entries):
        return entries
    first = paths[0].key
    context.report(
        first.span,
        "E08",
        '"into" is missing',
        f"the paths of a {construct.name} stand below  into:",
        f"put  into:  above this line, and {quoted(first.text)}"
        f"{' and the other paths' if len(paths) > 1 else ''} two spaces further in",
    )
    into = Entry(Scalar("into", first.span, plain=True), Mapping(tuple(paths), first.span))
    return (*(entry for entry in entries if entry not in paths), into)


def step_keys(
    verb: str, keys: tuple[Key, ...], about: str, other_words: tuple[tuple[str, str], ...] = ()
) -> Construct:
    """The table of a step: its own keys, then `id` and `was`, which all have."""
    return Construct(verb, f'"{verb}"', (*keys, ID, WAS), about, other_words)
