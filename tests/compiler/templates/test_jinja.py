"""The sandbox: everything that escapes, grows or never ends is stopped, and values are never templates."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from jinja2 import TemplateError, UndefinedError

from engine.compiler.templates.jinja import NamedData, environment
from engine.compiler.templates.meter import RenderLimitExceeded, fresh_budget
from engine.values import Instant, Money


def written(source: str, /, language_: str = "en", escape_: bool = True, **names: Any) -> str:
    fresh_budget()
    return environment(language_, "EUR", escape_).from_string(source).render(names)


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ ().__class__.__base__ }}",
    "{{ customer['__class__'] }}",
    "{{ customer.__class__.__init__.__globals__ }}", "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ lipsum.__globals__ }}", "{{ cycler.__init__.__globals__.os }}", "{{ joiner() }}",
    "{{ namespace(a=1) }}", "{{ dict(a=1) }}",
    "{{ config }}", "{{ env }}", "{{ environment }}", "{{ request }}", "{{ ''|attr('__class__') }}",
    "{{ '%s'|format(1) }}", "{{ '{0.__class__}'.format('') }}", "{{ 'a'.format_map({}) }}",
    "{{ ''.join.__self__ }}",
    "{{ [].append(1) }}", "{{ customer.update({}) }}", "{{ customer.clear() }}",
    "{{ customer.pop('first_name') }}",
    "{{ range.__class__ }}", "{{ loop }}", "{{ ['a']|map(attribute='__class__')|list }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}", "{% extends 'x' %}", "{{ customer.first_name|safe }}",
    "{{ '<b>'|safe }}",
    "{% autoescape false %}{{ customer.first_name }}{% endautoescape %}", "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{{ customer|tojson }}", "{{ ''|xmlattr }}", "{{ 'http://x'|urlize }}", "{{ customer|pprint }}",
    "{{ Money }}", "{{ trigger.total.__class__ }}", "{{ trigger.total.amount.__class__ }}",
    "{{ trigger.total.amount.as_tuple() }}",
    "{{ ''.encode() }}", "{{ 'x'.translate({}) }}", "{{ (1).__class__ }}", "{{ (1).to_bytes(10**9, 'big') }}",
]  # fmt: skip


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_outside_of_plain_data_is_within_reach(source: str) -> None:
    names: dict[str, Any] = {
        "customer": NamedData("customer", {"first_name": "<b>"}),
        "trigger": NamedData("trigger", {"total": Money(Decimal(1), "EUR")}),
    }
    with pytest.raises((TemplateError, TypeError, AttributeError)):
        written(source, **names)


BOMBS = [
    (
        "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}x{% endfor %}"
        "{% endfor %}{% endfor %}"
    ),
    "{{ 'A' * 10**9 }}", "{{ 'A' * 1000000000 }}", "{{ [1] * 1000000000 }}", "{{ 9**9**9 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ range(1000000000)|list }}", "{{ 'a'.center(1000000000) }}", "{{ 'a'|center(1000000000) }}",
    "{{ 'a'|indent(1000000000) }}",
    "{{ 'a'.ljust(1000000000) }}", "{{ 'a'.zfill(1000000000) }}", "{{ '\t'.expandtabs(1000000000) }}",
    "{{ 'a'|wordwrap(1) }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x ~ x %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x + x %}" * 40 + "{{ x }}",
    "{% set x = [1] %}" + "{% set x = x + x %}" * 40 + "{{ x|length }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x %}{{ x }}{{ x }}{% endset %}" * 40 + "{{ x }}",
    "{% set x = 'aaaaaaaaaa' %}" + "{% set x = x|replace('a', x) %}" * 9 + "{{ x }}",
    "{% set x = 'a' %}" + "{% set x = [x, x, x, x]|join(x) %}" * 30 + "{{ x }}",
    "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(900) }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{{ [1, 2]|batch(1000000000, 'x')|list }}", "{{ 'x'|slice(1000000000)|list }}", "{{ lipsum(200000) }}",
    "{% for a in range(900) recursive %}{{ loop(range(900)) }}{% endfor %}",
]  # fmt: skip


@pytest.mark.parametrize("source", BOMBS)
@pytest.mark.timeout(20)
def test_what_grows_or_never_ends_is_stopped(source: str) -> None:
    with pytest.raises((TemplateError, RecursionError, TypeError)):
        written(source)


def test_a_budget_is_for_one_rendering() -> None:
    loop = "{% for a in range(900) %}{% for b in range(60) %}.{% endfor %}{% endfor %}"
    assert len(written(loop)) == len(written(loop)) == 54_000
    with pytest.raises(RenderLimitExceeded):
        written(loop + loop)


@pytest.mark.parametrize(
    "name",
    ["{{ 7*7 }}", "{% for x in y %}", "${7*7}", "<svg onload=alert(1)>", '" onmouseover="x', "' or 1=1--"],
)
def test_values_are_data(name: str) -> None:
    shown = written("<p>{{ customer.first_name }}</p>", customer=NamedData("customer", {"first_name": name}))
    assert "49" not in shown
    assert "<svg" not in shown
    assert '"' not in shown
    assert written("{{ name }}", escape_=False, name=name) == name


def test_a_missing_value_is_never_printed() -> None:
    customer = NamedData("customer", {"first_name": None})
    assert written('Hi {{ customer.first_name or "there" }}', customer=customer) == "Hi there"
    assert written('{{ customer.first_name | default("there") }}', customer=customer) == "there"
    assert written("{% if customer.first_name %}a{% else %}b{% endif %}", customer=customer) == "b"
    assert (
        written(
            '{% if customer.tier == "gold" or customer.points > 5 %}a{% else %}b{% endif %}',
            customer=customer,
        )
        == "b"
    )
    for source in (
        "Hi {{ customer.first_name }}!", "{{ customer.frist_name }}", "{{ customer.first_name | upper }}",
        "{{ nobody }}",
        "{{ customer.first_name ~ '!' }}", "{{ customer.points | money }}", "{{ customer.born | date }}",
        "{{ customer.tags | join }}",
        "{{ none }}", "{{ [none] | join }}",
    ):  # fmt: skip
        with pytest.raises(TemplateError) as caught:
            written(source, customer=customer)
        assert caught.value.message
    with pytest.raises(UndefinedError, match=r"customer\.frist_name is not set"):
        written("{{ customer.frist_name }}", customer=customer)


def test_fields_may_be_called_like_methods() -> None:
    trigger = NamedData(
        "trigger", {"items": [NamedData("trigger.items", {"keys": "a", "values": "b"})], "get": 1}
    )
    assert (
        written(
            "{% for i in trigger.items %}{{ i.keys }}{{ i['values'] }}{{ loop.last }}{% endfor %}"
            "{{ trigger.get }}",
            trigger=trigger,
        )
        == "abtrue1"
    )


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("en", "{{ total | money }}", "€1,990.50"),
        ("de", "{{ total | money }}", "1.990,50\xa0€"),
        ("en", "{{ total }}", "€1,990.50"),
        ("en", "{{ 5 | money }} {{ 5 | money('USD') }}", "€5.00 $5.00"),
        (
            "en",
            "{{ at | date }} {{ at | time }} {{ at | date('short') }}",
            "June 21, 2026 12:00\u202fAM 6/21/26",
        ),
        ("de", "{{ at | date }}", "21. Juni 2026"),
        (
            "uk",
            "{% for n in [1, 3, 11, 21] %}{{ n }} {{ n | plural('день', 'дні', 'днів') }} {% endfor %}",
            "1 день 3 дні 11 днів 21 день ",
        ),
        ("en", "{{ 1 | plural('day', 'days') }} {{ 2 | plural('day', 'days') }}", "day days"),
        ("xx", "{{ 5 | money }}", "€5.00"),
        ("de", "{{ 2.5 }} {{ 1000 }}", "2,5 1000"),
    ],
)
def test_filters_speak_the_language_of_the_message(language: str, source: str, text: str) -> None:
    names: dict[str, Any] = {"total": Money(Decimal("1990.50"), "EUR"), "at": Instant(1_782_000_000_000)}
    assert written(source, language, **names) == text


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("https://shop.example/a?b=1", "https://shop.example/a?b=1"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("javascript:alert(1)", "#"), ("JaVaScRiPt:alert(1)", "#"), ("java\nscript:alert(1)", "#"),
        (" javascript:x", "#"),
        ("data:text/html,x", "#"), ("//evil.example", "#"), ("/relative", "#"),
        ("https://user:pw@evil.example", "#"),
        ("https:\\\\evil.example", "#"), ('https://x.example/"onclick=', "#"), ("vbscript:x", "#"), ("", "#"),
        ("https://", "#"),
    ],
)  # fmt: skip
def test_a_link_that_is_a_value_leads_to_the_web_or_nowhere(value: str, target: str) -> None:
    assert written("{{ x | _link }}", escape_=False, x=value) == target
