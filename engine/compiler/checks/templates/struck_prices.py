"""W33: a price that is struck through, where nothing says the lowest of the 30 days before (Directive
98/6/EC, Article 6a: an announced reduction names it)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.compiler.check_input import ProjectCheckInput
from engine.core.products.prices import LOWEST
from engine.problem import Problem, Span

TEMPLATES = "templates/"
PAGES = "templates/_pages/"

_STRIKES = re.compile(r"<(s|strike|del)(?=[\s>])[^<>]*>", re.IGNORECASE)
_STYLED = re.compile(r"<([\w-]+)(?=\s)[^<>]*\bline-through\b[^<>]*>", re.IGNORECASE)
_RULE = re.compile(r"\.([\w-]+)[^{}<>]*\{[^{}]*\bline-through\b", re.IGNORECASE)
_CLASS_TAG = re.compile(r"<mj-class\b[^<>]*\bline-through\b[^<>]*>", re.IGNORECASE)
_NAME = re.compile(r"\bname\s*=\s*[\"']([\w-]+)")
_WITH_CLASS = re.compile(r"<([\w-]+)(?=\s)[^<>]*\b(?:css-|mj-)?class\s*=\s*[\"']([^\"'<>]*)[\"'][^<>]*>")
_PRICE = re.compile(r"\{\{|\d")
_LONGEST = 2_000
"""Characters of an element that are looked at."""


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Every file with templates, their layouts and blocks among them."""
    sources = {
        file: text
        for file, text in checked.sources.items()
        if file.startswith(TEMPLATES) and not file.startswith(PAGES)
    }
    # Names of classes, of style sheets and of MJML, that strike text through
    found: set[str] = set()
    for text in sources.values():
        if "line-through" in text:
            found.update(match[1] for match in _RULE.finditer(text))
            found.update(name[1] for tag in _CLASS_TAG.finditer(text) if (name := _NAME.search(tag[0])))
    classes = frozenset(found)
    problems = []
    for file, text in sources.items():
        if LOWEST in text:
            continue
        place = next(_struck(text, classes), None)
        if place is not None:
            problems.append(_problem(file, text, place, checked))
    return problems


def _struck(text: str, classes: frozenset[str]) -> Iterator[int]:
    """Where elements begin that strike a price through, or something else with a value or a digit."""
    tags = [*_STRIKES.finditer(text), *_STYLED.finditer(text)]
    if classes:
        tags += [tag for tag in _WITH_CLASS.finditer(text) if not classes.isdisjoint(tag[2].split())]
    for tag in sorted(tags, key=lambda found: found.start()):
        end = text.find(f"</{tag[1]}", tag.end(), tag.end() + _LONGEST)
        if _PRICE.search(text, tag.end(), end if end >= 0 else tag.end()):
            yield tag.start()


def _problem(file: str, text: str, place: int, checked: ProjectCheckInput) -> Problem:
    line_start = text.rfind("\n", 0, place) + 1
    span = Span(file, text.count("\n", 0, place) + 1, place - line_start + 1)
    has_price = LOWEST in checked.world.catalogue.product_fields
    fix = "write  {% if product.lowest_30_days %}<s>{{ product.lowest_30_days | money }}</s>{% endif %}"
    return Problem(
        span, "W33",
        "a price is struck through, and it need not be the lowest of the last 30 days",
        "where a reduction is announced in the EU, the price before it is the lowest of the 30 days before"
        " (Directive 98/6/EC, Article 6a)",
        fix if has_price else "add to schemas/product.yaml, under  product:\n         price: money",
        "warning",
    )  # fmt: skip
