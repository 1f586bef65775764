"""Templates compiled once: layouts, MJML, CSS, text part; values stay what they are in every place."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compiler.templates.jinja import NamedData
from engine.compiler.templates.message import CompiledTemplate, compile_template
from engine.compiler.templates.template_file import read_template
from engine.problem import Problem

BASE = """<mjml><mj-head>
<mj-style>.price { color: {{ trigger.colour }} } @media (max-width: 400px) { \
.price { font-size: 20px } }</mj-style>
</mj-head><mj-body>
{% include "_blocks/head.mjml" %}
{% block body %}nothing{% endblock %}
<mj-section><mj-column><mj-text>{% block foot %}{{ shop.name }} \
<a href="{{ links.unsubscribe }}">Unsubscribe</a>{% endblock %}</mj-text></mj-column></mj-section>
</mj-body></mjml>"""
HEAD = (
    '<mj-section><mj-column><mj-image src="https://shop.example/logo.png" alt="Bean" '
    "/></mj-column></mj-section>"
)
CART = """---
subject: Hi {{ customer.first_name or "there" }}
preheader: For {{ customer.first_name or "you & me" }}
---
{% extends "_layouts/base.mjml" %}
{% block body %}
{% if customer.vip %}
<mj-section><mj-column><mj-text>Thank you</mj-text></mj-column></mj-section>
{% endif %}
<mj-section><mj-column>
<mj-text title="{{ customer.first_name }}">Hello <b>{{ customer.first_name }}</b></mj-text>
<mj-table>
{% for item in trigger.items %}
<tr><td>{{ item.sku }}</td><td class="price">{{ item.price }}</td></tr>
{% endfor %}
</mj-table>
<mj-button href="https://shop.example/cart?name={{ customer.first_name }}&amp;x=1">Go</mj-button>
<mj-text><a href="{{ trigger.link }}">there</a></mj-text>
</mj-column></mj-section>
{% endblock %}
{% block foot %}Bye. {{ super() }}{% endblock %}
"""
PARTS = {"_layouts/base.mjml": BASE, "_blocks/head.mjml": HEAD}


def compiled(
    text: str, name: str = "cart.email.mjml", parts: dict[str, str] | None = None
) -> CompiledTemplate | Problem:
    file, problems = read_template(f"templates/{name}", text)
    assert file is not None
    assert problems == []
    return compile_template(file, PARTS if parts is None else parts, "en", "EUR")


def names(first_name: str = "Anna", **trigger: object) -> dict[str, object]:
    given_trigger = {
        "colour": "red",
        "link": "https://shop.example/tea",
        "items": [{"sku": "A", "price": 1}, {"sku": "B", "price": 2}],
    }
    return {
        "customer": NamedData("customer", {"first_name": first_name, "vip": True}),
        "trigger": NamedData("trigger", given_trigger | trigger),
        "shop": NamedData("shop", {"name": "Bean There"}),
        "links": NamedData("links", {"unsubscribe": "https://news.example/u/x"}),
    }


@pytest.fixture(scope="module")
def cart() -> CompiledTemplate:
    made = compiled(CART)
    assert isinstance(made, CompiledTemplate)
    return made


def html_of(made: CompiledTemplate, **values: object) -> str:
    assert made.html is not None
    return made.html.render(names(**values))  # type: ignore[arg-type]


def test_layout_block_and_include_are_one_mail(cart: CompiledTemplate) -> None:
    html = html_of(cart)
    assert "logo.png" in html
    assert "Hello <b>Anna</b>" in html
    assert 'Bye. Bean There <a href="https://news.example/u/x">' in html
    assert "nothing" not in html
    assert "<mj-" not in html
    assert cart.fields["subject"].render(names()) == "Hi Anna"


def test_css_stands_in_the_elements_and_media_queries_stay(cart: CompiledTemplate) -> None:
    html = html_of(cart)
    assert re.search(r'class="price" style="[^"]*color: red', html)
    assert "@media (max-width: 400px)" in html


def test_loops_over_rows_stay_inside_their_table(cart: CompiledTemplate) -> None:
    html = html_of(cart)
    row = html.index(">A</td>")
    assert html.rindex("<table", 0, row) < row < html.index(">B</td>") < html.index("</table>", row)
    assert html.count("<tbody>") == html.count("</tbody>")
    empty = html_of(cart, items=[])
    assert empty.count("<tbody>") == empty.count("</tbody>")


def test_the_text_part_says_the_same_with_its_links(cart: CompiledTemplate) -> None:
    assert cart.text.render(names()).strip().split("\n") == [
        "Thank you", "", "Hello Anna", "", "A 1", "B 2", "", "Go: https://shop.example/cart?name=Anna&x=1",
        "",
        "there: https://shop.example/tea", "", "Bye. Bean There Unsubscribe: https://news.example/u/x",
    ]  # fmt: skip


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def shape(html: str) -> Shape:
    parser = Shape()
    parser.feed(html)
    return parser


HARMLESS = "Anna"


@given(
    value=st.text(min_size=1)
    | st.sampled_from(
        [
            '"><script>alert(1)</script>',
            "' onmouseover='x",
            "javascript:alert(1)",
            "</style><b>",
            "*/}</style>",
        ]
    )
)
def test_no_value_changes_the_shape_of_a_mail(cart: CompiledTemplate, value: str) -> None:
    hostile, harmless = shape(html_of(cart, first_name=value, colour=value, link=value)), shape(html_of(cart))
    assert hostile.tags == harmless.tags
    for target in hostile.links:
        assert target == "#" or target.startswith(("https://", "http://", "mailto:", "tel:"))
    hosts = [target for target in hostile.links if target.startswith("https://shop.example/cart")]
    assert len(hosts) == 1


def test_every_name_that_is_read_is_told_with_its_line(cart: CompiledTemplate) -> None:
    reads = {(read.name, read.file.rpartition("/")[2], read.line, read.fallback) for read in cart.reads()}
    assert ("customer.first_name", "cart.email.mjml", 2, True) in reads
    assert ("customer.vip", "cart.email.mjml", 7, True) in reads
    assert ("customer.first_name", "cart.email.mjml", 11, False) in reads
    assert ("links.unsubscribe", "base.mjml", 6, False) in reads
    assert not any(name.startswith("item") for name, *_ in reads)


def test_an_error_knows_its_line(cart: CompiledTemplate) -> None:
    assert cart.html is not None
    with pytest.raises(Exception, match="not set") as caught:
        cart.html.render(names(link=None))
    assert cart.html.place(caught.value) == ("templates/cart.email.mjml", 18)


def mail(inside: str) -> str:
    return (
        f"---\nsubject: x\n---\n<mjml><mj-body><mj-section><mj-column>\n<mj-text>\n{inside}\n"
        f"</mj-text></mj-column></mj-section></mj-body></mjml>"
    )


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (
            "<mjml><mj-body>\n<mj-colum></mj-colum></mj-body></mjml>",
            2,
            'there is no MJML element called "mj-colum"',
        ),
        ("<mjml>\n<mj-body>\n</mjml>", 3, "</mjml> ends here, but <mj-body> of line 2 is still open"),
        ("<mjml>\n<mj-body>\n", 2, "<mj-body> has no end"),
        (mail("{{ x"), 6, '"{{" is never closed'),
        (mail("{% if x %}"), 6, "this  if  is never ended"),
        (mail("{{ x | saef }}"), 6, 'there is no filter called "saef"'),
        (mail("{{ x | safe }}"), 6, 'there is no filter called "safe"'),
        (mail("{% raw %}x{% endraw %}"), 6, "{% raw %} is not a part of our templates"),
        (mail('<a href="https://{{ customer.x }}/a">x</a>'), 6, "the host of a link cannot be a value"),
        (mail('<a onclick="{{ customer.x }}">x</a>'), 6, "a value cannot stand here"),
        (mail("<b {{ customer.x }}>x</b>"), 6, "a value cannot stand here"),
        (mail('{% include "../secret" %}'), 6, 'there is no layout or block called "../secret"'),
        (mail('{% include "/etc/passwd" %}'), 6, 'there is no layout or block called "/etc/passwd"'),
        (mail("{% include customer.x %}"), 6, "include needs one name in quotes"),
        (mail('{% import "_blocks/head.mjml" as x %}'), 6, '"import" is not a part of our templates'),
        (mail("{% autoescape false %}{{ x }}{% endautoescape %}"), 6, "escaping cannot be switched off"),
        (mail("<script>x</script>"), 0, "<script> has no place in a mail"),
    ],
)
def test_mistakes_are_problems_at_their_line(text: str, line: int, what: str) -> None:
    problem = compiled(text)
    assert isinstance(problem, Problem)
    assert what.lower() in problem.what.lower()
    assert line in (0, problem.span.line)
    assert problem.span.file == "templates/cart.email.mjml"


def test_a_block_that_includes_itself_is_told() -> None:
    problem = compiled(
        mail('{% include "_blocks/a.mjml" %}'), parts={"_blocks/a.mjml": '{% include "_blocks/a.mjml" %}'}
    )
    assert isinstance(problem, Problem)
    assert "includes itself" in problem.what


def test_text_channels_keep_their_lines() -> None:
    made = compiled(
        "Hi {{ customer.first_name }}!\n{% if customer.vip %}\nThank you.\n{% endif %}\n"
        "https://shop.example/{{ customer.first_name }}\n",
        "cart.sms.txt",
    )
    assert isinstance(made, CompiledTemplate)
    assert made.text.render(names(first_name="A b")) == "Hi A b!\nThank you.\nhttps://shop.example/A%20b"
