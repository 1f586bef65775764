"""Endpoints that are called without the web framework between them and the server: its routing, its
dependencies and its layers cost more than everything else of a small request.

They stay routes of the framework, which documents them and answers whatever is not theirs (another method,
an address that is none).
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from engine.http.problems import Refusal, problem


class HotRoutes:
    """The routes of some routers whose endpoints ask for nothing but the request, and for the last part of
    the address where that is a parameter."""

    def __init__(self, *routers: APIRouter) -> None:
        self._at_path: dict[tuple[str, str], APIRoute] = {}
        self._below_path: dict[tuple[str, str], tuple[APIRoute, str]] = {}
        for route in (route for router in routers for route in router.routes):
            assert isinstance(route, APIRoute)
            folder, _, last = route.path.rpartition("/")
            for method in route.methods or ():
                if not route.param_convertors:
                    self._at_path[method, route.path] = route
                elif set(route.param_convertors) == {name := last.strip("{}").partition(":")[0]}:
                    self._below_path[method, folder] = (route, name)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answers a request that is for one of them; False: it is for another one."""
        method, path, parameters = scope["method"], scope["path"], {}
        route = self._at_path.get((method, path))
        if route is None:
            folder, _, last = path.rpartition("/")
            route, name = self._below_path.get((method, folder), (None, ""))
            # The framework's own rule for a parameter: at least one character, and no line break at the end.
            if route is None or not last or last.endswith("\n"):
                return False
            parameters = {name: route.param_convertors[name].convert(last)}
        scope["route"] = route
        request = Request(scope, receive, send)
        try:
            response = await route.endpoint(request=request, **parameters)
        except Refusal as refusal:
            response = problem(refusal)
        await response(scope, receive, send)
        return True
