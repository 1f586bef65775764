"""Reads markup from left to right and knows where it is: in a text, a tag, a link, a style.

Not a parser of HTML: it only tells what a value may be that stands at a place of a template.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Place = Literal["text", "attribute", "link", "link part", "style", "title", "comment", "script", "tag"]

_LINKS = frozenset(
    [
        "href",
        "src",
        "action",
        "formaction",
        "background",
        "background-url",
        "srcset",
        "poster",
        "cite",
        "data",
        "xlink:href",
        "icon",
        "longdesc",
    ]
)
_RAW = frozenset(
    {"style", "script", "title", "textarea", "mj-style", "mj-title", "mj-preview", "mj-attributes"}
)
_STYLES = frozenset({"style", "mj-style"})
_SPACE = " \t\r\n\f"
_OPENING = re.compile(r"<(/?[A-Za-z][^\s/>]*)(?=[\s/>])")
_CLOSING = re.compile(rf"[{_SPACE}/]*>")
_ATTRIBUTE = re.compile(r"[\s/]*([^\s=>/\"']+)\s*=\s*([\"'])")


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
        """Goes as far as one look can tell; stays where it is when the characters have to be read one by
        one."""
        match self.state:
            case "text" if not self._seen:
                opening = _OPENING.match(text, place)
                if opening is None:
                    end = text.find("<", place + 1) if text[place] != "<" else place
                    return end if end >= 0 else len(text)
                self.element, self.state = opening[1].lower(), "tag"
                return opening.end()
            case "tag":
                attribute = _ATTRIBUTE.match(text, place)
                if attribute is None:
                    closing = _CLOSING.match(text, place)
                    if closing is None:
                        return place
                    self._close()
                    return closing.end()
                self.attribute, self.quote, self.value, self.state = (
                    attribute[1].lower(),
                    attribute[2],
                    "",
                    "value",
                )
                return attribute.end()
            case "value" if self.quote:
                end = text.find(self.quote, place)
                stop = end if end >= 0 else len(text)
                self.value = (self.value + text[place:stop])[-500:]
                if end < 0:
                    return stop
                self.state = "tag"
                return stop + 1
            case "raw" if not self._seen:
                end = text.find("<", place)
                return end if end >= 0 else len(text)
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
