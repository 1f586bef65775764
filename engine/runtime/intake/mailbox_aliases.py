"""One mailbox written in many ways: how providers read addresses, so that each mailbox gets one
confirmation.

Only what a provider says of itself stands here; where it is silent two addresses are two mailboxes. A new
provider is one line of `_PROVIDERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.channel_kinds import normalised


@dataclass(frozen=True, slots=True)
class AliasRule:
    """How a provider reads the part before the @. `domains`: all lead to the mailbox of that name; the
    first one is what it is called. `ignored`: letters that say nothing. `alike`: letters that are read
    as `-`. `tags`: what comes behind one of them is the person's own mark. `by_subdomain`:
    `anything@anna.fastmail.com` is `anna@fastmail.com`."""

    domains: tuple[str, ...]
    ignored: str = ""
    alike: str = ""
    tags: str = "+"
    by_subdomain: bool = False


_EVERYBODY = AliasRule(())
"""`anna+shop@` is read so by nearly everybody (RFC 5233), and by nobody as somebody else's mailbox."""

_PROVIDERS = (
    # https://support.google.com/mail/answer/7436150 on dots, /10313 on googlemail.com, /22370 on plus
    AliasRule(("gmail.com", "googlemail.com"), ignored="."),
    # https://proton.me/support/addresses-and-aliases: `.`, `-` and `_` say nothing; one name on all domains
    AliasRule(("proton.me", "protonmail.com", "protonmail.ch", "pm.me"), ignored=".-_"),
    # https://yandex.com/support/yandex-360/customers/mail, "additional addresses"
    AliasRule(
        (
            "yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "yandex.uz", "yandex.fr",
            "yandex.az", "yandex.com.am", "yandex.com.ge", "yandex.com.tr", "yandex.co.il", "yandex.ee",
            "yandex.kg", "yandex.lt", "yandex.lv", "yandex.md", "yandex.tj", "yandex.tm", "ya.ru",
            "narod.ru",
        ),
        alike=".",
    ),
    # https://support.apple.com, "If you have an @mac.com or @me.com address": all three are one mailbox
    AliasRule(("icloud.com", "me.com", "mac.com")),
    # https://www.fastmail.help, "Plus addressing and subdomain addressing"
    *(AliasRule((domain,), by_subdomain=True) for domain in (
        "fastmail.com", "fastmail.fm", "fastmail.cn", "fastmail.co.uk", "fastmail.de", "fastmail.es",
        "fastmail.fr", "fastmail.in", "fastmail.jp", "fastmail.net", "fastmail.nl", "fastmail.org",
        "fastmail.se", "fastmail.to", "fastmail.tw", "fastmail.uk", "fastmail.us", "sent.com",
    )),
    # https://help.runbox.com, "Email aliases": `anything@anna.runbox.com`
    AliasRule(("runbox.com",), by_subdomain=True),
    # https://help.yahoo.com, "Disposable addresses": `name-keyword`; a mailbox's own name has no hyphen
    *(AliasRule((domain,), tags="+-") for domain in (
        "yahoo.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.it", "yahoo.es", "yahoo.ca",
        "yahoo.co.in", "yahoo.com.br", "yahoo.com.au", "ymail.com", "rocketmail.com",
    )),
)  # fmt: skip

_RULES: Mapping[str, AliasRule] = {domain: rule for rule in _PROVIDERS for domain in rule.domains}


def mailbox_of(address: str) -> str:
    """One name for one mailbox, however it is written: `A.Nna+x@GoogleMail.com` is `anna@gmail.com`."""
    local, _, domain = normalised("email", address).rpartition("@")
    domain = domain.rstrip(".")
    below, _, above = domain.partition(".")
    if _RULES.get(above, _EVERYBODY).by_subdomain:
        local, domain = below, above
    rule = _RULES.get(domain, _EVERYBODY)
    name = local
    for tag in rule.tags:
        name = name.partition(tag)[0] or name
    for letter in rule.ignored:
        name = name.replace(letter, "")
    for letter in rule.alike:
        name = name.replace(letter, "-")
    # nothing but marks: then they are the name
    return f"{name or local}@{rule.domains[0] if rule.domains else domain}"
