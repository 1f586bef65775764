"""A message as a customer sees it: who got it, where its links lead, and which code stands in it."""

from __future__ import annotations

import email
import email.header
import email.message
import html
import re
from dataclasses import dataclass

from engine.channels.base import Message

_HREF = re.compile(r'<a\b(?![^>]*\baria-hidden)[^>]*?\bhref="([^"]+)"', re.IGNORECASE)
"""A link that somebody sees: the decoy for machines is none."""

_PIXEL = re.compile(r'<img\b[^>]*?\bsrc="([^"]+/o/[^"]+)"', re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")
_CODE = re.compile(r"\b[A-Z][A-Z0-9]{2,7}-[A-Z0-9]{4}-[A-Z0-9]{4}\b")


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """`links`: those that are followed for their content, the best first. `pixel`: what a mail program loads
    when the mail is opened. `leave`: where the one-click unsubscribe of the headers goes. `confirm`: where a
    button says yes to a list. `about`: a few words for the screen."""

    address: str
    channel: str
    links: tuple[str, ...]
    code: str = ""
    pixel: str = ""
    leave: str = ""
    about: str = ""
    confirm: str = ""


def parse_mail(address: str, raw: bytes, key: str) -> Message:
    """A mail as the SMTP sink got it, in the form in which the outbox folder keeps messages."""
    mail = email.message_from_bytes(
        raw
    )  # the old policy: it reads a mail five times as fast, and we wrote it ourselves
    kept = ("List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID")
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    return Message(
        key=key,
        channel="email",
        address=address,
        template="",
        language=_header(mail, "Content-Language"),
        purpose=None,
        body=_text(parts.get("text/plain")),
        html=_text(parts.get("text/html")),
        subject=_header(mail, "Subject"),
        sender=_header(mail, "From"),
        headers={name: _header(mail, name) for name in kept if name in mail},
    )


def read_received(message: Message) -> ReceivedMessage:
    """What somebody sees in it, on any channel."""
    if message.channel == "email":
        return _mail(message)
    target = message.fields.get("url", "")
    links = [target] if target else _ADDRESS.findall(message.body)[:1]  # the second one of a text says stop
    match = _CODE.search(message.body)
    return ReceivedMessage(
        message.address,
        message.channel,
        tuple(links),
        match[0] if match else "",
        about=message.fields.get("title", message.template),
    )


def _mail(message: Message) -> ReceivedMessage:
    seen = [html.unescape(link) for link in _HREF.findall(message.html)]
    useful = [link for link in seen if "/c/" in link]
    confirm = next((link for link in seen if "/y/" in link), "")
    pixel = _PIXEL.search(message.html)
    match = _CODE.search(message.html)
    return ReceivedMessage(
        message.address,
        "email",
        (confirm,) if confirm else tuple(useful[1:] or useful),  # the first is the name of the shop on top
        match[0] if match else "",
        html.unescape(pixel[1]) if pixel else "",
        _one_click(message),
        message.subject,
        confirm,
    )


def _header(mail: email.message.Message, name: str) -> str:
    return " ".join(str(email.header.make_header(email.header.decode_header(mail.get(name, "")))).split())


def _text(part: email.message.Message | None) -> str:
    if part is None:
        return ""
    content = part.get_payload(decode=True)
    return content.decode(part.get_content_charset("utf-8"), "replace") if isinstance(content, bytes) else ""


def _one_click(message: Message) -> str:
    if "One-Click" not in message.headers.get("List-Unsubscribe-Post", ""):
        return ""
    match = re.search(r"<(https?://[^>]+)>", message.headers.get("List-Unsubscribe", ""))
    return match[1] if match else ""
