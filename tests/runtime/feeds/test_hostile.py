"""Whatever bytes an address gives: products and faults, or one error that says why; never more memory than a
feed may take."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.runtime.feeds import google_merchant, rows, yml
from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import FeedError, FeedItem
from engine.runtime.feeds.format_detection import FeedFormat, recognise
from engine.runtime.feeds.reading import LISTED, FeedReading
from tests.runtime.feeds.test_formats import CASES, content_of, read

WHOLE = [content_of(case) for case in sorted(CASES.glob("*.*")) if case.suffix != ".out"]
RSS = b'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>%s</channel></rss>'
ITEM = b"<item><g:id>%d</g:id><g:price>5 EUR</g:price></item>"


def counts(reading: FeedReading) -> None:
    """What must hold of every reading."""
    with reading:
        assert reading.products + reading.faulty == reading.items
        assert len(reading.faults) <= LISTED
        ids = [id_ for chunk in reading.slices(7) for id_, _ in chunk]
        assert len(ids) == len(set(ids)) == reading.products
        assert set(ids) <= reading.seen
        assert all(fault.words() for fault in reading.faults)


def tried(content: bytes) -> None:
    words = ["it was read"]
    try:
        counts(read(content))
    except FeedError as wrong:
        words = [wrong.what, wrong.cure]
    assert all(words)


@given(st.binary(max_size=2000))
@example(b"\x1f\x8b")
@example(b"<")
@example(b"\xff\xfe<")
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    tried(content)
    tried(b"product_id,name,price\n" + content)
    tried(RSS % content)
    tried(gzip.compress(content)[: len(content)])


@settings(max_examples=100)
@given(st.sampled_from(WHOLE), st.data())
def test_a_feed_that_was_cut_or_damaged_is_read_or_refused(content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content)))
    tried(content[:at])
    tried(content[:at] + data.draw(st.binary(min_size=1, max_size=4)) + content[at + 1 :])


@given(st.sampled_from([one for one in WHOLE if one.startswith(b"<")]), st.data())
def test_xml_that_has_no_end_is_never_taken(content: bytes, data: st.DataObject) -> None:
    whole = content.rstrip()
    with pytest.raises(FeedError):
        read(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_entities_are_neither_replaced_nor_fetched() -> None:
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10 if n else b"ha") for n in range(10))
    for declared in (laughs, b'<!ENTITY l9 SYSTEM "file:///etc/passwd">', b'<!ENTITY l9 "x">'):
        feed = b"<!DOCTYPE rss [" + declared + b"]>" + RSS % b"<item><g:id>&l9;</g:id></item>"
        with pytest.raises(FeedError) as wrong:
            read(feed)
        assert "entities" in wrong.value.what
    # a document type alone is usual, and nothing is loaded for it
    usual = b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/shops.dtd">' + RSS % (ITEM % 1)
    with read(usual) as reading:
        assert reading.products == 1


class Endless(io.RawIOBase):
    """A begin, and then a part without end; it counts how much of it was asked for."""

    def __init__(self, start: bytes, part: bytes) -> None:
        super().__init__()
        self._ready, self._part, self.given = start, part, 0

    def read(self, size: int = -1, /) -> bytes:
        while len(self._ready) < size:
            self._ready += self._part
        chunk, self._ready = self._ready[:size], self._ready[size:]
        self.given += len(chunk)
        return chunk


MANY = b"".join(b' a%d="x"' % n for n in range(6_000))


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"<rss ", b'a="x" ' * 10_000),
        (b"<rss ", MANY),
        (b'<rss a="', b"x" * 60_000),
        (b"<rss><channel><item>", b"<a/>" * 15_000),
        (b"<rss><channel>", b"<a/>" * 15_000),
        (b"<rss><channel>", b"<!-- a -->" * 6_000),
        (b"<rss><channel><!--", b"x" * 60_000),
        (b"<rss><channel><![CDATA[", b"x" * 60_000),
        (b"<rss>", b"<a>" * 20_000),
        (b"<yml_catalog><shop><categories>", b'<category id="1">x</category>' * 2_000),
        (b'product_id,name\np1,"', b"x" * 60_000),
        (b'product_id,name\np1,"', b"xxxxxxxxx\n" * 6_000),
        (b"product_id,name\n", b",\n" * 30_000),
        (b"{}\n", b" \n" * 30_000),
        (b"product_id,", b"name," * 12_000),
        (b'{"product_id": "', b"x" * 60_000),
        (b'{"product_id": ', b"[" * 60_000),
    ],
    ids=lambda value: value[:24].decode(),
)
def test_what_has_no_end_is_refused_within_bounds(start: bytes, part: bytes) -> None:
    source = Endless(start, part)
    tracemalloc.start()
    try:
        with pytest.raises(FeedError):
            read_some(source, start)
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert source.given < 30_000_000


def read_some(source: Endless, start: bytes) -> None:
    for number, _ in enumerate(items_of(source, start), 1):
        if number > 100:  # as `read_feed` bounds them
            raise FeedError("more products than a feed may have")


def items_of(source: Endless, start: bytes) -> Iterator[FeedItem]:
    """As `open_feed`, for what cannot be wound back."""
    stream = BoundedStream(source)
    match recognise(start):
        case FeedFormat.MERCHANT:
            yield from google_merchant.items(stream)
        case FeedFormat.MARKET:
            yield from yml.items(stream)
        case FeedFormat.LINES:
            yield from rows.json_items(stream, start, None)
        case FeedFormat.TABLE:
            yield from rows.table_items(stream, start, None)


def test_a_feed_that_unpacks_to_more_than_a_feed_is_refused() -> None:
    packed = gzip.compress(b"product_id,name\n" + b"p,x\n" * 2_000_000)
    stream = BoundedStream(io.BytesIO(packed), largest=1 << 20)
    with pytest.raises(FeedError) as wrong:
        io.BufferedReader(stream).read()
    assert "larger than 1 MB" in wrong.value.what
    with pytest.raises(FeedError) as wrong:
        read(gzip.compress(WHOLE[0])[:-20])
    assert "cannot be unpacked" in wrong.value.what


def test_more_products_than_a_feed_may_have_are_refused() -> None:
    with pytest.raises(FeedError) as wrong:
        read(RSS % b"".join(ITEM % n for n in range(11)), most=10)
    assert "more than 10 products" in wrong.value.what


def test_faults_are_counted_and_listed_within_bounds() -> None:
    with read(RSS % (b"<item/>" * 500 + ITEM % 1)) as reading:
        assert (reading.items, reading.products, reading.faulty) == (501, 1, 500)
        assert len(reading.faults) == LISTED


def test_an_item_inside_of_an_item_is_a_part_of_it() -> None:
    inner = b"<item><g:id>a</g:id><g:price>5 EUR</g:price><item><g:id>b</g:id></item></item>"
    with read(RSS % inner) as reading:
        assert reading.seen == {"a"}
