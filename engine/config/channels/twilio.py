"""A channel `via: twilio` in config.yaml: text messages and WhatsApp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.channel_kinds import UnknownAction
from engine.config import Secret
from engine.config.channels.via import ViaOptions
from engine.language.grammar import Key


@dataclass(frozen=True, slots=True)
class TwilioOptions(ViaOptions):
    """Who sends at Twilio. `kind`: sms or whatsapp ("": the channel is called so); `session`: hours for which
    a customer who wrote may get free text; `url`: "" for Twilio itself."""

    via: ClassVar[str] = "twilio"
    calls_back: ClassVar[bool] = True
    can_be_asked: ClassVar[bool] = True
    account: Secret | None = None
    token: Secret | None = None
    messaging_service: str = ""
    kind: str = ""
    session: int = 24
    url: str = ""

    @property
    def unknown(self) -> UnknownAction:
        """Its list tells."""
        return "look up"


KEYS = (
    Key("account", "secret", "the Account SID"),
    Key("token", "secret", "the auth token"),
    Key("from", "text", "the number or the name that sends", example='"+359888123456"'),
    Key("messaging_service", "text", "the SID of a messaging service", example="MG..."),
    Key("kind", "choice", "what the channel is, where its name does not say it", choices=("sms", "whatsapp")),
    Key("session", "count", "hours for which somebody who wrote may get free text", example="24"),
    Key("url", "text", "of a service that answers like Twilio", example="https://api.twilio.com"),
    Key("timeout", "count", "seconds for an answer", example="30"),
)
