"""Mail that comes back: delivery reports, complaints, wishes to unsubscribe, answers - read, not believed.

Which message it is about is said only by our own token: in the mailbox that it was sent to (the return
path), or in a Message-ID that it quotes. An address in a text proves nothing (design/reliability 3.3).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal

from engine.channel_kinds import normalised
from engine.channels.base import Report
from engine.channels.email import complaints, service_notices
from engine.channels.email.delivery_reports import Failure, read_report
from engine.channels.email.mime_reader import LARGEST, MailPart, decoded_words, read
from engine.channels.email.report_texts import is_from_a_server
from engine.values import Instant

_TOKEN = re.compile(r"[a-z2-7]{26}")
_QUOTED_ID = re.compile(rb"message-id:[ \t\n]{0,9}<?([a-z2-7]{26})@")
_QUOTED_TAG = re.compile(rb"(?:[^\n]|\n[ \t]){0,2000}?[<:][^\s<>:@+]{1,64}\+([a-z2-7]{26})@")
_QUOTING = (
    (b"message-id:", _QUOTED_ID),
    *((name, _QUOTED_TAG) for name in (b"return-path:", b"original-mail-from:", b"list-unsubscribe:")),
)
"""Our token in the original's other headers, too: some who report complaints black out the Message-ID."""

_QUOTES = 200
"""So many headers of a name are looked at in a mail."""
_TAGGED = re.compile(r"([^@+\s<>,;:\"()]{1,64})\+([a-z2-7]{26})@", re.IGNORECASE)
_REFERENCE = re.compile(r"<([a-z2-7]{26})@")

_SENT_TO = ("delivered-to", "x-original-to", "envelope-to", "to", "x-envelope-to", "resent-to")

Kind = Literal["bounce", "complaint", "unsubscribe", "reply", "automatic", "other"]


@dataclass(frozen=True, slots=True)
class InboundMail:
    """One mail that came in. `tokens`: of our messages, the one of the mailbox first. `failures`: for a
    bounce. `alone`: the report is about one address only, so it is ours whatever it is called there."""

    kind: Kind
    id: str
    tokens: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    at: Instant | None = None
    about: str = ""
    alone: bool = True


def read_mail(raw: bytes) -> InboundMail:
    """Understands any mail, in less than a second; what is none of these kinds is `other`. Never raises for
    what stands in it."""
    raw = raw[:LARGEST]
    mail = read(raw)
    # token -> mailbox, of `mailbox+TOKEN@...` in the addresses that the mail was sent to
    tags = {
        token.lower(): mailbox.lower()
        for header in _SENT_TO
        for value in mail.get_all(header)
        for mailbox, token in _TAGGED.findall(value)
    }
    tokens = tuple(dict.fromkeys([*tags, *_quoted(mail, raw)]))
    id_ = hashlib.sha256(raw).hexdigest()[:32]
    at, about = _moment(mail), decoded_words(mail.get("subject"))[:200]
    kind: Kind
    failures: tuple[Failure, ...] = ()
    alone = True
    if complaints.is_feedback(mail):
        kind = "complaint" if complaints.is_complaint(mail) else "other"
    elif (notice := service_notices.read(mail)) is not None:
        kind, failures = notice.kind, notice.failures
        alone = len(failures) < 2
    elif _is_absence(mail):
        kind = "automatic"
    elif (report := read_report(mail)) is not None:
        kind, failures, alone = "bounce" if report.failures else "other", report.failures, report.alone
    # before replies: a server quotes our Message-ID, too, and nobody wrote
    elif is_from_a_server(mail) or mail.kind == "multipart/report":
        kind = "other"
    # before mail of machines: a program that unsubscribes somebody at a button says that it is one
    elif any(name.startswith("unsub") for name in tags.values()):
        kind = "unsubscribe"
    # no person wrote it: what Exchange says of absence, mail to everybody
    elif (
        _automatic(mail) not in ("", "no")
        or mail.get("precedence").strip().lower() in ("bulk", "junk")
        or mail.get("x-auto-response-suppress").strip().lower() not in ("", "none")
    ):
        kind = "automatic"
    else:
        answered = tuple(_REFERENCE.findall(f"{mail.get('in-reply-to')} {mail.get('references')}".lower()))
        tokens = answered or tokens
        kind = "reply" if tokens else "other"
    return InboundMail(kind, id_, tokens, failures, at, about, alone)


def reports_of(mail: InboundMail, key: str, address: str, purpose: str | None, raw: str = "") -> list[Report]:
    """What a letter says of one message of ours, that was sent to `address` for a purpose. Of several failed
    addresses only that one counts; the only one of a report counts under any name (mail is forwarded)."""
    base = f"mail {mail.id} {key[:12]}"
    match mail.kind:
        case "complaint":
            return [Report("complained", base, key, address=address, at=mail.at, detail="a feedback report",
                           raw=raw)]  # fmt: skip
        case "unsubscribe":
            wish = purpose or "all"
            return [Report("unsubscribed", base, key, address=address, purpose=wish, at=mail.at,
                           detail="a mail to the unsubscribe mailbox", raw=raw)]  # fmt: skip
        case "reply":
            return [Report("replied", base, key, address=address, at=mail.at, raw=raw)]
        case "bounce":
            failures = mail.failures
            if len(failures) > 1 or not mail.alone:
                ours = normalised("email", address)
                same = (each for each in mail.failures if normalised("email", each.address) == ours)
                failures = tuple(same)[:1]
            return [
                Report(failure.kind, base, key, address=address, at=mail.at, detail=failure.detail, raw=raw,
                       fault=failure.fault, enough=failure.enough)
                for failure in failures
            ]  # fmt: skip
        case _:
            return []


# --- which message ------------------------------------------------------------------------------------


def _quoted(mail: MailPart, raw: bytes) -> Iterator[str]:
    """Tokens in what is quoted of the original, also where that is packed in base64 or quoted-printable."""
    packed = (part.content for part in mail.walk() if part.is_packed and not part.parts)
    for text in (raw, *packed):
        lines = text.lower().replace(b"\r\n", b"\n")
        for name, pattern in _QUOTING:
            at = -1
            for _ in range(_QUOTES):
                at = lines.find(name, at + 1)
                if at < 0:
                    break
                found = (
                    pattern.match(lines, at)
                    if lines[max(0, at - 30) : at].rpartition(b"\n")[2].strip(b" \t>x-") in (b"", b"original")
                    else None
                )
                if found:
                    yield found[1].decode()


def _moment(mail: MailPart) -> Instant | None:
    try:
        return Instant(int(parsedate_to_datetime(mail.get("date")[:100]).timestamp() * 1000))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


# --- what it is ---------------------------------------------------------------------------------------


def _is_absence(mail: MailPart) -> bool:
    """Out of office and its like (RFC 3834): no answer of a person, and no bounce. Servers call their reports
    automatic answers, too."""
    precedence = mail.get("precedence").strip().lower()
    marked = any(name in ("x-autoreply", "x-autorespond") for name, _ in mail.headers)
    says_so = _automatic(mail) in ("auto-replied", "auto-notified") or precedence == "auto_reply" or marked
    return says_so and not is_from_a_server(mail) and mail.kind != "multipart/report"


def _automatic(mail: MailPart) -> str:
    return mail.get("auto-submitted").partition(";")[0].partition("(")[0].strip().lower()
