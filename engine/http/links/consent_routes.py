"""`/u/`, `/p/`, `/y/`: leave, choose, confirm. Whoever has the link may use it, so a GET only shows; a POST
acts, and counts when it is answered. A token that we did not sign is not found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from engine.channels.links import ConfirmationLink
from engine.core.facts.customer import OWN_CAPS
from engine.core.happening import ProfileChanged
from engine.http.body import read_body, read_form
from engine.http.callers import caller_of
from engine.http.context import Context, LiveProject
from engine.http.links.link_pages import ConsentPages, unknown_link
from engine.http.links.visitor import Visitor, choices, find_visitor, is_own_page, origin_of, words_of
from engine.http.problems import Refusal
from engine.runtime.feedback.consent import ConsentProof, agree, is_meant, withdraw
from engine.runtime.intake.items import EventItem
from engine.runtime.intake.signups import SignUpRequest, network_of, sign_up
from engine.store.inbox import inbox
from engine.values import DAY, Instant, Value

BREAK_DAYS = 30
"""How long a break lasts that somebody takes on the preference page."""


def leave_routes(context: Context) -> APIRouter:
    """`/u/`: out of the messages of one channel and purpose."""
    router = APIRouter(tags=["links"], include_in_schema=False)

    @router.api_route("/u/{token:path}", methods=["GET", "HEAD"])
    async def ask_to_leave(token: str, request: Request) -> Response:
        live = context.live()
        leaving = live.links.read_unsubscribe(token)
        if leaving is None:
            return unknown_link(live, request)
        visitor = await context.look(lambda conn: find_visitor(conn, leaving.customer, leaving.key))
        pages = _pages(context, request, visitor)
        return pages.unsubscribe(leaving, live.links.preferences(leaving.customer))

    @router.post("/u/{token:path}")
    async def leave(token: str, request: Request) -> Response:
        """RFC 8058: no cookie, no login, no redirect, whatever the body says; effective when it is
        answered."""
        live = context.live()
        leaving = live.links.read_unsubscribe(token)
        if leaving is None:
            return unknown_link(live, request)
        await read_body(request)
        visitor = await context.look(lambda conn: find_visitor(conn, leaving.customer, leaving.key))
        pages = _pages(context, request, visitor)
        if visitor.is_test:
            return pages.test()
        pair = (leaving.channel, leaving.purpose)
        proof = ConsentProof(context.clock.now(), "unsubscribe link", pages.wording_of_leaving(leaving))
        # Durable before the answer: a mail program that reads 200 never asks again.
        await context.write(lambda conn: withdraw(conn, leaving.customer, [pair], proof, leaving.key))
        context.arrived()
        return pages.unsubscribed(live.links.preferences(leaving.customer))

    return router


def preference_routes(context: Context) -> APIRouter:
    """`/p/`: what somebody wants to hear of, on which channels, and how often."""
    router = APIRouter(tags=["links"], include_in_schema=False)

    @router.api_route("/p/{token:path}", methods=["GET", "HEAD"])
    async def show(token: str, request: Request) -> Response:
        live = context.live()
        customer = live.links.read_preferences(token)
        if customer is None:
            return unknown_link(live, request)
        visitor = await context.look(lambda conn: find_visitor(conn, customer))
        return _pages(context, request, visitor).preferences(choices(live.config, visitor))

    @router.post("/p/{token:path}")
    async def choose(token: str, request: Request) -> Response:
        live = context.live()
        customer = live.links.read_preferences(token)
        if customer is None:
            return unknown_link(live, request)
        _check_site(live, request)
        form = await read_form(request)
        visitor = await context.look(lambda conn: find_visitor(conn, customer))
        pages = _pages(context, request, visitor)
        if visitor.is_test:
            return pages.test()
        if "break" in form:
            # Of a button of its own: whoever takes a break chooses nothing else with it.
            days = BREAK_DAYS if form["break"] == str(BREAK_DAYS) else 0
            until = Instant(context.clock.now() + days * DAY) if days else None
            await _wish(context, visitor, "break_until", until)
            return pages.saved([], live.links.preferences(customer))
        if "save" not in form and "all" not in form:  # a machine that posts an empty form chooses nothing
            return pages.preferences(choices(live.config, visitor))
        often = form.get("often", "")
        if often != visitor.frequency and often in ("", *OWN_CAPS) and "save" in form:
            await _wish(context, visitor, "frequency", often or None)
        chosen = await _choose(context, pages, form, network_of(caller_of(request)))
        show = pages.asked if chosen.is_asked else pages.saved
        return show(chosen.still_closed, live.links.preferences(customer))

    return router


def confirmation_routes(context: Context) -> APIRouter:
    """`/y/`: yes, by whoever got the message that asks."""
    router = APIRouter(tags=["links"], include_in_schema=False)

    @router.api_route("/y/{token:path}", methods=["GET", "HEAD"])
    async def ask_to_confirm(token: str, request: Request) -> Response:
        live = context.live()
        confirming = live.links.read_confirm(token)
        if confirming is None:
            return unknown_link(live, request)
        visitor, is_right = await context.look(lambda conn: _confirming(conn, confirming))
        return _pages(context, request, visitor).confirm(confirming, is_right=is_right)

    @router.post("/y/{token:path}")
    async def confirm(token: str, request: Request) -> Response:
        live = context.live()
        confirming = live.links.read_confirm(token)
        if confirming is None:
            return unknown_link(live, request)
        _check_site(live, request)
        await read_body(request)
        visitor, is_right = await context.look(lambda conn: _confirming(conn, confirming))
        pages = _pages(context, request, visitor)
        if visitor.is_test or not is_right:
            return pages.confirm(confirming, is_right=is_right)
        live, now, customer = context.live(), context.clock.now(), pages.visitor.customer
        channel, purpose = confirming.channel, confirming.purpose
        # Not a second proof with a later date: the first one is the one that counts.
        if pages.visitor.agreed(channel, purpose):
            return pages.confirmed([])
        fields = {"source": "confirmation page", "channel": channel, "purpose": purpose}
        event = EventItem(0, customer, live.config.signup.confirmed, None, None, fields, undeclared=True)
        prepared = live.intake.prepare([event], "links", now)
        proof = ConsentProof(now, "confirmation page", pages.wording_of_confirmation(confirming))

        def job(conn: Connection) -> list[str]:
            # The consent first: the inbox keeps this order, and a journey that the event wakes finds it
            # given.
            still_closed = agree(conn, customer, [(channel, purpose)], proof)
            live.intake.take(conn, prepared, now)
            return still_closed

        still_closed = await context.write(job)
        context.arrived()
        return pages.confirmed(still_closed)

    return router


def _pages(context: Context, request: Request, visitor: Visitor) -> ConsentPages:
    live = context.live()
    return ConsentPages(words_of(live, request, visitor.language), live.config, visitor, context.clock.now())


def _check_site(live: LiveProject, request: Request) -> None:
    """The token is what counts; besides, a browser that says that another site sends the form is not
    believed."""
    # Mail programs and old browsers say nothing at all; one that hides where it is says "null".
    silent = "sec-fetch-site" not in request.headers and origin_of(request) in ("", "null")
    if not silent and not is_own_page(live, request):
        raise Refusal(403, "this form is sent from its own page only")


async def _wish(context: Context, visitor: Visitor, attribute: str, value: Value) -> None:
    """Writes how much the visitor wants to hear; None: as much as comes."""
    if not visitor.is_known:
        return  # whoever was erased does not come back by a link in an old message
    now = context.clock.now()
    change = ProfileChanged(0, now, {attribute: value})
    await context.write(lambda conn: inbox.append_one(conn, visitor.customer, change, now))
    context.arrived()


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What became of a choice. `still_closed`: channels on which nobody can be written to whatever is chosen
    here; `is_asked`: somebody has to confirm a part of it by the message that they get."""

    still_closed: tuple[str, ...] = ()
    is_asked: bool = False


