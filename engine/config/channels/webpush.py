"""A channel `via: webpush` in config.yaml: messages to browsers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.channel_kinds import UnknownAction
from engine.config import Secret
from engine.config.channels.via import ViaOptions
from engine.language.grammar import Key, TextPattern


@dataclass(frozen=True, slots=True)
class WebPushOptions(ViaOptions):
    """The shop's identity (VAPID, RFC 8292). `ttl`: seconds for which the push service keeps a message for a
    device that is off, never longer than the message counts. `origins`: pages that may subscribe somebody;
    none: the shop's own."""

    via: ClassVar[str] = "webpush"
    extra: ClassVar[str] = "push"
    subject: str = ""
    private_key: Secret | None = None
    identity_key: Secret | None = None
    ttl: int = 86_400
    connections: int = 10
    origins: tuple[str, ...] = ()

    @property
    def unknown(self) -> UnknownAction:
        """A copy replaces the one before it, whatever the channel is called."""
        return "resend"


_CONTACT = TextPattern(
    "(mailto:|https:).*", "is no contact",
    "push services write there when something is wrong with our messages",
    "write  subject: mailto:push@shop.example",
)  # fmt: skip
KEYS = (
    Key("subject", "text", "whom push services write to", needed=True, example="mailto:push@shop.example",
        pattern=_CONTACT),
    Key("private_key", "secret", "of the pair that  keys vapid  makes", needed=True,
        example="env:VAPID_PRIVATE_KEY"),
    Key("identity_key", "secret", "what the shop's server proves customers with"),
    Key("ttl", "count", "seconds for which a push is kept", example="86400", most=28 * 86_400),
    Key("connections", "count", "at the same time", example="10"),
    Key("origins", "texts", "pages that may subscribe somebody", example="[https://shop.example]"),
)  # fmt: skip
"""Push services keep a message for four weeks at most."""
