"""Which program this is: its version, and the commit it was made from."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

_HERE = Path(__file__).resolve().parent.parent


@cache
def program() -> tuple[str, str]:
    """Version and commit; "" for a commit that nobody knows.

    An image says the commit by `PERENNIAL_COMMIT`, a checkout by its `.git`, which is read here: the daemon
    needs no git to run.
    """
    return _version(), os.environ.get("PERENNIAL_COMMIT") or _commit()


def _version() -> str:
    try:
        with (_HERE / "pyproject.toml").open("rb") as opened:
            return str(tomllib.load(opened)["project"]["version"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "unknown"


def _commit() -> str:
    try:
        git = _HERE / ".git"
        if git.is_file():  # of a worktree: `gitdir: PATH`
            git = Path(git.read_text(encoding="utf-8").partition(":")[2].strip())
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head[:12]
        name = head.partition(":")[2].strip()
        for folder in (git, git / "../.."):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8").strip()[:12]
    except (OSError, UnicodeError):
        return ""
    return ""  # packed away by `git gc`: not worth reading that file
