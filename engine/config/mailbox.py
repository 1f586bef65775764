"""`mailbox:` in config.yaml: where bounces, complaints and wishes to unsubscribe come in by mail."""

from __future__ import annotations

from engine.config import MailboxConfig
from engine.config.secrets import values_of
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader

_EVERY = TextPattern(
    "[1-9][0-9]{0,3} (second|minute|hour)s?", "is no length of time",
    "the mailbox is looked at again and again", "write  5 minutes",
)  # fmt: skip
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
        Key("every", "text", "how often somebody looks", example="5 minutes", pattern=_EVERY),
    ),
    "Where reports by mail come in",
)

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600}


def read_mailbox(reader: MapReader | None) -> MailboxConfig | None:
    """What the file says; None where it says nothing or too little."""
    if reader is None:
        return None
    values = values_of(reader)
    if "every" in values:
        number, _, unit = values["every"].partition(" ")
        values["every"] = float(int(number) * _SECONDS[unit.rstrip("s")])
    # Half a login would fail at every look; what is missing has been told already.
    if not all(key in values for key in ("imap", "user", "password")):
        return None
    # TLS from the first byte has a port of its own (RFC 8314, 3.2); STARTTLS and none share the old one.
    usual_port = 993 if values.get("tls", "tls") == "tls" else 143
    return MailboxConfig(values.pop("imap"), **{"port": usual_port, **values})
