"""Loops over a list in a template that leave what stands around them alone when the list is empty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

from engine.compiler.templates.message import CompiledTemplate, MessageField, dotted


@dataclass(frozen=True, slots=True)
class UnguardedLoop:
    """A loop over a name that no question around it asks for, and that says nothing else for an empty
    list."""

    name: str
    file: str
    line: int


def bare_loops(template: CompiledTemplate) -> list[UnguardedLoop]:
    """Those of every part of a template, each once."""
    found = (loop for part in template.parts for loop in _of_part(part))
    return list(dict.fromkeys(found))


def _of_part(part: MessageField) -> Iterator[UnguardedLoop]:
    if "{% for" not in part.source and "{%- for" not in part.source:
        return
    for name, line in _bare(part.program.env.parse(part.source), frozenset()):
        file, own = part.at(line)
        yield UnguardedLoop(name, file, own)


def _bare(node: nodes.Node, asked: frozenset[str]) -> Iterator[tuple[str, int]]:
    match node:
        case nodes.If():
            inside = asked | frozenset(_names(node.test))
            for below in node.body:
                yield from _bare(below, inside)
            for below in (*node.elif_, *node.else_):
                yield from _bare(below, asked)
        case nodes.For():
            names = frozenset(_names(node.iter))
            if not node.else_ and not names & asked:
                yield from ((name, node.lineno) for name in sorted(names))
            for below in (*node.body, *node.else_):
                yield from _bare(below, asked)
        case _:
            for below in node.iter_child_nodes():
                yield from _bare(below, asked)


def _names(node: nodes.Node) -> Iterator[str]:
    name = dotted(node)
    if name is not None:
        yield name
        return
    for below in node.iter_child_nodes():
        yield from _names(below)
