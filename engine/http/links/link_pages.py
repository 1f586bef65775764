"""What stands on the pages behind the links of messages, and in the ledger of consents: the words that were
shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from starlette.requests import Request
from starlette.responses import Response

from engine.channels.links import ConfirmationLink, UnsubscribeLink
from engine.channels.render import OPENS
from engine.config import Config, SignupList
from engine.core.facts.customer import OWN_CAPS
from engine.http.context import LiveProject
from engine.http.links.visitor import Visitor, words_of
from engine.http.pages import customer_page
from engine.http.wording import PageWords
from engine.values import Instant, to_datetime, zone


def unknown_link(live: LiveProject, request: Request) -> Response:
    """404 and a page that says so; the same for a forged link, one that was cut off, and one of another
    purpose."""
    # A stranger who tries tokens learns nothing about the shop.
    shop = replace(live.config.shop, address="")
    return customer_page("notice.html", words_of(live, request), shop, status=404, notice="unknown")


def text_of_list(words: PageWords, listed: SignupList) -> str:
    """What somebody agrees to who wants to be on a list: `list_NAME` of the language, else the text of
    config.yaml."""
    return words.text(f"list_{listed.name}") or listed.text


@dataclass(frozen=True, slots=True)
class ConsentPages:
    """The pages of leaving, choosing and confirming for one visitor, in their language."""

    words: PageWords
    config: Config
    visitor: Visitor
    now: Instant

    def unsubscribe(self, leaving: UnsubscribeLink, preferences: str) -> Response:
        """Asks; the button acts. `preferences` is the link to the page on which one chooses instead."""
        address = self.visitor.address(leaving.channel)
        about = " · ".join(filter(None, (self._subject(leaving.channel, leaving.purpose), address)))
        return self._show("unsubscribe.html", about=about, preferences=preferences)

    def unsubscribed(self, preferences: str) -> Response:
        """It is done."""
        return self._show("notice.html", notice="unsubscribed", link=preferences, link_text="choose_instead")

    def preferences(self, pairs: Sequence[tuple[str, str]]) -> Response:
        """A box for each (purpose, channel)."""
        if self.visitor.is_test:
            return self.test()
        choices = {
            purpose: [channel for _, channel in group]
            for purpose, group in groupby(pairs, key=lambda pair: pair[0])
        }
        until, now = self.visitor.break_until, self.now
        runs = ""
        if until is not None and until > now:
            day = to_datetime(until, zone(self.visitor.zone)).date()
            try:
                locale = Locale.parse(self.words.language)
            except (UnknownLocaleError, ValueError):
                locale = Locale("en")  # a project may have words in a language that Babel has never heard of
            runs = format_date(day, "long", locale)
        return self._show("preferences.html", page=self, choices=choices, break_runs=runs)

    @property
    def frequencies(self) -> list[tuple[str, str]]:
        """What the visitor may choose, each with the name of its text."""
        return [("", "often_any"), *((value, f"often_{value.replace(' ', '_')}") for value in OWN_CAPS)]

    def saved(self, still_closed: Sequence[str], preferences: str) -> Response:
        """It is done, and what could not be: channels whose address stays closed."""
        addresses = self._addresses(still_closed)
        return self._show(
            "notice.html", notice="saved", still_closed=addresses, link=preferences, link_text="preferences"
        )

    def asked(self, still_closed: Sequence[str], preferences: str) -> Response:
        """A message is on its way that has to be confirmed."""
        addresses = self._addresses(still_closed)
        return self._show(
            "notice.html", notice="signed_up", still_closed=addresses, link=preferences,
            link_text="preferences",
        )  # fmt: skip

    def list_of(self, channel: str, purpose: str) -> SignupList | None:
        """A list whose event makes a journey ask whether somebody wants this: the one for it, else another
        one of the channel in its place. None where nobody can be asked."""
        lists = [listed for listed in self.config.signup.lists.values() if listed.channel == channel]
        for listed in lists:
            if listed.purpose == purpose:
                return replace(listed, text=text_of_list(self.words, listed))
        wording = self.wording_of_choice(channel, purpose)
        return replace(lists[0], purpose=purpose, text=wording) if lists else None

    def confirm(self, confirming: ConfirmationLink, *, is_right: bool) -> Response:
        """Asks; the button says yes. Not `is_right`: the link went to an earlier address."""
        if self.visitor.is_test:
            return self.test()
        address, asked = self.visitor.address(confirming.channel), self.wording_of_confirmation(confirming)
        return self._show("confirm.html", is_right=is_right, address=address, asked=asked)

    def confirmed(self, still_closed: Sequence[str]) -> Response:
        """It is done, and what could not be."""
        return self._show("notice.html", notice="confirmed", still_closed=self._addresses(still_closed))

    def test(self) -> Response:
        """The link of a message that an author sent to themself."""
        return self._show("notice.html", notice="test")

    def is_on(self, channel: str, purpose: str) -> bool:
        """Whether its box is ticked; openings that are noticed unless somebody objects count as agreed to."""
        if purpose == OPENS and self.config.tracking.opens == "always":
            return not self.visitor.objected(channel, purpose)
        return self.visitor.agreed(channel, purpose)

    def wording_of_leaving(self, leaving: UnsubscribeLink) -> str:
        """What was asked on the page of an unsubscribe link."""
        asked = self.words.text("unsubscribe_ask", shop=self.config.shop.name)
        return f"{asked} {self._subject(leaving.channel, leaving.purpose)}"

    def wording_of_choice(self, channel: str, purpose: str) -> str:
        """What was asked beside a box of the preference page."""
        asked = self.words.text("preferences_ask", shop=self.config.shop.name)
        return f"{asked} {self._subject(channel, purpose)}"

    def wording_of_confirmation(self, confirming: ConfirmationLink) -> str:
        """What somebody agrees to: the text of the list they asked for, else purpose and channel in words."""
        wanted = (confirming.channel, confirming.purpose)
        lists = [
            listed
            for listed in self.config.signup.lists.values()
            if (listed.channel, listed.purpose) == wanted
        ]
        # The list by name first: two lists may ask for the same purpose in other words.
        asked = next(
            (listed for listed in lists if listed.name == confirming.listed), lists[0] if lists else None
        )
        if asked is not None:
            return text_of_list(self.words, asked)
        return f"{self.config.shop.name}: {self._subject(confirming.channel, confirming.purpose)}"

    def _subject(self, channel: str, purpose: str) -> str:
        """What it is about: `Offers and news · E-mail`."""
        return f"{self.words.purpose(purpose, self.config.shop.name)} · {self.words.channel(channel)}"

    def _addresses(self, channels: Sequence[str]) -> list[str]:
        return [
            self.visitor.address(channel) or self.words.channel(channel)
            for channel in dict.fromkeys(channels)
        ]

    def _show(self, template: str, **values: Any) -> Response:
        return customer_page(template, self.words, self.config.shop, **values)
