"""Requests of tills that do something: with Idempotency-Key a repeated one gets the same answer."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.http.context import Context
from engine.http.problems import Refusal
from engine.store import idempotency

_PROBLEM = "application/problem+json"


def repeat_key(request: Request) -> str:
    """The header; "" without one. Raises Refusal 400 for one that is too long."""
    repeat = request.headers.get("idempotency-key", "")
    if len(repeat) > idempotency.LONGEST:
        raise Refusal(400, f"an Idempotency-Key has at most {idempotency.LONGEST} characters")
    return repeat


async def answer_once(
    context: Context, key: str, asked: bytes, once: Callable[[Connection], tuple[int, str]]
) -> Response:
    """What `once` answers (status, body), alone in its transaction, or what it answered under this key.
    `key`: who asks and for what, with the header; "" without one. `asked`: the request, by which another one
    is told apart. Raises Refusal 422 for a key of another request."""
    now = context.clock.now()

    def job(conn: Connection) -> idempotency.KeptAnswer:
        if not key:
            return idempotency.KeptAnswer(*once(conn))
        return idempotency.once(conn, key, asked, now, lambda: once(conn))

    answer = await context.write(job)
    context.arrived()
    if answer.is_other:
        raise Refusal(422, "this Idempotency-Key belongs to another request", "take a new key for each use")
    media = "application/json" if answer.status < 400 else _PROBLEM
    return Response(answer.body, answer.status, media_type=media)
