"""Who opened or clicked: a person, a machine, or nobody can tell (design/reliability 3.4). Guesses from what
is known at once; what only the next seconds show (a second link of the same message) is the store's to
judge."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from engine.values import SECOND

ReaderKind = Literal["human", "machine", "unknown"]

TOO_FAST = 10 * SECOND
"""Nobody reads a message and clicks so soon after the provider took it; scanners do."""

_MACHINES = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|unfurl|headless|phantomjs|selenium|puppeteer|playwright|curl/|wget/|libwww|"
    r"python|go-http-client|java/|okhttp/|apache-httpclient|node-fetch|axios/|ruby|perl|"
    r"barracuda|proofpoint|mimecast|safelinks|symantec|messagelabs|trendmicro|fireeye|trellix|sophos|zscaler|cloudmark|"
    r"checkpoint|forcepoint|cisco|ironport|urldefense|avanan|vade|hornetsecurity|facebookexternalhit|whatsapp/|slack-|"
    r"skypeuri|bingpreview|google-safety|google-read-aloud|yandex\.com/bots|ahrefs|monitor",
    re.IGNORECASE,
)
_PROXIES = re.compile(
    r"googleimageproxy|ggpht\.com|yahoomailproxy|yahoo mail proxy|outlook-ios-proxy", re.IGNORECASE
)
_APPLE = "Mozilla/5.0"
"""Apple's mail privacy proxy names itself so, exactly, and loads every picture whether somebody reads or
not."""


def judge_click(headers: Mapping[str, str], since_accepted: int | None) -> ReaderKind:
    """A click as it comes in: `machine`, or `unknown` until the next seconds were quiet. `since_accepted`: ms
    since the provider took the message; None: it was not handed over yet, so nobody can have it."""
    if _is_prefetched(headers) or _is_machine(headers):
        return "machine"
    return "machine" if since_accepted is None or since_accepted < TOO_FAST else "unknown"


def judge_open(headers: Mapping[str, str], since_accepted: int | None) -> ReaderKind:
    """A picture that was loaded: by a mail program (`human`), by a scanner, or by a proxy that loads
    everything."""
    agent = headers.get("user-agent", "").strip()
    if agent == _APPLE or _PROXIES.search(agent):
        return "unknown"
    if _is_prefetched(headers) or _is_machine(headers):
        return "machine"
    return "unknown" if since_accepted is None or since_accepted < TOO_FAST else "human"


def _is_machine(headers: Mapping[str, str]) -> bool:
    agent = headers.get("user-agent", "").strip()
    return not agent or agent == _APPLE or _MACHINES.search(agent) is not None


def _is_prefetched(headers: Mapping[str, str]) -> bool:
    purposes = " ".join(headers.get(name, "") for name in ("purpose", "sec-purpose", "x-purpose", "x-moz"))
    return "prefetch" in purposes.casefold() or "preview" in purposes.casefold()
