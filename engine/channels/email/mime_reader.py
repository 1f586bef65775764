"""A mail from a stranger taken apart: headers and parts, in one pass and within fixed bounds.

The standard library's reader recurses into comments, groups and nested parts, and its cost grows with the
square of some inputs. Here everything is counted before it is looked at, so that no bytes are slow and none
raise: what lies beyond a bound is as if it had not been sent.
"""

from __future__ import annotations

import binascii
import codecs
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

LARGEST = 1_048_576
"""Bytes of a mail that are looked at; a report is small, what it quotes may not be."""

HEADER_BYTES, HEADER_COUNT, HEADER_LENGTH = 131_072, 500, 16_384
"""Of one part: bytes of all headers, how many, and characters of one."""

PARTS, DEPTH = 100, 10
"""Parts of a mail in all, and how deep they may lie in each other."""

TEXT_BYTES, TEXT_LINES = 65_536, 500
"""Of what is written for people, so much is read."""

_PARAMETER = re.compile(r';\s*([\w*-]{1,40})\s*=\s*(?:"([^"]{0,200})"|([^;\s]{0,200}))')
_ENCODED_WORD = re.compile(r"=\?([\w*-]{1,40})\?([BbQq])\?([^?\s]{0,2000})\?=(?:\s+(?==\?))?")
_TAG = re.compile(r"<[^<>]*>")
_NEW_LINE = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|/?table|/?td)\b[^<>]*>", re.IGNORECASE)
_NAME = re.compile(r"[!-9;-~]{1,200}")

_CHARSETS = re.compile(
    r"utf-?8|us-?ascii|ascii|iso-?8859-?\d{1,2}|latin-?1|windows-?\d{3,4}|cp-?\d{3,4}|koi8-[ru]|"
    r"iso-2022-(?:jp|kr)[\w-]{0,4}|shift[_-]?jis|sjis|euc-?(?:jp|kr|cn)|gb2312|gbk|gb18030|big5(?:-?hkscs)?|"
    r"ks_?c_?5601[\w-]{0,5}|tis-?620|mac-?(?:cyrillic|roman)|utf-?16(?:le|be)?",
    re.IGNORECASE,
)
"""Character sets that mail is written in, each linear to decode. Python knows others under the same
interface that are none, and some that are slow (`punycode`, `zlib`, `unicode_escape`)."""


