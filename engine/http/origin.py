"""Which site a form is sent from, as the browser says it: by the configured address, never by the Host header."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from engine.http.context import Live


def origin_of(request: Request) -> str:
    """The site that a page belongs to which makes this request; "" where the caller does not say."""
    return request.headers.get("origin", "").casefold()


def is_own_page(live: Live, request: Request) -> bool:
    """A page of the daemon itself sends it, under whatever name the browser reached it."""
    site = request.headers.get("sec-fetch-site", "")
    if site:
        return site == "same-origin"
    parts = urlsplit(live.config.http.public_url)
    return origin_of(request) == f"{parts.scheme}://{parts.netloc}".casefold()
