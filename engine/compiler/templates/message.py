"""Templates made ready to run: compiled once, then only Jinja per customer."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from jinja2 import TemplateError, nodes
from jinja2.environment import Template
from jinja2.runtime import Context

from engine.compiler.templates import mail
from engine.compiler.templates.jinja import Sandbox, environment
from engine.compiler.templates.layout import (
    TemplatePiece,
    TemplateProblem,
    broken,
    check_syntax,
    count_tags,
    expand,
    pieces_of,
    wrong,
)
from engine.compiler.templates.markup import LINK, plain, protect, restore, words_to_tags
from engine.compiler.templates.meter import LARGEST_OUTPUT, RenderLimitExceeded, fresh_budget
from engine.compiler.templates.template_file import TemplateFile
from engine.problem import Problem

_LINK_FIELDS = ("url", "image")
_HOST = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::\d+)?(?=[/?#\"'\s<>)\]&,;]|\Z)", re.IGNORECASE)
"""A host that the author wrote out; one that a value goes on with (`https://shop{{ x }}`) is none."""

_PLAIN = frozenset(
    {
        nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr, nodes.Name, nodes.Getattr, nodes.Getitem,
        nodes.Const, nodes.Filter, nodes.Test, nodes.Or, nodes.And, nodes.Not, nodes.Compare, nodes.Operand,
    }
)  # fmt: skip
"""Most templates have nothing else: values, filters and questions."""

_AT_ONCE = 64
"""Pieces of a rendering between two looks at its length; none of them has more than `LARGEST_TEXT`."""

_FEW_QUESTIONS = 50
"""Python takes a hundred levels of indentation; a template with fewer questions cannot get there."""


@dataclass(frozen=True, slots=True)
class NameRead:
    """One name that a template reads: `customer.first_name`, `percent`. `fallback`: it stands before an
    `or` or a `default`, or inside a question, so it may be missing."""

    name: str
    file: str
    line: int
    fallback: bool


@dataclass(frozen=True, slots=True)
class TextComparison:
    """A name that a template compares with a text that it writes out: `paths.offer == "gift"`."""

    name: str
    text: str
    file: str
    line: int


@dataclass(slots=True)
class JinjaProgram:
    """What Jinja makes of a source, made when it is first rendered: `check` and the start of a daemon
    render little."""

    source: str
    env: Sandbox
    _made: Template | None = None

    @property
    def template(self) -> Template:
        """Ready to be rendered. Raises TemplateError when Jinja refuses the source."""
        if self._made is None:
            self._made = self.env.from_string(self.source)
        return self._made


@dataclass(frozen=True, slots=True)
class MessageField:
    """One compiled piece of a message: the html, the text, a field. `rows`: for each line of `source` where
    it is from."""

    name: str
    source: str
    program: JinjaProgram = field(repr=False, compare=False)
    rows: tuple[TemplatePiece, ...] = field(repr=False, compare=False)
    reads: tuple[NameRead, ...] = field(default=(), repr=False, compare=False)
    comparisons: tuple[TextComparison, ...] = field(default=(), repr=False, compare=False)

    def render(self, names: Mapping[str, object]) -> str:
        """The text for one customer. Raises whatever Jinja raises; `place` says where. Not longer than 1
        MB."""
        fresh_budget()
        template = self.program.template
        made: list[str] = []
        size = 0
        # `new_context` would walk the chain of globals three times for the one that there is
        context = Context(self.program.env, {**self.program.env.globals, **names}, None, template.blocks)
        chunks = template.root_render_func(context)
        while some := list(islice(chunks, _AT_ONCE)):
            made.append("".join(some))
            size += len(made[-1])
            if size > LARGEST_OUTPUT:
                raise RenderLimitExceeded(f"the message is longer than {LARGEST_OUTPUT:,} characters")
        return "".join(made)

    def place(self, mistake: BaseException) -> tuple[str, int]:
        """File and line of the author that raised; line 0 where nobody can tell."""
        line = 0
        trace: types.TracebackType | None = mistake.__traceback__
        while trace is not None:
            if trace.tb_frame.f_globals.get("__jinja_template__") is not None or (
                "root" in trace.tb_frame.f_globals and "debug_info" in trace.tb_frame.f_globals
            ):
                line = self.program.template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return self.at(line)

    def at(self, line: int) -> tuple[str, int]:
        """File and line of the author for a line of the compiled source."""
        return _origin(self.rows, line)


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """A message in one channel and one language. `html` only for e-mail; `text` is the text part of an
    e-mail and the whole message elsewhere. `hosts`: of the addresses that the author wrote, in lower case."""

    name: str
    channel: str
    language: str
    file: str
    text: MessageField
    html: MessageField | None = None
    fields: Mapping[str, MessageField] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()

    @property
    def parts(self) -> tuple[MessageField, ...]:
        """Everything that is rendered."""
        return (*self.fields.values(), *((self.html,) if self.html else ()), self.text)

    def comparisons(self) -> tuple[TextComparison, ...]:
        """Every text that a part compares a name with, each once."""
        return tuple(dict.fromkeys(each for part in self.parts for each in part.comparisons))

    def reads(self) -> tuple[NameRead, ...]:
        """Every name that a part reads, with the author's line; sorted, each once."""
        return tuple(
            sorted(
                {read for part in self.parts for read in part.reads}, key=lambda r: (r.file, r.line, r.name)
            )
        )


