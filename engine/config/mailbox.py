"""`mailbox:` in config.yaml: where bounces, complaints and wishes to unsubscribe come in by mail."""

from __future__ import annotations

import re

from engine.config import MailboxConfig
from engine.config.secrets import values_of
from engine.language.grammar import Construct, Key
from engine.language.map_reader import MapReader
from engine.language.wording import quoted

MAILBOX = Construct(
    "mailbox",
    "mailbox",
    (
        Key("imap", "text", "the mail server", needed=True, example="imap.provider.example"),
        Key("port", "count", "the port of the mail server", example="993"),
        Key("tls", "choice", "when the connection is protected", choices=("tls", "starttls", "none")),
        Key("user", "text", "the login at the mail server", needed=True, example="bounces@shop.example"),
        Key("password", "secret", "the password of the login", needed=True, example="env:MAILBOX_PASSWORD"),
        Key("folder", "text", "where mail comes in", example="INBOX"),
        Key("done", "text", "where mail goes when it was read", example="Done"),
        Key("every", "text", "how often somebody looks", example="5 minutes"),
    ),
    "Where reports by mail come in",
)

_EVERY = re.compile(r"(\d{1,4}) (second|minute|hour)s?", re.ASCII)
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600}


def read_mailbox(reader: MapReader | None) -> MailboxConfig | None:
    """What the file says; None where it says nothing or too little."""
    if reader is None:
        return None
    values, every = values_of(reader, ("every",)), reader.text("every")
    if every is not None:
        length = _EVERY.fullmatch(every.value)
        if length and int(length[1]) > 0:
            values["every"] = float(int(length[1]) * _SECONDS[length[2]])
        else:
            reader.context.refuse(
                every.span,
                f"{quoted(every.value)} is no length of time",
                "the mailbox is looked at again and again",
                "write  5 minutes",
            )
    if not all(key in values for key in ("imap", "user", "password")):
        return None
    usual_port = 993 if values.get("tls", "tls") == "tls" else 143
    return MailboxConfig(values.pop("imap"), **{"port": usual_port, **values})
