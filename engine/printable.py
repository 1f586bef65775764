"""Foreign text on its way to a terminal or a log: whoever reads it sees every character, and none acts.

An escape sequence in a first name could otherwise rename the window, move the cursor over another line or
forge one; a bidirectional control shows a text in another order than it has ("Trojan source",
CVE-2021-42574).
"""

from __future__ import annotations

import re

_ACTS = (
    "\x00-\x1f\x7f-\x9f"  # C0 with the line breaks, DEL, C1
    "\u2028\u2029"  # line and paragraph separator
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls (UAX 9)
    "\ud800-\udfff"  # half a character: no stream can write it
)
_HIDES = "\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"
_ACTING = re.compile(f"[{_ACTS}]")
_UNSEEN = re.compile(f"[{_ACTS}{_HIDES}]")
_UNSEEN_IN_LINES = re.compile(f"(?![\n\t])[{_ACTS}{_HIDES}]")


def printable(text: str) -> str:
    """In one line, with whatever acts or cannot be seen as its escape: `\\x1b`, `\\n`, `\\u202e`."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_escape, text)


def printable_lines(text: str) -> str:
    """As `printable`, for a text of our own of several lines: line breaks and tabs stay."""
    return _UNSEEN_IN_LINES.sub(_escape, text)


def printable_json(document: str) -> str:
    """A JSON text that says the same and can be printed: inside of strings, where alone such characters
    stand, as the escapes of JSON (RFC 8259, 7)."""
    return _UNSEEN_IN_LINES.sub(_json_escape, document)


def acting(text: str) -> str:
    """The first character of an id that would act wherever it is printed, in words; "": there is none."""
    if text.isascii() and text.isprintable():  # nearly all ids
        return ""
    match = _ACTING.search(text)
    return f"U+{ord(match[0]):04X}" if match else ""


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
