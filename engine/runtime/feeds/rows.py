"""Products as rows: CSV and TSV with a header, and JSON Lines; under our own names with `product_id`, or
under those of Google Merchant Center with `id`."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from engine.runtime.feeds.bounded_stream import BoundedStream
from engine.runtime.feeds.feed_item import MOST_VALUES, FeedError, FeedItem, feed_name

LONGEST_LINE = 1 << 20
"""Characters of a line."""

MOST_EMPTY = 20_000
"""Lines with nothing in them."""

OWN_ID = "product_id"
_DELIMITERS = ("\t", ",", ";", "|")
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class TableHeader(NamedTuple):
    """What stands between the cells of a table, and its columns, as `feed_name` writes them."""

    delimiter: str
    names: list[str]


def header_of(line: str) -> TableHeader:
    """Reads it; columns without a name at its end are none."""
    # signs inside quotes belong to the cells
    delimiter = max(_DELIMITERS, key="".join(line.split('"')[::2]).count)
    names = [feed_name(name) for name in next(csv.reader([line], delimiter=delimiter), [])]
    while names and not names[-1]:
        names.pop()
    return TableHeader(delimiter, names)


def table_items(stream: BoundedStream, start: bytes, encoding: str | None) -> Iterator[FeedItem]:
    """The rows of a table. `start`: the first bytes of it. Raises FeedError."""
    lines = _lines(stream, start, encoding)
    delimiter, names = header_of(next(lines, (0, ""))[1])
    if len(names) > MOST_VALUES:
        raise FeedError(
            f"the header of this feed names more than {MOST_VALUES:,} columns",
            "leave out those that schemas/product.yaml does not name",
        )
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if not names or twice or "" in names or not {"id", OWN_ID} & set(names):
        what = f'names "{twice[0]}" twice' if twice else "names no id"
        raise FeedError(
            f"the header of this feed {what}",
            "the first line names the columns: product_id and fields of schemas/product.yaml, or those of "
            "Google Merchant Center (id, title, price, availability, ...)",
        )  # fmt: skip
    # for all rows of the file, since a table has one header
    is_own = OWN_ID in names
    line = 1

    def texts() -> Iterator[str]:
        nonlocal line
        for line, text in lines:  # noqa: B007 - the line of a row is that on which it ends
            yield text

    reader, number, empty = csv.reader(texts(), delimiter=delimiter), 0, 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            number += 1
            why = "a cell is longer than 100,000 characters"
            yield FeedItem(number, line, why=why, fix="is a quote not closed?")
            continue
        # spreadsheets write delimiters behind the last cell
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        # no item, and no mistake either: but not without an end
        if not any(cells):
            empty = _one_more(empty)
            continue
        number += 1
        if len(cells) != len(names):
            why = f"the row has {len(cells)} cells where the header has {len(names)}"
            yield FeedItem(
                number, line, why=why, fix="put cells with the delimiter or a quote in them into quotes"
            )
            continue
        said: dict[str, Any] = {name: cell.strip() or None for name, cell in zip(names, cells, strict=True)}
        yield FeedItem(number, line, said, is_own=is_own)


def json_items(stream: BoundedStream, start: bytes, encoding: str | None) -> Iterator[FeedItem]:
    """The lines of a file, one object each. Raises FeedError."""
    number = empty = 0
    for line, text in _lines(stream, start, encoding):
        if not text.strip():
            empty = _one_more(empty)
            continue
        number += 1
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as wrong:
            yield FeedItem(number, line, why=f"is no JSON: {wrong}", fix="each line is one object")
            continue
        if not isinstance(value, dict) or len(value) > MOST_VALUES:
            yield FeedItem(
                number, line, why="is no object with the fields of a product", fix="each line is one object"
            )
            continue
        # line by line: each object has its own names
        is_own = OWN_ID in value
        yield FeedItem(
            number, line, value if is_own else {feed_name(n): v for n, v in value.items()}, is_own=is_own
        )


def _one_more(empty: int) -> int:
    if empty >= MOST_EMPTY:
        raise FeedError(f"this feed has more than {MOST_EMPTY:,} empty lines", "leave them out")
    return empty + 1


def _lines(stream: BoundedStream, start: bytes, encoding: str | None) -> Iterator[tuple[int, str]]:
    """Every line with its number, and its line end."""
    # the mark of the file itself wins over what somebody says of it
    known = next((name for mark, name in _MARKS if start.startswith(mark)), encoding or "utf-8")
    try:
        codecs.lookup(known)
    except LookupError as wrong:
        raise FeedError(
            f'"{known}" is no encoding', "usual ones are utf-8, cp1251, cp1252, utf-16-le"
        ) from wrong
    number = 0
    with io.TextIOWrapper(io.BufferedReader(stream, 1 << 16), encoding=known, newline="") as file:
        while True:
            try:
                # never a whole line whatever its length: a quote that is not closed makes one of the file
                text = file.readline(LONGEST_LINE)
            except UnicodeError as wrong:
                raise FeedError(
                    f"this feed is not written in {known}, somewhere behind line {number:,}",
                    "write it in UTF-8; of a file, say  --encoding cp1251",
                ) from wrong
            if not text:
                return
            number += 1
            if len(text) >= LONGEST_LINE and not text.endswith(("\n", "\r")):
                raise FeedError(
                    f"line {number:,} of this feed is longer than a million characters",
                    "is a quote not closed?",
                )
            yield number, text
