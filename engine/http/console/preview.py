"""A message as a page for its authors: phone and desktop width, plain text, headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr

from engine.channels.base import Message
from engine.compiler.templates.mail import preheader_of
from engine.http.pages import WITH_IMAGES, own_page

CLIPPED = 102 * 1024
"""Gmail shows no more of a mail than so many bytes."""


@dataclass(frozen=True, slots=True)
class PreviewedMessage:
    """One message on the page. `title`: what it is called in the navigation, for example its language."""

    message: Message
    title: str = ""
    at: str = ""
    raw: str = ""
    warnings: Sequence[str] = ()
    customer: str = ""  # whom it was sent to; "" for a preview

    @property
    def heading(self) -> str:
        """What somebody calls it who got it."""
        return self.message.subject or self.message.fields.get("title", "") or self.message.template

    @property
    def sender(self) -> str:
        """The name that an inbox shows, the address where there is none."""
        name, address = parseaddr(self.message.sender)
        return name or address or "Sender"

    @property
    def preheader(self) -> str:
        """What an inbox shows behind the subject: the words of the preheader, else how the text begins."""
        return preheader_of(self.message.html) or " ".join(self.message.body.split())[:110]

    @property
    def has_dark_colours(self) -> bool:
        """The mail brings colours of its own for a dark screen; else its reader's program turns them."""
        return "prefers-color-scheme" in self.message.html

    @property
    def turned(self) -> str:
        """The mail as a program shows it that turns light colours dark: pictures keep theirs."""
        return f"{self.message.html}<style>img{{filter:invert(1) hue-rotate(180deg)}}</style>"

    @property
    def badges(self) -> list[str]:
        """What is to be seen at a glance, each once."""
        message = self.message
        purpose = message.purpose or "no consent needed"
        return [
            badge
            for badge in dict.fromkeys((message.channel, message.language, purpose, self.title, self.at))
            if badge
        ]

    @property
    def notes(self) -> list[str]:
        """The warnings, and what is wrong with the message as it is."""
        size = len(self.message.html.encode())
        clipped = (
            [f"The HTML has {size // 1024} KB; Gmail cuts a mail after 102 KB."] if size > CLIPPED else []
        )
        return [*self.warnings, *clipped]

    @property
    def fields(self) -> dict[str, str]:
        """Headers and the fields of the channel."""
        message = self.message
        headers = {
            "Customer": self.customer, "Template": message.template,
            "From": message.sender, "To": message.address,
            "Subject": message.subject, "Reply-To": message.reply_to, **message.headers, "Key": message.key,
        }  # fmt: skip
        return {**{name: value for name, value in headers.items() if value}, **message.fields}


def preview(title: str, sheets: Sequence[PreviewedMessage]) -> str:
    """The page of `preview`: one message in every language that was asked for."""
    return own_page("preview.html", title, title, WITH_IMAGES, sheets=sheets)
