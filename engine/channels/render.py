"""From a compiled template and one customer to a message: Jinja only, strict, with the author's line in every
error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import TemplateError

from engine.channels.base import Message
from engine.channels.links import ConfirmationLink, Hosts, Links, UnsubscribeLink
from engine.channels.render_data import FieldTypes, RenderValues, names_of
from engine.compiler.templates.message import CompiledTemplate, MessageField
from engine.core.facts.customer import Consent
from engine.errors import AuthorError
from engine.values import Instant

_BODY_END = re.compile(r"</body>", re.IGNORECASE)
OPENS = "opens"
"""The purpose of the consent to being seen opening mail."""

_MISTAKES = (
    TemplateError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
    AttributeError,
)
"""What a template can raise by what it says; anything else is a defect of ours."""


class RenderError(AuthorError):
    """A template cannot be written for this customer: nothing is sent, and others are not touched."""

    def __init__(self, template: str, file: str, line: int, part: str, why: str) -> None:
        place = f"{file}:{line}" if line else file
        super().__init__(f'{place}: the {part} of "{template}" cannot be written: {why}')
        self.template, self.file, self.line, self.part, self.why = template, file, line, part, why


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom, how and why one message goes. `purpose` None: an answer to what the customer just did, which
    nobody can unsubscribe from. `opens`: what the customer said to being seen opening their mail."""

    key: str
    channel: str
    address: str
    customer: str
    purpose: str | None
    valid_until: Instant | None = None
    opens: Consent = "none"


@dataclass(frozen=True, slots=True)
class SenderProfile:
    """What is the same for all messages of a channel: who sends, where answers go, and what is tracked.
    `asks`: opens are tracked for those only who agreed to it, else for all who did not object. `home`: the
    shop's host, to which links are followed as they are to hosts that the template names."""

    sender: str = ""
    reply_to: str = ""
    clicks: bool = True
    opens: bool = False
    asks: bool = False
    decoy: bool = False
    home: str = ""


def render(
    template: CompiledTemplate,
    addressed: Recipient,
    values: RenderValues,
    field_types: FieldTypes,
    links: Links,
    sender: SenderProfile,
) -> Message:
    """The message for one customer. Raises RenderError; `Hi !` is never sent."""
    own = {
        "unsubscribe": links.unsubscribe(
            UnsubscribeLink(
                addressed.customer, addressed.channel, addressed.purpose or "marketing", addressed.key
            )
        ),
        "preferences": links.preferences(addressed.customer),
        "confirm": links.confirm(_confirming(addressed, values)),
    }
    names = names_of(values, field_types, own)
    # a field is one line: whatever a customer's data holds, it cannot begin another
    fields = {
        name: " ".join(_written(template, part, names).split()) for name, part in template.fields.items()
    }
    html = _written(template, template.html, names) if template.html is not None else ""
    text = _written(template, template.text, names)
    headers: Mapping[str, str] = {}
    if template.channel == "email":
        # what a condition leaves out leaves its empty lines behind
        while "\n\n\n" in text:
            text = text.replace("\n\n\n", "\n\n")
        text = text.strip()
        html, text = _tracked(html, text, addressed, links, sender, Hosts(sender.home, template.hosts))
        if addressed.purpose is not None:
            headers = one_click(own["unsubscribe"])
    else:
        if sender.clicks and "url" in fields:  # a tap on a push is a click
            fields["url"] = links.followed(addressed.key, fields["url"], Hosts(sender.home, template.hosts))
        if template.channel == "sms":
            # one no-break blank of an amount would make a part 67 characters long instead of 153
            text = text.replace("\xa0", " ").replace("\u202f", " ")
    if not text.strip() and not html and not fields.get("content_sid"):
        raise RenderError(template.name, template.file, 0, "text", "it is empty")
    if template.channel == "email" and not fields.get("subject", "").strip():
        raise RenderError(template.name, template.file, 0, "subject", "it is empty")
    return Message(
        key=addressed.key,
        channel=addressed.channel,
        address=addressed.address,
        template=template.name,
        language=template.language,
        purpose=addressed.purpose,
        body=text if template.channel == "email" else text.strip(),
        html=html,
        subject=fields.pop("subject", ""),
        sender=fields.pop("from", "") or sender.sender,
        reply_to=fields.pop("reply_to", "") or sender.reply_to,
        headers=headers,
        fields=fields,
        valid_until=addressed.valid_until,
    )


def may_notice_opens(consent: str, sender: SenderProfile) -> bool:
    """Whether an opening may be noticed at all; asked when a message is written and again when its picture is
    loaded, so that a withdrawal also stops the pictures of mail that was sent before (design/reliability
    3.4)."""
    return sender.opens and (consent == "given" if sender.asks else consent != "withdrawn")


def one_click(url: str) -> Mapping[str, str]:
    """The two headers of RFC 8058."""
    return {"List-Unsubscribe": f"<{url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _written(template: CompiledTemplate, part: MessageField, names: Mapping[str, object]) -> str:
    try:
        return part.render(names)
    except _MISTAKES as mistake:
        file, line = part.place(mistake)
        why = getattr(mistake, "message", None) or str(mistake) or type(mistake).__name__
        raise RenderError(template.name, file or template.file, line, part.name, why.rstrip(".")) from mistake


def _confirming(addressed: Recipient, values: RenderValues) -> ConfirmationLink:
    """What somebody who asked to be on a list is to say yes to: the purpose in the event, else
    `marketing`."""
    trigger = values.names.get("trigger")
    event = trigger if isinstance(trigger, Mapping) else {}
    purpose, listed = (
        text if isinstance(text := event.get(name), str) else "" for name in ("purpose", "list")
    )
    return ConfirmationLink(
        addressed.customer,
        addressed.channel,
        purpose or addressed.purpose or "marketing",
        addressed.key,
        listed,
    )


def _tracked(
    html: str, text: str, addressed: Recipient, links: Links, sender: SenderProfile, hosts: Hosts
) -> tuple[str, str]:
    hidden = ""
    if sender.clicks:
        html, text = links.with_clicks(html, text, addressed.key, hosts)
        hidden += links.decoy(addressed.key) if sender.decoy else ""
    if may_notice_opens(addressed.opens, sender):
        hidden += f'<img src="{links.open(addressed.key)}" width="1" height="1" alt="" style="display:block">'
    if html and hidden:
        # the last </body>: one before it may stand in a text that a customer wrote
        ends = list(_BODY_END.finditer(html))
        at = ends[-1].start() if ends else len(html)
        html = html[:at] + hidden + html[at:]
    return html, text
