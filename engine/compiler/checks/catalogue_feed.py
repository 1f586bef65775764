"""E112 and W32: what `catalogue:` in config.yaml names, and how it comes here."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from engine.compiler.check_input import ProjectCheckInput
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean


def check(checked: ProjectCheckInput) -> list[Problem]:
    """A field that products do not have would be filled for nobody; a feed that comes over http may have been
    changed on its way, and prices stand in messages."""
    wanted = checked.world.config.catalogue
    if wanted is None:
        return []
    text, known = checked.sources.get("config.yaml", ""), checked.world.catalogue.product
    problems = [
        Problem(
            _place(text, name), "E112",
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
                _place(text, wanted.feed), "W32",
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


def _place(text: str, name: str) -> Span:
    """Where the name stands under `catalogue:`."""
    start = re.search(r"(?m)^catalogue:", text)
    at = text.find(name, start.end() if start else 0)
    at = max(at, 0)
    line_start = text.rfind("\n", 0, at) + 1
    return Span("config.yaml", text.count("\n", 0, at) + 1, at - line_start + 1, len(name))
