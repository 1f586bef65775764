"""Elements of an XML feed, one after the other and each forgotten after it was read: no entity is replaced,
nothing is fetched, and what is not well-formed to its end is no feed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from lxml import etree

from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import LONGEST_VALUE, MOST_VALUES, FeedError, feed_name

MOST_OTHERS = 20_000
"""Elements that are no products and are asked for: categories, currencies."""


def elements(
    stream: BoundedStream, roots: tuple[str, ...], items: tuple[str, ...], others: tuple[str, ...] = ()
) -> Iterator[Any]:
    """The elements with these names, each when it is whole, in the order of the file. `roots`: how the
    outermost one may be called. Raises FeedError for what is not well-formed."""
    stream.guards_xml = True
    wanted = {*roots, *items, *others}
    kept = 0
    try:
        parsing = etree.iterparse(
            io.BufferedReader(stream, 1 << 16), events=("start", "end"), tag=tuple(wanted),
            resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
            remove_comments=True, remove_pis=True,
        )  # fmt: skip
        is_first = True
        for event, element in parsing:
            if is_first:
                _refuse_entities(element)
                is_first = False
            # an <item> inside of an <item> is a part of it
            if (
                event == "start"
                or element.tag in roots
                or (element.tag in items and any(above.tag in items for above in element.iterancestors()))
            ):
                continue
            yield element
            stream.mark()
            if element.tag in others and (kept := kept + 1) > MOST_OTHERS:
                raise FeedError(
                    f"this feed has more than {MOST_OTHERS:,} categories", "leave out the empty ones"
                )
            _forget(element)
    except etree.XMLSyntaxError as wrong:
        line = wrong.lineno or 0
        raise FeedError(
            f"line {line:,} of this feed is no XML: {_plain(wrong)}",
            "the file must be whole and well-formed: try  xmllint --noout FILE",
        ) from wrong
    except LookupError as wrong:  # an encoding that nobody knows
        raise FeedError(
            f"this feed cannot be read: {wrong}", 'write it in UTF-8, with encoding="UTF-8"'
        ) from wrong


def _plain(wrong: etree.XMLSyntaxError) -> str:
    text = str(wrong.msg or "").partition(", line")[0].strip()
    return " ".join(text.split())[:200] or "it has no end"


def _refuse_entities(element: Any) -> None:
    declared = element.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise FeedError(
            "this feed declares entities (<!ENTITY ...>), which are not replaced",
            "write the text itself, and signs as &#160;",
        )


def _forget(element: Any) -> None:
    element.clear(keep_tail=False)
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def local(element: Any) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def text_of(element: Any) -> str:
    """What an element says, without what stands in elements inside of it; cut where no field is so long."""
    said = element.text or ""
    return said[: LONGEST_VALUE + 1].strip()


def add(said: dict[str, Any], name: str, value: str) -> None:
    """One more value under a name; a second one makes a list."""
    key = feed_name(name)
    known = said.get(key)
    if len(said) >= MOST_VALUES and known is None:
        return
    if known is None:
        said[key] = value
    elif isinstance(known, list):
        if len(known) < MOST_VALUES:
            known.append(value)
    else:
        said[key] = [known, value]
