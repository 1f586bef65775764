"""A message as a customer sees it: who got it, where its links lead, and which code stands in it."""

from __future__ import annotations

import email
import email.message
import email.policy
import html
import re
from dataclasses import dataclass

from engine.channels.base import Message

_HREF = re.compile(r'<a\b[^>]*?\bhref="([^"]+)"', re.IGNORECASE)
_PIXEL = re.compile(r'<img\b[^>]*?\bsrc="([^"]+/o/[^"]+)"', re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")
_CODE = re.compile(r"\b[A-Z][A-Z0-9]{2,7}-[A-Z0-9]{4}-[A-Z0-9]{4}\b")


@dataclass(frozen=True, slots=True)
class Letter:
    """`links`: those that are followed for their content, the best first. `pixel`: what a mail program loads when the
    mail is opened. `leave`: where the one-click unsubscribe of the headers goes. `about`: a few words for the screen."""

    address: str
    channel: str
    links: tuple[str, ...]
    code: str = ""
    pixel: str = ""
    leave: str = ""
    about: str = ""


def parse_mail(address: str, raw: bytes, key: str) -> Message:
    """A mail as the SMTP sink got it, in the form in which the outbox folder keeps messages."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, email.message.EmailMessage)
    kept = ("List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID")
    return Message(
        key=key,
        channel="email",
        address=address,
        template="",
        language=str(mail.get("Content-Language", "")),
        purpose=None,
        body=_part(mail, "plain"),
        html=_part(mail, "html"),
        subject=str(mail.get("Subject", "")),
        sender=str(mail.get("From", "")),
        headers={name: str(mail[name]) for name in kept if name in mail},
    )


def read_letter(message: Message) -> Letter:
    """What somebody sees in it, on any channel."""
    if message.channel == "email":
        return _mail(message)
    target = message.fields.get("url", "")
    links = [target] if target else _ADDRESS.findall(message.body)[:1]  # the second one of a text says stop
    found = _CODE.search(message.body)
    return Letter(
        message.address,
        message.channel,
        tuple(links),
        found[0] if found else "",
        about=message.fields.get("title", message.template),
    )


def _mail(message: Message) -> Letter:
    useful = [html.unescape(link) for link in _HREF.findall(message.html) if "/c/" in link]
    pixel = _PIXEL.search(message.html)
    found = _CODE.search(message.html)
    return Letter(
        message.address,
        "email",
        tuple(useful[1:] or useful),  # the first is the name of the shop on top
        found[0] if found else "",
        html.unescape(pixel[1]) if pixel else "",
        _one_click(message),
        message.subject,
    )


def _part(mail: email.message.EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _one_click(message: Message) -> str:
    if "One-Click" not in message.headers.get("List-Unsubscribe-Post", ""):
        return ""
    found = re.search(r"<(https?://[^>]+)>", message.headers.get("List-Unsubscribe", ""))
    return found[1] if found else ""
