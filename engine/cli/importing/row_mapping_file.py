"""The file that `--mapping` names: of the project, or one of those that come along (docs/mappings)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from engine.cli.output import asides, remark
from engine.compiler.project_context import ProjectContext
from engine.errors import AuthorError, UsageError
from engine.problem import render_problems
from engine.runtime.intake.untyped import normal_name
from engine.simulate.replay.mapping import names_of
from engine.simulate.replay.row_mapping import RowMapping, read_row_mapping

READY = Path(__file__).resolve().parents[3] / "docs" / "mappings"
"""Mappings of exports that many shops have."""


_ENOUGH = 3  # columns; fewer may be those of any file
# A comment; a name of ours. Before a condition (`status: [paid]`, `left: is set`) it is a column
_NO_COLUMN = re.compile(r"#.*|[\w.]+:(?=\s)(?!\s*(?:\[|is\b))")
_WORD = re.compile(r"[a-z][a-z0-9_]+")


def ready_mapping_of(columns: Iterable[str]) -> str | None:
    """The mapping that comes along for the export that these columns are from, by columns that the project
    itself does not know; None where no mapping, or more than one alike, reads enough of them."""
    named = {normal_name(column) for column in columns}
    read = {
        file.stem: len(
            named.intersection(_WORD.findall(_NO_COLUMN.sub("", file.read_text(encoding="utf-8"))))
        )
        for file in _of_exports()
    }
    most = max(read.values(), default=0)
    found = [name for name, count in read.items() if count == most]
    return found[0] if most >= _ENOUGH and len(found) == 1 else None


def _of_exports() -> list[Path]:
    """Those of streams lie beside them, for `replay`."""
    return sorted(file for file in READY.glob("*.yaml") if "\nfile:" in file.read_text(encoding="utf-8"))


def load_row_mapping(path: Path, world: ProjectContext) -> RowMapping:
    """Raises UsageError where there is none, AuthorError with every mistake in it said on stderr."""
    ready = READY / f"{path.name.removesuffix('.yaml')}.yaml"
    chosen = ready if not path.exists() and len(path.parts) == 1 and ready.is_file() else path
    try:
        text = chosen.read_bytes()
    except OSError as wrong:
        named = [file.stem for file in _of_exports()]
        raise UsageError(
            f"the mapping {path} cannot be read: {wrong.strerror}",
            f"name a file, or one of: {', '.join(named)}",
        ) from wrong
    names = names_of(world.catalogue, world.config.channels)
    unknown: list[str] = []
    mapping, problems = read_row_mapping(text, str(path), names, unknown if chosen is ready else None)
    if problems:
        shown = render_problems(problems, {str(path): text.decode("utf-8", "replace")})
        asides.print(shown, markup=False, soft_wrap=True)
    if mapping is None:
        raise AuthorError(
            f"the mapping {path} has mistakes", "Put them right; docs/import.md says what it may hold"
        )
    if unknown:
        remark(f"left out, since this project does not have it: {', '.join(dict.fromkeys(unknown))}")
    return mapping
