"""The file of refused rows: line, reason, and the row as it came, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import IO, Any

from engine.cli.importing.opening import Source
from engine.cli.importing.rows import Row, safe_cell
from engine.errors import UsageError


class RefusedRows:
    """Opened with the first refused row. `again`: an import that goes on adds to the file."""

    def __init__(self, path: Path, source: Source, columns: list[str], *, again: bool) -> None:
        self.path, self.count = path, 0
        self._is_csv, self._columns = source.form == "csv", columns
        self._mode = "a" if again and path.exists() else "w"
        self._file: IO[str] | None = None
        self._writer: Any = None

    def add(self, row: Row, why: str) -> None:
        """One more."""
        file = self._file or self._open()
        self.count += 1
        if not self._is_csv:
            raw = row.raw[0] if row.raw else ""
            file.write(json.dumps({"line": row.line, "why": why, "row": raw}, ensure_ascii=False) + "\n")
        else:
            cells = [safe_cell(cell) for cell in row.raw]
            self._writer.writerow([row.line, safe_cell(why), *cells])

    def close(self) -> None:
        """What was added is on the disk."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> IO[str]:
        try:
            self._file = self.path.open(self._mode, encoding="utf-8", newline="", errors="backslashreplace")
        except OSError as wrong:
            raise UsageError(
                f"{self.path} cannot be written: {wrong.strerror}", "Name another file with  --refused FILE"
            ) from wrong
        if self._is_csv:
            self._writer = csv.writer(self._file)
            if self._mode == "w":
                self._writer.writerow(["line", "why", *map(safe_cell, self._columns)])
        return self._file