def compile_template(
    template: TemplateFile,
    parts: Mapping[str, str],
    language: str,
    currency: str,
    own_text: TemplateFile | None = None,
) -> CompiledTemplate | Problem:
    """The template ready to run, or what is wrong with it.

    `parts`: layouts and blocks by their path below templates/. `language`: of the message, it chooses how
    money and dates are written. `own_text`: the `.txt` file of an e-mail, else its text is made from the
    html.
    """
    try:
        # Counted before anything is parsed: Jinja takes half a minute for 60,000 expressions
        for file in (template, own_text) if own_text is not None else (template,):
            count_tags(file.file, "\n".join(file.fields.values()))
            count_tags(file.file, file.body, file.body_line)
        compiled = _compiled(template, parts, language, currency, own_text)
    except TemplateProblem as mistake:
        return mistake.problem
    except RecursionError:
        what = "something in this template is nested too deep"
        return wrong(template.file, 1, "T06", what, "nobody can review it", "divide it").problem
    hosts = (found.lower() for part in compiled.parts for found in _HOST.findall(part.source))
    return replace(compiled, hosts=frozenset(hosts))


def _compiled(
    template: TemplateFile,
    parts: Mapping[str, str],
    language: str,
    currency: str,
    own_text: TemplateFile | None,
) -> CompiledTemplate:
    escaped, unescaped = environment(language, currency, True), environment(language, currency, False)
    fields = {
        name: _field(template, name, source, unescaped)
        for name, source in template.fields.items()
        if name != "preheader"
    }
    if template.ext == "txt":
        return CompiledTemplate(
            template.name,
            template.channel,
            language,
            template.file,
            _text(template, parts, unescaped),
            None,
            fields,
        )
    tags: list[TemplatePiece] = []
    html = _html(template, parts, language, tags)
    if "preheader" in template.fields:
        hidden = pieces_of(
            template.file, template.fields["preheader"], template.field_lines.get("preheader", 1)
        )
        html = mail.with_preheader(html, _escaped(hidden, tags))
    rows: list[TemplatePiece] = []
    body = _part("html", restore(html, tags, rows), escaped, rows, template)
    if own_text is not None:
        return CompiledTemplate(
            template.name,
            template.channel,
            language,
            template.file,
            _text(own_text, parts, unescaped),
            body,
            fields,
        )
    text_rows: list[TemplatePiece] = []
    source = words_to_tags(mail.text_of(html), tags, text_rows)
    text = _part("text", source, environment(language, currency, False), text_rows, template)
    return CompiledTemplate(template.name, template.channel, language, template.file, text, body, fields)


def _html(template: TemplateFile, parts: Mapping[str, str], language: str, tags: list[TemplatePiece]) -> str:
    # before layouts and includes come in: afterwards Jinja would name a line that no file has
    check_syntax(template.file, template.body, template.body_line)
    pieces = expand(pieces_of(template.file, template.body, template.body_line), parts)
    own_pieces = pieces_of(template.file, template.body)
    # the elements of the file itself, with its own lines, unless it leaves opening or closing to a part
    if template.ext == "mjml" and not any(piece.word in ("extends", "include") for piece in own_pieces):
        mail.check_mjml(template.file, template.body, template.body_line)
    # MJML and the inliner of styles must not see the tags of Jinja: words stand for them until the
    # HTML is done
    source = protect(pieces, tags)
    html = mail.mjml_to_html(template.file, source, language) if template.ext == "mjml" else source
    return mail.inlined(template.file, html)


