"""The bytes of an e-mail: few headers, each made safe, and one text beside one html.

Written by hand because the standard library is seven times slower and encodes long List-Unsubscribe
links (design/reliability 3.2). `self_test` compares it with the standard library's parser at
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
from dataclasses import dataclass, field
from email.utils import format_datetime
from functools import lru_cache

from engine.channels.base import Message
from engine.channels.mail_headers import (
    LONGEST_LINE,
    HeaderError,
    cleaned,
    encoded,
    encoded_mailbox,
    folded,
    mailbox,
    tagged,
    written,
)
from engine.errors import WorldError
from engine.values import Instant, to_datetime

__all__ = [
    "HeaderError",
    "MailHeaders",
    "encoded_mailbox",
    "mail_bytes",
    "mailbox",
    "message_id",
    "self_test",
    "token_of",
]

OURS = frozenset({
    "date", "from", "to", "cc", "bcc", "sender", "reply-to", "message-id", "subject", "mime-version",
    "return-path", "received", "list-unsubscribe", "list-unsubscribe-post", "dkim-signature",
})  # fmt: skip
"""Headers that only the engine writes, in lower case; so are all that begin with `content-`, `resent-` and
`arc-`."""


@dataclass(frozen=True, slots=True)
class MailHeaders:
    """What config.yaml adds to every mail: headers of the shop's own, and the mailbox that takes
    `List-Unsubscribe` by mail ("" for none). `lines`: the headers as they stand in every mail. Raises
    HeaderError for a header that would make another one."""

    headers: Mapping[str, str] = field(default_factory=dict)
    unsubscribe: str = ""
    lines: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lines = tuple(written(name, value) for name, value in self.headers.items())
        object.__setattr__(self, "lines", lines)


PLAIN = MailHeaders()


@lru_cache(maxsize=4096)  # asked where a body is stored and where it is written
def token_of(secret: str, key: str) -> str:
    """The token of a message in its Message-ID, its return path and its unsubscribe mailbox: the same for
    every attempt, and nobody can guess it. By it a bounce or a complaint finds the message (`outbox.ref`)."""
    digest = hmac.digest(secret.encode(), key.encode(), "sha256")
    return base64.b32encode(digest).decode("ascii")[:26].lower()


def message_id(secret: str, key: str, domain: str) -> str:
    """`<token@domain>`."""
    return f"<{token_of(secret, key)}@{domain}>"


@dataclass(frozen=True, slots=True)
class _Sender:
    """What the headers of a mail say of its sender."""

    domain: str
    line: str
    reply_to: tuple[str, ...]  # none or one line


@lru_cache(maxsize=256)
def _sender(sender: str, reply_to: str) -> _Sender:
    """Folded once, since it is the same in most mails. Raises AddressError."""
    address = mailbox(sender)
    answers = (folded("Reply-To", encoded_mailbox(mailbox(reply_to))),) if reply_to else ()
    return _Sender(address.domain, folded("From", encoded_mailbox(address)), answers)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return f"Date: {format_datetime(to_datetime(Instant(second * 1000)))}"


def is_ours(name: str) -> bool:
    """Is this a header that only the engine writes?"""
    low = name.lower()
    return low in OURS or low.startswith(("content-", "resent-", "arc-"))


def mail_bytes(
    message: Message,
    secret: str,
    now: Instant,
    letterhead: MailHeaders = PLAIN,
    *,
    international: bool = False,
) -> bytes:
    """The whole mail with CRLF, only ASCII, so that every server takes it as it is. `international`: an
    address that is not ASCII stands in `To` in UTF-8 (RFC 6532), for servers with SMTPUTF8 only. Raises
    HeaderError."""
    sender = _sender(message.sender, message.reply_to)
    token = token_of(secret, message.key)
    lines = [
        _date(now // 1000),
        sender.line,
        f"To: {mailbox(message.address, international=international).addr_spec}",
        f"Message-ID: <{token}@{sender.domain}>",
        folded("Subject", encoded(message.subject)),
        "MIME-Version: 1.0",
        *sender.reply_to,
        *letterhead.lines,
    ]
    headers = dict(message.headers)
    if letterhead.unsubscribe and headers.get("List-Unsubscribe"):
        # a second way out beside the link: a mail to a mailbox that knows the message
        headers["List-Unsubscribe"] += f", <mailto:{tagged(letterhead.unsubscribe, token)}>"
    lines += [written(name, value) for name, value in headers.items()]
    if not message.html:
        return "\r\n".join([*lines, *_body("plain", message.body)]).encode("utf-8")
    boundary = "=_" + hashlib.sha256(f"{secret}{message.key}".encode()).hexdigest()[:24]
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
    return "\r\n".join(parts).encode("utf-8")


def _body(kind: str, text: str) -> list[str]:
    """A part: as it is where it is plain ASCII in short lines, quoted-printable where most of it is ASCII,
    else base64."""
    head = f'Content-Type: text/{kind}; charset="utf-8"'
    # asked first: to look for pairs where there are none takes longer than everything else here
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    unified = text.replace("\n", "\r\n")
    if unified.isascii() and _has_short_lines(text) and "\x00" not in text:
        return [head, "Content-Transfer-Encoding: 7bit", "", unified]
    data = unified.encode("utf-8", "replace")
    foreign = len(data) - len(unified)  # bytes beyond one a character
    if foreign * 6 < len(text):
        body = binascii.b2a_qp(data, istext=True).decode("ascii")
        return [
            head,
            "Content-Transfer-Encoding: quoted-printable",
            "",
            body.replace("\r\n", "\n").replace("\n", "\r\n"),
        ]
    packed = base64.b64encode(data).decode("ascii")
    return [
        head,
        "Content-Transfer-Encoding: base64",
        "",
        "\r\n".join(packed[at : at + 76] for at in range(0, len(packed), 76)),
    ]


def _has_short_lines(text: str) -> bool:
    """No line is longer than LONGEST_LINE. Steps from one end of a line to the last one within reach, which
    looks at a few places of a long text instead of at each line."""
    at = 0
    while len(text) - at > LONGEST_LINE:
        at = text.rfind("\n", at, at + LONGEST_LINE + 1) + 1
        if not at:
            return False
    return True


# --- the proof ----------------------------------------------------------------------------------

_HOSTILE = (
    "Hi\r\nBcc: evil@x.example", "a\nTo: evil@x.example", "=?utf-8?q?=0D=0ABcc:_evil@x.example?=",
    "Привіт, Оксано! " * 9, "x\u2028Bcc: y", "\x00\x85", '"quoted" <b@c.example>, d@e.example', "a" * 300, "",
)  # fmt: skip


def self_test() -> None:
    """Writes mails with hostile texts and reads them with the standard library. Raises WorldError when the
    headers that arrive are not the ones that were meant; then nothing may be sent from this installation."""
    headers = {
        "List-Unsubscribe": f"<https://news.example/u/{'a' * 200}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    for text in _HOSTILE:
        message = Message(
            "self-test", "email", "anna@example.com", "t", "en", "marketing",
            f"{text}\n.\nbody", f"<p>{text}</p>", text or "x", "Bean & Thére <hello@shop.example>", "", "",
            headers,
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
    if parsed["Subject"] != cleaned(message.subject):
        return "the subject came back changed"
    if any(
        parsed[name] != value or f"\r\n{name}: {value}\r\n".encode() not in data
        for name, value in headers.items()
    ):
        return "the unsubscribe headers came back changed"
    if max(map(len, data.split(b"\r\n"))) > 998 or re.search(rb"[^\r]\n|\r[^\n]", data):
        return "a line is too long or ends wrongly"
    return ""
