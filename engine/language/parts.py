"""A map with fixed keys, held against its table: unknown keys, missing keys, and typed values by key."""

from __future__ import annotations

from engine.language.duration import parse_clock, parse_length
from engine.language.grammar import Construct, Key
from engine.language.nodes import Entry, Node
from engine.language.reading import Reading
from engine.language.share import parse_share
from engine.language.syntax import Clock, Length, Pair, Step, Text
from engine.language.wording import quoted
from engine.problem import Span, nearest


class Parts:
    """The entries of one construct by key. What is missing is reported at `at`."""

    def __init__(self, reading: Reading, construct: Construct, entries: tuple[Entry, ...], at: Span) -> None:
        self.reading = reading
        self.construct = construct
        self.at = at
        self._entries: dict[str, Entry] = {}
        self._meant = self._take(entries)
        for key in construct.keys:
            if key.needed and key.name not in self._entries and key.name not in self._meant:
                self._missing(key)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def misspelt(self, key: str) -> bool:
        """True when an unknown word stood for this key; it has its own message."""
        return key in self._meant

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
        node = self.node(key)
        return None if node is None else self.reading.text(node, key, self._example(key))

    def name(self, key: str) -> Text | None:
        """A name as ids are made of."""
        node = self.node(key)
        return None if node is None else self.reading.name(node, key, self._example(key))

    def choice(self, key: str, meant: dict[str, str] | None = None) -> Text | None:
        """One of the words that the table lists for the key."""
        node = self.node(key)
        found = self.construct.key(key)
        if node is None or found is None:
            return None
        return self.reading.choice(node, key, found.choices, meant)

    def length(self, key: str) -> Length | None:
        """A length of time."""
        text = self.text(key)
        return None if text is None else self.reading.keep(parse_length(text))

    def clock(self, key: str) -> Clock | None:
        """A time of day."""
        text = self.text(key)
        return None if text is None else self.reading.keep(parse_clock(text))

    def share(self, key: str) -> int | None:
        """Whole percents."""
        text = self.text(key)
        return None if text is None else self.reading.keep(parse_share(text))

    def texts(self, key: str) -> tuple[Text, ...]:
        """One text or a list."""
        node = self.node(key)
        return () if node is None else self.reading.texts(node, key, self._example(key))

    def pairs(self, key: str) -> tuple[Pair, ...]:
        """A map with free names."""
        node = self.node(key)
        return () if node is None else self.reading.pairs(node, key, self._example(key))

    def steps(self, key: str) -> tuple[Step, ...] | None:
        """A list of steps; None when the key was not written."""
        node = self.node(key)
        return None if node is None else self.reading.steps(node, self.at_key(key), key)

    def missing(self, key: str) -> None:
        """Reports a key that is needed here though not everywhere."""
        found = self.construct.key(key)
        if found is not None:
            self._missing(found)

    def apart(self, key: str, why: str, fix: str) -> None:
        """Reports a key that does not go with the others."""
        self.reading.report(self.at_key(key), "E17", f"{quoted(key)} does not belong here", why, fix)

    def _example(self, key: str) -> str:
        found = self.construct.key(key)
        return found.example if found else ""

    def _take(self, entries: tuple[Entry, ...]) -> set[str]:
        """Sorts the entries by key; returns the keys that unknown words stand for."""
        names = [key.name for key in self.construct.keys]
        written = {entry.key.text for entry in entries}
        meant: set[str] = set()
        for entry in entries:
            word = entry.key.text
            if word in names:
                self._entries[word] = entry
                continue
            guess = dict(self.construct.other_words).get(word.casefold())
            near = nearest(word, names) if guess is None else None
            self._unknown(entry, guess or near)
            if near and near not in written and near not in self._entries:
                self._entries[near] = entry  # misspelt: the rest is read as what was meant
            meant.add(guess or near or "")
        return meant

    def _unknown(self, entry: Entry, guess: str | None) -> None:
        fix = "remove it, or use one of the parts"
        if guess:
            fix = guess if " " in guess else f'did you mean "{guess}"?'
        self.reading.report(
            entry.key.span,
            "E06",
            f"{quoted(entry.key.text)} is not a part of {self.construct.noun}",
            f"the parts are: {self.construct.parts}",
            fix,
        )

    def _missing(self, key: Key) -> None:
        example = key.example or (key.choices[0] if key.choices else "...")
        shown = example if example.startswith((f"{key.name}:", "\n")) else f"{key.name}: {example}"
        verb = "write" if self.construct.name == "journey" else "add"
        self.reading.report(
            self.at,
            "E08",
            f"{quoted(key.name)} is missing",
            key.why or f"it is needed: {key.about}",
            f"{verb}  {shown}" if not shown.startswith("\n") else f"{verb}{shown}",
        )
