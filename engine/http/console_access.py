"""Pages for the shop itself (`/outbox`, `/docs`): for whoever sits at this machine and has the token that the
daemon printed.

The address of the caller alone proves nothing: a proxy on this machine has it as well and may pass on
everything, and so has the browser of whoever sits here, whatever page it is showing (a name that somebody
else owns may lead to 127.0.0.1, and any page may send requests there). So each of these is refused by itself,
and what is left needs the token, as in Jupyter.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.config import HttpConfig
from engine.http.context import Context
from engine.http.pages import OWN_POLICY, own_page
from engine.http.problems import Refusal
from engine.ids import new_secret
from engine.private_files import private_folder

TOKEN_FILE = Path("data") / "console-token"
"""From the folder of the project; kept, so that a bookmark outlives a restart."""

CONSOLE_HEADERS = {
    "Content-Security-Policy": OWN_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Of every page for the shop itself."""

_KEPT = 30 * 24 * 3600  # seconds of the cookie

_FORWARDING = {
    b"forwarded", b"via", b"x-real-ip", b"true-client-ip", b"cf-connecting-ip", b"cf-ray", b"x-client-ip",
    b"x-cluster-client-ip", b"fastly-client-ip", b"x-request-start", b"x-original-host", b"x-original-url",
    b"x-envoy-external-address", b"x-amzn-trace-id", b"x-azure-clientip",
}  # fmt: skip
"""Headers that proxies add, beside all that begin with `x-forwarded`: one of them gives the proxy away."""


class TokenNeeded(Exception):  # noqa: N818  it leads to a page
    """Somebody at this machine, without the token. `path`: where they wanted to go; `is_right`: the token
    stood in the address, and belongs into a cookie."""

    def __init__(self, path: str, *, is_right: bool) -> None:
        super().__init__(path)
        self.path, self.is_right = path, is_right


def console_token(folder: Path) -> str:
    """The token of a project, made at the first start; readable for the owner of the process alone."""
    file = folder / TOKEN_FILE
    try:
        if not file.exists():
            private_folder(file.parent)
            # Made with its rights: between a creation and a chmod others could read it.
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(new_secret())
        return file.read_text(encoding="ascii").strip() or new_secret()
    except (OSError, UnicodeDecodeError):
        # A folder that nobody may write to: then the token is another one after each start.
        return new_secret()


def console_only(context: Context) -> Callable[[Request], Awaitable[None]]:
    """A dependency that lets only the console pass. Raises Refusal or TokenNeeded."""

    async def check(request: Request) -> None:
        refuse_strangers(context, request)
        given = request.query_params.get("token")
        if given is not None:
            raise TokenNeeded(request.url.path, is_right=_is_same(given, context.console_token))
        if not _is_same(request.cookies.get(cookie_name(context), ""), context.console_token):
            raise TokenNeeded(request.url.path, is_right=False)

    return check


async def answer_without_token(context: Context, _request: Request, needed: Exception) -> Response:
    """The exception handler of the application: the right token becomes a cookie, everybody else reads what
    to do."""
    assert isinstance(needed, TokenNeeded)
    if not needed.is_right:
        page = own_page("token.html", "Token", "")
        return HTMLResponse(page, 401, CONSOLE_HEADERS)
    # Without the token: addresses stand in histories, on screens and in headers of the next page.
    answer = RedirectResponse(needed.path, 303, {"Cache-Control": "no-store"})
    name, token = cookie_name(context), context.console_token
    answer.set_cookie(name, token, max_age=_KEPT, httponly=True, samesite="strict")
    return answer


def refuse_strangers(context: Context, request: Request) -> None:
    """Raises Refusal for whoever does not sit at this machine: 421 for another host's name, 404 behind a
    proxy and for other machines, 403 for a page of another site."""
    config = context.live().config.http
    host = request.headers.get("host", "")
    # A name that somebody else owns and leads here; a token or a cookie would not help against it.
    if not is_own_host(host, config):
        raise Refusal(421, "this name is none of ours", "use the address that  ./run run  printed")
    caller = request.client.host if request.client else ""
    if not _is_here(caller) or any(
        name in _FORWARDING or name.startswith(b"x-forwarded") for name, _ in request.headers.raw
    ):
        raise Refusal(404, "there is no such page")
    site, origin = request.headers.get("sec-fetch-site", ""), request.headers.get("origin")
    if site not in ("", "none", "same-origin") or (origin is not None and urlsplit(origin).netloc != host):
        raise Refusal(403, "another site may not ask for this page", "open it by its own address")


def is_own_host(host: str, config: HttpConfig, *, public: bool = False) -> bool:
    """Whether a Host header names this machine, under any port (a tunnel has its own), or with `public` the
    name by which the world knows us."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if public and host.casefold() == urlsplit(config.public_url).netloc.casefold():
        return True
    # An address is no name that somebody else could own.
    if public and is_address(name):
        return True
    return name == "localhost" or _is_here(name) or (name == config.host and name not in ("0.0.0.0", "::"))  # noqa: S104


def console_url(base: str, path: str, token: str) -> str:
    """The address to open, with the token."""
    return f"{base}{path}?{urlencode({'token': token})}"


def cookie_name(context: Context) -> str:
    """One for each port: cookies of a host are shared by all of them."""
    return f"perennial_{context.live().config.http.port}"


def is_address(host: str) -> bool:
    """Whether a host is written as its IP address."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_here(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return parsed.is_loopback


def _is_same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
