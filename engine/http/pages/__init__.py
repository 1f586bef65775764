"""The pages that people see, as Jinja files in this folder: `customer.html` frames those for customers,
`own.html` those for the shop itself. Nothing in them runs, and nothing is fetched; everything that is put in
is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from engine.config import Shop
from engine.http.pages.brand import own_colours
from engine.http.wording import PageWords

_FOLDER = Path(__file__).parent
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""Of every page for customers: nobody keeps it, and other sites do not learn its address."""

OWN_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "form-action 'none'; base-uri 'none'"
)
"""The Content-Security-Policy of the shop's own pages; the frames of a mail inherit it and are sandboxed
besides."""

WITH_IMAGES = OWN_POLICY.replace("img-src data:", "img-src data: https:")
"""For a preview on the author's own machine: the pictures of the mail are fetched from where they lie."""


def customer_page(
    template: str,
    words: PageWords,
    shop: Shop,
    *,
    status: int = 200,
    form_goes_to: Sequence[str] = (),
    **values: object,
) -> HTMLResponse:
    """A page in the words of one language; `form_goes_to` names the sites that its form may lead to besides
    ours."""
    style, digest = _customer_style(shop.colour)
    text = partial(words.text, shop=shop.name)
    html = _ENVIRONMENT.get_template(template).render(values, words=words, text=text, shop=shop, style=style)
    forms = " ".join(("'self'", *form_goes_to))
    logo = urlsplit(shop.logo)
    # Of that one server only; a page without a logo fetches nothing at all.
    pictures = f"img-src {logo.scheme}://{logo.netloc}; " if shop.logo else ""
    policy = (
        # By its hash: an inline style of anything that got in is not applied.
        f"default-src 'none'; style-src 'sha256-{digest}'; {pictures}form-action {forms}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, status, {**HEADERS, "Content-Security-Policy": policy})


def own_page(template: str, title: str, aside: str, policy: str = OWN_POLICY, **values: object) -> str:
    """A page in the house's own style; `aside` stands beside its name."""
    style = _style("own.css")
    return _ENVIRONMENT.get_template(template).render(
        values, title=title, aside=aside, policy=policy, style=style
    )


@cache
def _customer_style(colour: str) -> tuple[Markup, str]:
    """The style of customers' pages, and the SHA-256 by which a browser knows it for the only one."""
    style = _style("customer.css") + Markup(own_colours(colour))  # noqa: S704 - of a checked #rrggbb
    return style, base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


@cache
def _style(file: str) -> Markup:
    return Markup((_FOLDER / file).read_text(encoding="utf-8"))  # noqa: S704 - a file of ours
