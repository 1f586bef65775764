"""The one reader of maps with fixed keys, for journeys, config.yaml, schemas/ and the mapping of a stream.

A `Construct` says which keys there are. `MapReader` holds a map against it: keys that nobody knows, keys that
are missing, and the value of each key by its kind. `ReadContext` carries the problems of one file. A problem
never stops the reading; the value is then None.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from engine.language.grammar import Construct, Key, TextPattern
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, is_empty, part
from engine.language.quantities import parse_clock, parse_length, parse_share
from engine.language.spelling import Respelling, Spelling, spell_length, spell_share
from engine.language.syntax import Clock, Length, Pair, Step, Text
from engine.language.wait_ids import missing_wait_ids
from engine.language.weekdays import parse_weekday, spell_weekday, spell_weekdays
from engine.language.wording import as_list, quoted, shown, use_one_of
from engine.problem import Level, Problem, Span, Topic, did_you_mean, nearest

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""What ids and names of our own look like."""

_ONE_NAME = re.compile(r"[A-Za-z][\w-]*")
_NAMES = re.compile(r"[A-Za-z][\w-]*(?: *, *[A-Za-z][\w-]*)+")
_WHOLE = re.compile(r"[0-9]{1,8}")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRules:
    """What differs between kinds of files: the problem codes, and whether `""` is a text."""

    unknown_key: str
    wrong_shape: str
    missing: str
    empty: str
    wrong_value: str
    bad_name: str
    quoted_blank: bool = False


JOURNEY_RULES = FileRules(
    unknown_key="E06",
    wrong_shape="E07",
    missing="E08",
    empty="E08",
    wrong_value="E24",
    bad_name="E16",
    quoted_blank=True,
)


