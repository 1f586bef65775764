"""`/signup/<list>`: a form that anybody may send, and nobody can use against somebody else
(design/threats T15).

The answer is the same whatever became of it: whether an address is known, was asked already, or is none at
all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from engine.config import SignupList
from engine.http.body import read_body, read_form
from engine.http.callers import caller_of
from engine.http.context import Context, LiveProject
from engine.http.intake.strict_json import decode
from engine.http.links.link_pages import text_of_list
from engine.http.links.visitor import is_own_page, origin_of, words_of
from engine.http.pages import customer_page
from engine.http.problems import Refusal
from engine.runtime.intake.signups import (
    SignUpRequest,
    address_of,
    find_customer,
    is_allowed,
    network_of,
    sign_up,
)
from engine.values import DAY, SECOND, Instant

SOONEST, LATEST = 2 * SECOND, DAY
"""A person takes so long at least to fill in the form; a form that was asked for longer ago is asked for
again."""

TRAP = "website"
"""A field that no person sees: whoever fills it in is a machine."""


def signup_routes(context: Context) -> APIRouter:
    """The form, and what it sends."""
    router = APIRouter(tags=["sign-up"], include_in_schema=False)

    @router.get("/signup/{name}")
    async def form(name: str, request: Request) -> Response:
        live = context.live()
        listed = _list(live, name, request)
        seen = live.links.seen(name, context.clock.now())
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"seen": seen, "text": listed.text}, headers=_cors(live, request))
        # The Content-Security-Policy bounds where a form leads, its redirect included.
        goes_to = ["/".join(listed.next.split("/")[:3])] if listed.next else []
        return customer_page(
            "signup.html", words_of(live, request), live.config.shop, form_goes_to=goes_to,
            seen=seen, trap=TRAP, asked=listed.text,
        )  # fmt: skip

    @router.options("/signup/{name}")
    async def ask(name: str, request: Request) -> Response:
        _list(context.live(), name, request)
        return Response(status_code=204, headers=_cors(context.live(), request))

    @router.post("/signup/{name}")
    async def send(name: str, request: Request) -> Response:
        live = context.live()
        listed = _list(live, name, request)
        # A browser always says which site a form stands on; other programs use an API key.
        if origin_of(request) not in live.config.signup.origins and not is_own_page(live, request):
            raise Refusal(
                403,
                "this form may not be sent from here",
                "add the site to  signup: {origins: [...]}  of config.yaml; "
                "a server sends events with an API key",
            )
        fields: Mapping[str, str]
        if request.headers.get("content-type", "").partition(";")[0].strip().casefold() == "application/json":
            body = decode(await read_body(request))
            if not isinstance(body, dict):
                raise Refusal(400, "a sign-up is an object of texts")
            fields = {name: value for name, value in body.items() if isinstance(value, str)}
        else:
            fields = await read_form(request)
        sign_up_request = _read_request(live, request, listed, fields, context.clock.now())
        if sign_up_request is not None:
            await _take(context, sign_up_request)
        # From here on the answer is the same whatever became of it.
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"ok": True}, headers=_cors(live, request))
        if listed.next:
            return RedirectResponse(listed.next, 303, {"Cache-Control": "no-store"})
        words = words_of(live, request)
        return customer_page("notice.html", words, live.config.shop, notice="signed_up")

    return router


def _list(live: LiveProject, name: str, request: Request) -> SignupList:
    """The list, with its text in the language of the page."""
    listed = live.config.signup.lists.get(name)
    if listed is None:
        raise Refusal(404, "there is no such list", "lists stand in config.yaml under  signup")
    return replace(listed, text=text_of_list(words_of(live, request), listed))


def _cors(live: LiveProject, request: Request) -> dict[str, str]:
    origin = origin_of(request)
    if origin not in live.config.signup.origins:
        # Also where nothing is allowed: else a cache would give this answer to a site that is.
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "content-type",
        "Vary": "Origin",
    }


def _read_request(
    live: LiveProject, request: Request, listed: SignupList, fields: Mapping[str, str], now: Instant
) -> SignUpRequest | None:
    """What a person filled in; None for a machine, a form that is too old or too fresh, and what is no
    address."""
    seen = live.links.read_seen(fields.get("seen", ""), listed.name)
    address = address_of(fields.get("email", ""))
    # All of them in silence: a machine that is told why tries the next thing.
    if fields.get(TRAP) or address is None or seen is None or not SOONEST <= now - seen <= LATEST:
        return None
    wanted = fields.get("language", "").casefold()
    language = wanted if wanted in live.config.languages else ""
    # One short printable line: the header goes into the ledger, and a program may write anything into it.
    origin = "".join(char if char.isprintable() else " " for char in origin_of(request)[:800])
    where = f"sign-up form {listed.name} at {' '.join(origin.split())[:200]}"
    return SignUpRequest(listed, address, network_of(caller_of(request)), language, where)


async def _take(context: Context, sign_up_request: SignUpRequest) -> None:
    live, now = context.live(), context.clock.now()

    def known(conn: Connection) -> tuple[bool, str | None]:
        if not is_allowed(conn, sign_up_request, live.config.signup, now):
            return False, None
        return True, find_customer(conn, sign_up_request.address)

    # Read before the writer is asked: a flood is turned away without it.
    is_open, customer = await context.look(known)
    if not is_open:
        return
    if await context.write(
        lambda conn: sign_up(conn, sign_up_request, customer, live.config.signup, live.intake, now)
    ):
        context.arrived()
