"""`alerts:` in config.yaml: who hears of troubles, beside `status`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.config import AlertsConfig, WebhookConfig
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader
from engine.language.wording import quoted
from engine.values import DAY, HOUR, MINUTE

ADDRESS = r"[^\s@<>,;\"]+@[^\s@<>,;\"]+\.[^\s@<>,;\"]+"
"""The form of an address of somebody who works for the shop."""

_ADDRESS = re.compile(ADDRESS)
_AGAIN = TextPattern(
    "[1-9][0-9]{0,3} (minute|hour|day)s?", "is no length of time",
    "a trouble that lasts is told again after it", "write  6 hours",
)  # fmt: skip
ALERTS = Construct(
    "alerts",
    "alerts",
    (
        Key("email", "texts", "addresses of those who run the shop", example="ops@shop.example",
            pattern=TextPattern(_ADDRESS.pattern, "is no e-mail address", "alerts are mailed there",
                                "write  ops@shop.example")),
        Key("webhook", "text", "one of webhooks, or an address on the web", example="ops"),
        Key("again", "text", "when a trouble that lasts is told again", example="6 hours", pattern=_AGAIN),
    ),
    "Who hears of troubles, beside the owners of journeys",
)  # fmt: skip

_MILLISECONDS = {"minute": MINUTE, "hour": HOUR, "day": DAY}


def is_mailable(owner: str) -> bool:
    """The owner of a journey is an address, rather than the name of a team."""
    return _ADDRESS.fullmatch(owner) is not None


def read_alerts(
    reader: MapReader | None, webhooks: Mapping[str, WebhookConfig], channels: tuple[str, ...]
) -> AlertsConfig | None:
    """What the file says; None where it says nothing: then only `status` tells of troubles."""
    if reader is None:
        return None
    emails, again = reader.texts("email"), reader.text("again")
    if emails and "email" not in channels:
        reader.context.wrong(
            emails[0], "cannot be written to", "mail leaves by the channel email, and there is none",
            "write one under channels, for example  email: {via: smtp, host: ..., from: ...}",
        )  # fmt: skip
    usual = AlertsConfig()
    number, _, unit = again.value.partition(" ") if again else ("", "", "")
    return AlertsConfig(
        email=tuple(address.value for address in emails),
        webhook=_read_webhook(reader, webhooks),
        again=int(number) * _MILLISECONDS[unit.rstrip("s")] if again else usual.again,
    )


def _read_webhook(reader: MapReader, webhooks: Mapping[str, WebhookConfig]) -> WebhookConfig | None:
    """One that journeys could call, too, with its secret; or an address, whose calls are not signed."""
    text = reader.text("webhook")
    if text is None:
        return None
    if re.fullmatch("https?://.+", text.value):
        return WebhookConfig("alerts", text.value)
    if text.value not in webhooks:
        known = ", ".join(sorted(webhooks)) or "none yet"
        reader.context.wrong(
            text, "is not one of webhooks", f"they are: {known}",
            f"write  webhooks: {{{text.value}: {{url: https://...}}}}, or the address itself behind "
            f"{quoted('webhook')}",
        )  # fmt: skip
    return webhooks.get(text.value)