class ReadContext:
    """The problems of one file, and how a single value is taken out of a node."""

    def __init__(
        self,
        rules: FileRules,
        problems: list[Problem] | None = None,
        *,
        file: str = "",
        root: Mapping | None = None,
        read_steps: Callable[[ReadContext, Node, Span, str], tuple[Step, ...]] = lambda *_: (),
        explains: Callable[[ReadContext, Entry], bool] = lambda _context, _entry: False,
    ) -> None:
        """`read_steps` reads the lists of steps, `root` is the whole file (for the ids of its waits).
        `explains`: asked about an entry with an unknown key, True when it has reported something better than
        that."""
        self.rules = rules
        self.file = file
        self.root = root
        self.problems: list[Problem] = [] if problems is None else problems
        self.respelled: list[Respelling] = []
        self.explains = explains
        self._read_steps = read_steps

    @cached_property
    def wait_ids(self) -> dict[Span, str]:
        """Ids for the waits that have none, by the place of the verb."""
        return missing_wait_ids(self.root) if self.root else {}

    @property
    def errors(self) -> int:
        """How many errors were reported so far; warnings are none."""
        return sum(problem.is_error for problem in self.problems)

    def report(
        self,
        span: Span,
        code: str,
        what: str,
        why: str = "",
        fix: str = "",
        topic: Topic = "form",
        subject: str = "",
        level: Level = "error",
    ) -> None:
        """One more mistake of the author."""
        self.problems.append(Problem(span, code, what, why, fix, level, topic=topic, subject=subject))

    def refuse(self, span: Span, what: str, why: str = "", fix: str = "") -> None:
        """One more value that cannot stand where it does."""
        self.report(span, self.rules.wrong_value, what, why, fix)

    def wrong(
        self,
        word: Text | Scalar,
        what: str,
        why: str = "",
        fix: str = "",
        code: str = "",
        topic: Topic = "form",
    ) -> None:
        """A word that cannot stand where it does; `what` follows the word itself."""
        text = word if isinstance(word, Text) else word.whole()
        self.report(
            text.span, code or self.rules.wrong_value, f"{quoted(text.value)} {what}", why, fix, topic
        )

    def fits(self, text: Text, must: TextPattern | None) -> bool:
        """Is a text written as it must be? Reports where it is not."""
        if must is None or re.fullmatch(must.pattern, text.value, re.DOTALL):
            return True
        self.wrong(text, must.what, must.why, must.fix.replace("{}", text.value), must.code)
        return False

    def keep(self, result: _T | Problem) -> _T | None:
        """The value, or None after noting the problem."""
        if isinstance(result, Problem):
            self.problems.append(result)
            return None
        return result

    def spell(self, text: Text, spelling: Spelling) -> Text:
        """The words in their canonical spelling; what is understood is kept for `fmt`."""
        words = spelling(text.value)
        if words == text.value:
            return text
        self.respelled.append(Respelling(text, words))
        return Text(words, text.span)

    def steps(self, node: Node, at: Span, key: str) -> tuple[Step, ...]:
        """The list of steps under a key, which stands at `at`."""
        return self._read_steps(self, node, at, key)

    def text(self, node: Node, name: str, example: str = "") -> Text | None:
        """One short text."""
        if isinstance(node, Scalar):
            if node.text.strip() or (self.rules.quoted_blank and not node.plain):
                return node.whole()
            self.empty(node.span, name, example)
        else:
            thing = "a list" if isinstance(node, Sequence) else "a block"
            only = node.items[0] if isinstance(node, Sequence) and len(node.items) == 1 else None
            fix = f"put one short text behind  {name}:"
            if is_empty(node):
                fix = f"write  {_after(name, example)}"
            elif isinstance(only, Scalar):
                fix = f"write  {name}: {shown(only.text)}"
            self.report(
                node.span,
                self.rules.wrong_shape,
                f"{quoted(name)} needs one short text here, not {thing}",
                "only one value has a meaning in this place",
                fix,
                subject=name,
            )
        return None

    def empty(self, span: Span, name: str, example: str = "") -> None:
        """A key with nothing behind it."""
        self.report(
            span,
            self.rules.empty,
            f"{quoted(name)} is empty",
            "a key without a value says nothing",
            f"write  {_after(name, example)}" + ("" if example.startswith(name) else "  or remove the line"),
            subject=name,
        )

    def name(self, node: Node, key: str, example: str = "", meant: str = "") -> Text | None:
        """A name that ids are made of. `meant`: the only one that can stand here."""
        text = self.text(node, key, example)
        if text is None or NAME.fullmatch(text.value):
            return text
        self.wrong(
            text,
            "is not a name",
            "a name is made of small letters, digits and _ , and begins with a letter",
            f"write  {key}: {meant or meant_name(text.value) or example or 'a_name'}",
            self.rules.bad_name,
        )
        return None

    def is_name(self, key: Scalar) -> bool:
        """Is this key a name of our own? Reports where it is not."""
        if NAME.fullmatch(key.text):
            return True
        self.wrong(
            key,
            "cannot be a name",
            "names are small letters, digits and _, a letter first",
            f"write  {meant_name(key.text) or 'a_name'}",
            self.rules.bad_name,
        )
        return False

    def choice(
        self,
        node: Node,
        key: str,
        choices: tuple[str, ...],
        meant: dict[str, str] | None = None,
        reads: dict[str, str] | None = None,
    ) -> Text | None:
        """One of a few words. `meant`: words in small letters that people write for ours; `reads`: those that
        are taken for ours."""
        text = self.text(node, key, choices[0])
        return None if text is None else self.one_of(text, choices, meant, reads)

    def one_of(
        self,
        text: Text,
        choices: tuple[str, ...],
        meant: dict[str, str] | None = None,
        reads: dict[str, str] | None = None,
    ) -> Text | None:
        """As `choice`, for a text that was read already."""
        if text.value in choices:
            return text
        if (own := (reads or {}).get(text.value.casefold())) is not None:
            return Text(own, text.span)
        # a word of another tool before the nearest spelling, which may be another of our words
        known = (meant or {}).get(text.value.casefold())
        self.wrong(
            text,
            "is not one of its values",
            f"it can be: {as_list(choices)}",
            f'did you mean "{known}"?' if known else did_you_mean(text.value, choices, use_one_of(choices)),
        )
        return None

    def texts(self, node: Node, name: str, example: str = "") -> tuple[Text, ...]:
        """One text, or a list of texts; names with commas between them are a list without its brackets."""
        if not isinstance(node, Sequence):
            text = self.text(node, name, example)
            return () if text is None else self._listed(text)
        if is_empty(node):
            self.empty(node.span, name, example)
        return tuple(text for item in node.items if (text := self.text(item, name, example)) is not None)

    def _listed(self, text: Text) -> tuple[Text, ...]:
        if not _NAMES.fullmatch(text.value):
            return (text,)
        names = tuple(part(text, match.start(), len(match[0])) for match in _ONE_NAME.finditer(text.value))
        # only `fmt` writes the brackets: until then the file stays as its author wrote it
        self.respelled.append(Respelling(text, f"[{', '.join(name.value for name in names)}]"))
        return names

    def pairs(self, node: Node, name: str, example: str) -> tuple[Pair, ...]:
        """A map with free names and short values."""
        entries = self.entries(node, name, example)
        pairs = ((entry.key, self.text(entry.value, entry.key.text)) for entry in entries)
        return tuple(Pair(key.whole(), value) for key, value in pairs if value is not None)

    def entries(self, node: Node, name: str, example: str = "", *, blank: bool = False) -> tuple[Entry, ...]:
        """The lines of a map. `blank`: it may be empty."""
        if is_empty(node):
            if not blank:
                self.empty(node.span, name, example)
            return ()
        if isinstance(node, Mapping):
            return node.entries
        meant = pair_meant(name, node.text) if isinstance(node, Scalar) else ""
        self.report(
            node.span,
            self.rules.wrong_shape,
            f'{quoted(name)} needs lines of the form "name: value" here',
            "every value belongs to a name",
            f"write  {meant or _after(name, example)}",
        )
        return ()

    def block(
        self, node: Node, construct: Construct, key: Scalar, noun: str = "", example: str = ""
    ) -> MapReader | None:
        """The map of a construct that stands behind `key`; None where it is no map. `noun`: what this one is
        called in a sentence."""
        if not isinstance(node, Mapping) and not is_empty(node):
            self.entries(node, key.text, example)
            return None
        return MapReader(self, construct, self.entries(node, key.text, blank=True), key.span, noun)


