"""A feed taken from its address: only what is new, through the guarded way out, and no more than a feed may
have. Redirects are followed here, each of them checked as the first address was."""

from __future__ import annotations

import asyncio
import base64
import tempfile
from dataclasses import dataclass
from typing import IO
from urllib.parse import urljoin, urlsplit

from engine.channels.egress import Answer, Egress, EgressError, Request
from engine.config import CatalogueConfig
from engine.errors import WorldError
from engine.ids import derive
from engine.runtime.feeds.feed_item import FeedError

LARGEST_DOWNLOAD = 256 << 20
"""Bytes over the wire, packed or not (256 MB)."""

SECONDS = 600.0
"""For the whole of a download."""

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BUFFER = 1 << 20
_LONGEST_MARK = 1_000  # characters of an ETag that are worth keeping


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """What an address answered. `file`: None where nothing has changed; the caller closes it."""

    file: IO[bytes] | None
    etag: str = ""
    modified: str = ""


class FeedNotFetchedError(WorldError):
    """The address gave no feed; it is asked again later."""

    def __init__(self, what: str) -> None:
        super().__init__(what, permanent=False)


def source_of(config: CatalogueConfig, types: str) -> str:
    """A name for a feed and how it is read, which does not give its address away. `types`: of the fields of
    products. Raises InstallationError."""
    return derive("feed", address_of(config), types, repr(sorted(config.fields.items())))


def address_of(config: CatalogueConfig) -> str:
    """The address of the feed. Raises InstallationError."""
    return config.secret_feed.reveal() if config.secret_feed is not None else config.feed


async def fetch(
    egress: Egress, config: CatalogueConfig, etag: str = "", modified: str = "", seconds: float = SECONDS
) -> FetchedFeed:
    """The feed, unless it is the one with this mark. Raises FeedNotFetchedError, EgressError, FeedError and
    InstallationError."""
    headers = {"Accept": "application/xml, text/csv, application/x-ndjson, */*", "Accept-Encoding": "gzip"}
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    if config.user:
        login = f"{config.user}:{config.password.reveal() if config.password is not None else ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    url = address_of(config)
    origin = _origin(url)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    try:
        for _ in range(MOST_REDIRECTS + 1):
            sink = _FileSink(file)
            answer = await _ask(egress, Request("GET", url, headers=headers, seconds=seconds, sink=sink), url)
            await sink.flush()
            if answer.status not in _REDIRECTS:
                # only now the file holds all of it
                return _taken(answer, file, url)
            target = urljoin(url, answer.headers.get("location", ""))
            # before it is asked: the login would go out in the open
            if url.startswith("https:") and not target.startswith("https:"):
                raise EgressError(f"{_host(url)} leads away from https to {_host(target)}")
            if _origin(target) != origin:
                headers.pop("Authorization", None)  # it is for one server
            url = target
        raise FeedNotFetchedError(f"{_host(url)} leads on and on: more than {MOST_REDIRECTS} redirects")
    except BaseException:
        file.close()
        raise


async def _ask(egress: Egress, request: Request, url: str) -> Answer:
    try:
        return await egress.exchange(request)
    except (EgressError, FeedNotFetchedError):
        raise
    except WorldError as wrong:
        raise FeedNotFetchedError(f"{_host(url)} gave no feed: {wrong.what}") from wrong


def _taken(answer: Answer, file: IO[bytes], url: str) -> FetchedFeed:
    if answer.status == 304:
        file.close()
        return FetchedFeed(None)
    if answer.status != 200:
        raise FeedNotFetchedError(f"{_host(url)} answered {answer.status}")
    if answer.headers.get("content-encoding", "identity").strip().casefold() not in (
        "",
        "identity",
        "gzip",
        "x-gzip",
    ):
        raise FeedNotFetchedError(f"{_host(url)} packs the feed in a way that nobody asked for")
    file.seek(0)
    marks = (answer.headers.get(name, "")[:_LONGEST_MARK] for name in ("etag", "last-modified"))
    return FetchedFeed(file, *marks)


class _FileSink:
    """Bytes into a file, in a thread: a disk may be slow."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._buffer, self._size = file, bytearray(), 0

    async def take(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > LARGEST_DOWNLOAD:
            raise FeedError(
                f"this feed is larger than {LARGEST_DOWNLOAD >> 20} MB over the wire",
                "let the server pack it: gzip",
            )
        self._buffer += chunk
        if len(self._buffer) >= _BUFFER:
            await self.flush()

    async def flush(self) -> None:
        content, self._buffer = bytes(self._buffer), bytearray()
        if content:
            await asyncio.to_thread(self._file.write, content)


def _host(url: str) -> str:
    """What is told of an address: a feed's path may hold a key."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or "nowhere"
    except ValueError:
        return "nowhere"


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc
