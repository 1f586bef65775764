"""Jinja inside markup: kept out of the way while MJML and CSS are worked on, and put back safely for its
place.

A `{% %}` between elements becomes a comment, because comments alone stay where they are inside tables;
everything else becomes a word. When the words are replaced again, the place decides what a value may be:
text, an attribute, a whole link, a part of a link, a style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from engine.compiler.templates.layout import TemplatePiece, wrong
from engine.compiler.templates.scanner import Place, Scanner

_TOKEN = re.compile(r"<!--jnj(\d+)q-->|jnj(\d+)q")
_CONDITIONAL = re.compile(r"<!(?:--\[if[^\]]*\]>(?:<!-->|-->)?|(?:--<!)?\[endif\]-->)")
"""Outlook reads what stands between `<!--[if mso]>` and `<![endif]-->`, so values in there are in places
too."""
_ADDRESS = re.compile(r"https?://[^\s<>\"]*\Z")
_NO_PATH = re.compile(r"^\s*[a-z]*:?//[^/?#]*\Z", re.IGNORECASE)
_NOTHING = TemplatePiece("text", "", "", 0)
LINK = "\x02"
"""Stands in plain text before a value that is a whole link."""


def protect(pieces: Sequence[TemplatePiece], tags: list[TemplatePiece]) -> str:
    """The markup with a comment or a word for each tag; `tags` gets them. Raises TemplateProblem."""
    scanner = Scanner()
    protected = []
    for piece in pieces:
        if piece.kind == "text":
            scanner.feed(piece.text)
            protected.append(piece.text)
            continue
        place = scanner.place()
        if place == "comment":
            continue
        if place in ("script", "tag"):
            raise wrong(
                piece.file,
                piece.line,
                "T07",
                "a value cannot stand here",
                "inside a tag values stand in quotes, and mail runs no scripts",
                'write  attribute="{{ value }}"',
            )
        word = f"jnj{len(tags)}q"
        protected.append(f"<!--{word}-->" if place == "text" and piece.kind == "block" else word)
        tags.append(piece)
        scanner.took()
    return "".join(protected)


def restore(markup: str, tags: Sequence[TemplatePiece], rows: list[TemplatePiece]) -> str:
    """HTML with its Jinja again, each tag on a line of its own; `rows` gets the tag of every line."""
    scanner = Scanner()
    restored = []
    for text, tag in _split(markup, tags):
        if tag is None:
            scanner.feed(_CONDITIONAL.sub("", text))
            restored.append(text)
            rows.extend([_NOTHING] * text.count("\n"))
            continue
        place = scanner.place()
        if place == "link part":
            _check_host(tag, scanner.value)
        scanner.took()
        restored.append(_safe(tag, place, rows))
    return "".join(restored)


def words_to_tags(text: str, tags: Sequence[TemplatePiece], rows: list[TemplatePiece]) -> str:
    """Plain text with its Jinja again. `LINK` before a word says that it is a whole link."""
    pieces = [TemplatePiece("text", part, "", 0) if tag is None else tag for part, tag in _split(text, tags)]
    return plain(pieces, rows)


def plain(pieces: Sequence[TemplatePiece], rows: list[TemplatePiece]) -> str:
    """Text without markup, each tag on a line of its own. A value inside a link stays inside it."""
    made = []
    before = ""
    for piece in pieces:
        if piece.kind == "text":
            made.append(piece.text)
            rows.extend([_NOTHING] * piece.text.count("\n"))
            before = (before + piece.text)[-2000:]
            continue
        address = _ADDRESS.search(before)
        place: Place = "link" if before.endswith(LINK) else "link part" if address else "text"
        if address and piece.kind == "print":
            _check_host(piece, address[0])
        made.append(_safe(piece, place, rows))
        before += "x" if piece.kind == "print" else ""
    return "".join(made).replace(LINK, "")


def _check_host(tag: TemplatePiece, before: str) -> None:
    """The host of a link is written by the author, never by a customer (design/threats T7)."""
    if _NO_PATH.search(before):
        raise wrong(
            tag.file,
            tag.line,
            "T07",
            "the host of a link cannot be a value",
            "a customer's data could then lead anywhere",
            "write the host of your shop, or  {{ shop.url }}/path",
        )


def _split(text: str, tags: Sequence[TemplatePiece]) -> Iterator[tuple[str, TemplatePiece | None]]:
    end = 0
    for match in _TOKEN.finditer(text):
        yield text[end : match.start()], None
        yield match[0], tags[int(match[1] or match[2])]
        end = match.end()
    yield text[end:], None


def _safe(tag: TemplatePiece, place: Place, rows: list[TemplatePiece]) -> str:
    rows.extend([tag] * (tag.text.count("\n") + 1))
    if tag.kind == "block":
        return "{% " + tag.text + "\n%}"
    match place:
        case "link":
            return "{{ (" + tag.text + ")|_link\n}}"
        case "link part":
            return "{{ (" + tag.text + ")|_link_part\n}}"
        case "style" | "comment":
            return "{{ (" + tag.text + ")|_css\n}}"
        case _:
            return "{{ " + tag.text + "\n}}"
