"""What stands in the parts of a mail, unpacked from base64 or quoted-printable: the standard library leaves that to us
where a part is a mail within the mail, or fields of a report.
"""

from __future__ import annotations

import binascii
import email
import re
from collections.abc import Iterator
from email.message import Message as Mail

_STATUS = "message/delivery-status"
_STATUS_IN_UTF8 = "message/global-delivery-status"
_BETWEEN = re.compile(rb"(?:\r?\n[ \t]*){2,}")


def status_fields(part: Mail) -> Iterator[Mail]:
    """The groups of fields of a delivery report, one for each recipient; in UTF-8, too (RFC 3464, RFC 6533)."""
    kind, payload = part.get_content_type(), part.get_payload()
    if kind == _STATUS and isinstance(payload, list) and not _packing(part):
        yield from (group for group in payload if isinstance(group, Mail))
    elif kind in (_STATUS, _STATUS_IN_UTF8):
        for group in _BETWEEN.split(content(part).strip()):
            yield email.message_from_string(group.decode("utf-8", "replace"))


def unpacked(mail: Mail) -> Iterator[bytes]:
    """The parts of a report that came packed."""
    for part in mail.walk() if mail.get_content_type() == "multipart/report" else ():
        if _packing(part) and part.get_content_maintype() != "multipart":
            yield content(part)


def content(part: Mail) -> bytes:
    """What stands in a part; nothing where its packing is broken."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return _bytes(part)
    # the parser took it for a mail, packed or not
    data = b"\n\n".join(_as_written(one) for one in payload if isinstance(one, Mail))
    packing = _packing(part)
    try:
        if packing == "base64":
            return binascii.a2b_base64(data)
        return binascii.a2b_qp(data) if packing else data
    except binascii.Error:
        return b""


def _packing(part: Mail) -> str:
    packing = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    return packing if packing in ("base64", "quoted-printable") else ""


def _as_written(inner: Mail) -> bytes:
    lines = [f"{name}: {value}".encode("utf-8", "surrogateescape") for name, value in inner.raw_items()]
    return b"\n".join([*lines, b"", _bytes(inner)]).strip(b"\n")


def _bytes(part: Mail) -> bytes:
    """Its own text; nothing for a part that has parts."""
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""
