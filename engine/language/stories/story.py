"""`tests:` - stories: the customer before, what happens when, and everything that is expected
(design/language 2.16, 2.20)."""

from __future__ import annotations

from engine.language.grammar import TEST
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Mapping, Node, Scalar, Sequence, is_empty
from engine.language.quantities import parse_date
from engine.language.stories.story_expect import parse_expect
from engine.language.stories.story_given import parse_given
from engine.language.stories.story_lines import parse_when
from engine.language.syntax import Given, Story
from engine.language.wording import shown
from engine.problem import Span

_WHY = 'a story is a sentence under "test", what is given, what happens, and what is expected'


def parse_tests(context: ReadContext, node: Node, at: Span) -> tuple[Story, ...]:
    """All stories of a journey."""
    if is_empty(node):
        context.report(
            at, "E50", '"tests" has no test', _WHY, "add  - test: what it is about  or remove the line"
        )
        return ()
    if not isinstance(node, Sequence):
        context.report(
            node.span, "E50", '"tests" needs a list', _WHY, "put a dash in front:  - test: what it is about"
        )
        return ()
    stories = (_story(context, item) for item in node.items)
    return tuple(story for story in stories if story is not None)


def _story(context: ReadContext, node: Node) -> Story | None:
    if not isinstance(node, Mapping) or not node.entries:
        word = shown(node.text) if isinstance(node, Scalar) and node.text else "what it is about"
        context.report(node.span, "E50", "this is not a test", _WHY, f"write  - test: {word}")
        return None
    first = next((e.key.span for e in node.entries if e.key.text == "test"), node.entries[0].key.span)
    reader = MapReader(context, TEST, node.entries, first)
    name, day = reader.text("test"), reader.text("from")
    start_day = None if day is None else context.keep(parse_date(day))
    given, when, expect = reader.node("given"), reader.node("when"), reader.node("expect")
    before = Given() if given is None else parse_given(context, given, reader.at_key("given"))
    lines = () if when is None else parse_when(context, when, reader.at_key("when"))
    if not any(key.name in reader for key in TEST.keys):
        return None  # something else, and told as that
    if expect is None or is_empty(expect):
        if "expect" in reader or not reader.misspelt("expect"):
            context.report(
                name.span if name else first,
                "E51",
                "this test expects nothing in particular, so it could never fail",
                "",
                "add  expect:  with every message, or  expect: nothing  if no message may be sent",
            )
        return None
    expected = parse_expect(context, expect)
    return None if name is None else Story(name, start_day, before, lines, expected, name.span)
