"""What a new project holds beside the shop's own files, and its repository: reviews, owners, a hook."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import engine

OF_EVERY_FOLDER: Mapping[str, str] = {
    ".gitignore": "gitignore",
    ".vscode/settings.json": "vscode_settings.json",
    ".vscode/extensions.json": "vscode_extensions.json",
    ".vscode/tasks.json": "vscode_tasks.json",
}
OF_A_REPOSITORY: Mapping[str, str] = {
    "README.md": "README.md",
    "CODEOWNERS": "CODEOWNERS",
    ".gitattributes": "gitattributes",
    ".githooks/pre-commit": "pre-commit.sh",
    ".github/workflows/review.yml": "github_review.yml",
    ".gitlab-ci.yml": "gitlab-ci.yml",
    ".gitlab/review.yml": "gitlab_review.yml",
}
"""Path in the project -> file of `starters/project`. The second ones mean something at the top of a
repository alone."""

HOOK = ".githooks/pre-commit"
_NO_OWNER, _NO_REVISION = "OWNER/perennial", "REVISION"
_NO_SOURCE = "https://git.example/OWNER/perennial.git"
_WHO = ("user.name", "user.email")
_OTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class RepositoryState(StrEnum):
    """What git says of a folder."""

    MISSING = "missing"  # there is no git
    INSIDE = "inside"  # a repository that is there already
    NEW = "new"  # none yet


@dataclass(frozen=True, slots=True)
class ProgramSource:
    """Where this program came from, as workflows name it. `action`: `owner/name` on GitHub."""

    action: str = _NO_OWNER
    address: str = _NO_SOURCE
    revision: str = _NO_REVISION

    @property
    def is_known(self) -> bool:
        """Whether the workflows run as they are; else somebody has to write it into them."""
        return self.revision != _NO_REVISION and self.address != _NO_SOURCE

    def in_workflow(self, text: str) -> str:
        """The text of a workflow with it."""
        if self.is_known:
            text = text.replace(_NO_SOURCE, self.address).replace(
                f"PERENNIAL_REVISION: {_NO_REVISION}", f"PERENNIAL_REVISION: {self.revision}"
            )
        if self.is_known and self.action != _NO_OWNER:
            text = text.replace(f"{_NO_OWNER}@{_NO_REVISION}", f"{self.action}@{self.revision}")
        return text


def program_source() -> ProgramSource:
    """That of the checkout which runs; unknown where it runs from packages, or its checkout has no origin."""
    root = Path(engine.__file__).resolve().parents[1]
    top = _said(root, "rev-parse", "--show-toplevel")
    origin, revision = _said(root, "remote", "get-url", "origin"), _said(root, "rev-parse", "HEAD")
    # of packages inside of somebody's repository, that one would answer
    is_checkout = bool(top) and Path(top) == root
    return source_of(origin, revision) if is_checkout and origin and revision else ProgramSource()


def source_of(origin: str, revision: str) -> ProgramSource:
    """What the address of a remote, as git has it, comes to; unknown where it leads to this machine alone."""
    if ssh := re.fullmatch(r"[\w.-]+@([\w.-]+):(.+)", origin):
        host, path = ssh[1], ssh[2]
    else:
        parts = urlsplit(origin)
        host = (parts.hostname or "") if parts.scheme in {"https", "ssh"} else ""
        path = parts.path
        if parts.scheme == "https" and parts.port:
            host = f"{host}:{parts.port}"
    path = path.strip("/").removesuffix(".git")
    if not host or not re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path, re.ASCII):
        return ProgramSource()
    # never as it stands: an address of git may hold a name and a token
    action = path if host == "github.com" and path.count("/") == 1 else _NO_OWNER
    return ProgramSource(action, f"https://{host}/{path}.git", revision)


def git_here(folder: Path) -> RepositoryState:
    """Of the folder, or of the nearest above it that is there."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
    inside = _runs(["git", "-C", str(there), "rev-parse", "--is-inside-work-tree"])
    if inside is None:
        return RepositoryState.MISSING
    return RepositoryState.INSIDE if inside.returncode == 0 else RepositoryState.NEW


def first_commit(folder: Path) -> str:
    """Puts the new files under version control: every decision names the commit that it was made by. What
    was done, in words."""
    # of this one commit alone: the author's own name comes with the next
    has_name = all(_said(folder, "config", name) for name in _WHO)
    identity = [] if has_name else ["-c", "user.name=Perennial", "-c", "user.email=perennial@localhost"]
    # the branch that `diff` and `review` compare with
    settings = [
        "-c",
        "commit.gpgsign=false",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "core.hooksPath=",
        *identity,
    ]
    words = [
        ["init", "-q"],
        ["add", "."],
        ["update-index", "--chmod=+x", HOOK],
        ["commit", "-q", "-m", "A new project"],
    ]
    for each in words:
        done = _runs(["git", *settings, "-C", str(folder), *each])
        if done is None or done.returncode:
            why = (done.stderr.strip().splitlines() or [""])[-1] if done is not None else ""
            return f"git could not make the first commit ({why}): make it yourself, decisions name it then"
    _said(folder, "config", "core.hooksPath", str(Path(HOOK).parent))
    root = Path(engine.__file__).resolve().parents[1]
    if (root / "run").is_file():
        _said(folder, "config", "perennial.command", str(root / "run"))
    made = "made a git repository with a first commit: decisions name the commit that they were made by"
    if has_name:
        return made
    return (
        f"{made}. Git does not know your name, so that one is by Perennial; before the next:\n"
        '  git config --global user.name "Your Name"\n  git config --global user.email you@shop.example'
    )


def _said(folder: Path, *words: str) -> str:
    done = _runs(["git", "-C", str(folder), *words])
    return done.stdout.strip() if done is not None and done.returncode == 0 else ""


def _runs(words: list[str]) -> subprocess.CompletedProcess[str] | None:
    """None: there is no such program, or it does not end."""
    # a hook of git that starts us names its own repository, which is another one
    env = {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY}
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30, env=env)
    except (OSError, subprocess.TimeoutExpired):
        return None
