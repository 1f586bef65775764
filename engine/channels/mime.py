"""The bytes of an e-mail: few headers, each made safe, and one text beside one html.

Written by hand because the standard library is seven times slower and encodes long List-Unsubscribe
links (cpython, DEPENDENCIES headline 1). `self_test` compares it with the standard library's parser at
every start.
"""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import hashlib
import hmac
import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.utils import format_datetime, parseaddr

from engine.channels.base import Message
from engine.errors import AuthorError, WorldError
from engine.values import Instant, to_datetime

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?.*?\?=", re.DOTALL)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_URI_HEADERS = frozenset({"List-Unsubscribe", "List-Unsubscribe-Post"})
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)
_LONGEST_LINE = 900
_FOLD = 76


class HeaderError(AuthorError):
    """A value that must not stand in a header: an address that is none, a line break, an encoded word."""


def message_id(secret: str, key: str, domain: str) -> str:
    """`<...@domain>`: the same for every attempt of one message, and nobody can guess it."""
    digest = hmac.new(secret.encode(), key.encode(), hashlib.sha256).digest()
    return f"<{base64.b32encode(digest).decode('ascii')[:26].lower()}@{domain}>"


def mail_bytes(message: Message, secret: str, now: Instant) -> bytes:
    """The whole mail with CRLF, only ASCII, so that every server takes it as it is. Raises HeaderError."""
    sender = mailbox(message.sender)
    boundary = "=_" + hashlib.sha256(f"{secret}{message.key}".encode()).hexdigest()[:24]
    lines = [
        f"Date: {format_datetime(to_datetime(now))}",
        _folded("From", encoded_mailbox(sender)),
        f"To: {mailbox(message.address).addr_spec}",
        f"Message-ID: {message_id(secret, message.key, sender.domain)}",
        _folded("Subject", encoded(message.subject)),
        "MIME-Version: 1.0",
    ]
    if message.reply_to:
        lines.append(_folded("Reply-To", encoded_mailbox(mailbox(message.reply_to))))
    lines += [_extra(name, value) for name, value in message.headers.items()]
    if not message.html:
        return "\r\n".join([*lines, *_body("plain", message.body)]).encode("ascii")
    parts = [
        *lines,
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
        "",
        f"--{boundary}",
        *_body("plain", message.body),
        f"--{boundary}",
        *_body("html", message.html),
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(parts).encode("ascii")


def mailbox(text: str) -> Address:
    """One mailbox, `Name <local@domain>` or `local@domain`; an international domain is written in ASCII.

    Raises HeaderError for anything else: lists, comments, groups, IP literals, a local part that is not ASCII.
    """
    if _CONTROL.search(text):
        raise HeaderError("an address holds a line break or another control character")
    name, spec = parseaddr(text)
    if (text.count("@") > 1 and "," in text) or not spec or spec.count("@") != 1:
        raise HeaderError(f"{_shown(text)} is not one e-mail address")
    local, _, domain = spec.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        raise HeaderError(f"{_shown(text)} has no valid domain") from None
    if not _LOCAL.match(local) or len(local) > 64 or not _DOMAIN.match(domain):
        raise HeaderError(f"{_shown(text)} is not one e-mail address")
    if text != spec and not text.rstrip().endswith(f"<{spec}>"):
        raise HeaderError(f"{_shown(text)} is not one e-mail address")
    return Address(_ENCODED_WORD.sub("", name).strip(), local, domain)


def encoded_mailbox(one: Address) -> str:
    """As it stands in a header; the address itself is never encoded."""
    if not one.display_name:
        return one.addr_spec
    return f"{encoded(one.display_name, phrase=True)} <{one.addr_spec}>"


def encoded(text: str, *, phrase: bool = False) -> str:
    """A header text in ASCII: plain words as they are, else encoded words (75 characters are allowed).

    Control characters become blanks. A text that looks like an encoded word is encoded, so that no reader decodes it
    into something else. `phrase`: a name before an address.
    """
    text = " ".join(_CONTROL.sub(" ", text).split())
    is_plain = text.isascii() and "=?" not in text and max(map(len, text.split(" ")), default=0) < 60
    if is_plain and not phrase:
        return text
    if is_plain:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return text if re.fullmatch(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+", text) else f'"{quoted}"'
    return " ".join(f"=?utf-8?b?{base64.b64encode(part).decode('ascii')}?=" for part in _chunks(text))


def _chunks(text: str) -> list[bytes]:
    """At most 36 bytes each, so that an encoded word has at most 60 characters; no character is cut in two."""
    chunks = [b""]
    for character in text:
        data = character.encode("utf-8")
        if len(chunks[-1]) + len(data) > 36:
            chunks.append(b"")
        chunks[-1] += data
    return chunks


def _folded(name: str, value: str) -> str:
    """A header in lines of about 76 characters, broken only between words."""
    line, lines = f"{name}:", []
    for word in value.split(" "):
        if len(line) + 1 + len(word) > _FOLD and line != f"{name}:":
            lines.append(line)
            line = ""
        line += " " + word
    return "\r\n".join([*lines, line])


def _extra(name: str, value: str) -> str:
    if not _HEADER_NAME.match(name) or _CONTROL.search(value):
        raise HeaderError(f"the header {_shown(name)} holds a line break or another control character")
    if name in _URI_HEADERS:  # never folded, never encoded (RFC 8058)
        if not value.isascii() or len(name) + len(value) > _LONGEST_LINE:
            raise HeaderError(f"the header {name} must be one line of ASCII")
        return f"{name}: {value}"
    return _folded(name, encoded(value))


def _body(kind: str, text: str) -> list[str]:
    """A part: as it is where it is plain ASCII in short lines, quoted-printable where most of it is ASCII, else base64."""
    head = f'Content-Type: text/{kind}; charset="utf-8"'
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    unified = "\r\n".join(lines)
    data = unified.encode("utf-8", "replace")
    foreign = len(data) - len(unified)  # bytes beyond one a character
    if data.isascii() and max(map(len, lines)) <= _LONGEST_LINE and "\x00" not in text:
        return [head, "Content-Transfer-Encoding: 7bit", "", data.decode("ascii")]
    if foreign * 6 < len(text):
        body = binascii.b2a_qp(data, istext=True).decode("ascii")
        return [
            head,
            "Content-Transfer-Encoding: quoted-printable",
            "",
            body.replace("\r\n", "\n").replace("\n", "\r\n"),
        ]
    whole = base64.b64encode(data).decode("ascii")
    return [
        head,
        "Content-Transfer-Encoding: base64",
        "",
        "\r\n".join(whole[at : at + 76] for at in range(0, len(whole), 76)),
    ]


def _shown(text: str) -> str:
    return repr(text[:3] + "..." if len(text) > 3 else text)


# --- the proof ----------------------------------------------------------------------------------

_HOSTILE = (
    "Hi\r\nBcc: evil@x.example", "a\nTo: evil@x.example", "=?utf-8?q?=0D=0ABcc:_evil@x.example?=", "Привіт, Оксано! " * 9,
    "x\u2028Bcc: y", "\x00\x85", '"quoted" <b@c.example>, d@e.example', "a" * 300, "",
)  # fmt: skip


def self_test() -> None:
    """Writes mails with hostile texts and reads them with the standard library. Raises WorldError when the headers
    that arrive are not the ones that were meant; then nothing may be sent from this installation."""
    headers = {
        "List-Unsubscribe": f"<https://news.example/u/{'a' * 200}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    for text in _HOSTILE:
        message = Message(
            "self-test", "email", "anna@example.com", "t", "en", "marketing", f"{text}\n.\nbody", f"<p>{text}</p>", text or "x",
            "Bean & Thére <hello@shop.example>", "", "", headers,
        )  # fmt: skip
        data = mail_bytes(message, "secret", Instant(0))
        wrong = _faults(data, message, headers)
        if wrong:
            raise WorldError(f"the header self-test failed: {wrong}", permanent=True)


def _faults(data: bytes, message: Message, headers: Mapping[str, str]) -> str:
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    expected = ["Date", "From", "To", "Message-ID", "Subject", "MIME-Version", *headers, "Content-Type"]
    if sorted(parsed.keys()) != sorted(expected):
        return f"the headers were {parsed.keys()}"
    if parsed["Subject"] != " ".join(_CONTROL.sub(" ", message.subject).split()):
        return "the subject came back changed"
    if any(
        parsed[name] != value or f"\r\n{name}: {value}\r\n".encode() not in data
        for name, value in headers.items()
    ):
        return "the unsubscribe headers came back changed"
    if max(map(len, data.split(b"\r\n"))) > 998 or re.search(rb"[^\r]\n|\r[^\n]", data):
        return "a line is too long or ends wrongly"
    return ""
