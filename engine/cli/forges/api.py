"""Requests to the REST interface of a forge: bounded, page after page, and tried again where it fails."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2
import orjson

from engine.backoff import Backoff
from engine.errors import UsageError, WorldError

SECONDS = 20.0
LARGEST_ANSWER = 64_000_000
"""Bytes; a page of comments may have a hundred of 65,535 characters each."""

PAGE, MOST_PAGES = 100, 50
TRIES = 4
_WAITS = Backoff(first=1_000, longest=8_000)
_LONGEST_WAIT = 60.0
_FORBIDDEN, _GONE, _TOO_MANY, _SERVER = (401, 403), (404, 410), 429, 500
_TOO_OFTEN = re.compile(r"rate limit", re.IGNORECASE)

_Result = TypeVar("_Result")


class ForgeError(WorldError):
    """A forge refused (`permanent`), or could not be asked. `after`: seconds until it wants to be asked
    again; None where it does not say. `is_gone`: what was asked for is not there; `is_forbidden`: the token
    may not."""

    def __init__(
        self,
        what: str,
        *,
        permanent: bool,
        after: float | None = None,
        is_gone: bool = False,
        is_forbidden: bool = False,
    ) -> None:
        super().__init__(what, permanent=permanent)
        self.after = after
        self.is_gone = is_gone
        self.is_forbidden = is_forbidden


class ForgeApi:
    """One forge at its address, such as `https://api.github.com`. `headers` hold the token: redirections are
    not followed, or it would go to somebody else."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        try:
            host = httpx2.URL(address).host if address.startswith(("https://", "http://")) else ""
        except httpx2.InvalidURL:
            host = ""
        if not host:
            raise UsageError(f'"{address}" is no address of a forge', "write one that begins with https://")
        self._address = address.rstrip("/")
        self._headers = {"User-Agent": "perennial", **headers}

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer as it was parsed; None where there is none. Raises ForgeError."""
        return self._ask(method, path, body)[0]

    def remove(self, path: str) -> None:
        """Whatever was removed by somebody else meanwhile is removed. Raises ForgeError."""
        try:
            self.ask("DELETE", path)
        except ForgeError as wrong:
            if not wrong.is_gone:
                raise

    def pages(self, path: str) -> Iterator[Mapping[str, Any]]:
        """All rows of a list; both forges divide them alike. Raises ForgeError."""
        for page in range(1, MOST_PAGES + 1):
            rows, links = self._ask("GET", f"{path}?per_page={PAGE}&page={page}", None)
            if not isinstance(rows, list):
                raise ForgeError(f"{path} is no list", permanent=True)
            yield from (row for row in rows if isinstance(row, dict))
            if 'rel="next"' not in links:
                return

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[Any, str]:
        content = orjson.dumps(body) if body is not None else None
        headers = self._headers | ({"Content-Type": "application/json"} if content else {})
        try:
            # a connection for each: there are a handful, and nobody has to close anything
            with httpx2.stream(
                method, self._address + path, content=content, headers=headers, timeout=SECONDS,
                follow_redirects=False,
            ) as answer:  # fmt: skip
                taken = bytearray()
                for chunk in answer.iter_bytes():
                    taken += chunk
                    if len(taken) > LARGEST_ANSWER:
                        raise ForgeError(f"the answer to {path} does not end", permanent=True)
        except httpx2.HTTPError as wrong:
            raise ForgeError(
                f"{self._address} cannot be asked ({type(wrong).__name__})", permanent=False
            ) from wrong
        if answer.is_success:
            return _parsed(bytes(taken)), answer.headers.get("link", "")
        raise _refusal(answer, bytes(taken), f"{method} {path.partition('?')[0]}")


def is_address(text: str) -> bool:
    """Whether it can stand as a link in Markdown: an address of the web, and nothing that ends one."""
    return re.fullmatch(r"https?://[\w./:%~+-]+", text, re.ASCII) is not None


def patiently(work: Callable[[], _Result]) -> _Result:
    """Does it again, a few times, where the forge failed or had too much to do. `work` must not mind that:
    what failed may have been done. Raises ForgeError."""
    for failures in range(1, TRIES + 1):
        try:
            return work()
        except ForgeError as wrong:
            if wrong.permanent or failures == TRIES:
                raise
            wait = wrong.after if wrong.after is not None else _WAITS.wait(failures) / 1000
            threading.Event().wait(min(wait, _LONGEST_WAIT))
    raise AssertionError("the last try returns or raises")


def _refusal(answer: httpx2.Response, body: bytes, asked: str) -> ForgeError:
    said = _parsed(body)
    why = str(said.get("message") or said.get("error") or "") if isinstance(said, dict) else ""
    after = _seconds_to_wait(answer.headers)
    # GitHub says 403 to a token that may not, and to one that asked too often; to that, of its secondary
    # limits, in words alone
    is_limit = answer.status_code == _TOO_MANY or after is not None or _TOO_OFTEN.search(why) is not None
    if is_limit and after is None:
        after = _LONGEST_WAIT
    return ForgeError(
        f"{asked}: {answer.status_code} {why[:200]}".rstrip(),
        permanent=answer.status_code < _SERVER and not is_limit,
        after=after,
        is_gone=answer.status_code in _GONE,
        is_forbidden=answer.status_code in _FORBIDDEN and not is_limit,
    )


def _seconds_to_wait(headers: httpx2.Headers) -> float | None:
    """Until the forge wants to be asked again; None where it does not say that."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") != "0" or not reset.isdigit():
        return None
    try:  # by its own clock: that of this machine may be another
        now = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return _LONGEST_WAIT
    return max(0.0, float(reset) - now.timestamp())


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
