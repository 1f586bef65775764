"""Asks the resolver of this machine for TXT records: SPF, DMARC and the DKIM key of the sender's domain."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from engine.channels.email.dkim import Signer
from engine.cli.diagnostics.finding import Finding

_TXT, _INTERNET, _PORT, _SECONDS = 16, 1, 53, 2.0
_NUMBER = 0x5045
_RESERVED = (".example", ".test", ".invalid", ".localhost", ".local", ".internal")
_OWN = ("example.com", "example.org", "example.net", "localhost")


def sender_records(domain: str, resolver: tuple[str, int] | None) -> Iterator[Finding]:
    """What receivers look up about a sender. Skipped where the domain is made up or no resolver answers."""
    what = f"dns {domain}"
    if _is_reserved(domain):
        yield Finding("skip", what, "this domain is reserved for examples: nobody can look it up")
        return
    try:
        if resolver is None:
            raise OSError
        spf, dmarc = texts(domain, resolver), texts(f"_dmarc.{domain}", resolver)
    except OSError:
        yield Finding("skip", what, "no resolver answers here")
        return
    own = [text for text in spf if text.lower().startswith("v=spf1")]
    if len(own) == 1:
        yield Finding("ok", f"spf {domain}", own[0])
    else:
        says = "there is no SPF record" if not own else "there are two SPF records: receivers refuse both"
        yield Finding(
            "warn",
            f"spf {domain}",
            says,
            f'publish one TXT record of {domain}: "v=spf1 include:YOUR-PROVIDER -all"',
        )
    if any(text.lower().startswith("v=dmarc1") for text in dmarc):
        yield Finding("ok", f"dmarc {domain}", "found")
    else:
        yield Finding(
            "warn",
            f"dmarc {domain}",
            "there is no DMARC record",
            f'publish TXT _dmarc.{domain}: "v=DMARC1; p=none; rua=mailto:YOU"',
        )


def key_record(signer: Signer, resolver: tuple[str, int] | None) -> Finding:
    """Is the public half of the key that we sign with published?"""
    what, name = f"dkim {signer.domain}", signer.record_name
    if _is_reserved(signer.domain):
        return Finding("skip", what, "this domain is reserved for examples: nobody can look it up")
    publish = f'publish TXT {name}: "{signer.record}"'
    try:
        if resolver is None:
            raise OSError
        published = texts(name, resolver)
    except OSError:
        return Finding("skip", what, "no resolver answers here")
    if not published:
        return Finding(
            "FAIL", what, f"there is no key at {name}: receivers take the mail for forged", publish
        )
    if not any(signer.matches(text) for text in published):
        return Finding("FAIL", what, f"the key at {name} is not the other half of dkim_key", publish)
    return Finding("ok", what, f"{name} holds the key that signs")


def _is_reserved(domain: str) -> bool:
    return domain in _OWN or domain.endswith(_RESERVED) or "." not in domain


def system_resolver(file: Path = Path("/etc/resolv.conf")) -> tuple[str, int] | None:
    """The first name server of this machine."""
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
        servers = [line.split()[1] for line in lines if line.startswith("nameserver ")]
        return (str(ipaddress.ip_address(servers[0].partition("%")[0])), _PORT) if servers else None
    except (OSError, ValueError, IndexError):
        return None


def texts(name: str, resolver: tuple[str, int]) -> list[str]:
    """TXT records of a name, none where it does not exist. Raises OSError when nobody answers."""
    labels = b"".join(bytes([len(part)]) + part for part in (each.encode("idna") for each in name.split(".")))
    question = labels + b"\0" + struct.pack(">HH", _TXT, _INTERNET)
    family = socket.AF_INET6 if ":" in resolver[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as way:
        way.settimeout(_SECONDS)
        way.connect(resolver)
        way.send(struct.pack(">HHHHHH", _NUMBER, 0x0100, 1, 0, 0, 0) + question)
        answer = way.recv(4096)
    try:
        return list(_texts(answer, len(question)))
    except (struct.error, IndexError) as wrong:
        raise OSError("the resolver answered something that is no answer") from wrong


def _texts(answer: bytes, question: int) -> Iterator[str]:
    number, flags, _, count = struct.unpack(">HHHH", answer[:8])
    if number != _NUMBER or flags & 0xF not in (0, 3):
        raise OSError("the resolver refused")
    at = 12 + question
    for _ in range(count):
        while 0 < answer[at] < 0xC0:
            at += 1 + answer[at]
        # a pointer to a name that stood before (RFC 1035 4.1.4) has two bytes, the end of a name one
        at += 2 if answer[at] else 1
        kind, _, _, size = struct.unpack(">HHIH", answer[at : at + 10])
        data, at = answer[at + 10 : at + 10 + size], at + 10 + size
        if kind != _TXT:
            continue
        text, place = b"", 0
        while place < len(data):
            text += data[place + 1 : place + 1 + data[place]]
            place += 1 + data[place]
        yield text.decode("utf-8", "replace")
