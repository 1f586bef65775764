"""Mails from a claimed message to its bytes, beside what people write first, and beside bare Jinja.

Ours: the layout, MJML and CSS once, then for each mail Jinja in its sandbox, the text part, signed links,
and MIME with every header. `naive`: for each mail an environment, MJML and CSS of its own, and EmailMessage
of the standard library. `bare Jinja`: the very same templates without sandbox or limits, and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

import css_inline
import jinja2
import mrml
from itsdangerous import URLSafeSerializer

from benchmarks.figures import Aim, Figure, figure
from engine.channels.links import Links
from engine.channels.mime import mail_bytes
from engine.channels.render import Recipient, SenderProfile, render
from engine.channels.render_data import FieldTypes, RenderValues
from engine.compiler.templates.message import CompiledTemplate, compile_template
from engine.compiler.templates.template_file import TemplateFile, read_template
from engine.config import Shop
from engine.values import Instant

PRODUCTS = 12
RULES = 60
SECRET = "a secret of the benchmark"
SENDER = "Bean There <hello@shop.example>"
NOW = Instant(1_772_442_000_000)

_RULES = "\n".join(
    f".c{n} {{ color: #{n:02x}{n:02x}{n:02x}; padding: {n % 20}px; font-size: {10 + n % 8}px; }}"
    for n in range(RULES)
)
LAYOUT = """
<mjml>
  <mj-head>
    <mj-attributes><mj-all font-family="Helvetica, Arial, sans-serif" /></mj-attributes>
    <mj-style inline="inline">RULES</mj-style>
  </mj-head>
  <mj-body background-color="#f4f4f4">
    <mj-section background-color="#ffffff">
      <mj-column><mj-image src="https://shop.example/logo.png" alt="Bean There" width="160px" /></mj-column>
    </mj-section>
    {% block content %}{% endblock %}
    <mj-section>
      <mj-column>
        <mj-text css-class="c7">{{ shop.address }}<br />
          <a href="{{ links.unsubscribe }}">Unsubscribe</a> or
          <a href="{{ links.preferences }}">choose what you get</a></mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
""".replace("RULES", _RULES)
CONTENT = """
    <mj-section background-color="#ffffff">
      <mj-column>
        <mj-text css-class="c1">Hello {{ customer.first_name or "there" }},</mj-text>
        <mj-text css-class="c2">this is still in your cart{% if customer.tier == "gold" %}, and as a
          gold customer you pay no shipping{% endif %}:</mj-text>
        <mj-table>
          {% for item in trigger.items %}
          <tr class="c3"><td class="c4" style="padding:4px 8px 4px 0"><img class="c8"
            src="https://shop.example/pictures/{{ item.picture }}" width="80" alt="{{ item.name }}" /></td>
            <td class="c5"><a class="c9" href="https://shop.example/p/{{ item.sku }}">{{ item.name
            }}</a><br />
            <span class="c6">{{ item.quantity }} pieces, {{ item.price }} each. {{ item.words
            }}</span></td></tr>
          {% endfor %}
        </mj-table>
        <mj-button href="https://shop.example/cart">To your cart</mj-button>
      </mj-column>
    </mj-section>
