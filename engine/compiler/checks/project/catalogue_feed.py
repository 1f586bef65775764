"""E112 and W32: what `catalogue:` in config.yaml names, and how it comes here."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from engine.compiler.check_input import ProjectCheckInput
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean

_BEHIND = r"(?m)^catalogue:"


def check(checked: ProjectCheckInput) -> list[Problem]:
    """A field that products do not have would be filled for nobody; a feed that comes over http may have been
    changed on its way, and prices stand in messages."""
    wanted = checked.world.config.catalogue
    if wanted is None:
        return []
    known = checked.world.catalogue.product
    problems = [
        Problem(
            checked.place_in_config(name, _BEHIND), "E112",
            f"products have no field called {quoted(name)}",
            "a feed fills the fields of schemas/product.yaml",
            did_you_mean(name, known, "add it to schemas/product.yaml"),
        )
        for name in wanted.fields
        if name not in known
    ]  # fmt: skip
    if wanted.feed.startswith("http:") and _is_public(wanted.feed):
        problems.append(
            Problem(
                checked.place_in_config(wanted.feed, _BEHIND), "W32",
                "the catalogue comes over http, which everybody on the way can change",
                "its prices stand in messages, and a price that falls starts journeys",
                "name its address with https", "warning",
            )
        )  # fmt: skip
    return problems


def _is_public(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".internal", ".local", ".test"))
