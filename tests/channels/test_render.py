"""From template and customer to a message: language, fallbacks, headers, and the author's line in every
error."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from engine.channels.links import ClickLink, Links
from engine.channels.render import Recipient, RenderError, SenderProfile, render
from engine.channels.render_data import FieldTypes, RenderValues
from engine.compiler.catalogue.catalogue import Catalogue
from engine.compiler.templates.message_set import MessageSet, TemplateFiles, compile_messages
from engine.compiler.templates.template_file import read_template
from engine.config import Shop
from engine.core.facts.rule import FactRule
from engine.values import Instant, Money, Type, Value

LINKS = Links(["key"], "https://news.example")
VOCABULARY = FieldTypes(
    Shop("Bean There", "https://shop.example", "Main Street 1"), {"last_order_at": Type("time")}
)
STYLE = SenderProfile("Shop <hello@shop.example>")
HOME = SenderProfile("Shop <hello@shop.example>", home="shop.example")
MJML = "<mjml><mj-body><mj-section><mj-column><mj-text>{}</mj-text></mj-column></mj-section></mj-body></mjml>"


def messages(**files: str) -> MessageSet:
    read = [read_template(f"templates/{name.replace('__', '.')}", text) for name, text in files.items()]
    found = [file for file, problems in read if file is not None and not problems]
    assert len(found) == len(files)
    by_name = {file.name: tuple(one for one in found if one.name == file.name) for file in found}
    made, problems = compile_messages(TemplateFiles(by_name, languages=("en", "uk")), "EUR")
    assert problems == []
    return made


def addressed(channel: str = "email", purpose: str | None = "marketing") -> Recipient:
    return Recipient("key-1", channel, "anna@example.com", "c1", purpose)


def material(
    customer: Mapping[str, Value] | None = None, **names: Value | Mapping[str, Value]
) -> RenderValues:
    return RenderValues(customer or {"first_name": "Anna"}, names, zone=ZoneInfo("Europe/Berlin"))


def test_the_language_is_the_customers_else_the_first() -> None:
    found = messages(hello__sms__txt="en {{ total }}", hello__sms__uk__txt="uk {{ total }}")
    for language, text in (
        ("uk", "uk 9,50 EUR"),
        ("uk-UA", "uk 9,50 EUR"),
        ("de", "en €9.50"),
        (None, "en €9.50"),
    ):
        template = found.pick("hello", "sms", language)
        assert template is not None
        made = render(
            template, addressed("sms"), material(total=Money(Decimal("9.5"), "EUR")), VOCABULARY, LINKS, STYLE
        )
        assert made.body == text
    assert found.pick("hello", "push", "en") is None


def test_a_mail_has_both_unsubscribe_headers_and_an_answer_has_none() -> None:
    template = messages(hello__email__mjml="---\nsubject: Hi\n---\n" + MJML.format("Hi")).pick(
        "hello", "email", "en"
    )
    assert template is not None
    made = render(template, addressed(), material(), VOCABULARY, LINKS, STYLE)
    link = made.headers["List-Unsubscribe"]
    leaving = LINKS.read_unsubscribe(link.strip("<>").rpartition("/")[2])
    assert leaving is not None
    assert (leaving.customer, leaving.channel, leaving.purpose, leaving.key) == (
        "c1",
        "email",
        "marketing",
        "key-1",
    )
    assert made.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (made.sender, made.subject, made.body) == ("Shop <hello@shop.example>", "Hi", "Hi")
    assert render(template, addressed(purpose=None), material(), VOCABULARY, LINKS, STYLE).headers == {}


def test_moments_are_in_the_customers_zone_and_blank_texts_are_missing() -> None:
    found = messages(
        hello__sms__txt=(
            '{{ customer.first_name or "there" }} {{ customer.last_order_at | time }} '
            '{{ code.expires | date }} {{ code.expires | time("HH:mm") }} {{ percent }}'
        )
    )
    template = found.pick("hello", "sms", "en")
    assert template is not None
    given = material(
        {"first_name": "  ", "last_order_at": 1_782_000_000_000},
        code={"expires": 1_782_000_000_000},
        percent=10,
    )
    made = render(template, addressed("sms"), given, VOCABULARY, LINKS, STYLE)
    assert made.body == "there 2:00 AM June 21, 2026 02:00 10"


def test_an_error_names_template_line_and_field() -> None:
    text = "---\nsubject: Hi {{ customer.last_name }}\n---\n" + MJML.format(
        "\n\nHi {{ customer.frist_name }}"
    )
    template = messages(hello__email__mjml=text).pick("hello", "email", "en")
    assert template is not None
    with pytest.raises(
        RenderError, match=r"templates/hello\.email\.mjml:2: the subject .* customer\.last_name is not set"
    ):
        render(template, addressed(), material(), VOCABULARY, LINKS, STYLE)
    with pytest.raises(
        RenderError, match=r"templates/hello\.email\.mjml:6: the html .* customer\.frist_name is not set"
    ) as caught:
        render(template, addressed(), material({"last_name": "B"}), VOCABULARY, LINKS, STYLE)
    assert (caught.value.line, caught.value.part) == (6, "html")


@pytest.mark.parametrize(
    "text",
    ["{{ 1 / customer.points }}", "{{ 'x' | date }}", "{{ customer.first_name | money }}", "{{ ' ' }}"],
)
def test_whatever_a_template_does_wrong_is_one_kind_of_error(text: str) -> None:
    template = messages(hello__sms__txt=text).pick("hello", "sms", "en")
    assert template is not None
    with pytest.raises(RenderError):
        render(
            template, addressed("sms"), material({"first_name": "A", "points": 0}), VOCABULARY, LINKS, STYLE
        )


def test_a_value_makes_no_second_header_line() -> None:
    template = messages(
        hello__email__mjml="---\nsubject: Hi {{ customer.first_name }}\n---\n" + MJML.format("x")
    ).pick("hello", "email", "en")
    assert template is not None
    made = render(
        template, addressed(), material({"first_name": "A\r\nBcc: b@c.example"}), VOCABULARY, LINKS, STYLE
    )
    assert made.subject == "Hi A Bcc: b@c.example"


def test_a_tap_on_a_push_is_a_click() -> None:
    template = messages(hello__push__txt="---\ntitle: Hi\nurl: https://shop.example/cart\n---\nx").pick(
        "hello", "push", "en"
    )
    assert template is not None
    made = render(template, addressed("push"), material(), VOCABULARY, LINKS, STYLE)
    assert LINKS.read_click(made.fields["url"].rpartition("/")[2]) == ClickLink(
        "key-1", "https://shop.example/cart"
    )
    plain = render(template, addressed("push"), material(), VOCABULARY, LINKS, SenderProfile(clicks=False))
    assert plain.fields["url"] == "https://shop.example/cart"


def test_a_push_to_our_own_page_leads_there_directly() -> None:
    template = messages(hello__push__txt="---\ntitle: Hi\nurl: '{{ links.preferences }}'\n---\nx").pick(
        "hello", "push", "en"
    )
    assert template is not None
    made = render(template, addressed("push"), material(), VOCABULARY, LINKS, STYLE)
    assert made.fields["url"] == LINKS.preferences("c1")


@pytest.mark.parametrize(
    ("field", "expected"), [("", "help@shop.example"), ("reply_to: anna@shop.example\n", "anna@shop.example")]
)
def test_answers_go_where_the_template_says_else_the_channel(field: str, expected: str) -> None:
    template = messages(hello__email__mjml=f"---\nsubject: Hi\n{field}---\n" + MJML.format("x")).pick(
        "hello", "email", "en"
    )
    assert template is not None
    style = SenderProfile("Shop <hello@shop.example>", reply_to="help@shop.example")
    assert render(template, addressed(), material(), VOCABULARY, LINKS, style).reply_to == expected


def test_an_open_pixel_is_there_only_when_asked_for() -> None:
    template = messages(hello__email__mjml="---\nsubject: Hi\n---\n" + MJML.format("x")).pick(
        "hello", "email", "en"
    )
    assert template is not None
    assert "/o/" not in render(template, addressed(), material(), VOCABULARY, LINKS, STYLE).html
    made = render(
        template, addressed(), material(), VOCABULARY, LINKS, SenderProfile("a@b.example", opens=True)
    ).html
    assert made.index("https://news.example/o/") < made.index("</body>")


def test_moments_and_money_inside_the_trigger() -> None:
    template = messages(
        hello__sms__txt=(
            "{{ trigger.total }} {{ trigger.at | date }} {% for i in trigger.items %}{{ i.sku }} {% endfor %}"
        )
    ).pick("hello", "sms", "en")
    assert template is not None
    trigger: Mapping[str, Value] = {
        "total": Money(Decimal(80), "EUR"),
        "at": Instant(1_782_000_000_000),
        "items": [{"sku": "A"}, {"sku": "B"}],
    }
    made = render(template, addressed("sms"), material(trigger=trigger), VOCABULARY, LINKS, STYLE)
    assert made.body == "€80.00 June 21, 2026 A B"


def test_case_99_an_address_in_a_name_gets_no_link_of_ours() -> None:
    page = (
        '<p>Hi {{ customer.first_name }}</p><p><a href="https://partner.example/a">A</a> '
        '<a href="https://shop.example/b">B</a> <a href="{{ customer.first_name }}">C</a></p>'
    )
    mail = "---\nsubject: Hi\n---\n" + MJML.format(page)
    template = messages(hello__email__mjml=mail).pick("hello", "email", "en")
    assert template is not None
    name = "https://evil.example/x"
    made = render(template, addressed(), material({"first_name": name}), VOCABULARY, LINKS, HOME)
    tokens = re.findall(r"/c/([^\s\"<>)]+)", made.html + made.body)
    led = {click.url for token in tokens if (click := LINKS.read_click(token.rstrip(".,"))) is not None}
    assert led == {"https://partner.example/a", "https://shop.example/b"}
    assert name in made.body, "it is shown as it is"


# --- links in both parts (HTML is decoded once) ---


@pytest.mark.parametrize(
    ("written", "leads_to"),
    [
        ("a=1&amp;currency=EUR&amp;region=de", "a=1&currency=EUR&region=de"),
        ("a=1&currency=EUR&region=de", "a=1&currency=EUR&region=de"),
        ("a=1&copy=2&reg=3&not=4&notin=5", "a=1&copy=2&reg=3&not=4&notin=5"),
        ("a=1&amp;copy=2&amp;reg=3&amp;not=4", "a=1&copy=2&reg=3&not=4"),
        ("a=&#65;&amp;b=&#x42;", "a=A&b=B"),
        ("a=&amp;amp;b", "a=&amp;b"),
        ("a=(1)&amp;times=2", "a=(1)&times=2"),
    ],
)
@pytest.mark.parametrize("ext", ["mjml", "html"])
def test_a_link_is_the_same_in_both_parts_and_behind_the_click(written: str, leads_to: str, ext: str) -> None:
    link = f'<a href="https://shop.example/l?{written}">go</a>'
    body = MJML.format(link) if ext == "mjml" else f"<p>{link}</p>"
    template = messages(**{f"hello__email__{ext}": f"---\nsubject: Hi\n---\n{body}"}).pick(
        "hello", "email", "en"
    )
    assert template is not None
    plain = render(template, addressed(), material(), VOCABULARY, LINKS, replace(STYLE, clicks=False))
    assert plain.body.strip() == f"go: https://shop.example/l?{leads_to}"
    assert f'href="https://shop.example/l?{html.escape(leads_to)}"' in plain.html
    tracked = render(template, addressed(), material(), VOCABULARY, LINKS, HOME)
    tokens = re.findall(r"https://news.example/c/([\w.-]+)", tracked.html + tracked.body)
    assert [LINKS.read_click(token) for token in tokens] == [
        ClickLink("key-1", f"https://shop.example/l?{leads_to}")
    ] * 2


def test_text_that_looks_like_html_stays_as_it_is_read() -> None:
    words = "R&amp;D &amp;lt;b&amp;gt; &amp;copy"
    template = messages(hello__email__mjml=f"---\nsubject: Hi\n---\n{MJML.format(words)}").pick(
        "hello", "email", "en"
    )
    assert template is not None
    made = render(template, addressed(), material(), VOCABULARY, LINKS, STYLE)
    assert made.body.strip() == "R&D &lt;b&gt; &copy"


# --- moments, dates and amounts without a filter ---


def test_facts_are_printed_in_the_language_and_zone_of_the_message() -> None:
    catalogue = Catalogue(
        attributes={"since": Type("date")},
        facts={
            "last_order_at": FactRule("last_order_at", "last", "order_placed", None, Type("time")),
            "spent": FactRule("spent", "sum", "order_placed", "total", Type("money")),
        },
        events={
            "order_placed": {
                "at": Type("time"),
                "items": Type("list of", items=(("sku", Type("text")), ("ships_at", Type("time")))),
            }
        },
    )
    types = FieldTypes.of(VOCABULARY.shop, catalogue)
    moment = Instant(1_772_442_000_000)  # 2 March 2026, 10:00 in Berlin
    body = (
        "{{ customer.last_order_at }} | {{ customer.since }} | {{ customer.spent }} | {{ trigger.at }} | "
        "{% for item in trigger.items %}{{ item.ships_at }}{% endfor %} | {{ when }}"
    )
    found = messages(hello__sms__txt=body, hello__sms__uk__txt=body)
    values = RenderValues(
        {"last_order_at": moment, "since": dt.date(2026, 3, 2), "spent": Money(Decimal("9.5"), "EUR")},
        {
            "trigger": {"at": moment, "items": [{"sku": "a", "ships_at": moment}]},
            "with": {"when": moment},
            "with_times": ("when",),
        },
        zone=ZoneInfo("Europe/Berlin"),
    )
    expected = {
        "en": ["Mar 2, 2026, 10:00:00 AM", "March 2, 2026", "€9.50"],
        "uk": ["2 бер. 2026 р., 10:00:00", "2 березня 2026 р.", "9,50 EUR"],
    }
    for language, (at, day, amount) in expected.items():
        template = found.pick("hello", "sms", language)
        assert template is not None
        made = render(template, addressed("sms"), values, types, LINKS, STYLE)
        assert made.body.replace("\u202f", " ").split(" | ") == [at, day, amount, at, at, at]
