"""config.yaml as one frozen value. Secrets are references (`env:NAME`, `file:/path`) until they are needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

from engine.core.journey import Pool
from engine.core.policy import Policy
from engine.errors import UsageError


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: `env:NAME` or `file:/path`. Never printed, never logged."""

    reference: str

    def reveal(self) -> str:
        """The secret itself. Raises UsageError with the cure when it is missing."""
        kind, _, name = self.reference.partition(":")
        if kind == "env":
            found = os.environ.get(name)
            if found:
                return found
            raise UsageError(f'the secret {self.reference} is not set: set the environment variable "{name}"')
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except OSError as wrong:
            raise UsageError(f"the secret {self.reference} cannot be read: {wrong.strerror}") from wrong


@dataclass(frozen=True, slots=True)
class Shop:
    """Who writes to the customers; `shop.x` in templates. `address` stands in every marketing e-mail."""

    name: str
    url: str
    address: str


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` per `seconds`."""

    count: int
    seconds: float


Option: TypeAlias = "str | Secret | tuple[Option, ...] | Mapping[str, Option]"
"""A value of a channel: text, a secret, or a list or map of them (options.STRUCTURED)."""


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One entry of `channels:`. `price` per message (of a text message: per part) in `currency`. `options`: what the
    channel itself understands (host, port, from, folder, tls, ...)."""

    name: str
    via: str
    price: Decimal = Decimal(0)
    currency: str = "EUR"
    rate: Rate | None = None
    options: Mapping[str, Option] = field(default_factory=dict)

    def text(self, name: str, otherwise: str = "") -> str:
        """An option that is a text; a secret is revealed. Raises UsageError when the secret is missing."""
        value = self.options.get(name, otherwise)
        if isinstance(value, Secret):
            return value.reveal()
        return value if isinstance(value, str) else otherwise

    def number(self, name: str, otherwise: int) -> int:
        """An option that is a whole number."""
        text = self.text(name)
        return int(text) if text else otherwise


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """One entry of `webhooks:`. `secret` signs the body."""

    name: str
    url: str
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Where the daemon listens, and how the world reaches it."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole of config.yaml. `channels` keeps the order of the file; `egress`: private addresses that webhooks may
    reach (host:port or CIDR). `link_key`: the secret that signs links; None: a key kept in the store's folder."""

    shop: Shop
    timezone: str
    currency: str
    languages: tuple[str, ...]
    store: str
    http: HttpConfig
    egress: tuple[str, ...]
    holdout: int
    channels: Mapping[str, ChannelConfig]
    policies: Mapping[str, Policy]
    codes: Mapping[str, Pool]
    webhooks: Mapping[str, WebhookConfig]
    link_key: Secret | None = None
