"""Opens the author's files, of a folder (inside it only, of a bearable size) or as they were published."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import AuthorError
from engine.problem import Problem, Span

LARGEST = 1_000_000
"""Bytes of one file."""

MOST_FILES = 20_000
_LONGEST_GIT = 10


@dataclass(slots=True)
class Folder:
    """One project while it is read."""

    root: Path
    published: Mapping[str, str] | None = (
        None  # its files, where they come from the store; None: those of `root`
    )
    problems: list[Problem] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # text of every file that was read, by its path
    forms: dict[str, list[Problem]] = field(default_factory=dict)
    """What is wrong with the form of each journey, before its names are looked at."""
    unreadable: set[str] = field(default_factory=set)
    """config.yaml and schemas whose text is there and cannot be read as a whole."""
    unsaved: Mapping[str, str] = field(default_factory=dict)
    """Files that are open in an editor: their text counts and not what lies in `root`, by their path."""

    def names(self, under: str, endings: tuple[str, ...]) -> Iterator[str]:
        """Files under a folder with one of these endings, sorted; hidden ones are left out."""
        if self.published is not None:
            yield from sorted(
                name for name in self.published if name.startswith(f"{under}/") and name.endswith(endings)
            )
            return
        start = self.root / under
        names: list[str] = []
        for folder, inner, files in os.walk(start):
            # In place: `os.walk` goes on with what is left here, so that .git and .venv are never read.
            inner[:] = [name for name in inner if not name.startswith(".")]
            # A folder called like a file is named, not passed over
            named = (name for name in (*files, *inner) if name.endswith(endings))
            wanted = (name for name in named if not name.startswith("."))
            names.extend((Path(folder) / name).relative_to(self.root).as_posix() for name in wanted)
            if len(names) > MOST_FILES:
                raise AuthorError(
                    f"{under}/ holds more than {MOST_FILES:,} files.", "Move what does not belong there."
                )
        prefix = f"{under}/"
        new = (name for name in self.unsaved if name.startswith(prefix) and name.endswith(endings))
        names.extend(name for name in new if not any(part.startswith(".") for part in name.split("/")))
        yield from sorted(set(names))

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None (and a problem) where it cannot be read, nothing where it does not
        exist."""
        if self.published is not None:
            if name not in self.published:
                return None
            self.sources[name] = self.published[name]
            return self.published[name].encode("utf-8")
        if name in self.unsaved:
            # half of a surrogate pair has no bytes in UTF-8
            data = self.unsaved[name].encode("utf-8", "replace")
            if len(data) > LARGEST:
                return self._refuse_as_too_large(name)
            self.sources[name] = data.decode("utf-8")
            return data
        path = self.root / name
        try:
            # Resolved before it is opened: a link may lead out of the project, where files are none
            # of the shop's.
            real = path.resolve(strict=True)
            if not real.is_relative_to(self.root.resolve()):
                return self._refuse(
                    name,
                    "this link leads out of the project",
                    "a project is one folder",
                    "put the file itself here",
                )
            if not real.is_file():
                # whoever put it here believes that it is a part of the project
                return self._refuse(
                    name,
                    "this is a folder" if real.is_dir() else "this is no ordinary file",
                    "a part of the project is a file that can be read as often as it is needed",
                    "put a file of this name here, or remove it",
                )
            # Before it is read: a dump that lies here by mistake may have gigabytes.
            if real.stat().st_size > LARGEST:
                return self._refuse_as_too_large(name)
            data = real.read_bytes()
        except FileNotFoundError:
            if path.is_symlink():
                return self._refuse(
                    name,
                    "this link leads nowhere",
                    "the file behind it does not exist",
                    "put the file itself here",
                )
            return None
        except (OSError, RuntimeError, ValueError) as wrong:
            reason = getattr(wrong, "strerror", None) or "it cannot be opened"
            return self._refuse(name, "this file cannot be read", str(reason), "make it readable")
        # Problems show lines of the file also where some byte of it is no UTF-8.
        self.sources[name] = data.decode("utf-8", "replace")
        return data

    def text(self, name: str) -> str | None:
        """As `read`, as UTF-8 text; other encodings are a problem at the first wrong byte."""
        data = self.read(name)
        if data is None:
            return None
        try:
            # Editors of Windows begin a file with a byte order mark.
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            before = data[: wrong.start]
            line = before.count(b"\n") + 1
            column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
            self.problems.append(
                Problem(
                    Span(name, line, column), "E78", "this file is not written in UTF-8",
                    "letters beyond a-z would come out wrong",
                    "save it as UTF-8 in your editor",
                )
            )  # fmt: skip
            return None

    def _refuse_as_too_large(self, name: str) -> bytes | None:
        return self._refuse(
            name, "this file is larger than 1 MB", "nobody can review it",
            "divide it, or remove what does not belong here",
        )  # fmt: skip

    def _refuse(self, name: str, what: str, why: str, fix: str) -> bytes | None:
        self.problems.append(Problem(Span(name, 1, 1), "E78", what, why, fix))
        return None


def commit_of(root: Path) -> str:
    """The commit of the folder's git tree, with `+dirty` where the folder differs from it; "" outside of
    git."""
    head = _git(root, "rev-parse", "HEAD")
    if not head:
        return ""
    # This folder alone: what else the repository holds does not change the project.
    changed = _git(root, "status", "--porcelain", "--", ".")
    return f"{head}+dirty" if changed is None or changed else head


