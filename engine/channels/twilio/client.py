"""Twilio's SDK, and nothing else imports it: one request at a time that knows whether it left, and
signatures.

What the SDK's asynchronous client does not do is done here: it has no time-out of its own (twilio-python
issue 925), it reads answers of any size, it drops the headers of refusals (and with them Retry-After), and
nothing tells a request that could not be made from one whose answer was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from engine import faults
from engine.channels.base import HandOver
from engine.values import Instant

CONNECT_SECONDS = 10.0
LARGEST_ANSWER = 1_000_000
"""Bytes of an answer that are read; a page of fifty messages has less than 600,000."""

PAGE = 50
MOST_LISTED = 1_000
"""Messages to one number that are looked through."""


class NotHandedOverError(Exception):
    """The last look before the first byte said no: nothing was sent."""


class NotListedError(Exception):
    """The list of messages cannot be had in full."""


@dataclass(slots=True)
class Exchange:
    """One request and what is known of it. `left`: it was handed over and its first byte may have been
    written. `status` 0: there was no answer. `error`: Twilio's own code, 0 where it named none."""

    hand_over: HandOver | None = None
    left: bool = False
    seconds: float = 30.0
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    error: int = 0
    words: str = ""
    sid: str = ""
    state: str = ""
    clock: asyncio.Timeout | None = None


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message in Twilio's own list."""

    sid: str
    direction: str
    body: str
    sender: str
    created: Instant | None


_exchange: ContextVar[Exchange] = ContextVar("exchange")


class _Gate(aiohttp.TCPConnector):
    """Asks once more whether the message may go, when the connection stands and nothing has been written
    yet."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's signature
        """A connection that may be written to. Raises NotHandedOverError."""
        connection = await super().connect(req, traces, timeout)
        exchange = _exchange.get()
        try:
            if exchange.hand_over is not None and not await exchange.hand_over():
                raise NotHandedOverError
            # after the question, which may have taken long: a connection of the pool may have ended
            # meanwhile
            if connection.transport is None or connection.transport.is_closing():
                raise aiohttp.ClientConnectionError("the connection ended before anything was written")
        except BaseException:
            connection.release()
            raise
        # from here on a failure is unknown: aiohttp writes as soon as it has the connection
        exchange.left = True
        if exchange.clock is not None:
            # the time for the answer begins now: waiting for a connection and for the hand-over takes
            # nothing of it
            exchange.clock.reschedule(asyncio.get_running_loop().time() + exchange.seconds)
        if exchange.hand_over is not None:
            faults.reach("before the last byte")
        return connection


class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK has no types
    """The SDK's client on our connections; made inside the running loop, as aiohttp wants it."""

    def __init__(self, seconds: float, concurrency: int) -> None:
        super().__init__(pool_connections=False)
        self.session = aiohttp.ClientSession(
            connector=_Gate(limit=concurrency),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=min(CONNECT_SECONDS, seconds)),
            trust_env=False,
        )

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the SDK's signature; `Exchange.seconds` counts
        allow_redirects: bool = False,
    ) -> Response:
        """One request; redirects are not followed, and what failed is not tried again."""
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        exchange = _exchange.get()
        answer = await self.session.request(
            method.upper(), url, params=_texts(params), data=_texts(data), headers=sent,
            allow_redirects=allow_redirects,
        )  # fmt: skip
        try:
            if exchange.hand_over is not None:
                faults.reach("after the last byte")
            # one byte more than is read: so that a longer one is known to be that
            body = await answer.content.read(LARGEST_ANSWER + 1)
            while (
                body and len(body) <= LARGEST_ANSWER and (more := await answer.content.read(LARGEST_ANSWER))
            ):
                body += more
        finally:
            # a connection with half an answer in it must not serve the next request
            answer.close() if not answer.content.is_eof() else answer.release()
        exchange.status, exchange.headers = answer.status, answer.headers
        text = body.decode("utf-8", "replace") if len(body) <= LARGEST_ANSWER else "too long"
        return Response(answer.status, text, answer.headers)


