"""What each format of a feed becomes, and what is told of every item that is wrong."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from engine.compiler.catalogue.catalogue import MONEY, NUMBER, TEXT, TEXTS, YES_NO, Catalogue
from engine.runtime.feeds.feed_item import FeedError
from engine.runtime.feeds.product_fields import ProductFields
from engine.runtime.feeds.reading import FeedReading, read_feed
from engine.values import Instant, Type, iso, parse_instant
from tests.conftest import Golden

CASES = Path(__file__).parent / "cases"
NOW = parse_instant("2026-11-28T12:00:00Z") or Instant(0)
CATALOGUE = Catalogue(
    product={
        "name": TEXT,
        "price": MONEY,
        "old_price": MONEY,
        "in_stock": YES_NO,
        "stock": NUMBER,
        "category": Type("one of", ("coffee", "tea")),
        "category_path": TEXT,
        "url": TEXT,
        "image": TEXT,
        "images": TEXTS,
        "about": TEXT,
        "brand": TEXT,
        "margin": TEXT,
        "roast": TEXT,
        "вага": TEXT,
        "labels": TEXTS,
        "group_id": TEXT,
    }
)
FIELDS = ProductFields(CATALOGUE, "EUR", {"margin": "custom label 0", "roast": "Обсмажка"})


def read(content: bytes, now: Instant = NOW, most: int = 1000) -> FeedReading:
    return read_feed(io.BytesIO(content), FIELDS, now, most=most)


def told(reading: FeedReading) -> str:
    """Products with their fields, then what was wrong."""
    lines = [f"{reading.kind}: {reading.items} items, {reading.products} right, {reading.faulty} wrong"]
    if reading.turns_at is not None:
        lines.append(f"a price changes at {iso(reading.turns_at)}")
    for id_, fields in (product for chunk in reading.slices(2) for product in chunk):
        lines += ["", id_, *(f"  {name}: {value!s}" for name, value in fields.items())]
    lines += ["", *(fault.words() for fault in reading.faults)]
    reading.close()
    return "\n".join(lines) + "\n"


def content_of(case: Path) -> bytes:
    """As a shop would publish it: YML in the encoding that it names."""
    text = case.read_text(encoding="utf-8")
    return text.encode("cp1251" if "windows-1251" in text else "utf-8")


@pytest.mark.parametrize("case", sorted(CASES.glob("*.*")), ids=lambda case: case.name)
def test_a_format_becomes_fields_of_products(case: Path, golden: Golden) -> None:
    if case.suffix != ".out":
        golden(case.with_name(f"{case.name}.out"), told(read(content_of(case))))


@pytest.mark.parametrize("case", ["merchant_rss.xml", "market.xml", "merchant.tsv", "own.jsonl"])
def test_a_packed_feed_is_the_same(case: str) -> None:
    content = content_of(CASES / case)
    plain = told(read(content))
    assert told(read(gzip.compress(content))) == plain
    assert told(read(gzip.compress(gzip.compress(content)))) == plain


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_feed_may_come_in_other_encodings(encoding: str) -> None:
    text = (CASES / "own.csv").read_text(encoding="utf-8")
    atom = (CASES / "merchant_atom.xml").read_text(encoding="utf-8").replace("UTF-8", "UTF-16")
    if encoding != "utf-16-le":
        assert told(read(text.encode(encoding))) == told(read(text.encode()))
    if encoding != "utf-8-sig":
        assert told(read(atom.encode(encoding))) == told(read(atom.replace("UTF-16", "UTF-8").encode()))


@pytest.mark.parametrize(
    ("moment", "price", "turns_at"),
    [
        ("2026-11-26T21:59:59Z", "19.99 EUR", "2026-11-26T22:00:00Z"),
        ("2026-11-26T22:00:00Z", "15 EUR", "2026-11-30T21:59:00Z"),
        ("2026-11-30T21:58:59Z", "15 EUR", "2026-11-30T21:59:00Z"),
        ("2026-11-30T21:59:00Z", "19.99 EUR", "2026-12-01T00:00:00Z"),
    ],
)
def test_a_sale_counts_in_its_time_and_the_next_turn_is_known(moment: str, price: str, turns_at: str) -> None:
    at = parse_instant(moment) or Instant(0)
    with read(content_of(CASES / "merchant_rss.xml"), at) as reading:
        products = dict(product for chunk in reading.slices(100) for product in chunk)
    assert str(products["espresso-1kg"]["price"]) == price
    assert parse_instant(turns_at) == reading.turns_at


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"[{}]", "one JSON list"),
        (b"<html><body>Please log in</body></html>", "a page for people"),
        (b"<!DOCTYPE html><html/>", "a page for people"),
        (b"<catalog><book/></catalog>", "begin with <catalog>"),
        (b"name,price\nA,5\n", "names no id"),
        (b"id,id\n1,2\n", '"id" twice'),
        (b"product_id,name\np1,\xff\xfe\xfd\n", "not written in utf-8, somewhere behind line 0"),
        (b"<rss><channel><item></channel></rss>", "is no XML"),
        (b"<rss><channel><item/>", "is no XML"),
        (b"<rss><channel>&nbsp;<item/></channel></rss>", "is no XML"),
        (b'<?xml version="1.0" encoding="klingon"?><rss/>', "is no XML"),
    ],
)
def test_a_feed_that_cannot_be_read_to_its_end_is_none(content: bytes, what: str) -> None:
    with pytest.raises(FeedError) as wrong:
        read(content)
    assert what in wrong.value.what
    assert wrong.value.cure
