"""How the pages of leaving, choosing and confirming look, and the words that go into the ledger: those that were shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup
from starlette.responses import Response

from engine.channels.links import ConfirmationLink, UnsubscribeLink
from engine.channels.render import OPENS
from engine.config import Config, SignupList
from engine.http.page import page
from engine.http.visitor import Visitor
from engine.http.wording import Words


@dataclass(frozen=True, slots=True)
class Frame:
    """The shop and the language of one page."""

    words: Words
    config: Config

    @property
    def shop(self) -> str:
        """What the shop is called."""
        return self.config.shop.name

    def show(self, title: str, body: Markup) -> Response:
        """A page with a title by its name."""
        address = self.config.shop.address
        return page(self.words.text(title, shop=self.shop), body, self.words.language, self.shop, address)

    def line(self, name: str, css: str = "", **values: str) -> Markup:
        """A paragraph."""
        text = self.words.text(name, shop=self.shop, **values)
        return Markup('<p class="{}">{}</p>').format(css, text) if css else Markup("<p>{}</p>").format(text)

    def what(self, channel: str, purpose: str) -> str:
        """What it is about: `Offers and news · E-mail`."""
        return f"{self.words.purpose(purpose, self.shop)} · {self.words.channel(channel)}"

    def is_on(self, visitor: Visitor, channel: str, purpose: str) -> bool:
        """Whether its box is ticked; openings that are noticed unless somebody objects count as agreed to."""
        if purpose == OPENS and self.config.tracking.opens == "always":
            return not visitor.objected(channel, purpose)
        return visitor.agreed(channel, purpose)

    def wording_of_leaving(self, leaving: UnsubscribeLink) -> str:
        """What was asked on the page of an unsubscribe link."""
        asked = self.words.text("unsubscribe_ask", shop=self.shop)
        return f"{asked} {self.what(leaving.channel, leaving.purpose)}"

    def wording_of_choice(self, channel: str, purpose: str) -> str:
        """What was asked beside a box of the preference page."""
        asked = self.words.text("preferences_ask", shop=self.shop)
        return f"{asked} {self.what(channel, purpose)}"

    def wording_of_confirmation(self, confirming: ConfirmationLink) -> str:
        """What somebody agrees to: the text of the list they asked for, else purpose and channel in words."""
        wanted = (confirming.channel, confirming.purpose)
        lists = [one for one in self.config.signup.lists.values() if (one.channel, one.purpose) == wanted]
        asked = next((one for one in lists if one.name == confirming.listed), lists[0] if lists else None)
        if asked is not None:
            return text_of_list(self.words, asked)
        return f"{self.shop}: {self.what(confirming.channel, confirming.purpose)}"


def text_of_list(words: Words, listed: SignupList) -> str:
    """What somebody agrees to who wants to be on a list: `list_NAME` of the language, else the text of config.yaml."""
    return words.text(f"list_{listed.name}") or listed.text


def leave(frame: Frame, visitor: Visitor, leaving: UnsubscribeLink, elsewhere: str) -> Response:
    """Asks; the button acts."""
    words = frame.words
    about = " · ".join(
        filter(None, (frame.what(leaving.channel, leaving.purpose), visitor.address(leaving.channel)))
    )
    body = (
        frame.line("unsubscribe_ask")
        + Markup(
            '<p class="soft">{}</p><form method="post"><div class="row"><button>{}</button></div></form>'
        ).format(about, words.text("unsubscribe"))
        + _link(elsewhere, words.text("choose_instead"))
    )
    return frame.show("unsubscribe", body)


def left(frame: Frame, elsewhere: str) -> Response:
    """It is done."""
    return frame.show(
        "unsubscribed", frame.line("unsubscribed_text") + _link(elsewhere, frame.words.text("choose_instead"))
    )


def test(frame: Frame) -> Response:
    """The link of a message that an author sent to themself."""
    return frame.show("test", frame.line("test_text"))


def preferences(frame: Frame, visitor: Visitor, pairs: Sequence[tuple[str, str]]) -> Response:
    """A box for each purpose and channel."""
    words = frame.words
    if visitor.is_test:
        return test(frame)
    if not pairs:
        return frame.show("preferences", frame.line("no_address"))
    groups = Markup("").join(
        _group(frame, visitor, purpose, [channel for _, channel in channels])
        for purpose, channels in groupby(pairs, key=lambda pair: pair[0])
    )
    buttons = Markup(
        '<div class="row"><button name="save" value="1">{}</button><button class="quiet" name="all" value="off">{}</button></div>'
    ).format(words.text("save"), words.text("all_off"))
    form = Markup('<form method="post">{}{}</form>').format(groups, buttons)
    return frame.show("preferences", frame.line("preferences_ask") + form)


def saved(frame: Frame, visitor: Visitor, still: Sequence[str], elsewhere: str) -> Response:
    """It is done, and what could not be."""
    body = frame.line("saved_text") + _still_closed(frame, visitor, still)
    return frame.show("saved", body + _link(elsewhere, frame.words.text("preferences")))


def confirm(frame: Frame, visitor: Visitor, confirming: ConfirmationLink, *, is_right: bool) -> Response:
    """Asks; the button says yes."""
    words = frame.words
    if visitor.is_test:
        return test(frame)
    if not is_right:
        return frame.show("confirm", frame.line("confirm_old"))
    button = Markup(
        '<p class="soft">{}</p><form method="post"><div class="row"><button>{}</button></div></form>'
    ).format(frame.wording_of_confirmation(confirming), words.text("confirm_button"))
    return frame.show(
        "confirm", frame.line("confirm_ask", address=visitor.address(confirming.channel)) + button
    )


def confirmed(frame: Frame, visitor: Visitor, still: Sequence[str]) -> Response:
    """It is done."""
    return frame.show("confirmed", frame.line("confirmed_text") + _still_closed(frame, visitor, still))


def _group(frame: Frame, visitor: Visitor, purpose: str, channels: Sequence[str]) -> Markup:
    boxes = Markup("").join(
        Markup(
            '<label class="box"><input type="checkbox" name="{}"{}><span>{}<small>{}</small></span></label>'
        ).format(
            f"{purpose}/{channel}",
            Markup(" checked") if frame.is_on(visitor, channel, purpose) else "",
            frame.words.channel(channel),
            visitor.address(channel),
        )
        for channel in channels
    )
    title = frame.words.purpose(purpose, frame.shop)
    return Markup("<fieldset><legend>{}</legend><div>{}</div></fieldset>").format(title, boxes)


def _still_closed(frame: Frame, visitor: Visitor, still: Sequence[str]) -> Markup:
    channels = dict.fromkeys(still)
    return Markup("").join(
        frame.line("still_closed", address=visitor.address(channel) or frame.words.channel(channel))
        for channel in channels
    )


def _link(url: str, text: str) -> Markup:
    return Markup('<p class="soft"><a href="{}">{}</a></p>').format(url, text)
