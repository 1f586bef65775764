"""GitHub: what a workflow says in its environment, and a pull request over the REST interface."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from engine.cli.forges.api import ForgeApi, ForgeError, is_address
from engine.cli.forges.merge_request import ForgeComment
from engine.errors import UsageError

_LARGEST_EVENT = 32_000_000
_NO_COMMIT = "0" * 40


class _Base(msgspec.Struct):
    sha: str = ""


class _Pull(msgspec.Struct):
    number: int = 0
    base: _Base = msgspec.field(default_factory=_Base)


class _Group(msgspec.Struct):
    base_sha: str = ""


class _Event(msgspec.Struct):
    """What of the event that started the workflow is needed; it has hundreds of fields more."""

    pull_request: _Pull = msgspec.field(default_factory=_Pull)
    merge_group: _Group = msgspec.field(default_factory=_Group)
    before: str | None = None


class GitHubPull:
    """A pull request."""

    def __init__(self, api: ForgeApi, repository: str, number: int) -> None:
        self._api = api
        self._repository = f"/repos/{repository}"
        self._issue = f"{self._repository}/issues/{number}"

    def comments(self) -> Sequence[ForgeComment]:
        return [_comment(row) for row in self._api.pages(f"{self._issue}/comments")]

    def me(self) -> str:
        try:
            return str((self._api.ask("GET", "/user") or {}).get("login", ""))
        except ForgeError as wrong:
            if wrong.permanent:  # a workflow's own token is nobody's
                return ""
            raise

    def write(self, text: str) -> None:
        self._api.ask("POST", f"{self._issue}/comments", {"body": text})

    def rewrite(self, comment: int, text: str) -> None:
        self._api.ask("PATCH", f"{self._repository}/issues/comments/{comment}", {"body": text})

    def delete(self, comment: int) -> None:
        self._api.remove(f"{self._repository}/issues/comments/{comment}")

    def labels(self) -> Collection[str]:
        return [str(row.get("name")) for row in self._api.pages(f"{self._issue}/labels")]

    def set_labels(self, added: Sequence[str], removed: Sequence[str]) -> None:
        for label in removed:
            self._api.remove(f"{self._issue}/labels/{quote(label, safe='')}")
        if added:
            self._api.ask("POST", f"{self._issue}/labels", {"labels": list(added)})


def pull_request() -> GitHubPull | None:
    """That which the workflow runs for; None where it runs for none. Raises UsageError outside of one."""
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
        raise UsageError(
            "GITHUB_REPOSITORY does not name a repository",
            "run this in a workflow of GitHub, or leave out  --post",
        )
    number = _event().pull_request.number
    if not number:
        return None
    token = os.environ.get("GITHUB_TOKEN", "")
    headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    address = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    return GitHubPull(ForgeApi(address, headers), repository, number)


def base_revision(head: str) -> str:
    """What a change is compared with; "" where the workflow does not say it. `head`: the commit that is
    checked out."""
    # GitHub merges the change with the newest main branch and checks that out; the base that the event names
    # is that of the last push, so what came to the main branch since would count as a part of the change.
    is_merge = re.fullmatch(r"refs/pull/\d+/merge", os.environ.get("GITHUB_REF", ""))
    if is_merge and head and head == os.environ.get("GITHUB_SHA"):
        return "HEAD^1"
    event = _event()
    before = event.before if event.before != _NO_COMMIT else ""
    return event.pull_request.base.sha or event.merge_group.base_sha or before or ""


def page_of_run() -> str:
    """Where the files of the run are."""
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    page = f"{server}/{repository}/actions/runs/{run}"
    return page if run.isdigit() and is_address(page) else ""


def write_summary(text: str) -> bool:
    """Writes into the summary of the run; False where it has none. Raises OSError."""
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return False
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return True


def _event() -> _Event:
    path = Path(os.environ.get("GITHUB_EVENT_PATH") or os.devnull)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_EVENT)
        return msgspec.json.decode(text, type=_Event) if text else _Event()
    except (OSError, msgspec.DecodeError) as wrong:
        raise UsageError(
            f"the event of the workflow cannot be read: {wrong}", "GITHUB_EVENT_PATH names its file"
        ) from wrong


def _comment(row: Any) -> ForgeComment:
    user = row.get("user") or {}
    return ForgeComment(
        int(row["id"]), str(row.get("body") or ""), str(user.get("login", "")), user.get("type") == "Bot"
    )
