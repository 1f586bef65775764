"""A channel `via: apprise` in config.yaml: its addresses of services, with the customer's part as Jinja."""

from __future__ import annotations

import re

from engine.config.gateway import is_reference
from engine.config.gateway_template import mistake
from engine.config.nodes import Reader
from engine.language.nodes import Entry
from engine.language.wording import quoted

_SCHEME = re.compile(r"[a-z][a-z0-9+]*://.+", re.DOTALL)


def check_apprise(parts: dict[str, Entry], reader: Reader) -> None:
    """Tells what cannot work. `parts`: the entries of the channel."""
    secrets = frozenset(parts) & {"token", "secret", "password"}
    for url in reader.words(parts["urls"].value, "urls"):
        if is_reference(url.text):
            continue
        if not _SCHEME.fullmatch(url.text):
            reader.refuse(
                url.span, f"{quoted(url.text)} is no address of a service", "an address of Apprise begins with its service",
                'write  "tgram://{{ secret.token }}/{{ message.address }}"  or  env:NAME',
            )  # fmt: skip
            continue
        what, fix = mistake(url.text, secrets)
        if what:
            reader.refuse(url.span, what, "the address is Jinja with a few names", fix)
