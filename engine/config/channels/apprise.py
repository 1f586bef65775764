"""A channel `via: apprise` in config.yaml: the addresses of its services, with the customer's part as
Jinja."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from engine.channel_kinds import UnknownAction
from engine.config import Secret
from engine.config.channels.request_template import RequestText, read_request_text
from engine.config.channels.via import ViaOptions
from engine.config.secrets import is_reference
from engine.language.grammar import Key, TextPattern
from engine.language.map_reader import MapReader

_ADDRESS = TextPattern(
    r"env:\w+|file:/.*|[a-z][a-z0-9+]*://.+", "is no address of a service",
    "an address of Apprise begins with its service",
    'write  "tgram://{{ secret.token }}/{{ message.address }}"  or  env:NAME',
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AppriseOptions(ViaOptions):
    """`urls`: one message goes to all of them. `secrets`: what they may read as `secret.x`."""

    via: ClassVar[str] = "apprise"
    extra: ClassVar[str] = "apprise"
    urls: tuple[RequestText | Secret, ...] = ()
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    @property
    def unknown(self) -> UnknownAction:
        """One of several services may have taken it: not even an e-mail counts as sent."""
        return "hold"


KEYS = (
    Key("urls", "texts", "addresses of services", needed=True,
        example='"tgram://{{ secret.token }}/{{ message.address }}"', pattern=_ADDRESS),
    Key("token", "secret", "for the addresses"),
    Key("secret", "secret", "for the addresses"),
    Key("password", "secret", "for the addresses"),
    Key("timeout", "count", "seconds until Apprise must have ended", example="30"),
)  # fmt: skip


def read_apprise(reader: MapReader, values: dict[str, Any]) -> AppriseOptions:
    """The addresses, compiled."""
    secrets: dict[str, Secret] = {
        name: values[name] for name in ("token", "secret", "password") if name in values
    }
    # A secret that is written wrongly has its own message: for the addresses it is given.
    given = {name for name in ("token", "secret", "password") if name in reader}
    urls: list[RequestText | Secret] = []
    for url in reader.texts("urls"):
        # A whole address may be a secret (it has the token in it): then it is no Jinja.
        if is_reference(url.value):
            urls.append(Secret(url.value))
        elif read_request_text(reader.context, url, given):
            urls.append(RequestText(url.value, "url"))
    return AppriseOptions(tuple(urls), secrets)