async def _choose(context: Context, pages: ConsentPages, form: Mapping[str, str], network: str) -> _Chosen:
    """Writes what is different from before. Off is done at once; what somebody has left comes back only by
    the owner of the mailbox, since a forwarded letter carries the link of this page with it."""
    visitor, live = pages.visitor, context.live()
    agreed: list[tuple[str, str]] = []
    left: list[tuple[str, str]] = []
    withdrawn: list[tuple[str, str]] = []
    for purpose, channel in choices(context.live().config, visitor):
        wanted = "all" not in form and f"{purpose}/{channel}" in form
        if wanted and not visitor.agreed(channel, purpose):
            (left if visitor.has_left(channel, purpose) else agreed).append((channel, purpose))
        elif not wanted and (visitor.agreed(channel, purpose) or pages.is_on(channel, purpose)):
            withdrawn.append((channel, purpose))
    if "all" in form:  # also what this page does not show
        withdrawn += [
            (channel, purpose)
            for channel, reach in visitor.reach.items()
            for purpose, state in reach.consents.items()
            if state == "given" and (channel, purpose) not in withdrawn
        ]
    if not agreed and not left and not withdrawn:
        return _Chosen()
    # One moment for all that was chosen with one press of the button.
    now = context.clock.now()

    wishes = {
        (channel, purpose): SignUpRequest(
            listed, visitor.reach[channel].address or "", network, visitor.language, "preference page"
        )
        for channel, purpose in left
        if (listed := pages.list_of(channel, purpose)) is not None
    }

    def job(conn: Connection) -> list[str]:
        for channel, purpose in withdrawn:
            proof = ConsentProof(now, "preference page", pages.wording_of_choice(channel, purpose))
            withdraw(conn, visitor.customer, [(channel, purpose)], proof)
        for wish in wishes.values():
            sign_up(conn, wish, visitor.customer, live.config.signup, live.intake, now)
        still_closed = [channel for channel, purpose in left if (channel, purpose) not in wishes]
        for channel, purpose in agreed:
            proof = ConsentProof(now, "preference page", pages.wording_of_choice(channel, purpose))
            still_closed += agree(conn, visitor.customer, [(channel, purpose)], proof)
        return still_closed

    still_closed = await context.write(job)
    context.arrived()
    return _Chosen(tuple(still_closed), bool(wishes))


def _confirming(conn: Connection, confirming: ConfirmationLink) -> tuple[Visitor, bool]:
    """Who confirms, and whether the message with the link went to an address that they still have."""
    visitor = find_visitor(conn, confirming.customer, confirming.key)
    return visitor, is_meant(conn, visitor.customer, confirming.channel, confirming.key)
