"""Refusals as RFC 9457 problem details: which item, which field, why, and how to mend it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
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


def refuse_unknown(request: Request, parameters: Collection[str]) -> None:
    """Raises Refusal 400 where the request has a parameter that is none of these: a misspelt one would be
    answered as if nothing had been asked."""
    unknown = sorted(set(request.query_params) - set(parameters))
    if unknown:
        known = f"they are: {', '.join(parameters)}" if parameters else "there is none at this address"
        raise Refusal(400, f"there is no parameter {unknown[0]!r}", known)


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
            {"item": refused.item, "field": refused.field, "why": refused.why, "kept": refused.kept}
            for refused in refusal.refused
        ]
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    # RFC 9110, 11.6.1: a 401 says how to log in.
    if refusal.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="perennial", charset="UTF-8"'
    return JSONResponse(body, refusal.status, headers, "application/problem+json")


async def answer_http(request: Request, wrong: Exception) -> Response:
    """What the web framework refuses by itself: an address that is none of ours, a method that it does not
    take."""
    assert isinstance(wrong, HTTPException)
    title = {
        404: "there is nothing at this address",
        405: f"{request.method} is not possible at this address",
    }.get(wrong.status_code, str(wrong.detail))
    allowed = (wrong.headers or {}).get("Allow", "")
    detail = f"possible: {allowed}" if allowed else ""
    if wrong.status_code == 404:
        detail = "docs/http.md lists the addresses"
    response = problem(Refusal(wrong.status_code, title, detail))
    response.headers.update(wrong.headers or {})
    return response


async def answer_invalid(_request: Request, wrong: Exception) -> Response:
    """Parts of an address or a form that are no such thing."""
    assert isinstance(wrong, RequestValidationError)
    refused = [
        RefusedItem(0, ".".join(map(str, error["loc"][1:])), str(error["msg"])) for error in wrong.errors()
    ]
    return problem(Refusal(400, "the request has parts that cannot be read", refused=refused))


async def answer(_request: Request, refusal: Exception) -> Response:
    """The exception handler of the application."""
    assert isinstance(refusal, Refusal)
    return problem(refusal)
