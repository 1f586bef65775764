"""`egress:` of config.yaml: the places beside the public internet that webhooks and channels may reach."""

from __future__ import annotations

import ipaddress
import re

from engine.config.nodes import Reader
from engine.language.nodes import Entry
from engine.language.wording import quoted

_PLACE = re.compile(r"(?:[^:\s\[\]/]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")


def read_egress(parts: dict[str, Entry], reader: Reader) -> tuple[str, ...]:
    """`host:port`, an address or a network, each as it is written."""
    entry = parts.get("egress")
    fields = reader.parts(entry.value, ("allow",), "egress") if entry else {}
    allow = fields.get("allow")
    found = []
    for word in reader.words(allow.value, "allow") if allow else ():
        if _PLACE.fullmatch(word.text) or _is_network(word.text):
            found.append(word.text)
            continue
        reader.refuse(
            word.span, f"{quoted(word.text)} is no place that can be allowed", "it is a host with its port, an address or a network",
            "write  crm.internal:8443  or  10.1.0.0/16",
        )  # fmt: skip
    return tuple(found)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True
