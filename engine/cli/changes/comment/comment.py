"""What a reviewer of a change reads, as one comment in Markdown: the verdict first, then the questions in the
order in which they come up, and what is longer in folds."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

from engine.cli.changes.comment.changed import changes_part, pictures_line, tells_enough
from engine.cli.changes.comment.folds import folds
from engine.cli.changes.comment.line_budget import LINE_BUDGETS, MOST_LINES, LineBudget
from engine.cli.changes.comment.markdown import safe
from engine.cli.changes.comment.people import people_part
from engine.cli.changes.comment.sent import sent_part
from engine.cli.changes.comment.verdict import to_do, verdict
from engine.errors import PerennialError
from engine.printable import printable

if TYPE_CHECKING:
    from engine.cli.changes.reviewed_change import ReviewedChange

LARGEST = 65_000
"""Characters of a comment; forges take 65,535."""


def mark(within: str) -> str:
    """The first line of a comment, by which it is found again and brought up to date in its place. `within`:
    where the project stands in its repository, which may hold others."""
    name = f"perennial review {quote(within.strip('/'))}".strip()
    return f"<!-- {name} -->"


def comment(change: ReviewedChange, page: str = "") -> str:
    """The comment. What does not fit is left out from its end, and said to be. `page`: where the files are
    that were made with it, "": here."""
    for budget in LINE_BUDGETS:
        blocks = [*_open_parts(change, page, budget)]
        if "\n".join(blocks).count("\n") < MOST_LINES and tells_enough(change, budget):
            break
    size = sum(map(len, blocks))
    left_out = []
    for title, text in folds(change, budget):
        fold = f"<details><summary>{html.escape(printable(title))}</summary>\n\n{text}\n\n</details>\n"
        if size + len(fold) > LARGEST:
            left_out.append(title)
            continue
        blocks.append(fold)
        size += len(fold)
    if left_out:
        blocks.append(f"Too long for a comment: {safe(', '.join(left_out))}.\n")
    return "\n".join(blocks)


def failure(wrong: PerennialError, within: str) -> str:
    """The comment on a change that cannot be reviewed: what an earlier one said holds no more."""
    return f"{mark(within)}\n**This change could not be reviewed.**\n\n{safe(str(wrong))}\n"


def _open_parts(change: ReviewedChange, page: str, budget: LineBudget) -> Iterator[str]:
    yield mark(change.within)
    yield f"**{safe(verdict(change), longest=None)}**\n"
    if left := to_do(change):
        # in parts: a long sentence of ours is not cut as one of an author
        yield f"{'; '.join(map(safe, left.split('; ')))}\n"
    if what := changes_part(change, budget):
        yield what
    if change.made is not None and (change.made.messages or change.made.journeys):
        yield pictures_line(change.made, page)
    if change.plan is not None:
        yield people_part(change.plan, change, budget.places)
    elif change.snapshot:
        yield "_What becomes of the people inside is not known while files have mistakes._\n"
    else:
        yield "_Who is inside is not known here: give `--snapshot FILE`._\n"
    if change.not_played:
        yield f"### What would be sent\n\nNot played: {safe(change.not_played)}.\n"
    if change.comparison is not None and (sent := change.daily) is not None:
        yield sent_part(change.comparison, sent, change.currency, budget)
