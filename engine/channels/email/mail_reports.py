"""Mail that comes back: delivery reports, complaints, wishes to unsubscribe, answers - read, not believed.

Which message it is about is said only by our own token: in the mailbox that it was sent to (the return path),
or in a Message-ID that it quotes. An address in a text proves nothing (design/reliability 3.3). Delivery
reports by RFC 3464, complaints by RFC 5965; the odd formats of older servers by flufl.bounce.
"""

from __future__ import annotations

import binascii
import email
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message as Mail
from email.utils import getaddresses, parsedate_to_datetime
from typing import Literal

from flufl.bounce import all_failures

from engine.channel_kinds import normalised
from engine.channels.base import Report, ReportKind
from engine.channels.email.answers import refusal
from engine.values import Instant

LARGEST = 1_048_576
"""Bytes of a mail that are looked at; a report is small, what it quotes may not be."""

_TOKEN = re.compile(r"[a-z2-7]{26}")
_QUOTED_ID = re.compile(rb"(?im)^(?:Original-)?Message-ID:\s*<([a-z2-7]{26})@")
_QUOTED_TAG = re.compile(
    rb"(?im)^(?:Return-Path|Original-Mail-From|List-Unsubscribe):"
    rb"(?:[^\r\n]|\r?\n[ \t]){0,4000}?[<:][^\s<>:@+]+\+([a-z2-7]{26})@"
)
"""Our token in the original's other headers: some who report complaints black out the Message-ID."""
_TAGGED = re.compile(r"^([^@+\s]+)\+([a-z2-7]{26})@", re.IGNORECASE)
_CODE = re.compile(r"\b([45]\d\d)\b")
_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_NO_FAILURE = ("delayed", "delivered", "relayed", "expanded")
"""RFC 3464 2.3.3; `failed` has other words with some servers."""

_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "dmarc", "virus"})
"""Feedback that is no wish of a person to be left alone: taken out of the spam folder (RFC 6430), a signature
that broke on the way (RFC 6591), an attachment that a scanner did not like."""

_SENT_TO = ("delivered-to", "x-original-to", "envelope-to", "to", "x-envelope-to", "resent-to")

_STATUS = "message/delivery-status"
_STATUS_IN_UTF8 = "message/global-delivery-status"
_BETWEEN = re.compile(rb"(?:\r?\n[ \t]*){2,}")

