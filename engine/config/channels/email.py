"""A channel `via: smtp` in config.yaml: e-mail by a mail server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.config import Secret
from engine.config.channels.via import ViaOptions
from engine.config.secrets import is_secret, refuse_literal
from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.nodes import Mapping


@dataclass(frozen=True, slots=True)
class EmailOptions(ViaOptions):
    """What the mail server is, and what is added to every mail. An empty text and None: config.yaml does not
    say."""

    via: ClassVar[str] = "smtp"
    host: str = ""
    port: int | None = None
    tls: str = ""
    certificates: str = ""
    user: str = ""
    password: Secret | None = None
    hello: str = ""
    connections: int = 20
    # Providers end long connections by themselves, often in the middle of a mail.
    mails_per_connection: int = 100
    # Mailbox providers put off who comes with many connections at once.
    per_domain: int = 10
    return_path: str = ""
    unsubscribe: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    dkim_domain: str = ""
    dkim_selector: str = ""
    dkim_key: Secret | None = None


KEYS = (
    Key("host", "text", "the mail server", needed=True, example="smtp.provider.example"),
    Key("from", "text", "the sender", needed=True, example='"Bean There <hello@shop.example>"'),
    Key("password", "secret", "of the login"),
    Key("dkim_key", "secret", "the private half of the key that signs"),
    Key("port", "count", "of the mail server", example="587"),
    Key("reply_to", "text", "where answers go", example="help@shop.example"),
    Key("tls", "choice", "when the connection is protected", choices=("tls", "starttls", "offered", "none")),
    Key("certificates", "text", "a file with the only certificates that are trusted",
        example="certificates/mail.pem"),
    Key("user", "text", "of the login", example="shop"),
    Key("timeout", "count", "seconds for each answer of the server", example="30"),
    Key("connections", "count", "at the same time", example="20"),
    Key("mails_per_connection", "count", "then a new connection", example="100"),
    Key("per_domain", "count", "messages at the same time to one domain", example="10"),
    Key("return_path", "text", "where bounces go", example="bounces@shop.example"),
    Key("unsubscribe", "text", "a mailbox for List-Unsubscribe", example="unsub@shop.example"),
    Key("headers", "map", "headers for every mail", example="{Feedback-ID: shop}"),
    Key("dkim_domain", "text", "the domain that signs", example="shop.example"),
    Key("dkim_selector", "text", "where the public half of its key stands", example="s1"),
    Key("hello", "text", "the name that this machine gives itself", example="mail.shop.example"),
)  # fmt: skip


def read_email(reader: MapReader, values: dict[str, Any]) -> EmailOptions:
    """The options as they are written."""
    headers = reader.node("headers")
    for entry in headers.entries if isinstance(headers, Mapping) else ():
        # Some providers take their key in a header of the mail: it would go to every customer.
        if is_secret(entry.key.text):
            refuse_literal(reader.context, entry.value.span, entry.key.text)
    options = EmailOptions(**values)
    if options.password is not None and options.tls in ("offered", "none"):
        # whoever listens on the way could send mail in the name of the shop from then on
        reader.context.refuse(
            reader.at_key("tls"),
            f"with tls: {options.tls} the password would be sent unprotected",
            "everybody on the way to the mail server could read it",
            "write  tls: starttls  or  tls: tls",
        )
    return options