def former_files(root: Path, under: str) -> dict[str, str]:
    """The files of a folder as git knows them: where the branch left the main one, else in the last commit.
    Path in the project -> text; nothing outside of git."""
    base = _git(root, "merge-base", "HEAD", "main") or _git(root, "merge-base", "HEAD", "origin/HEAD")
    base = base or _git(root, "rev-parse", "HEAD")
    listed = _git(root, "ls-tree", "-r", "--name-only", base, "--", under) if base else None
    if not listed or base is None:
        return {}
    # Only what is different now: the text of the others stands in the folder.
    changed = set(
        (_git(root, "diff", "--name-only", "--no-renames", "--relative", base, "--", under) or "").split("\n")
    )
    if not changed - {""}:
        return {}
    texts: dict[str, str] = {}
    for name in listed.split("\n"):
        text = _git(root, "show", f"{base}:./{name}") if name in changed else _read(root / name)
        if text is not None:
            texts[name] = text
    return texts


def base_of(root: Path, revision: str) -> str | None:
    """The commit at which the folder's branch left `revision`, or `revision` itself where they have no
    common past; None outside of git, and where git knows no such revision."""
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return (_git(root, "merge-base", "HEAD", commit) or commit) if commit else None


def main_base(root: Path) -> str | None:
    """The commit at which the folder's branch left the main one: the last commit where it is the main one."""
    for main in ("main", "origin/HEAD", "master"):
        if base := base_of(root, main):
            return base
    return _git(root, "rev-parse", "HEAD")


def files_at(root: Path, commit: str) -> dict[str, str]:
    """The author's files of the folder as a commit has them. Path in the project -> text; what is larger than
    a file may be is left out, and so is a link that does not lead to one of the files."""
    listed = _git(root, "ls-tree", "-r", "-l", "-z", commit) or ""
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    for line in listed.split("\0"):
        head, _, name = line.partition("\t")
        mode, kind, blob, size = (*head.split(), "", "", "", "")[:4]
        if kind == "blob" and size.isdigit() and int(size) <= LARGEST:
            (links if mode == _LINK else files)[name] = blob
    # a file may be a link to another one, as it may in the folder
    leads: dict[str, str] = {}
    targets = _blobs(root, set(links.values()))
    for name in (*files, *links):
        place = name
        for _ in range(_MOST_LINKS):
            if place not in links:
                break
            place = posixpath.normpath(
                posixpath.join(posixpath.dirname(place), targets.get(links[place], ""))
            )
        if name.startswith(AUTHORED) and place in files:
            leads[name] = files[place]
    texts = _blobs(root, set(leads.values()))
    return {name: texts[blob] for name, blob in leads.items() if blob in texts}


def _blobs(root: Path, names: Collection[str]) -> dict[str, str]:
    """The texts of blobs, to the letter: in one process, since a project may have thousands."""
    answer = _git_bytes(root, "cat-file", "--batch", given="".join(f"{name}\n" for name in names)) or b""
    texts: dict[str, str] = {}
    at = 0
    while (end := answer.find(b"\n", at)) >= 0:
        name, kind, size = (*answer[at:end].decode("ascii", "replace").split(), "", "")[:3]
        if kind != "blob":  # a blob that is missing: its line is all that is said
            at = end + 1
            continue
        stop = end + 1 + int(size)
        texts[name] = answer[end + 1 : stop].decode("utf-8", "replace")
        at = stop + 1
    return texts


def patch(root: Path, commit: str) -> str:
    """What differs between a commit and the author's files of the folder, line by line, as git says it; files
    that git does not track are left out."""
    # `core.quotePath` would write names of other languages as numbers
    words = ("-c", "core.quotePath=false", "diff", "--no-color", "--no-ext-diff", "--no-textconv")
    return _git(root, *words, commit, "--", *AUTHORED) or ""


def is_shallow(root: Path) -> bool:
    """Whether the clone lacks a part of its past, as those that CI makes do."""
    return _git(root, "rev-parse", "--is-shallow-repository") == "true"


def place_in_repository(root: Path) -> str:
    """Where the folder stands in its repository: "" at its top, else a path that ends in `/`. One that the
    change removed stood there too."""
    there = next((folder for folder in (root, *root.absolute().parents) if folder.is_dir()), root)
    place = _git(there, "rev-parse", "--show-prefix")
    if place is None or there == root:
        return place or ""
    return f"{place}{root.absolute().relative_to(there).as_posix()}/"


_LINK = "120000"
"""The mode of a symbolic link, whose text is where it leads."""

_MOST_LINKS = 10
AUTHORED = ("config.yaml", "journeys/", "schemas/", "templates/")
"""What of a repository is the project."""


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _git(root: Path, *words: str) -> str | None:
    """The answer without the space around it; None where git refuses, or is not there."""
    answer = _git_bytes(root, *words)
    return answer.decode("utf-8", "replace").strip() if answer is not None else None


def _git_bytes(root: Path, *words: str, given: str = "") -> bytes | None:
    # Nothing else of the environment: GIT_DIR and its like would answer for another repository.
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", ""),
        "GIT_OPTIONAL_LOCKS": "0",
    }
    try:
        # A configured fsmonitor is a program that the repository names: reading must not start it.
        git = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(root), *words],
            capture_output=True, input=given.encode(), timeout=_LONGEST_GIT, check=False, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return git.stdout if git.returncode == 0 else None
