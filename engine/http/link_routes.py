"""The links in messages and the sign-up forms, put together."""

from __future__ import annotations

from fastapi import APIRouter

from engine.http.click_routes import click_routes
from engine.http.consent_routes import consent_routes
from engine.http.context import Context
from engine.http.signup_routes import signup_routes


def link_routes(context: Context) -> APIRouter:
    """`/c/`, `/o/`, `/u/`, `/p/`, `/y/`, `/signup/`."""
    router = APIRouter()
    for routes in (click_routes, consent_routes, signup_routes):
        router.include_router(routes(context))
    return router
