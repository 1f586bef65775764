"""Which files of a project a command is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from glob import escape
from pathlib import Path

from engine.errors import UsageError


def chosen(paths: Sequence[Path], folder: Path) -> Callable[[str], bool]:
    """Says of a file (its path in the project) whether it was named; without paths all are. A path may be
    given from where the caller stands or from the project, or be the name of a journey or a segment. Raises
    UsageError for one that does not exist."""
    if not paths:
        return lambda _file: True
    roots = [_inside(path, folder) for path in paths]
    return lambda file: any(file == root or file.startswith(f"{root}/") or root == "." for root in roots)


def _inside(path: Path, folder: Path) -> str:
    root = folder.resolve()
    # `--project ../shop check journeys/welcome.yaml` in a folder that has a file of this name as well
    named = (folder / "journeys").rglob(f"{escape(path.name)}.yaml") if path.name == str(path) else ()
    there = [candidate.resolve() for candidate in (path, folder / path, *sorted(named)) if candidate.exists()]
    for candidate in there:
        if candidate.is_relative_to(root):
            return candidate.relative_to(root).as_posix()
    if there:
        raise UsageError(
            f'"{path}" lies outside of the project "{folder}"', "name its project with  --project DIR"
        )
    raise UsageError(
        f'there is no file or folder "{path}"',
        "name a file of the project, for example  journeys/welcome.yaml  or a journey:  welcome",
    )
