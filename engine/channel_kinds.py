"""What the name of a channel says about it: the one table that config, compiler, runtime and channels read.

How a channel sends (`via:`) is another question, which `engine.config.channels` answers: the same `sms` goes
through Twilio or through any provider with an HTTP interface. A new name is one line of `KINDS`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

AddressForm: TypeAlias = Literal["email", "phone", "token"]
"""email: RFC 5321. phone: E.164; all channels of this form go to one number. token: whatever the provider
gives."""

UnknownAction: TypeAlias = Literal["hold", "treat as sent", "resend once", "resend", "look up", "same key"]
"""What is done with a message of which nobody knows whether it left (design/reliability 2.4). hold: an
operator decides. treat as sent: after a quarter of an hour. resend once; resend: at most 5 times, where a
copy replaces the one before it. look up: ask the provider's own list. same key: again while the provider
knows the send key and answers a copy with its first answer; nobody writes it, a described provider with
`idempotency:` has it."""


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """The defaults are those of a channel that nobody has heard of."""

    form: AddressForm = "token"
    clicks: bool = False
    """Its links may lead through ours; those of a text message stay as short as they are."""
    opens: bool = False
    """A picture in it can tell that it was opened."""
    in_parts: bool = False
    """The provider charges for each part of a text."""
    sessions: bool = False
    """Who wrote to us may get free text for some hours."""
    fields: tuple[str, ...] = ("title", "url", "image")
    """What stands between the `---` lines of its templates."""
    endings: tuple[str, ...] = ("txt",)
    """Of the names of its templates, the usual one first."""
    unknown: UnknownAction = "hold"
    """For marketing, where the way of sending has no better answer."""
    unknown_service: UnknownAction = "hold"
    """The same for messages without a purpose, which people wait for."""

    @property
    def attribute(self) -> str:
        """The customer's attribute that is its address; "" for a token."""
        return "" if self.form == "token" else self.form

    @property
    def by_phone(self) -> bool:
        """Its address is a phone number: it rings where its owner is, and STOP counts as carriers understand
        it."""
        return self.form == "phone"


KINDS: Mapping[str, ChannelKind] = {
    "email": ChannelKind(
        "email", clicks=True, opens=True, fields=("subject", "preheader", "from", "reply_to"),
        # a `.txt` is the text part beside the html
        endings=("mjml", "html", "txt"),
        unknown="treat as sent", unknown_service="resend once",
    ),
    # a copy of a push replaces the one before it
    "push": ChannelKind(clicks=True, unknown="resend", unknown_service="resend"),
    "webpush": ChannelKind(clicks=True, unknown="resend", unknown_service="resend"),
    "sms": ChannelKind("phone", in_parts=True),
    "whatsapp": ChannelKind("phone", sessions=True, fields=("content_sid", "variables")),
    "viber": ChannelKind("phone"),
    "telegram": ChannelKind(),
    "messenger": ChannelKind(),
    "rcs": ChannelKind("phone"),
    "line": ChannelKind(),
    "inapp": ChannelKind(),
}  # fmt: skip
"""By the name that people give a channel; a shop has those of its config.yaml."""

_NAMED_BY_THEIR_ADDRESS: Mapping[str, ChannelKind] = {"phone": ChannelKind("phone")}
"""`phone` is the customer's attribute, and whoever calls a channel so means the number in it."""

BY_PHONE = tuple(name for name, kind in {**KINDS, **_NAMED_BY_THEIR_ADDRESS}.items() if kind.by_phone)
"""Channels of one and the same number: a complaint about one closes all."""

_NOT_A_NUMBER = re.compile(r"[^0-9+]")


def kind_of(channel: str) -> ChannelKind:
    """What is known of a channel of this name; of an unknown one, as little as possible is taken for
    granted."""
    return KINDS.get(channel) or _NAMED_BY_THEIR_ADDRESS.get(channel) or ChannelKind()


def address_space(channel: str) -> str:
    """What one and the same address is kept under: `phone` for all channels that ring the same number, else
    the channel."""
    return "phone" if kind_of(channel).by_phone else channel


def normalised(channel: str, address: str) -> str:
    """One form for each address, so that a suppression holds however it is written.

    E-mail: NFKC and case folded, the domain in ASCII. Phones: digits with a leading plus. Tokens: as they
    are.
    """
    match kind_of(channel).form:
        case "email":
            text = unicodedata.normalize("NFKC", address).strip().casefold()
            local, at, domain = text.rpartition("@")
            try:
                return f"{local}{at}{domain if domain.isascii() else domain.encode('idna').decode('ascii')}"
            except (
                UnicodeError
            ):  # a label of more than 63 letters; nobody is reached there, and it is one form too
                return text
        case "phone":
            return _NOT_A_NUMBER.sub("", unicodedata.normalize("NFKC", address))
        case "token":
            return address