class Account:
    """A Twilio account. Open it inside the running loop, close it there."""

    def __init__(self, sid: str, token: str, base_url: str, seconds: float, concurrency: int) -> None:
        self._http = _Http(seconds, concurrency)
        # an environment of its own: TWILIO_REGION and TWILIO_EDGE must not turn requests elsewhere
        self._client = Client(sid, token, http_client=self._http, environment={"TWILIO_ACCOUNT_SID": sid})
        if base_url:
            self._client.api.base_url = base_url
        self._seconds = seconds

    async def send(self, fields: Mapping[str, object], hand_over: HandOver) -> Exchange:
        """POST Messages.json, once. Raises NotHandedOverError; everything else is in the answer."""
        exchange = Exchange(hand_over, seconds=self._seconds)

        async def call() -> None:
            created = await self._client.messages.create_async(**fields)
            exchange.sid, exchange.state = _text(created.sid), _text(created.status)
            exchange.error = _number(created.error_code)
            exchange.words = _text(created.error_message)

        await _watched(exchange, call)
        return exchange

    async def listed(self, to: str, since: datetime | None) -> Sequence[ListedMessage]:
        """Every message to a number, from Twilio's list; with `since` those sent from then on. Raises
        NotListedError."""
        exchange = Exchange(seconds=self._seconds)
        rows: list[ListedMessage] = []

        async def call() -> None:
            after = {} if since is None else {"date_sent_after": since}
            limits = {"limit": MOST_LISTED + 1, "page_size": PAGE}
            for row in await self._client.messages.list_async(to=to, **after, **limits):
                day = row.date_created if isinstance(row.date_created, datetime) else None
                created = None if day is None else Instant(int(day.astimezone(UTC).timestamp() * 1000))
                rows.append(
                    ListedMessage(
                        _text(row.sid), _text(row.direction), _text(row.body), _text(row.from_), created
                    )
                )

        await _watched(exchange, call)
        if not 200 <= exchange.status < 300 or exchange.words:
            raise NotListedError(exchange.words or f"HTTP {exchange.status}")
        if len(rows) > MOST_LISTED:
            raise NotListedError(f"there are more than {MOST_LISTED} messages to this number")
        return rows

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()


class _Form(dict[str, list[str]]):
    """Parameters of a form, also repeated ones, the way the SDK's check reads them."""

    def getall(self, name: str) -> list[str]:
        return self[name]


def is_signed(token: str, url: str, params: Mapping[str, list[str]] | str, signature: str) -> bool:
    """Twilio signed this request: `params` of a form, or the text of another body, whose hash stands in the
    URL."""
    if not token or not signature:
        return False
    known = params if isinstance(params, str) else _Form(params)
    return bool(RequestValidator(token).validate(url, known, signature))


async def _watched(exchange: Exchange, call: Callable[[], Awaitable[None]]) -> None:
    """Runs a call of the SDK and notes in the exchange how it ended. Raises NotHandedOverError."""
    _exchange.set(exchange)
    try:
        async with asyncio.timeout(None) as exchange.clock:
            await call()
    except NotHandedOverError:
        raise
    except TwilioException as refused:
        exchange.error = _number(getattr(refused, "code", 0))
        exchange.words = _text(getattr(refused, "msg", "") or getattr(refused, "detail", "")) or str(refused)
    except TimeoutError:
        exchange.status = 0
        exchange.words = (
            f"no answer within {exchange.seconds:g} seconds" if exchange.left else "no connection"
        )
    except (aiohttp.ClientError, OSError) as lost:
        exchange.status = 0
        exchange.words = f"{type(lost).__name__}: {lost}"
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as odd:
        exchange.words = f"the answer is not Twilio's: {type(odd).__name__}"
        exchange.sid = ""
    exchange.words = exchange.words[:300]


def _texts(fields: Mapping[str, object] | None) -> dict[str, str] | None:
    return None if fields is None else {name: str(value) for name, value in fields.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
