"""Who may call: API keys by bearer token or as the user name of basic auth, scopes, and a brake on
guessing."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Callable

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from engine.http.context import Context
from engine.http.problems import Refusal
from engine.store.keys import ApiKey, KeyScope, check_key

_GUESSES = RateLimitItemPerMinute(30)
_REMEMBERED = 2.0  # seconds: a revoked key ends so much later at the most


class Keys:
    """Checks the key of every request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[str, tuple[float, ApiKey]] = {}
        self._brake = MovingWindowRateLimiter(MemoryStorage())

    def needs(self, scope: KeyScope) -> Callable[[Request], object]:
        """A dependency that lets only keys of this scope (or `admin`) pass, and gives the key."""

        async def check(request: Request) -> ApiKey:
            caller = request.client.host if request.client else ""
            # Before the key is looked up: who guesses learns nothing more, and costs no query.
            if not self._brake.test(_GUESSES, caller):
                raise Refusal(429, "too many wrong keys", "wait a minute", retry_after=60)
            text = _presented(request)
            key = await self._find(text) if text else None
            if key is None:
                # Only a wrong key counts: who has a right one may call as often as they like.
                self._brake.hit(_GUESSES, caller)
                raise Refusal(
                    401, "this API key is not known", "make one with  ./run keys new NAME --scope write"
                )
            if key.scope not in (scope, "admin"):
                raise Refusal(
                    403,
                    f'this key may not {scope}: its scope is "{key.scope}"',
                    f"use a key with the scope {scope}",
                )
            return key

        return check

    async def _find(self, text: str) -> ApiKey | None:
        until, known = self._known.get(text, (0.0, None))
        if known is not None and until > time.monotonic():
            return known
        key = await self._context.look(lambda conn: check_key(conn, text))
        # Bounded without order: a shop has a handful of keys, and a lost entry costs one query.
        if len(self._known) > 1_000:
            self._known.clear()
        if key:
            self._known[text] = (time.monotonic() + _REMEMBERED, key)
        else:  # it was revoked in the meantime
            self._known.pop(text, None)
        return key


def _presented(request: Request) -> str | None:
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return rest.strip() or None
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = base64.b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # SDKs of the Segment format send the write key as the user name, other programs as the password.
    return name or password or None
