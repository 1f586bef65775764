"""The frame of the small pages that customers see: no script, nothing from elsewhere, readable on a phone and aloud."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence

from markupsafe import Markup
from starlette.responses import HTMLResponse

_STYLE = (
    ":root{color-scheme:light dark;--ink:#1f2623;--soft:#56625c;--back:#f4f3f0;--paper:#fff;--line:#d5d9d6;--go:#1d5c43;--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e8ecea;--soft:#a9b4ae;--back:#141816;--paper:#1d2320;--line:#3a443f;--go:#6fcfa4;--on:#10231a}}"
    "*{box-sizing:border-box}"
    "body{font:17px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif;color:var(--ink);background:var(--back);margin:0;padding:clamp(1rem,8vh,5rem) 1rem}"
    "main{max-width:32rem;margin:auto;background:var(--paper);border:1px solid var(--line);border-radius:14px;padding:clamp(1.25rem,5vw,2.25rem)}"
    ".shop{color:var(--soft);font-size:.95rem;margin:0 0 .75rem}h1{font-size:1.45rem;line-height:1.25;margin:0 0 .6rem}p{margin:.6rem 0;overflow-wrap:anywhere}"
    ".soft{color:var(--soft);font-size:.95rem}a{color:var(--go)}"
    "fieldset{border:0;border-top:1px solid var(--line);margin:1.2rem 0 0;padding:.9rem 0 0}legend{float:left;width:100%;font-weight:600;padding:0}legend+*{clear:both}"
    ".box{display:flex;gap:.75rem;align-items:center;padding:.55rem 0;min-height:44px;cursor:pointer}.box small{display:block;color:var(--soft);overflow-wrap:anywhere}"
    "input[type=checkbox]{width:1.35rem;height:1.35rem;flex:none;margin:0;accent-color:var(--go)}"
    ".field{display:block;margin:1rem 0}.field input{display:block;width:100%;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:9px;padding:.65rem .8rem;margin-top:.3rem}"
    ".row{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.3rem}"
    "button{font:inherit;font-weight:600;min-height:44px;padding:.6rem 1.3rem;border:1px solid var(--go);border-radius:9px;background:var(--go);color:var(--on);cursor:pointer}"
    "button.quiet{background:transparent;color:var(--go)}:focus-visible{outline:3px solid var(--go);outline-offset:2px}"
    ".trap{position:absolute;left:-6000px;width:1px;height:1px;overflow:hidden}"
    "footer{max-width:32rem;margin:1rem auto 0;color:var(--soft);font-size:.85rem;text-align:center}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""Of every page: nobody keeps it, and other sites do not learn its address."""


def policy(form_goes_to: Sequence[str] = ()) -> str:
    """The Content-Security-Policy: nothing runs, nothing is fetched, the one style is known by its hash."""
    to = " ".join(("'self'", *form_goes_to))
    return f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {to}; base-uri 'none'; frame-ancestors 'none'"


def page(
    title: str, body: Markup, language: str = "en", shop: str = "", address: str = "", *, status: int = 200,
    form_goes_to: Sequence[str] = (),
) -> HTMLResponse:  # fmt: skip
    """A whole page around `body`, in which everything is escaped already."""
    html = Markup(
        '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{title}</title><style>{style}</style></head>"
        "<body><main>{head}<h1>{title}</h1>{body}</main>{foot}</body></html>"
    ).format(
        language=language,
        title=title,
        style=Markup(_STYLE),  # noqa: S704 - our own constant
        head=Markup('<p class="shop">{}</p>').format(shop) if shop else "",
        body=body,
        foot=Markup("<footer>{}</footer>").format(address) if address else "",
    )
    return HTMLResponse(str(html), status, {**HEADERS, "Content-Security-Policy": policy(form_goes_to)})
