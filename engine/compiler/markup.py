"""Jinja inside markup: kept out of the way while MJML and CSS are worked on, and put back safely for its place.

A `{% %}` between elements becomes a comment, because comments alone stay where they are inside tables;
everything else becomes a word. When the words are replaced again, the place decides what a value may be:
text, an attribute, a whole link, a part of a link, a style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engine.compiler.layout import Piece, wrong

Place = Literal["text", "attribute", "link", "link part", "style", "title", "comment", "script", "tag"]

_TOKEN = re.compile(r"<!--jnj(\d+)q-->|jnj(\d+)q")
_LINKS = frozenset(
    ["href", "src", "action", "formaction", "background", "background-url", "srcset", "poster", "cite", "data", "xlink:href", "icon", "longdesc"]
)
_RAW = frozenset({"style", "script", "title", "textarea", "mj-style", "mj-title", "mj-preview", "mj-attributes"})
_STYLES = frozenset({"style", "mj-style"})
_SPACE = " \t\r\n\f"
_OPENING = re.compile(r"<(/?[A-Za-z][^\s/>]*)(?=[\s/>])")
_ATTRIBUTE = re.compile(r"[\s/]*([^\s=>/\"']+)\s*=\s*([\"'])")
_CONDITIONAL = re.compile(r"<!--\[if[^\]]*\]>(?:<!-->|-->)?|(?:<!--)?<!\[endif\]-->")
"""Outlook reads what stands between `<!--[if mso]>` and `<![endif]-->`, so values in there are in places too."""
_ADDRESS = re.compile(r"https?://[^\s<>\"]*\Z")
_NO_PATH = re.compile(r"^\s*[a-z]*:?//[^/?#]*\Z", re.IGNORECASE)
_NOTHING = Piece("text", "", "", 0)
LINK = "\x02"
"""Stands in plain text before a value that is a whole link."""


@dataclass(slots=True)
class Scanner:
    """Reads markup from left to right and knows at each moment where it is."""

    state: Literal["text", "tag", "name", "before value", "value", "raw", "comment"] = "text"
    element: str = ""
    attribute: str = ""
    quote: str = ""
    value: str = ""
    _seen: str = field(default="")

    def place(self) -> Place:
        """Where a value would stand now."""
        match self.state:
            case "raw":
                if self.element == "script":
                    return "script"
                return "style" if self.element in _STYLES else "title"
            case "comment":
                return "comment"
            case "value" | "before value":
                if self.attribute in _LINKS:
                    return "link part" if self.value.strip() else "link"
                if self.attribute.startswith("on"):
                    return "script"
                return "style" if self.attribute == "style" else "attribute"
            case "tag" | "name":
                return "tag"
            case _:
                return "text"

    def feed(self, text: str) -> None:
        """Goes on over `text`."""
        place, end = 0, len(text)
        while place < end:
            stop = self._leap(text, place)
            if stop == place:
                self._step(text[place])
                stop += 1
            place = stop

    def _leap(self, text: str, place: int) -> int:
        """Goes as far as one look can tell; stays where it is when the characters have to be read one by one."""
        match self.state:
            case "text" if not self._seen:
                opening = _OPENING.match(text, place)
                if opening is None:
                    found = text.find("<", place + 1) if text[place] != "<" else place
                    return found if found >= 0 else len(text)
                self.element, self.state = opening[1].lower(), "tag"
                return opening.end()
            case "tag":
                attribute = _ATTRIBUTE.match(text, place)
                if attribute is None:
                    return place
                self.attribute, self.quote, self.value, self.state = attribute[1].lower(), attribute[2], "", "value"
                return attribute.end()
            case "value" if self.quote:
                found = text.find(self.quote, place)
                stop = found if found >= 0 else len(text)
                self.value = (self.value + text[place:stop])[-500:]
                return stop
            case "raw" if not self._seen:
                found = text.find("<", place)
                return found if found >= 0 else len(text)
            case _:
                return place

    def took(self) -> None:
        """A value stood here: a link that begins with one goes on as a link."""
        if self.state in ("value", "before value"):
            self.state = "value"
            self.value += "x"

    def _step(self, character: str) -> None:
        match self.state:
            case "text":
                self._text(character)
            case "tag":
                self._tag(character)
            case "name":
                self._attribute_name(character)
            case "before value":
                if character in "\"'":
                    self.state, self.quote, self.value = "value", character, ""
                elif character == ">":
                    self._close()
                elif character not in _SPACE:
                    self.state, self.quote, self.value = "value", "", character
            case "value":
                if character == self.quote or (not self.quote and character in _SPACE):
                    self.state = "tag"
                elif not self.quote and character == ">":
                    self._close()
                else:
                    self.value += character
            case "raw":
                self._seen += character
                if not f"</{self.element}>".startswith(self._seen.lower()):
                    self._seen = "<" if character == "<" else ""
                elif self._seen.endswith(">"):
                    self.state, self._seen = "text", ""
            case "comment":
                self._seen = (self._seen + character)[-3:]
                if self._seen == "-->":
                    self.state, self._seen = "text", ""

    def _text(self, character: str) -> None:
        if self._seen.startswith("<"):
            self._seen += character
            if self._seen == "<!--":
                self.state, self._seen = "comment", ""
            elif len(self._seen) == 2 and not (character.isalpha() or character in "/!?"):
                self._seen = "<" if character == "<" else ""
            elif self._seen[1:2] in ("!", "?"):
                if character == ">":
                    self._seen = ""
            elif character in _SPACE + "/>" and len(self._seen) > 2:
                self.element = self._seen[1:-1].lower()
                self.state, self._seen = "tag", ""
                if character == ">":
                    self._close()
        elif character == "<":
            self._seen = "<"

    def _tag(self, character: str) -> None:
        if character == ">":
            self._close()
        elif character not in _SPACE + "/":
            self.state, self.attribute = "name", character.lower()

    def _attribute_name(self, character: str) -> None:
        if character == "=":
            self.state, self.value = "before value", ""
        elif character == ">":
            self._close()
        elif character in _SPACE:
            if self.attribute:
                self.state = "tag"
        else:
            self.attribute += character.lower()

    def _close(self) -> None:
        self.state = "raw" if self.element in _RAW else "text"
        self._seen = ""


def protect(pieces: Sequence[Piece], tags: list[Piece]) -> str:
    """The markup with a comment or a word for each tag; `tags` gets them. Raises TemplateProblem."""
    scanner = Scanner()
    made = []
    for piece in pieces:
        if piece.kind == "text":
            scanner.feed(piece.text)
            made.append(piece.text)
            continue
        place = scanner.place()
        if place == "comment":
            continue
        if place in ("script", "tag"):
            raise wrong(
                piece.file, piece.line, "T07", "a value cannot stand here", "inside a tag values stand in quotes, and mail runs no scripts",
                'write  attribute="{{ value }}"',
            )
        word = f"jnj{len(tags)}q"
        made.append(f"<!--{word}-->" if place == "text" and piece.kind == "block" else word)
        tags.append(piece)
        scanner.took()
    return "".join(made)


def restore(markup: str, tags: Sequence[Piece], rows: list[Piece]) -> str:
    """HTML with its Jinja again, each tag on a line of its own; `rows` gets the tag of every line."""
    scanner = Scanner()
    made = []
    for text, tag in _split(markup, tags):
        if tag is None:
            scanner.feed(_CONDITIONAL.sub("", text))
            made.append(text)
            rows.extend([_NOTHING] * text.count("\n"))
            continue
        place = scanner.place()
        if place == "link part":
            _check_host(tag, scanner.value)
        scanner.took()
        made.append(_safe(tag, place, rows))
    return "".join(made)


def words_to_tags(text: str, tags: Sequence[Piece], rows: list[Piece]) -> str:
    """Plain text with its Jinja again. `LINK` before a word says that it is a whole link."""
    pieces = [Piece("text", part, "", 0) if tag is None else tag for part, tag in _split(text, tags)]
    return plain(pieces, rows)


def plain(pieces: Sequence[Piece], rows: list[Piece]) -> str:
    """Text without markup, each tag on a line of its own. A value inside a link stays inside it."""
    made = []
    before = ""
    for piece in pieces:
        if piece.kind == "text":
            made.append(piece.text)
            rows.extend([_NOTHING] * piece.text.count("\n"))
            before = (before + piece.text)[-2000:]
            continue
        address = _ADDRESS.search(before)
        place: Place = "link" if before.endswith(LINK) else "link part" if address else "text"
        if address and piece.kind == "print":
            _check_host(piece, address[0])
        made.append(_safe(piece, place, rows))
        before += "x" if piece.kind == "print" else ""
    return "".join(made).replace(LINK, "")


def _check_host(tag: Piece, before: str) -> None:
    """The host of a link is written by the author, never by a customer (RELIABILITY T7)."""
    if _NO_PATH.search(before):
        raise wrong(
            tag.file, tag.line, "T07", "the host of a link cannot be a value", "a customer's data could then lead anywhere",
            "write the host of your shop, or  {{ shop.url }}/path",
        )


def _split(text: str, tags: Sequence[Piece]) -> Iterator[tuple[str, Piece | None]]:
    end = 0
    for found in _TOKEN.finditer(text):
        yield text[end : found.start()], None
        yield found[0], tags[int(found[1] or found[2])]
        end = found.end()
    yield text[end:], None


def _safe(tag: Piece, place: Place, rows: list[Piece]) -> str:
    rows.extend([tag] * (tag.text.count("\n") + 1))
    if tag.kind == "block":
        return "{% " + tag.text + "\n%}"
    match place:
        case "link":
            return "{{ (" + tag.text + ")|_link\n}}"
        case "link part":
            return "{{ (" + tag.text + ")|_link_part\n}}"
        case "style" | "comment":
            return "{{ (" + tag.text + ")|_css\n}}"
        case _:
            return "{{ " + tag.text + "\n}}"
