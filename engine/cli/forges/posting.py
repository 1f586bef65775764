"""A review goes to the forge that its workflow runs on; where that is refused, to where it can be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from engine.cli.forges import github, gitlab
from engine.cli.forges.api import ForgeError
from engine.cli.forges.merge_request import Forge, MergeRequest, post_comment, post_labels
from engine.cli.output import remark
from engine.errors import UsageError
from engine.project_files import base_of


def base_on(forge: Forge, folder: Path) -> str:
    """The version that the forge compares the change with; "" where it does not say it."""
    if forge is Forge.gitlab:
        return gitlab.base_revision()
    return github.base_revision(base_of(folder, "HEAD") or "")


def request_on(forge: Forge) -> MergeRequest | None:
    """The change that this run belongs to; None where nobody asks for one. Raises UsageError outside of a
    workflow or pipeline."""
    return github.pull_request() if forge is Forge.github else gitlab.merge_request()


def page_of_run(forge: Forge) -> str:
    """Where a run keeps what it made; "" where the forge does not say it."""
    return github.page_of_run() if forge is Forge.github else gitlab.page_of_run()


def post_review(
    forge: Forge,
    request: MergeRequest | None,
    text: str,
    labels: Sequence[str] | None,
    known: Collection[str],
) -> None:
    """Writes the comment or brings it up to date, then the labels (None: they stay). Says what it did. What
    the forge refuses makes no review wrong: the comment then goes to the summary of the run. `text`: it is
    found again by its first line."""
    if request is None:
        _instead(forge, text, "this run belongs to no change that somebody asks for")
        return
    try:
        remark(post_comment(request, text.partition("\n")[0], text).value)
    except ForgeError as wrong:
        _instead(forge, text, _why(wrong), str(wrong))
        return
    if labels is None:
        return
    try:
        post_labels(request, labels, known)
    except ForgeError as wrong:
        remark(f"the labels stay as they were ({wrong})")


def _why(refused: ForgeError) -> str:
    if refused.is_forbidden:
        return "the token of this run may not write comments"
    if refused.is_gone:
        return "the change is gone from the forge, or the token of this run may not see it"
    return "the forge refuses the comment" if refused.permanent else "the forge did not answer"


def _instead(forge: Forge, comment: str, why: str, detail: str = "") -> None:
    said = f"{why} ({detail})" if detail else why
    is_written = False
    if forge is Forge.github:
        try:
            is_written = github.write_summary(f"_It stands here: {why}._\n\n{comment}")
        except OSError as wrong:
            raise UsageError(
                f"the summary of the run cannot be written: {wrong.strerror}",
                "GITHUB_STEP_SUMMARY names its file",
            ) from wrong
    remark(f"the comment is {'in the summary of this run' if is_written else 'posted nowhere'}: {said}")
