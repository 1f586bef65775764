"""`http:`, `egress:` and `tracking:` in config.yaml: where we listen, whom we may call, and what is noticed
of a reader."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Literal, cast

from engine.config import HttpConfig, Tracking
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader


def web_address(why: str) -> TextPattern:
    """An address that is called or followed; `why` it is one."""
    return TextPattern("https?://.*", "is not an address on the web", why, "write  https://{}")


HTTP = Construct(
    "http",
    "http",
    (
        Key("listen", "text", "address and port of the daemon", example="127.0.0.1:8080"),
        Key("public_url", "text", "how the world reaches it", example="https://news.shop.example",
            pattern=web_address("links in messages begin with it")),
        Key("trusted_proxies", "texts", "proxies that say truly who calls",
            example="[127.0.0.1, 10.0.0.0/8]"),
    ),
    "Where the daemon listens, and how the world reaches it",
)  # fmt: skip
EGRESS = Construct(
    "egress",
    "egress",
    (
        Key("allow", "texts", "hosts with a port, addresses, networks",
            example="[crm.internal:8443, 10.1.0.0/16]"),
    ),
    "Places beside the public internet that webhooks and channels may reach",
)  # fmt: skip
_TRUE_IS_YES: Mapping[str, object] = {"enum": ["yes", "no", "true", "false", True, False]}
TRACKING = Construct(
    "tracking",
    "tracking",
    (
        Key("clicks", "choice", "are clicks noticed?", choices=("yes", "no"), shape=_TRUE_IS_YES),
        Key("opens", "choice", "is the opening of a mail noticed?",
            choices=("never", "with consent", "always")),
        Key("decoy", "choice", "is there a link that only machines follow?", choices=("yes", "no"),
            shape=_TRUE_IS_YES),
    ),
    "What is noticed of a reader, and whether they are asked first",
)  # fmt: skip

_PLACE = re.compile(r"(?:[^:\s\[\]/]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")
# A bare yes and true are one value in YAML 1.1 and two texts in 1.2: whoever writes either means the same.
_YES_AND_NO = {"true": "yes", "on": "yes", "false": "no", "off": "no"}


def read_http(reader: MapReader | None) -> HttpConfig:
    """What the file says; a key that is left out or wrong has its default."""
    usual = HttpConfig()
    host, port = usual.host, usual.port
    listen, public = (reader.text("listen"), reader.text("public_url")) if reader else (None, None)
    if reader and listen is not None:
        # From the right: an IPv6 address has colons of its own.
        name, _, number = listen.value.rpartition(":")
        if name and number.isascii() and number.isdigit() and int(number) < 65_536:
            host, port = name.strip("[]"), int(number)
        else:
            reader.context.wrong(
                listen, "is not a place to listen at", "it is an address and a port", "write  127.0.0.1:8080"
            )
    # Without an address for the world the links lead to this machine, which is right while one tries it out.
    url = public.value.rstrip("/") if public else f"http://{host}:{port}"
    return HttpConfig(host, port, url, _networks_of(reader) if reader else ())


def _networks_of(reader: MapReader) -> tuple[str, ...]:
    """The proxies, each an address or a network."""
    networks: list[str] = []
    for place in reader.texts("trusted_proxies", blank=True):
        try:
            # Not strict: people write an address of the network with its length behind it.
            ipaddress.ip_network(place.value, strict=False)
            networks.append(place.value)
        except ValueError:
            reader.context.wrong(
                place,
                "is no address of a proxy",
                "it is an address or a network, as the daemon sees the proxy",
                "write  127.0.0.1  or  10.0.0.0/8",
            )
    return tuple(networks)


def read_egress(reader: MapReader | None) -> tuple[str, ...]:
    """`host:port`, an address or a network, each as it is written."""
    if reader is None:
        return ()
    allowed: list[str] = []
    for place in reader.texts("allow", blank=True):
        # A host needs its port: without one, whoever may be called at 443 could be called at 22 as well.
        if not _PLACE.fullmatch(place.value):
            try:
                # Not strict: people write an address of the network with its length behind it.
                ipaddress.ip_network(place.value, strict=False)
            except ValueError:
                reader.context.wrong(
                    place,
                    "is no place that can be allowed",
                    "it is a host with its port, an address or a network",
                    "write  crm.internal:8443  or  10.1.0.0/16",
                )
                continue
        allowed.append(place.value)
    return tuple(allowed)


def read_tracking(reader: MapReader | None) -> Tracking:
    """What the file says; a key that is left out or wrong has its default."""
    usual = Tracking()
    if reader is None:
        return usual
    clicks, decoy = reader.choice("clicks", reads=_YES_AND_NO), reader.choice("decoy", reads=_YES_AND_NO)
    # `opens: yes` would not say whether the reader is asked
    opens = reader.choice("opens", reads={"no": "never", "false": "never", "off": "never"})
    return Tracking(
        clicks.value == "yes" if clicks else usual.clicks,
        cast('Literal["never", "with consent", "always"]', opens.value if opens else usual.opens),
        decoy.value == "yes" if decoy else usual.decoy,
    )
