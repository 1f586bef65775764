"""How problems are shown: to people, to GitHub, to editors; and that every code is in the docs."""

from __future__ import annotations

import re
from pathlib import Path

from engine.problem import Problem, Span, render_github, render_problems, render_text, to_json

ROOT = Path(__file__).parent.parent.parent
PROBLEM = Problem(Span("journeys/a.yaml", 7, 3, 4), "E11", "what: it is", "why, so", "fix  100%\n  next")


def test_the_place_is_underlined() -> None:
    assert render_text(PROBLEM, "  tier: gold") == (
        "journeys/a.yaml:7:3: error E11: what: it is\n"
        "     7 |   tier: gold\n"
        "       |   ^^^^\n"
        "  why: why, so\n"
        "  fix: fix  100%\n  next"
    )


def test_the_mark_stands_under_wide_characters_and_behind_tabs() -> None:
    text = render_text(Problem(Span("f", 1, 4), "E01", "x"), "\t日本x")
    assert text.split("\n")[1:] == ["     1 | \t日本x", "       | \t    ^"]


def test_a_long_line_is_cut_around_the_place_and_shows_no_control_characters() -> None:
    line = "a" * 5000 + "\x1b[31mhere" + "b" * 5000
    text = render_text(Problem(Span("f", 1, 5006, 4), "E01", "x"), line)
    shown, marks = text.split("\n")[1:]
    assert len(shown) < 200
    assert "\x1b" not in shown
    assert shown[marks.index("^") : marks.index("^") + 4] == "here"


def test_lines_count_as_in_the_reader() -> None:
    problem = Problem(Span("f", 2, 1), "E01", "x")
    assert "     2 | c: d" in render_problems([problem], {"f": "\ufeffa: b\r\nc: d\r\n"})
    assert render_problems([problem], {}) == "f:2:1: error E01: x"


def test_a_secret_is_hidden_from_what_is_said_about_its_neighbours() -> None:
    secret = Problem(Span("f", 1, 11, 6), "E85", "a secret", hidden=True)
    before, behind = Problem(Span("f", 1, 1, 4), "E83", "x"), Problem(Span("f", 1, 19, 3), "E83", "y")
    text = render_problems([behind, secret, before], {"f": "hots: p: [geheim, abc]"})
    assert "geheim" not in text
    assert text.count("******") == 3


def test_github_annotations_escape_what_would_end_them() -> None:
    assert render_github(PROBLEM) == (
        "::error file=journeys/a.yaml,line=7,col=3,endColumn=7,title=E11::"
        "what: it is%0Awhy, so%0Afix: fix  100%25%0Anext"
    )
    odd = Problem(Span("a,b:c.yaml", 1, 1), "W01", "x", level="warning")
    assert render_github(odd) == "::warning file=a%2Cb%3Ac.yaml,line=1,col=1,endColumn=2,title=W01::x"


def test_editors_get_places_and_words() -> None:
    assert to_json(PROBLEM)["line"] == 7
    assert to_json(PROBLEM)["level"] == "error"


def test_every_code_of_the_language_is_documented_and_has_a_case() -> None:
    documented = {
        line.split(" | ")[0].strip("| ")
        for line in (ROOT / "docs/problems.md").read_text().splitlines()
        if line.startswith(("| E", "| W"))
    }
    cases = {case.stem.partition("_")[0] for case in (ROOT / "tests/cases/err/language").glob("*.yaml")}
    assert cases <= documented
    sources = "".join(file.read_text() for file in (ROOT / "engine/language").rglob("*.py"))
    written = set(re.findall(r'"([EW]\d{2,3})"', sources))
    # what a comment accepts is judged when the whole project is checked
    of_projects = {case.stem.partition("_")[0] for case in (ROOT / "tests/cases/err/whole").iterdir()}
    assert cases <= written <= cases | of_projects
    assert written - cases == {"E150", "W50"}
