"""Rows of a file: CSV with its header, or JSON Lines; each with its line, or with why it is none. And the
file of those that were refused: line, reason, and the row as it came, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

from msgspec import Struct, field

from engine.cli.importing.source_file import SourceFile
from engine.cli.output import writing
from engine.errors import UsageError
from engine.private_files import private_opener

DELIMITERS = (",", ";", "\t")
_LONGEST_CELL = 100_000
_ABOUT = ("line", "why")
"""The columns that stand before a refused row; when the file comes back corrected, they come off again."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


Kind = Literal["customers", "events", "products"]


class RowCells(Struct, frozen=True):
    """One thing that a row says, in our own columns. Without an id of a customer it is about whoever has the
    `email`, else the `phone`."""

    kind: Kind
    cells: Mapping[str, Any]
    email: str | None = None
    phone: str | None = None


class SourceRow(Struct, frozen=True):
    """One row. `line`: of the file, where it ends; `cells` by column, empty ones of CSV left out; `why`: it
    is no row. Of a file with a mapping: `parts`, what it says; `more`, the other rows that belong to it;
    `skipped`: the mapping leaves it out."""

    line: int
    cells: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    raw: Sequence[str] = ()
    more: tuple[Sequence[str], ...] = ()
    parts: tuple[RowCells, ...] = ()
    skipped: bool = False


@dataclass(slots=True)
class ReadTable:
    """The rows of a file, and the columns of its header (CSV only)."""

    columns: list[str]
    rows: Iterator[SourceRow]


def open_table(source: SourceFile, file: IO[str], delimiter: str | None) -> ReadTable:
    """Reads the header of a CSV file. Raises UsageError for one that names no columns."""
    return ReadTable([], _json_rows(file)) if source.form == "jsonl" else _csv_table(file, delimiter)


def safe_cell(text: str) -> str:
    """A text cell that a spreadsheet would take for a formula gets an apostrophe; numbers stay numbers."""
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text.replace(" ", ""))
    except ValueError:
        return False
    return True


def _csv_table(file: IO[str], delimiter: str | None) -> ReadTable:
    # For the whole process: the module knows no other way
    csv.field_size_limit(_LONGEST_CELL)
    first = file.readline()
    before = 1
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # what Excel writes for itself
        delimiter = delimiter or first.strip()[4]
        first, before = file.readline(), 2
    if not first.strip():
        raise UsageError(
            "this file has no header:", "the first line names the columns, for example  customer_id,email"
        )
    # Signs inside quotes belong to the cells; a header may go over several lines
    delimiter = delimiter or max(DELIMITERS, key="".join(first.split('"')[::2]).count)
    header = csv.reader(chain([first], file), delimiter=delimiter)
    columns = [" ".join(name.split()) for name in next(header)]
    before += header.line_num - 1
    while columns and not columns[-1]:
        columns.pop()
    passed = len(_ABOUT) if tuple(columns[: len(_ABOUT)]) == _ABOUT else 0
    columns = columns[passed:]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or "" in columns:
        raise UsageError(
            f'the header names "{twice[0]}" twice' if twice else "a column of the header has no name",
            "Each column needs one name of its own",
        )
    return ReadTable(columns, _csv_rows(csv.reader(file, delimiter=delimiter), columns, before, passed))


def _csv_rows(reader: Any, columns: list[str], before: int, passed: int) -> Iterator[SourceRow]:
    """`passed`: so many cells of each row say why it was refused before."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield SourceRow(
                before + reader.line_num,
                why=f"a cell is longer than {_LONGEST_CELL:,} characters: is a quote not closed?",
            )
            continue
        line = before + reader.line_num
        cells = cells[passed:]
        # Spreadsheets write separators behind the last column
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if not any(cells):
            continue
        if len(cells) != len(columns):
            yield SourceRow(line, why=f"{len(cells)} cells where the header has {len(columns)}", raw=cells)
            continue
        # What `safe_cell` wrote before the rows of our own file of refused rows comes off again
        by_column = {
            name: cell[1:] if cell[:1] == "'" and cell[1:].startswith(_FORMULA) else cell
            for name, cell in zip(columns, cells, strict=True)
            if cell.strip()
        }
        yield SourceRow(line, by_column, raw=cells)


def _json_rows(file: IO[str]) -> Iterator[SourceRow]:
    from engine.http.intake.strict_json import decode
    from engine.http.problems import Refusal

    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            value = decode(text.encode("utf-8", "surrogatepass"))
        except Refusal as refusal:
            yield SourceRow(number, why=f"this line is not JSON: {refusal.detail}", raw=[text.rstrip("\r\n")])
            continue
        raw = text.rstrip("\r\n")
        if isinstance(value, dict) and value.keys() == {*_ABOUT, "row"}:
            value, raw = _corrected(value["row"])
        why = "" if isinstance(value, dict) else "each line is one object"
        yield SourceRow(number, value if not why else {}, why, [raw])


def _corrected(row: Any) -> tuple[Any, str]:
    """A row of a file of refused rows, as an object, or as the text that was none."""
    from engine.http.intake.strict_json import decode
    from engine.http.problems import Refusal

    if not isinstance(row, str):
        return row, json.dumps(row, ensure_ascii=False)
    try:
        return decode(row.encode("utf-8", "surrogatepass")), row
    except Refusal:
        return None, row


def _row_of(raw: Sequence[str]) -> Any:
    """As an object where it is one, so that whoever corrects it edits no JSON inside a text."""
    text = raw[0] if raw else ""
    try:
        row = json.loads(text)
    except ValueError:
        return text
    return row if isinstance(row, dict) else text


class RefusedRows:
    """Opened with the first refused row. `again`: an import that goes on adds to the file."""

    def __init__(self, path: Path, source: SourceFile, columns: list[str], *, again: bool) -> None:
        self.path, self.count = path, 0
        self._is_csv, self._columns = source.form == "csv", columns
        self._mode = "a" if again and path.exists() else "w"
        self._file: IO[str] | None = None
        self._writer: Any = None

    def add(self, row: SourceRow, why: str) -> None:
        """One more."""
        file = self._file or self._open()
        self.count += 1
        for raw in (row.raw, *row.more):
            if not self._is_csv:
                said = {"line": row.line, "why": why, "row": _row_of(raw)}
                file.write(json.dumps(said, ensure_ascii=False) + "\n")
            else:
                cells = [safe_cell(cell) for cell in raw]
                self._writer.writerow([row.line, safe_cell(why), *cells])

    def close(self) -> None:
        """What was added is on the disk."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> IO[str]:
        with writing(self.path, "Name another file with  --refused FILE"):
            self._file = open(  # noqa: SIM115 - Path.open has no opener; `close` closes it
                self.path,
                self._mode,
                encoding="utf-8",
                newline="",
                errors="backslashreplace",
                opener=private_opener,
            )
        if self._is_csv:
            self._writer = csv.writer(self._file)
            if self._mode == "w":
                self._writer.writerow(["line", "why", *map(safe_cell, self._columns)])
        return self._file
