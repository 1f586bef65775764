"""GitLab: what a pipeline says in its environment, and a merge request over the REST interface."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from urllib.parse import quote

from engine.cli.forges.api import ForgeApi, is_address
from engine.cli.forges.merge_request import ForgeComment
from engine.errors import UsageError


class GitLabMergeRequest:
    """A merge request; its comments are called notes there."""

    def __init__(self, api: ForgeApi, project: str, number: str) -> None:
        self._api = api
        self._place = f"/projects/{quote(project, safe='')}/merge_requests/{quote(number, safe='')}"

    def comments(self) -> Sequence[ForgeComment]:
        notes = [
            ForgeComment(
                int(row["id"]),
                str(row.get("body") or ""),
                str((row.get("author") or {}).get("username", "")),
                False,
            )
            for row in self._api.pages(f"{self._place}/notes")
        ]
        return sorted(notes, key=lambda note: note.id)

    def me(self) -> str:
        return str((self._api.ask("GET", "/user") or {}).get("username", ""))

    def write(self, text: str) -> None:
        self._api.ask("POST", f"{self._place}/notes", {"body": text})

    def rewrite(self, comment: int, text: str) -> None:
        self._api.ask("PUT", f"{self._place}/notes/{comment}", {"body": text})

    def delete(self, comment: int) -> None:
        self._api.remove(f"{self._place}/notes/{comment}")

    def labels(self) -> Collection[str]:
        return [str(label) for label in (self._api.ask("GET", self._place) or {}).get("labels", ())]

    def set_labels(self, added: Sequence[str], removed: Sequence[str]) -> None:
        body = {"add_labels": ",".join(added), "remove_labels": ",".join(removed)}
        self._api.ask("PUT", self._place, {key: labels for key, labels in body.items() if labels})


def merge_request() -> GitLabMergeRequest | None:
    """That which the pipeline runs for; None where it runs for none. Raises UsageError outside of one."""
    address, project = os.environ.get("CI_API_V4_URL", ""), os.environ.get("CI_PROJECT_ID", "")
    if not address or not project:
        raise UsageError(
            "CI_API_V4_URL and CI_PROJECT_ID are not set",
            "run this in a pipeline of GitLab, or leave out  --post",
        )
    number = os.environ.get("CI_MERGE_REQUEST_IID", "")
    if not number:
        return None
    token = os.environ.get("GITLAB_TOKEN", "")
    api = ForgeApi(address, {"PRIVATE-TOKEN": token} if token else {})
    return GitLabMergeRequest(api, project, number)


def base_revision() -> str:
    """What a change is compared with; "" where the pipeline does not say it."""
    return os.environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")


def page_of_run() -> str:
    """Where the files of the job are."""
    page = os.environ.get("CI_JOB_URL", "")
    return f"{page}/artifacts/browse" if is_address(page) else ""
