"""Fixes in another file, before an editor is told of them: where their lines go, and which are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from engine.lsp.cross_file_fixes import find_cross_file_fix
from engine.problem import Problem, Span, split_lines

UNKNOWN = Problem(
    Span("config.yaml", 5, 3), "E11", 'there is no attribute called "hobby"', "",
    "add to schemas/customer.yaml, under  attributes:  and with its type\n         hobby: text",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("attributes:\n    plan: text\n", "attributes:\n    hobby: text\n    plan: text\n"),
        ("attributes:  # ours\n# none yet\n", "attributes:  # ours\n  hobby: text\n# none yet\n"),
        ("facts: {}\n", "facts: {}\nattributes:\n  hobby: text\n"),
        ("facts: {}", "facts: {}\nattributes:\n  hobby: text\n"),
    ],
)
def test_a_line_stands_where_the_others_do(text: str, becomes: str) -> None:
    file = "schemas/customer.yaml"
    fix = find_cross_file_fix(UNKNOWN, {file: text}, (), lambda _: (), [UNKNOWN])
    assert fix is not None
    (made,) = fix.edits
    assert made.edit.applied(split_lines(text)) == becomes
    assert not made.is_new


def test_a_mistake_that_only_moves_is_not_mended() -> None:
    def moved(_: Mapping[str, str]) -> Sequence[Problem]:
        return [replace(UNKNOWN, span=Span("config.yaml", 6, 3))]

    assert (
        find_cross_file_fix(UNKNOWN, {"schemas/customer.yaml": "attributes:\n"}, (), moved, [UNKNOWN]) is None
    )
