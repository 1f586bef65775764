"""Reading recorded events: what is good, what is refused, and in which words."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.simulate.replay.stream import BadLine, StreamRecord, read_stream

GOOD = '{"event":"a","customer_id":"c1","at":"2016-08-01T07:00:12.345Z","properties":{"x":1}}'


def lines(path: Path, text: str, form: dict[str, str] | None = None) -> list[StreamRecord | BadLine]:
    path.write_text(text)
    return list(read_stream(path, form or {}))


def test_a_line(tmp_path: Path) -> None:
    (record,) = lines(tmp_path / "e.jsonl", GOOD + "\n\n")
    assert isinstance(record, StreamRecord)
    assert (record.name, record.customer, record.at, record.properties()) == (
        "a",
        "c1",
        1470034812345,
        {"x": 1},
    )


def test_packed_or_not_is_seen_by_the_content(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert len(list(read_stream(path, {}))) == 1


def test_parts_may_have_other_names_and_numbers_are_names_of_customers(tmp_path: Path) -> None:
    text = '{"type":"a","userId":7,"ts":"1969-12-31T23:59:59.999Z"}'
    (record,) = lines(tmp_path / "e", text, {"event": "type", "customer_id": "userId", "at": "ts"})
    assert isinstance(record, StreamRecord)
    assert (record.customer, record.at, record.properties()) == ("7", -1, {})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{not json}", "malformed"),
        ('{"customer_id":"c","at":"2016-08-01T07:00:12Z"}', "event"),
        ('{"event":"a","customer_id":"c","at":"yesterday"}', "RFC3339"),
        ('{"event":"a","customer_id":"c","at":"2016-08-01T07:00:12"}', "no time zone"),
        ('{"event":"a","customer_id":["c"],"at":"2016-08-01T07:00:12Z"}', "customer_id"),
    ],
)
def test_a_bad_line_is_refused_with_number_and_reason_and_the_rest_goes_on(
    tmp_path: Path, text: str, why: str
) -> None:
    first, bad, last = lines(tmp_path / "e", f"{GOOD}\n{text}\n{GOOD}\n")
    assert isinstance(first, StreamRecord)
    assert isinstance(last, StreamRecord)
    assert isinstance(bad, BadLine)
    assert bad.number == 2
    assert why in bad.why


def test_properties_must_be_an_object(tmp_path: Path) -> None:
    (record,) = lines(tmp_path / "e", GOOD.replace('{"x":1}', "[1]"))
    assert isinstance(record, StreamRecord)
    with pytest.raises(ValueError, match="not an object"):
        record.properties()


def test_a_missing_or_cut_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        list(read_stream(tmp_path / "nothing", {}))
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress((GOOD + "\n").encode() * 5000)[:-30])
    with pytest.raises(UsageError, match="cut off"):
        list(read_stream(path, {}))