"""
MAIL = (
    '---\nsubject: {{ customer.first_name or "You" }}, your cart waits\n---\n'
    '{% extends "layouts/shop.mjml" %}\n{% block content %}' + CONTENT + "{% endblock %}\n"
)
ITEMS = [
    {
        "name": f"Blend number {n} & friends", "sku": f"blend-{n}", "picture": f"blend-{n}.jpg",
        "quantity": n % 3 + 1, "price": "12.50 EUR",
        "words": "Roasted this week, with notes of cocoa and plum. " * 4,
    }
    for n in range(PRODUCTS)
]  # fmt: skip


def run(short: bool) -> list[Figure]:
    """A cart of twelve products, 60 rules of CSS."""
    mails, rounds = (20, 2) if short else (300, 9)
    ours = _ours()
    sides: dict[str, tuple[Write, int]] = {
        "ours": (ours, mails),
        "environment, MJML, CSS and EmailMessage each time": (_naive(), max(5, mails // 20)),
        "bare Jinja, all parts": (_bare(everything=True), mails),
        "bare Jinja, HTML only": (_bare(everything=False), mails),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, (write, count) in sides.items():
            began = time.process_time()
            for each in range(count):
                write(each)
            if number:  # the first round warms up
                rates[name].append(count / (time.process_time() - began))
    note = f"{len(ours(0)) / 1024:.0f} KB a mail; in CPU time"
    mine = rates.pop("ours")
    aims = (Aim(at_least=6), Aim(at_least=0.5), Aim())
    return [
        figure("render", "mails written", against, "/s", mine, theirs, aim, note)
        for (against, theirs), aim in zip(rates.items(), aims, strict=True)
    ]


Write = Callable[[int], bytes]


def _values(number: int) -> Mapping[str, Any]:
    return {"first_name": f"Ann{number}", "tier": ("silver", "gold")[number % 2]}


def _template() -> CompiledTemplate:
    file, problems = read_template("templates/cart.email.mjml", MAIL)
    assert file is not None, problems
    return _compiled(file)


def _compiled(file: TemplateFile) -> CompiledTemplate:
    made = compile_template(file, {"layouts/shop.mjml": LAYOUT}, "en", "EUR")
    assert isinstance(made, CompiledTemplate), made
    return made


def _ours() -> Write:
    template = _template()
    links = Links([SECRET], "https://news.example")
    types = FieldTypes(Shop("Bean There", "https://shop.example", "Main Street 1, Sofia"))
    profile = SenderProfile(SENDER, home="shop.example")

    def write(number: int) -> bytes:
        to = Recipient(f"key{number}", "email", f"person{number}@mail.example", f"c{number}", "marketing")
        values = RenderValues(_values(number), {"trigger": {"items": ITEMS}})
        return mail_bytes(render(template, to, values, types, links, profile), SECRET, NOW)

    return write


def _names(number: int, links: Mapping[str, str]) -> dict[str, Any]:
    return {
        "customer": _values(number), "trigger": {"items": ITEMS}, "shop": {"address": "Main Street 1, Sofia"},
        "links": links,
    }  # fmt: skip


def _naive() -> Write:
    source = LAYOUT.replace("{% block content %}{% endblock %}", CONTENT).replace(
        "trigger.items", 'trigger["items"]'
    )
    signer = URLSafeSerializer(SECRET)

    def write(number: int) -> bytes:
        links = {
            name: f"https://news.example/{name}/{signer.dumps([number, name])}"
            for name in ("unsubscribe", "preferences")
        }
        environment = jinja2.Environment(autoescape=True)
        names = _names(number, links)
        html = css_inline.inline(mrml.to_html(environment.from_string(source).render(names)).content)
        mail = EmailMessage()
        mail["From"], mail["To"] = SENDER, f"person{number}@mail.example"
        mail["Subject"] = environment.from_string("{{ customer.first_name }}, your cart waits").render(names)
        mail["Date"], mail["Message-ID"] = formatdate(NOW / 1000), make_msgid(domain="shop.example")
        mail["List-Unsubscribe"] = f"<{links['unsubscribe']}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        mail.set_content("Hello, your cart waits: https://shop.example/cart")
        mail.add_alternative(html, subtype="html")
        return mail.as_bytes()

    return write


def _bare(*, everything: bool) -> Write:
    template = _template()
    parts = []
    for part in template.parts if everything else template.parts[1:2]:
        environment = jinja2.Environment(autoescape=part.name == "html")
        environment.filters |= dict.fromkeys(("_link", "_link_part", "_css"), str)
        parts.append(environment.from_string(part.source.replace("trigger.items", 'trigger["items"]')))
    links = {"unsubscribe": "https://news.example/u/token", "preferences": "https://news.example/p/token"}

    def write(number: int) -> bytes:
        names = _names(number, links)
        return "".join(part.render(names) for part in parts).encode()

    return write