class MapReader:
    """The entries of one construct by key. What is missing is reported at `at`."""

    def __init__(
        self, context: ReadContext, construct: Construct, entries: tuple[Entry, ...], at: Span, noun: str = ""
    ) -> None:
        """`noun`: what this one is called in a sentence, where the construct itself does not say it."""
        self.context = context
        self.construct = construct
        self.at = at
        self._entries: dict[str, Entry] = {}
        self._before = len(context.problems)
        # One cause is told once: what an unknown word stands for is not reported as missing, too.
        self._meant = self._sort(entries, noun or construct.noun)
        # some keys were written, none of them is ours
        if entries and not self._entries and not self.is_right:
            return  # it is something else altogether: nothing of this construct is looked for in it
        for key in construct.keys:
            if key.needed and key.name not in self._entries and key.name not in self._meant:
                self._missing(key)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    @property
    def is_right(self) -> bool:
        """Was nothing reported since this map was taken up? If not, nothing more is looked for in it."""
        return len(self.context.problems) == self._before

    def misspelt(self, key: str) -> bool:
        """True when an unknown word stood for this key; it has its own message."""
        return key in self._meant

    def entry(self, key: str) -> Entry | None:
        """A key and its value, None when it was not written."""
        return self._entries.get(key)

    def node(self, key: str) -> Node | None:
        """The value of a key, None when it was not written."""
        entry = self._entries.get(key)
        return entry.value if entry else None

    def at_key(self, key: str) -> Span:
        """Where a key stands; the construct's own place when it was not written."""
        entry = self._entries.get(key)
        return entry.key.span if entry else self.at

    def text(self, key: str) -> Text | None:
        """A short text."""
        # the form of the text last: an empty one or a list has its own message
        text = self._read(key, self.context.text, None)
        return text if text is not None and self.context.fits(text, self.construct.key(key).pattern) else None

    def name(self, key: str, meant: str = "") -> Text | None:
        """A name as ids are made of. `meant`: the only one that can stand here."""
        node = self._said(key)
        if node is None:
            return None
        return self.context.name(node, key, self.construct.key(key).example, meant)

    def choice(
        self, key: str, meant: dict[str, str] | None = None, reads: dict[str, str] | None = None
    ) -> Text | None:
        """One of the words that the table lists for the key."""
        node, choices = self._said(key), self.construct.key(key).choices
        return None if node is None else self.context.choice(node, key, choices, meant, reads)

    def length(self, key: str) -> Length | None:
        """A length of time."""
        text = self.text(key)
        return (
            None if text is None else self.context.keep(parse_length(self.context.spell(text, spell_length)))
        )

    def clock(self, key: str) -> Clock | None:
        """A time of day."""
        text = self.text(key)
        return None if text is None else self.context.keep(parse_clock(text))

    def share(self, key: str) -> int | None:
        """Whole percents."""
        text = self.text(key)
        return None if text is None else self.context.keep(parse_share(self.context.spell(text, spell_share)))

    def weekdays(self) -> tuple[int, ...]:
        """The days of the key `weekdays`, 0 = Monday, in their order, each once."""
        days: set[int] = set()
        # inside a list `fmt` could write no list for `Monday to Thursday`, and `not` would say nothing
        spell = spell_weekday if isinstance(self.node("weekdays"), Sequence) else spell_weekdays
        for text in self.texts("weekdays"):
            day = self.context.spell(text, spell)
            # `workdays` stands for several, and `workdays, Monday` names one of them twice
            days.update(self.context.keep(parse_weekday(day)) or ())
        return tuple(sorted(days))

    def count(self, key: str) -> int | None:
        """A whole number from 1 to the most that the table allows."""
        text, known = self.text(key), self.construct.key(key)
        if text is None:
            return None
        # at most eight digits: what is longer is no number that fits, and is not worth converting
        if _WHOLE.fullmatch(text.value) and 0 < int(text.value) <= known.most:
            return int(text.value)
        self.context.wrong(
            text,
            "is not a number that fits",
            f"{key} is a whole number from 1 to {known.most}" + (f"; {known.why}" if known.why else ""),
            f"write  {_after(key, known.example)}",
        )
        return None

    def texts(self, key: str, *, blank: bool = False) -> tuple[Text, ...]:
        """One text or a list. `blank`: it may be empty."""
        node = self.node(key)
        if blank and node is not None and is_empty(node):
            return ()
        texts: tuple[Text, ...] = self._read(key, self.context.texts, ())
        return tuple(text for text in texts if self.context.fits(text, self.construct.key(key).pattern))

    def pairs(self, key: str) -> tuple[Pair, ...]:
        """A map with free names."""
        return self._read(key, self.context.pairs, ())

    def entries(self, key: str) -> tuple[Entry, ...]:
        """The lines of a map with free names, whatever stands behind them; it may be empty."""
        node = self.node(key)
        example = self.construct.key(key).example
        return () if node is None else self.context.entries(node, key, example, blank=True)

    def block(self, key: str, noun: str = "") -> MapReader | None:
        """A map with the keys that the table lists for it."""
        entry, known = self.entry(key), self.construct.key(key)
        if entry is None or known.of is None:
            return None
        return self.context.block(entry.value, known.of, entry.key, noun, known.example)

    def steps(self, key: str) -> tuple[Step, ...] | None:
        """A list of steps; None when the key was not written."""
        node = self.node(key)
        return None if node is None else self.context.steps(node, self.at_key(key), key)

    def missing(self, key: str) -> None:
        """Reports a key that is needed here though not everywhere; a word that stands for it was told."""
        if key not in self._meant:
            self._missing(self.construct.key(key))

    def apart(self, key: str, why: str, fix: str) -> None:
        """Reports a key that does not go with the others."""
        self.context.report(
            self.at_key(key), "E17", f"{quoted(key)} does not belong here", why, fix, subject=key
        )

    def _said(self, key: str) -> Node | None:
        """The value of a key, None when nothing stands there that says anything."""
        node, known = self.node(key), self.construct.key(key)
        if not self.construct.blank or known.needed or node is None:
            return node
        # in a construct whose keys may stand there without a value, an empty one says nothing and is no
        # mistake
        if known.kind == "text":
            return None if isinstance(node, Scalar) and not node.text.strip() else node
        return None if known.kind in ("map", "values") and is_empty(node) else node

    def _read(self, key: str, read: Callable[[Node, str, str], _T], otherwise: _T) -> _T:
        """What `read` makes of the value of a key, `otherwise` where there is none."""
        node = self._said(key)
        return otherwise if node is None else read(node, key, self.construct.key(key).example)

    def _sort(self, entries: tuple[Entry, ...], noun: str) -> set[str]:
        """Sorts the entries by key; returns the keys that unknown words stand for."""
        names = [key.name for key in self.construct.keys]
        written = {entry.key.text for entry in entries}
        meant: set[str] = set()
        for index, entry in enumerate(entries):
            word = entry.key.text
            if word in names:
                self._entries[word] = entry
                continue
            if self.context.explains(self.context, entry):
                continue
            # Words of other tools come first: `repeat` is our `again`, whatever key it resembles.
            guess = dict(self.construct.other_words).get(word.casefold())
            near = nearest(word, names) if guess is None else None
            guess = guess or near
            before = entries[index - 1] if index else None
            if guess is None and before is not None and _is_loose(before, entry):
                assert isinstance(before.value, Scalar)
                said = loose_name(before.key.text, before.value.text, word)
                self.context.report(entry.key.span, self.context.rules.unknown_key, *said)
                continue
            if guess is None and before is not None and _is_outdented(before, entry, names):
                above = before.key.text
                self.context.report(
                    entry.key.span,
                    self.context.rules.unknown_key,
                    f"{quoted(word)} is not a part of {noun}",
                    f"there is nothing under  {above}:  above it, so it belongs there",
                    "put two more spaces in front of this line, and of those that belong to it, so that "
                    f"they stand under  {above}:",
                )
                # neither empty nor missing
                self._entries.pop(above, None)
                meant.add(above)
                continue
            fix = self.construct.stray
            # the right key stands there as well: to be told "did you mean" about it would be of no help
            if guess in written:
                fix = f'remove it: "{guess}" is written already'
            elif guess:
                fix = guess if " " in guess else f'did you mean "{guess}"?'
            self.context.report(
                entry.key.span,
                self.context.rules.unknown_key,
                f"{quoted(word)} is not a part of {noun}",
                f"the parts are: {self.construct.parts}",
                fix,
            )
            # A misspelt key is read as what was meant, so that nothing else seems to be missing. The word of
            # another tool is not: its value has the form of that tool.
            if near and near not in written and near not in self._entries:
                self._entries[near] = entry
            meant.add(guess or "")
        return meant

    def _missing(self, key: Key) -> None:
        example = key.example or (key.choices[0] if key.choices else "...")
        # an example that shows several lines begins with its own key, or with the line below it
        line = example if example.startswith((f"{key.name}:", "\n")) else f"{key.name}: {example}"
        verb = "write" if self.construct.name == "journey" else "add"
        self.context.report(
            self.at,
            self.context.rules.missing,
            f"{quoted(key.name)} is missing",
            key.why or f"it is needed: {key.about}",
            f"{verb}  {line}" if not line.startswith("\n") else f"{verb}{line}",
        )


