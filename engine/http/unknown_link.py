"""What a link that we did not sign leads to: a page that says so, and nothing else."""

from __future__ import annotations

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from engine.http.context import Live
from engine.http.page import page
from engine.http.visitor import words_of


def unknown_link(live: Live, request: Request) -> Response:
    """404; the same for a forged link, one that was cut off, and one of another purpose."""
    words = words_of(live, request)
    body = Markup("<p>{}</p>").format(words.text("unknown_text"))
    return page(words.text("unknown"), body, words.language, live.config.shop.name, status=404)
