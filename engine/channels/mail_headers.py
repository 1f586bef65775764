"""Headers of an e-mail, each made safe: one mailbox, a text in encoded words, lines that are folded between
words.

Addresses by RFC 5321, names and texts by RFC 2047, other scripts in an address by RFC 6531.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from email.headerregistry import Address
from email.utils import parseaddr

from email_validator import EmailNotValidError, validate_email

from engine.errors import AuthorError

LONGEST_LINE = 900
"""Characters of a line that is not folded; 998 are allowed (RFC 5322)."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?.*?\?=", re.DOTALL)
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_URI_HEADERS = frozenset({"List-Unsubscribe", "List-Unsubscribe-Post"})
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*"
_DOMAIN = re.compile(rf"{_HOST}\Z")
_USUAL = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@({_HOST})\Z")
"""One address and nothing else, plain ASCII."""

_FOLD = 76


class HeaderError(AuthorError):
    """A value that must not stand in a header: an address that is none, a line break, an encoded word."""


class AddressError(HeaderError):
    """The address of one person is none."""


def mailbox(text: str, *, international: bool = False) -> Address:
    """One mailbox, `Name <local@domain>` or `local@domain`; an international domain is written in ASCII.

    Raises AddressError for anything else: lists, comments, groups, IP literals, a local part that is not
    ASCII unless `international` (RFC 6531).
    """
    usual = _USUAL.match(text)
    if usual is not None and len(usual[1]) <= 64:  # nearly all: the parser for everything takes 50 us
        return Address("", usual[1], usual[2])
    # before parsing: a line break would begin a header of its own
    if _CONTROL.search(text):
        raise AddressError("an address holds a line break or another control character")
    name, spec = parseaddr(text)
    if (text.count("@") > 1 and "," in text) or not spec or spec.count("@") != 1:
        raise AddressError(f"{_shown(text)} is not one e-mail address")
    local, _, domain = spec.rpartition("@")
    domain = ascii_domain(domain)
    if international and not local.isascii():
        # one spelling of a letter with its accent: servers compare bytes
        local = unicodedata.normalize("NFC", local)
        # letters, marks and digits of any script; no blanks, no signs that change the direction
        plain = "".join(
            "x" if not letter.isascii() and unicodedata.category(letter)[0] in "LMN" else letter
            for letter in local
        )
    else:
        plain = local
    if not plain.isascii():
        raise AddressError(f"the part before the @ of {_shown(text)} is not ASCII")
    if not _LOCAL.match(plain) or len(local.encode()) > 64 or not _DOMAIN.match(domain):
        raise AddressError(f"{_shown(text)} is not one e-mail address")
    # `parseaddr` leaves out what it does not understand: then it is no address, and not a shorter one
    if text != spec and not text.rstrip().endswith(f"<{spec}>"):
        raise AddressError(f"{_shown(text)} is not one e-mail address")
    return Address(_ENCODED_WORD.sub("", name).strip(), local, domain)


def ascii_domain(domain: str) -> str:
    """A domain as DNS knows it (IDNA 2008), in lower case where it was international. Raises AddressError."""
    if domain.isascii():
        return domain
    try:
        checked = validate_email(f"x@{domain}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise AddressError(f"{_shown(domain)} is no valid domain") from None
    return checked.ascii_domain


def domain_of(address: str) -> str:
    """The domain of an address, the key under which its server is paced and paused: ASCII, lower case; "" for
    what is no address."""
    try:
        return ascii_domain(address.rpartition("@")[2].strip().rstrip(">")).lower() if "@" in address else ""
    except AddressError:
        return ""


def tagged(spec: str, tag: str) -> str:
    """`bounces@shop.example` with a tag: `bounces+tag@shop.example`."""
    local, _, domain = spec.rpartition("@")
    return f"{local}+{tag}@{domain}"


def encoded_mailbox(address: Address) -> str:
    """As it stands in a header; the address itself is never encoded."""
    if not address.display_name:
        return address.addr_spec
    return f"{encoded(address.display_name, phrase=True)} <{address.addr_spec}>"


def encoded(text: str, *, phrase: bool = False) -> str:
    """A header text in ASCII: plain words as they are, else encoded words (75 characters are allowed).

    Control characters become blanks. A text that looks like an encoded word is encoded, so that no reader
    decodes it into something else. `phrase`: a name before an address.
    """
    text = cleaned(text)
    # a word without a blank cannot be folded, so a long one is encoded, in pieces
    is_plain = text.isascii() and "=?" not in text and max(map(len, text.split(" ")), default=0) < 60
    if is_plain and not phrase:
        return text
    if is_plain:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        return text if re.fullmatch(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]+", text) else f'"{quoted}"'
    return " ".join(f"=?utf-8?b?{base64.b64encode(part).decode('ascii')}?=" for part in _chunks(text))


def _chunks(text: str) -> list[bytes]:
    """At most 36 bytes each, so that an encoded word has at most 60 characters; no character is cut in
    two."""
    chunks = [b""]
    for character in text:
        data = character.encode("utf-8")
        if len(chunks[-1]) + len(data) > 36:
            chunks.append(b"")
        chunks[-1] += data
    return chunks


def folded(name: str, value: str) -> str:
    """A header in lines of about 76 characters, broken only between words."""
    line, lines = f"{name}:", []
    for word in value.split(" "):
        if len(line) + 1 + len(word) > _FOLD and line != f"{name}:":
            lines.append(line)
            line = ""
        line += " " + word
    return "\r\n".join([*lines, line])


def written(name: str, value: str) -> str:
    """A header of somebody else's making, in lines. Raises HeaderError where it would make another one."""
    if not _HEADER_NAME.match(name) or _CONTROL.search(value):
        raise HeaderError(f"the header {_shown(name)} holds a line break or another control character")
    if name in _URI_HEADERS:  # never folded, never encoded (RFC 8058)
        if not value.isascii() or len(name) + len(value) > LONGEST_LINE:
            raise HeaderError(f"the header {name} must be one line of ASCII")
        return f"{name}: {value}"
    return folded(name, encoded(value))


def cleaned(text: str) -> str:
    """A header text in one line: control characters and runs of blanks are one blank."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _shown(text: str) -> str:
    return repr(text[:3] + "..." if len(text) > 3 else text)