def _is_outdented(before: Entry, entry: Entry, names: list[str]) -> bool:
    """Does an unknown key stand in the column of a key with nothing under it, which it must belong to?"""
    key, word = before.key, entry.key
    return (
        key.text in names
        and is_empty(before.value)
        and word.plain
        and not is_empty(entry.value)
        and key.span.line < word.span.line
        and key.span.column == word.span.column
    )


def _is_loose(before: Entry, entry: Entry) -> bool:
    """Is it the second name of a list without brackets inside one-line braces?"""
    empty = isinstance(entry.value, Scalar) and is_empty(entry.value) and entry.key.plain
    same_line = before.key.span.line == entry.key.span.line and isinstance(before.value, Scalar)
    return empty and same_line and _ONE_NAME.fullmatch(entry.key.text) is not None


def loose_name(key: str, value: str, name: str) -> tuple[str, str, str]:
    """What, why and fix for `{via: push, email}`."""
    return (
        f"{quoted(name)} has nothing behind it",
        "inside one-line braces a comma ends the value in front of it",
        f"write  {key}: [{shown(value)}, {shown(name)}]",
    )


_ASSIGNED = re.compile(r"([a-z][\w.]*) *(?::=|=|:| to | ) *([^\s=:+*/,{}\[\]-][^,{}\[\]]{0,80})", re.ASCII)
_MORE = re.compile(r"([a-z]\w*) *(?:\+=?|by) *(\d+(?:\.\d+)?)", re.ASCII)


def pair_meant(name: str, written: str) -> str:
    """`set: {tier: gold}` for `tier = gold`, `add: {points: 50}` for `points + 50`; "" for other words."""
    if match := _MORE.fullmatch(written):
        return f"add: {{{match[1]}: {match[2]}}}" if name in ("set", "add") else ""
    match = _ASSIGNED.fullmatch(written)
    return f"{name}: {{{match[1]}: {match[2]}}}" if match and name in ("set", "add", "with") else ""


def meant_name(text: str) -> str:
    """The name that is nearest to a text: `OrderPlaced` is order_placed. "" where nothing is left."""
    # before the letters are made small: only capitals show where the words of `OrderPlaced` begin
    words = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", shown(text)).casefold().replace("'", "")
    # a name begins with a letter, so digits in front are left out
    return re.sub(r"[^a-z0-9]+", "_", words).strip("_").lstrip("0123456789_")


def _after(name: str, example: str) -> str:
    return f"{name}: {example or '...'}" if not example.startswith(name) else example
