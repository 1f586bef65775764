"""Who may call: API keys by bearer token or as the user name of basic auth, scopes, and a brake on
guessing."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy.exc import DatabaseError
from starlette.requests import Request

from engine.http.callers import caller_of
from engine.http.context import Context, store_is_silent
from engine.http.problems import Refusal
from engine.store.keys import ApiKey, KeyScope, hash_of, working_keys

GUESSES = 30
"""Wrong keys of one address in a minute, before they are told to wait. A right key is never told so."""

REMEMBERED = 2.0
"""Seconds: a revoked key ends so much later at the most."""

_PAUSE = 0.1
"""Seconds between two looks for a key that is not known: so often may strangers make us look."""


class ApiKeyAuth:
    """Checks the key of every request. All working keys are held in memory, so that a wrong one costs the
    store nothing and a right one waits for nobody."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: Mapping[str, ApiKey] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        # Of its own: whoever sends events does not wait behind those who read pages or figures.
        self._thread = ThreadPoolExecutor(1, "http-keys")
        self._brake = FixedWindowRateLimiter(MemoryStorage())
        self._guesses = RateLimitItemPerMinute(GUESSES)

    def needs(self, scope: KeyScope, *also: KeyScope) -> Callable[[Request], Awaitable[ApiKey]]:
        """A dependency that lets only keys of this scope (or of another of these, or `admin`) pass, and gives
        the key."""

        async def check(request: Request) -> ApiKey:
            key = await self.known(request, presented(request))
            if key.scope not in (scope, *also, "admin"):
                raise Refusal(
                    403,
                    f'this key may not {scope}: its scope is "{key.scope}"',
                    f"use a key with the scope {scope}",
                )
            return key

        return check

    async def known(self, request: Request, text: str | None) -> ApiKey:
        """The key of this text. Raises Refusal 401, or 429 for whoever has tried many wrong ones."""
        digest, caller = hash_of(text or ""), caller_of(request)
        if self._read_at < time.monotonic() - REMEMBERED:
            await self._read()
        # It may have been made a moment ago. Also behind an address from which somebody guesses: all who ask
        # share one reading, and there is a pause between two, so guesses cost next to nothing.
        if digest not in self._known and text:
            await self._read()
        key = self._known.get(digest)
        if key is not None:
            return key
        # Only now, and only wrong keys count: others behind the same address may have a right one.
        if not self._brake.hit(self._guesses, caller):
            raise Refusal(429, "too many wrong keys", "wait a minute", retry_after=60)
        raise Refusal(401, "this API key is not known", "make one with  ./run keys new NAME --scope write")

    async def _read(self) -> None:
        """Reads all keys; those who ask while it is done share what comes of it."""
        asked = time.monotonic()
        async with self._reading:
            # What was read after we asked holds all that we ask for.
            if self._read_at >= asked:
                return
            # Short of the pause: a new key is found by waiting, and strangers make us look no more often.
            rest = self._read_at + _PAUSE - time.monotonic()
            if rest > 0:
                await asyncio.sleep(rest)
            began = time.monotonic()
            try:
                loop = asyncio.get_running_loop()
                self._known = await loop.run_in_executor(self._thread, self._look)
            except DatabaseError as wrong:
                raise store_is_silent() from wrong
            self._read_at = began

    def _look(self) -> Mapping[str, ApiKey]:
        with self._context.store.read() as conn:
            return working_keys(conn)


def presented(request: Request) -> str | None:
    """The key in the header of a request; None where there is none."""
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