Kind = Literal["bounce", "complaint", "unsubscribe", "reply", "automatic", "other"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What a report says of one address. `enough`: on so many days until the address is closed; 0: the usual
    rule."""

    address: str
    kind: ReportKind
    detail: str
    fault: Literal["", "address", "sender", "template", "provider"] = ""
    enough: int = 0


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
    """Understands any mail; what is none of these kinds is `other`. Never raises for what stands in it."""
    raw = raw[:LARGEST]
    mail = email.message_from_bytes(raw)
    tags = dict(_tags(mail))
    tokens = tuple(dict.fromkeys([*tags, *_quoted(mail, raw)]))
    id_ = hashlib.sha256(raw).hexdigest()[:32]
    at, about = _moment(mail), str(mail.get("Subject", ""))[:200]
    if _report_type(mail) == "feedback-report":
        kind: Kind = "other" if _feedback(mail) in _NO_COMPLAINT else "complaint"
        return InboundMail(kind, id_, tokens, at=at, about=about)
    groups = list(_groups(mail))
    failures = tuple(_failures(mail, groups))
    if failures:
        alone = len({normalised("email", address) for address, _, _ in groups}) < 2
        return InboundMail("bounce", id_, tokens, failures, at, about, alone)
    # before replies: a server quotes our Message-ID, too, and nobody wrote
    if _is_from_a_server(mail) or _report_type(mail):
        return InboundMail("other", id_, tokens, at=at, about=about)
    if _is_automatic(mail):
        return InboundMail("automatic", id_, tokens, at=at, about=about)
    # before mail of machines: a program that unsubscribes somebody at a button says that it is one
    if any(name.startswith("unsub") for name in tags.values()):
        return InboundMail("unsubscribe", id_, tokens, at=at, about=about)
    if _is_of_a_machine(mail):
        return InboundMail("automatic", id_, tokens, at=at, about=about)
    references = f"{mail.get('In-Reply-To', '')} {mail.get('References', '')}".lower()
    answered = tuple(local for local in re.findall(r"<([^@<>\s]+)@", references) if _TOKEN.fullmatch(local))
    if answered or tokens:
        return InboundMail("reply", id_, answered or tokens, at=at, about=about)
    return InboundMail("other", id_, at=at, about=about)


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


def _tags(mail: Mail) -> Iterator[tuple[str, str]]:
    """(token, mailbox) of `mailbox+TOKEN@...` in the addresses that the mail was sent to."""
    for header in _SENT_TO:
        for _, address in getaddresses([str(value) for value in mail.get_all(header, [])]):
            tagged = _TAGGED.match(address)
            if tagged:
                yield tagged[2].lower(), tagged[1].lower()


def _quoted(mail: Mail, raw: bytes) -> Iterator[str]:
    """Tokens in what is quoted of the original, also where that is packed in base64 or quoted-printable."""
    for text in (raw, *unpacked(mail)):
        for pattern in (_QUOTED_ID, _QUOTED_TAG):
            yield from (token.decode() for token in pattern.findall(text.lower()))


def _moment(mail: Mail) -> Instant | None:
    try:
        return Instant(int(parsedate_to_datetime(str(mail.get("Date", ""))).timestamp() * 1000))
    except (ValueError, TypeError, OverflowError):
        return None


# --- what it is ---------------------------------------------------------------------------------------


def _report_type(mail: Mail) -> str:
    if mail.get_content_type() != "multipart/report":
        return ""
    return str(mail.get_param("report-type", "") or "").lower()


def _feedback(mail: Mail) -> str:
    """The Feedback-Type of RFC 5965, in lower case; "" where it does not say."""
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            fields = email.message_from_bytes(content(part).lstrip())
            return str(fields.get("Feedback-Type", "")).strip().lower()
    return ""


def _is_of_a_machine(mail: Mail) -> bool:
    """No person wrote it: what Exchange says of absence, mail to everybody. It is no answer."""
    how = str(mail.get("Auto-Submitted", "")).partition(";")[0].strip().lower()
    precedence = str(mail.get("Precedence", "")).strip().lower()
    quiet = str(mail.get("X-Auto-Response-Suppress", "")).strip().lower()
    return how not in ("", "no") or precedence in ("bulk", "junk") or quiet not in ("", "none")


def _is_automatic(mail: Mail) -> bool:
    """Out of office and its like (RFC 3834): no answer of a person, and no bounce."""
    how = str(mail.get("Auto-Submitted", "")).partition(";")[0].strip().lower()
    precedence = str(mail.get("Precedence", "")).strip().lower()
    marked = any(name in mail for name in ("X-Autoreply", "X-Autorespond"))
    return how in ("auto-replied", "auto-notified") or precedence == "auto_reply" or marked


def _failures(mail: Mail, groups: Sequence[tuple[str, str, Mail]]) -> Iterator[Failure]:
    if groups:  # several of one address are one; none that failed: all went well, or it is still being tried
        failed = [
            _failure_of(address, group) for address, action, group in groups if action not in _NO_FAILURE
        ]
        yield from {normalised("email", failure.address): failure for failure in failed}.values()
    elif not _is_automatic(mail) or _is_from_a_server(mail):
        yield from _odd(mail)


def _is_from_a_server(mail: Mail) -> bool:
    """Sent by nobody: some servers call their bounces answers."""
    sender = str(mail.get("From", "")).lower()
    path = str(mail.get("Return-Path", "")).strip()
    return path == "<>" or "mailer-daemon" in sender or "postmaster" in sender


def _groups(mail: Mail) -> Iterator[tuple[str, str, Mail]]:
    """RFC 3464: a group of fields for each recipient. (address, action, fields)"""
    for part in mail.walk():
        for group in status_fields(part):
            # the original one: it is ours, the final one may be where a mailbox is forwarded to
            recipient = _field(group, "Original-Recipient") or _field(group, "Final-Recipient")
            address = recipient.partition(";")[2] if ";" in recipient else recipient
            address = address.strip().strip("<>")
            if address:
                action = _field(group, "Action").lower().split()  # some say `failed (in words)`, some nothing
                yield address, action[0] if action else "failed", group


def _field(group: Mail, name: str) -> str:
    return " ".join(str(group.get(name, "")).split())


def _failure_of(address: str, group: Mail) -> Failure:
    """The class of design/reliability 3.3. A general status (5.0.0) is told nearer by the words of the other
    server."""
    status, diagnostic = _field(group, "Status"), _field(group, "Diagnostic-Code")
    words = diagnostic.partition(";")[2].strip() or diagnostic
    nearer = _ENHANCED.search(words)
    enhanced = _ENHANCED.search(status)
    if enhanced is None or (enhanced[1].endswith(".0.0") and nearer is not None):
        enhanced = nearer
    code = _CODE.search(words)
    number = int(code[1]) if code else 400 if enhanced and enhanced[1].startswith("4") else 550
    answer = refusal(
        number,
        f"{enhanced[1] if enhanced and not enhanced[1].endswith('.0.0') else ''} {words}".strip(),
        "recipient",
    )
    detail = f"{enhanced[1] if enhanced else number}: {answer.detail}"
    if answer.kind == "bounced":
        return Failure(address, "bounced", detail, "address")
    if answer.fault == "sender":
        return Failure(address, "refused", detail, "sender")
    if answer.fault == "template":
        return Failure(address, "refused", detail, "template")
    return Failure(
        address, "bounced for now", detail, "address", enough=2 if answer.soft == "disabled" else 0
    )


def _odd(mail: Mail) -> Iterator[Failure]:
    """Reports of servers that keep to no standard: dozens of formats that flufl.bounce knows."""
    try:
        temporary, permanent = all_failures(mail)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError):  # hostile bytes in a detector
        return
    for address in _texts(permanent):
        yield Failure(address, "bounced", "reported as gone for good", "address")
    for address in _texts(temporary - permanent):
        yield Failure(address, "bounced for now", "reported as not reachable for now", "address")


def _texts(addresses: Iterable[bytes | str]) -> list[str]:
    return sorted(text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in addresses)


# --- parts that came packed, which the standard library leaves to us ------------------------------------


def status_fields(part: Mail) -> Iterator[Mail]:
    """The groups of fields of a delivery report, one for each recipient; in UTF-8, too (RFC 3464, RFC
    6533)."""
    kind, payload = part.get_content_type(), part.get_payload()
    if kind == _STATUS and isinstance(payload, list) and not _packing(part):
        yield from (group for group in payload if isinstance(group, Mail))
    elif kind in (_STATUS, _STATUS_IN_UTF8):
        for group in _BETWEEN.split(content(part).strip()):
            yield email.message_from_string(group.decode("utf-8", "replace"))


def unpacked(mail: Mail) -> Iterator[bytes]:
    """The parts of a report that came packed."""
    for part in mail.walk() if mail.get_content_type() == "multipart/report" else ():
        if _packing(part) and part.get_content_maintype() != "multipart":
            yield content(part)


def content(part: Mail) -> bytes:
    """What stands in a part; nothing where its packing is broken."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return _bytes(part)
    # the parser took it for a mail, packed or not
    mails: list[bytes] = []
    for inner in payload:
        if isinstance(inner, Mail):
            # headers as they came: the parser took the packed lines for headers, and none may be lost
            lines = [
                f"{name}: {value}".encode("utf-8", "surrogateescape") for name, value in inner.raw_items()
            ]
            mails.append(b"\n".join([*lines, b"", _bytes(inner)]).strip(b"\n"))
    data = b"\n\n".join(mails)
    packing = _packing(part)
    try:
        if packing == "base64":
            return binascii.a2b_base64(data)
        return binascii.a2b_qp(data) if packing else data
    except binascii.Error:
        return b""


def _packing(part: Mail) -> str:
    packing = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    return packing if packing in ("base64", "quoted-printable") else ""


def _bytes(part: Mail) -> bytes:
    """Its own text; nothing for a part that has parts."""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""
