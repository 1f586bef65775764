"""Whose a domain is: the part that somebody has registered, of which all subdomains are one owner's."""

from __future__ import annotations

_SECOND_LEVEL = frozenset(
    {
        "ac", "ad", "asso", "biz", "co", "com", "edu", "firm", "go", "gob", "gouv", "gov", "gv", "id", "in",
        "info", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc", "sch", "school", "web",
    }
)  # fmt: skip
"""Below these names of a country others register: `shop.co.uk`, `shop.com.br` (publicsuffix.org, ICANN
part)."""


def registrable_domain(domain: str) -> str:
    """`mail.eu.shop.co.uk` -> `shop.co.uk`; lower case.

    By rule and not by the list of all public suffixes: where the rule is too coarse (`anna.github.io`),
    strangers count as one owner, and never one owner as several.
    """
    labels = domain.lower().strip(".").split(".")
    is_country = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3:] if is_country else labels[-2:])
