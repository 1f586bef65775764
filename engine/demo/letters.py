"""A message as a customer sees it: who got it, where its links lead, and which code stands in it."""

from __future__ import annotations

import email
import email.message
import email.policy
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

_HREF = re.compile(r'<a\b[^>]*?\bhref="([^"]+)"', re.IGNORECASE)
_PIXEL = re.compile(r'<img\b[^>]*?\bsrc="([^"]+/o/[^"]+)"', re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")
_CODE = re.compile(r"\b[A-Z][A-Z0-9]{2,7}-[A-Z0-9]{4}-[A-Z0-9]{4}\b")


@dataclass(frozen=True, slots=True)
class Letter:
    """`links`: those that are followed for their content, the best first. `pixel`: what a mail program loads when the
    mail is opened. `leave`: where the one-click unsubscribe of the headers goes."""

    address: str
    channel: str
    links: tuple[str, ...]
    code: str = ""
    pixel: str = ""
    leave: str = ""


def read_mail(address: str, raw: bytes) -> Letter:
    """A mail as the SMTP sink got it."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, email.message.EmailMessage)
    page = _part(mail, "html")
    links = [html.unescape(link) for link in _HREF.findall(page)]
    useful = [link for link in links if "/c/" in link]
    pixel = _PIXEL.search(page)
    found = _CODE.search(page)
    return Letter(
        address,
        "email",
        tuple(useful[1:] or useful),  # the first is the name of the shop on top
        found[0] if found else "",
        html.unescape(pixel[1]) if pixel else "",
        _one_click(mail),
    )


def read_kept(message: Mapping[str, object]) -> Letter:
    """A message as the outbox folder keeps it: push and texts."""
    body = str(message.get("body") or "")
    fields = message.get("fields")
    target = str(fields.get("url") or "") if isinstance(fields, Mapping) else ""
    links = [target] if target else _ADDRESS.findall(body)[:1]  # the second one of a text says stop
    found = _CODE.search(body)
    return Letter(
        str(message.get("address") or ""),
        str(message.get("channel") or ""),
        tuple(links),
        found[0] if found else "",
    )


def _part(mail: email.message.EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _one_click(mail: email.message.EmailMessage) -> str:
    if "One-Click" not in str(mail.get("List-Unsubscribe-Post", "")):
        return ""
    found = re.search(r"<(https?://[^>]+)>", str(mail.get("List-Unsubscribe", "")))
    return found[1] if found else ""