@dataclass(frozen=True, slots=True)
class MailPart:
    """A mail, or a part of one. `headers`: names in lower case, unfolded, in their order. `body`: as it came,
    packed or not, with LF line ends; for a mail inside a mail (`message/rfc822`) all of that."""

    headers: tuple[tuple[str, str], ...]
    body: bytes
    kind: str = "text/plain"
    parameters: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[MailPart, ...] = ()

    def get(self, name: str) -> str:
        """The first header of this name, "" when there is none."""
        return next((value for header, value in self.headers if header == name), "")

    def get_all(self, name: str) -> list[str]:
        """Every header of this name."""
        return [value for header, value in self.headers if header == name]

    def walk(self) -> Iterator[MailPart]:
        """Itself and what is in it, in the order of the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.parts))

    @property
    def is_packed(self) -> bool:
        """In base64 or quoted-printable."""
        return self._packing in ("base64", "quoted-printable")

    @property
    def content(self) -> bytes:
        """What stands in it, unpacked; as much as could be read where its packing is broken."""
        return self._unpacked(len(self.body))

    @property
    def text(self) -> str:
        """What people read, within the bounds of text, without the marks of HTML."""
        text = decoded(self._unpacked(3 * TEXT_BYTES)[:TEXT_BYTES], self.parameters.get("charset", ""))
        if self.kind == "text/html":
            for name in ("style", "script"):
                text = _without(text, name)
            # block by block on lines of their own
            text = html.unescape(_TAG.sub("", _NEW_LINE.sub("\n", text)))
        return "\n".join(text.splitlines()[:TEXT_LINES])

    def _unpacked(self, most: int) -> bytes:
        """Its first bytes, unpacked: of so many packed ones."""
        body = self.body[:most]
        if self._packing == "base64":
            return _unpacked(body)
        return binascii.a2b_qp(body) if self._packing == "quoted-printable" else body

    @property
    def _packing(self) -> str:
        return self.get("content-transfer-encoding").strip().lower()


def read(raw: bytes) -> MailPart:
    """Takes any bytes apart."""
    text = raw[:LARGEST].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if text.startswith(b"From "):  # the line of an mbox file
        text = text.partition(b"\n")[2]
    return _part(text.lstrip(b"\n"), "text/plain", 0, [PARTS])


def read_fields(block: bytes) -> MailPart:
    """A block of lines `Name: value`, as they stand in delivery reports."""
    return MailPart(tuple(_headers(block.replace(b"\r\n", b"\n"))), b"")


def decoded(text: bytes, charset: str) -> str:
    """The characters of some bytes; those that are none become U+FFFD. Without a known set it is guessed."""
    name = charset.strip().lower().removeprefix("x-")
    if "\x1b$" in text[:4096].decode("latin-1"):
        name = "iso-2022-kr" if "kr" in name else "iso-2022-jp"  # its escapes are in no other set
    if _CHARSETS.fullmatch(name):
        try:
            name = codecs.lookup(name).name
        except LookupError:
            name = ""
    else:
        name = ""
    if name in ("", "ascii", "utf-8"):
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            # a cut in the middle of a character leaves few of these, another set leaves many
            marked = text.decode("utf-8", "replace")
            return marked if marked.count("\ufffd") * 20 < len(text) else text.decode("latin-1")
    return text.decode(name, "replace")


def decoded_words(value: str) -> str:
    """A header with its encoded words (RFC 2047) made readable."""
    return _ENCODED_WORD.sub(_word, value) if "=?" in value else value


def _word(match: re.Match[str]) -> str:
    charset, way, text = match[1].partition("*")[0], match[2].lower(), match[3]
    data = text.encode("ascii", "replace")
    return decoded(_unpacked(data) if way == "b" else binascii.a2b_qp(data, header=True), charset)


def _unpacked(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        letters = b"".join(re.findall(rb"[A-Za-z0-9+/]+", data))
        try:
            return binascii.a2b_base64(letters[: len(letters) // 4 * 4])
        except binascii.Error:
            return b""


def _part(text: bytes, otherwise: str, depth: int, left: list[int]) -> MailPart:
    """`left`: how many parts may still be made of this mail. `otherwise`: the kind where none is said."""
    left[0] -= 1
    if text.startswith(b"\n"):
        head, body = b"", text[1:]
    else:
        head, _, body = text.partition(b"\n\n")
    headers = tuple(_headers(head))
    said = next((value for name, value in headers if name == "content-type"), "")
    kind = said.partition(";")[0].strip().lower() or otherwise
    parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(said[:2000])}
    parts: tuple[MailPart, ...] = ()
    if kind.startswith("multipart/") and parameters.get("boundary") and depth < DEPTH:
        inside = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        pieces = _pieces(body, parameters["boundary"].encode("utf-8", "replace"), left[0])
        parts = tuple(_part(piece, inside, depth + 1, left) for piece in pieces if left[0] > 0)
    return MailPart(headers, body, kind, parameters, parts)


def _pieces(body: bytes, boundary: bytes, most: int) -> Iterator[bytes]:
    """What lies between the lines of a boundary. The last one may lack its end."""
    chunks = (b"\n" + body).split(b"\n--" + boundary, most + 1)
    for chunk in chunks[1:]:
        end, _, piece = chunk.partition(b"\n")
        if end.strip() == b"--":
            return
        if not end.strip():  # else a longer boundary begins with this one
            yield piece


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    name, values = "", [""]
    count = 0
    for line in head[:HEADER_BYTES].split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            values.append(line.decode("utf-8", "surrogateescape"))
            continue
        if name:
            yield name, _value(values)
        said, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
        said = said.strip()
        name = said.lower() if colon and _NAME.fullmatch(said) else ""
        values = [value]
        count += bool(name)
        if count > HEADER_COUNT:
            return
    if name:
        yield name, _value(values)


def _value(lines: list[str]) -> str:
    value = " ".join(line.strip() for line in lines)[:HEADER_LENGTH].strip()
    if value.isascii():
        return value
    # foreign bytes in a header have no set; those of UTF-8 are read, others stay visible as letters
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _without(text: str, name: str) -> str:
    """Without the elements of a name; one that is never closed takes the rest with it."""
    lower, kept, at = text.lower(), [], 0
    if len(lower) != len(text):  # some letters have two small ones, and the places would not fit
        return text
    while (begin := lower.find(f"<{name}", at)) >= 0:
        kept.append(text[at:begin])
        end = lower.find(f"</{name}", begin)
        if end < 0:
            return "".join(kept)
        at = end
    return "".join([*kept, text[at:]])
