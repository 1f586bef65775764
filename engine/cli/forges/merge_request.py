"""A change that is asked for on a forge: its one comment, and its labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Forge(StrEnum):
    """Where a review can be posted."""

    github = "github"
    gitlab = "gitlab"


class PostResult(StrEnum):
    """What became of a comment."""

    WRITTEN = "the comment is written"
    UPDATED = "the comment is brought up to date"
    SAME = "the comment says so already"


@dataclass(frozen=True, slots=True)
class ForgeComment:
    """A comment that is there. `author`: the name of the account that wrote it."""

    id: int
    text: str
    author: str
    is_of_bot: bool


class MergeRequest(Protocol):
    """One of them, with its forge: GitHub's pull request, GitLab's merge request. All raise ForgeError."""

    def comments(self) -> Sequence[ForgeComment]:
        """All of them, the oldest first."""

    def me(self) -> str:
        """The name of the account whose token is used; "" where the forge does not say it."""

    def write(self, text: str) -> None:
        """A new comment."""

    def rewrite(self, comment: int, text: str) -> None:
        """Another text of a comment."""

    def delete(self, comment: int) -> None:
        """Removes a comment."""

    def labels(self) -> Collection[str]:
        """Those it has."""

    def set_labels(self, added: Sequence[str], removed: Sequence[str]) -> None:
        """Adds and removes; the others stay."""


def post_comment(request: MergeRequest, mark: str, text: str) -> PostResult:
    """Writes the comment, or brings the one that begins with `mark` up to date. Raises ForgeError."""
    from engine.cli.forges.api import patiently

    posted = patiently(lambda: _post(request, mark, text))
    if posted is PostResult.WRITTEN:
        # Two runs at once each found none: whoever looks last sees both, and leaves one.
        patiently(lambda: _post(request, mark, text))
    return posted


def _post(request: MergeRequest, mark: str, text: str) -> PostResult:
    from engine.cli.forges.api import ForgeError

    # Asked anew in every try: one whose answer was lost may have written the comment.
    ours = _ours(request, mark)
    for further in ours[1:]:
        request.delete(further.id)
    if not ours:
        request.write(text)
        return PostResult.WRITTEN
    if ours[0].text.strip() == text.strip():
        return PostResult.SAME
    try:
        request.rewrite(ours[0].id, text)
    except ForgeError as wrong:
        if not wrong.is_gone:
            raise
        # somebody removed it since it was listed
        request.write(text)
        return PostResult.WRITTEN
    return PostResult.UPDATED


def _ours(request: MergeRequest, mark: str) -> list[ForgeComment]:
    """Our comments. Anybody can copy the mark: whoever wrote a comment can change what stands under our
    words, so only those of our own account are ours, or of a program where the forge does not say who we
    are."""
    marked = [comment for comment in request.comments() if comment.text.lstrip().startswith(mark)]
    if not marked:
        return []
    me = request.me()
    return [comment for comment in marked if (comment.author == me if me else comment.is_of_bot)]


def post_labels(request: MergeRequest, labels: Sequence[str], known: Collection[str]) -> None:
    """Leaves of the labels that are `known` only `labels`. Raises ForgeError."""
    from engine.cli.forges.api import patiently

    def change() -> None:
        present = set(request.labels())
        added = [label for label in labels if label not in present]
        removed = sorted((present & set(known)) - set(labels))
        if added or removed:
            request.set_labels(added, removed)

    patiently(change)
