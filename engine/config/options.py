"""What each way of sending understands in config.yaml: one table for the reader of the file and for its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Via:
    """One way of sending. `secret`: options that may only be references to a secret."""

    needed: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """All options, the needed ones first."""
        return tuple(dict.fromkeys((*self.needed, *self.secret, *self.allowed)))


COMMON = ("via", "price", "rate", "unknown")
"""What every channel may have."""

VIAS: Mapping[str, Via] = {
    "smtp": Via(
        needed=("host", "from"),
        allowed=("port", "reply_to", "tls", "certificates", "user", "timeout", "connections", "mails_per_connection",
                 "per_domain", "return_path", "unsubscribe", "headers", "dkim_domain", "dkim_selector", "hello"),
        secret=("password", "dkim_key"),
    ),
    "outbox": Via(allowed=("folder", "from", "reply_to")),
    "twilio": Via(allowed=("from", "messaging_service", "kind", "session", "url", "timeout"), secret=("account", "token")),
    "http": Via(needed=("url",), allowed=("from", "method", "timeout", "idempotency", "headers", "body", "answer", "callback"),
                secret=("token", "secret", "password")),
    "webpush": Via(needed=("subject", "private_key"), allowed=("ttl", "connections", "origins"),
                   secret=("private_key", "identity_key")),
    "apprise": Via(needed=("urls",), allowed=("timeout",), secret=("token", "secret", "password")),
}  # fmt: skip
"""`via:` by name (design/language 2.1)."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "tls": ("tls", "starttls", "offered", "none"),
    "method": ("POST", "PUT", "PATCH", "GET"),
    "kind": ("sms", "whatsapp"),
}
"""Options that can only be one of several words."""

STRUCTURED = ("origins", "headers", "body", "fields", "answer", "callback", "idempotency", "unknown", "urls")
"""Options whose value may also be a list or a map; what stands in it is up to the channel."""

NUMBERS = ("port", "timeout", "connections", "mails_per_connection", "per_domain", "ttl")
"""Options that are whole numbers above 0."""

LARGEST = {"ttl": 28 * 86_400}
"""The largest of these numbers, where it is not 65535: push services keep a message for four weeks at most."""

SECRET_WORDS = (
    "password",
    "passwd",
    "secret",
    "token",
    "account",
    "api_key",
    "apikey",
    "private_key",
    "credentials",
)
"""A key with one of these words holds a secret wherever it stands."""


def is_secret(key: str) -> bool:
    """Does this key hold a secret, also under a name that we do not know?"""
    name = key.casefold()
    return any(word in name for word in SECRET_WORDS) or (name.endswith("_key") and name != "public_key")
