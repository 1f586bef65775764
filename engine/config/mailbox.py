"""`mailbox:` in config.yaml: where bounces, complaints and wishes to unsubscribe come in by mail."""

from __future__ import annotations

import re

from engine.config import MailboxConfig
from engine.config.nodes import Reader
from engine.language.nodes import Entry
from engine.language.wording import quoted
from engine.problem import did_you_mean

KEYS = ("imap", "port", "tls", "user", "password", "folder", "done", "every")
TLS = ("tls", "starttls", "none")

_EVERY = re.compile(r"(\d{1,4}) (second|minute|hour)s?", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600}


def read_mailbox(parts: dict[str, Entry], reader: Reader) -> MailboxConfig | None:
    """What the file says; None where it says nothing or too little."""
    entry = parts.get("mailbox")
    if entry is None:
        return None
    fields = reader.parts(entry.value, KEYS, "mailbox")
    host, user = reader.needed(fields, "imap", entry), reader.needed(fields, "user", entry)
    password = fields.get("password")
    if password is None:
        reader.needed(fields, "password", entry)
    secret = reader.secret(password.key, password.value) if password else None
    tls = _tls(fields, reader)
    if host is None or user is None or secret is None:
        return None
    start = MailboxConfig(host.text, user.text, secret, tls=tls)
    folder, done = reader.text(fields, "folder"), reader.text(fields, "done")
    return MailboxConfig(
        host.text,
        user.text,
        secret,
        _port(fields, reader) or (993 if tls == "tls" else 143),
        tls,
        folder.text if folder else start.folder,
        done.text if done else start.done,
        _every(fields, reader) or start.every,
    )


def _tls(fields: dict[str, Entry], reader: Reader) -> str:
    found = reader.text(fields, "tls")
    if found is None or found.text in TLS:
        return found.text if found else "tls"
    listed = ", ".join(TLS)
    reader.refuse(
        found.span, f"{quoted(found.text)} is not one of its values", f"it can be: {listed}",
        did_you_mean(found.text, TLS, f"use one of: {listed}"),
    )  # fmt: skip
    return "tls"


def _port(fields: dict[str, Entry], reader: Reader) -> int | None:
    found = reader.text(fields, "port")
    if found is None or (found.text.isascii() and found.text.isdigit() and 0 < int(found.text) < 65_536):
        return int(found.text) if found else None
    reader.refuse(
        found.span, f"{quoted(found.text)} is not a port", "a port is a number from 1 to 65535", "write  993"
    )
    return None


def _every(fields: dict[str, Entry], reader: Reader) -> float | None:
    found = reader.text(fields, "every")
    if found is None:
        return None
    length = _EVERY.fullmatch(found.text)
    if length and int(length[1]) > 0:
        return float(int(length[1]) * _SECONDS[length[2]])
    reader.refuse(
        found.span,
        f"{quoted(found.text)} is no length of time",
        "the mailbox is looked at again and again",
        "write  5 minutes",
    )
    return None
