"""The scanner of markup: where a value stands decides what it may be, in whatever portions the text comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.templates.scanner import Place, Scanner

PORTIONS = st.lists(
    st.sampled_from([
        "<", ">", "</", "/>", "<!--", "-->", "<!DOCTYPE html>", "<a ", "<style>", "</style>", "<title>",
        "</title>", "href", "=", '"', "'",
        " ", "\n", "x", "style", 'href="', "src='", "<br/>", "<td", "onclick", "</a>", "1 < 2", "a=b",
    ]), max_size=25,
)  # fmt: skip


@given(portions=PORTIONS)
def test_leaps_and_single_steps_end_in_the_same_place(portions: list[str]) -> None:
    text = "".join(portions)
    leaping, stepping, in_portions = Scanner(), Scanner(), Scanner()
    leaping.feed(text)
    for character in text:
        stepping.feed(character)
    for portion in portions:
        in_portions.feed(portion)
    assert leaping.place() == stepping.place() == in_portions.place()


@pytest.mark.parametrize(
    ("before", "place"),
    [
        ("", "text"), ("<p>", "text"), ("a < b ", "text"), ("<p ", "tag"), ("<p class=", "attribute"),
        ('<p class="', "attribute"),
        ('<a href="', "link"), ("<a href='", "link"), ("<a href=", "link"), ('<a HREF="', "link"),
        ('<a href="https://x/', "link part"),
        ('<a title="x" href="', "link"), ('<a href="x">', "text"), ('<img src="', "link"),
        ('<td background="', "link"),
        ('<p style="', "style"), ("<style>", "style"), ("<style>a{}</style>", "text"),
        ("<mj-style>", "style"), ("<title>", "title"),
        ("<title></title>", "text"), ("<script>", "script"), ('<p onclick="', "script"), ("<!-- ", "comment"),
        ("<!-- x -->", "text"),
        ("<!DOCTYPE html>", "text"), ("<br/>", "text"), ('<a b="1"c="', "attribute"),
        ("<style></sty", "style"), ("<p>x</p>", "text"),
    ],
)  # fmt: skip
def test_places(before: str, place: Place) -> None:
    scanner = Scanner()
    scanner.feed(before)
    assert scanner.place() == place
