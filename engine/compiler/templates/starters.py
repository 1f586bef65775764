"""What a new message begins with: everything that `check` asks of one, to be written over."""

from __future__ import annotations

from engine.channel_kinds import kind_of

_MAIL = """\
---
subject: SUBJECT
preheader: TEXT
---
<mjml>
  <mj-body>
    <mj-section>
      <mj-column>
        <mj-text>Hello {{ customer.first_name or "friend" }}</mj-text>
        <mj-text>TEXT</mj-text>
        <mj-button href="{{ shop.url }}">Look around</mj-button>
        <mj-text font-size="12px">
          {{ shop.name }}, {{ shop.address }}<br />
          <a href="{{ links.unsubscribe }}">Unsubscribe</a>
        </mj-text>
      </mj-column>
    </mj-section>
  </mj-body>
</mjml>
"""


def new_mail(subject: str, text: str) -> str:
    """An e-mail of one sentence, with a link to unsubscribe and the shop's address."""
    return _MAIL.replace("SUBJECT", subject).replace("TEXT", text)


def new_message(channel: str) -> tuple[str, str]:
    """The ending of its file, and the message. A channel that has a title and a link gets them."""
    kind = kind_of(channel)
    if kind.form == "email":
        text = new_mail("What this is about", "One sentence that makes it worth opening.")
        return kind.endings[0], text
    words = 'Hello {{ customer.first_name or "friend" }}, one sentence with what is new.'
    if "title" in kind.fields:
        return kind.endings[0], f"---\ntitle: What this is about\nurl: {{{{ shop.url }}}}\n---\n{words}\n"
    return kind.endings[0], f"{{{{ shop.name }}}}: {words} {{{{ shop.url }}}}\n"
