"""Refusals as RFC 9457 problem details: which item, which field, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.runtime.intake.items import RefusedItem


class Refusal(Exception):  # noqa: N818  it is an answer, not an error of ours
    """A request that is refused as a whole. `retry_after` in seconds."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        refused: Sequence[RefusedItem] = (),
        retry_after: int = 0,
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail
        self.refused, self.retry_after = tuple(refused), retry_after


def problem(refusal: Refusal) -> JSONResponse:
    """The response. `code` and `message` repeat status and title for SDKs of the Segment format."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": refusal.title,
        "status": refusal.status,
        "code": str(refusal.status),
        "message": refusal.title,
    }
    if refusal.detail:
        body["detail"] = refusal.detail
    if refusal.refused:
        body["refused"] = [
            {"item": refused.item, "field": refused.field, "why": refused.why} for refused in refusal.refused
        ]
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    # RFC 9110, 11.6.1: a 401 says how to log in.
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="perennial", charset="UTF-8"'
    return JSONResponse(body, refusal.status, headers, "application/problem+json")


async def answer(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the application."""
    assert isinstance(refusal, Refusal)
    return problem(refusal)