def _escaped(pieces: Sequence[TemplatePiece], tags: list[TemplatePiece]) -> str:
    escaped = []
    for piece in pieces:
        if piece.kind == "text":
            escaped.append(piece.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
        else:
            escaped.append(f"jnj{len(tags)}q")
            tags.append(piece)
    return "".join(escaped)


def _text(template: TemplateFile, parts: Mapping[str, str], env: Sandbox) -> MessageField:
    check_syntax(template.file, template.body, template.body_line)
    pieces = expand(pieces_of(template.file, template.body, template.body_line, trim=True), parts, trim=True)
    rows: list[TemplatePiece] = []
    return _part("text", plain(pieces, rows), env, rows, template)


def _field(template: TemplateFile, name: str, source: str, env: Sandbox) -> MessageField:
    line = template.field_lines.get(name, 1)
    check_syntax(template.file, source, line, is_field=True)
    pieces = pieces_of(template.file, source, line)
    rows: list[TemplatePiece] = []
    # the whole link is a value: the mark has it treated as an address, not as a part of one
    if name in _LINK_FIELDS and pieces and pieces[0].kind == "print":
        pieces.insert(0, TemplatePiece("text", LINK, template.file, line))
    return _part(name, plain(pieces, rows), env, rows, template)


def _part(
    name: str, source: str, env: Sandbox, rows: list[TemplatePiece], template: TemplateFile
) -> MessageField:
    try:
        tree = env.parse(source)
        all_nodes = list(tree.find_all(nodes.Node))
        comparisons = tuple(_compared(rows, all_nodes))
        reads = tuple(_walk(rows, tree, frozenset(_assigned(all_nodes)), fallback=False))
        program = JinjaProgram(source, env)
        if not (
            {type(node) for node in all_nodes} <= _PLAIN
            and sum(isinstance(node, nodes.If | nodes.CondExpr) for node in all_nodes) < _FEW_QUESTIONS
            and all(node.name in env.filters for node in all_nodes if isinstance(node, nodes.Filter))
            and all(node.name in env.tests for node in all_nodes if isinstance(node, nodes.Test))
        ):
            _ = program.template
    except TemplateError as mistake:
        line = getattr(mistake, "lineno", None) or 0
        row = rows[line - 1] if 0 < line <= len(rows) else None
        file, line = (row.file or template.file, row.line) if row else (template.file, template.body_line)
        own = file == template.file and name in ("text", "html")
        text, begin = (template.body, template.body_line) if own else ("", 1)
        raise broken(mistake, file, line, text, begin, env.filters) from mistake
    return MessageField(name, source, program, tuple(rows), reads, comparisons)


# --- what a template reads ----------------------------------------------------------------------


def _origin(rows: Sequence[TemplatePiece], line: int) -> tuple[str, int]:
    row = rows[line - 1] if 0 < line <= len(rows) else None
    return (row.file, row.line) if row is not None else ("", 0)


def _assigned(all_nodes: Sequence[nodes.Node]) -> Iterator[str]:
    """Names that the template makes itself: loop variables, `set`, macros and their arguments."""
    for node in all_nodes:
        if isinstance(node, nodes.Macro) or (isinstance(node, nodes.Name) and node.ctx in ("store", "param")):
            yield node.name
    yield from ("loop", "range", "caller", "varargs", "kwargs")


def _walk(
    rows: Sequence[TemplatePiece], node: nodes.Node, own: frozenset[str], *, fallback: bool
) -> Iterator[NameRead]:
    name = dotted(node)
    if name is not None:
        if name.split(".")[0] not in own:
            file, line = _origin(rows, node.lineno)
            yield NameRead(name, file, line, fallback)
        return
    match node:
        case nodes.Or():
            yield from _walk(rows, node.left, own, fallback=True)
            yield from _walk(rows, node.right, own, fallback=fallback)
        case nodes.If():
            yield from _walk(rows, node.test, own, fallback=True)
            for below in (*node.body, *node.elif_, *node.else_):
                yield from _walk(rows, below, own, fallback=fallback)
        case nodes.CondExpr():
            yield from _walk(rows, node.test, own, fallback=True)
            for side in (node.expr1, node.expr2):
                if side is not None:
                    yield from _walk(rows, side, own, fallback=fallback)
        case nodes.Filter(name="default" | "d") if node.node is not None:
            yield from _walk(rows, node.node, own, fallback=True)
            for argument in node.args:
                yield from _walk(rows, argument, own, fallback=fallback)
        case nodes.For():
            yield from _walk(rows, node.iter, own, fallback=True)
            for below in (*node.body, *node.else_):
                yield from _walk(rows, below, own, fallback=fallback)
        case nodes.Compare() | nodes.Test():
            for below in node.iter_child_nodes():
                yield from _walk(rows, below, own, fallback=True)
        case _:
            for below in node.iter_child_nodes():
                yield from _walk(rows, below, own, fallback=fallback)


def _compared(rows: Sequence[TemplatePiece], all_nodes: Sequence[nodes.Node]) -> Iterator[TextComparison]:
    """What is compared for equality, or looked for in a list, whichever side the name stands on."""
    for node in all_nodes:
        if not isinstance(node, nodes.Compare):
            continue
        sides = (node.expr, *(operand.expr for operand in node.ops))
        texts = [text for side in sides for text in _texts(side)]
        file, line = _origin(rows, node.lineno)
        for name in filter(None, map(dotted, sides)):
            yield from (TextComparison(name, text, file, line) for text in texts)


def _texts(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.Tuple | nodes.List):
        for item in node.items:
            yield from _texts(item)


def dotted(node: nodes.Node) -> str | None:
    """`a`, `a.b` or `a.b.c` for a name that is read; None for anything else."""
    if isinstance(node, nodes.Name):
        return node.name if node.ctx == "load" else None
    if isinstance(node, nodes.Getattr):
        owner = dotted(node.node)
        return f"{owner}.{node.attr}" if owner is not None else None
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        owner = dotted(node.node)
        return f"{owner}.{node.arg.value}" if owner is not None else None
    return None
