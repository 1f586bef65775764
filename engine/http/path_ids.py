"""Ids in the path of a request: a shop may have a slash in one of its own, which is then written `%2F`.

The server has decoded the path before any route is asked, and `/customers/a%2Fpoints` looks like
`/customers/a/points` by then. So the two signs that make the difference stay encoded until the route is
known, in addresses that hold ids.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

_FOLDERS = (b"/customers/", b"/products/", b"/codes/")
_KEPT = re.compile(rb"%(2F|25)", re.IGNORECASE)
_KEPT_AS_TEXT = re.compile(r"%(2F|25)", re.IGNORECASE)


class PathId(Convertor[str]):
    """`{customer:id}` in the path of a route: one part of it, as whoever calls has meant it."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The id of a part of a path in which slashes are kept."""
        return _KEPT_AS_TEXT.sub(lambda found: unquote(found[0]), value)

    def to_string(self, value: str) -> str:
        """The part of a path that means this id."""
        return value.replace("%", "%25").replace("/", "%2F")


# before any route is made: it is looked up then
register_url_convertor("id", PathId())


def keep_slashes(scope: Scope) -> None:
    """Makes the slashes of ids differ from those between the parts of a path."""
    raw: bytes = scope.get("raw_path") or b""
    if b"%" in raw and raw.startswith(_FOLDERS):
        scope["path"] = unquote(_KEPT.sub(rb"%25\1", raw).decode("ascii"))
