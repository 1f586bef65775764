"""Leaving, choosing, confirming: by POST only, counted from the answer on, remembered by address
(design/reliability cases 81-83, 86, 87, 89)."""

from __future__ import annotations

import email
import email.policy
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.channel_kinds import normalised
from engine.channels.base import Report
from engine.channels.links import ConfirmationLink, Links, UnsubscribeLink
from engine.core.happening import ProfileChanged
from engine.http.links.visitor import Visitor, find_visitor
from engine.http.wording import known_words, words_for
from engine.runtime.feedback.reports import take_reports
from engine.runtime.intake.items import ConsentGiven, CustomerItem
from engine.store.customers import addressees, suppressions
from engine.store.customers.suppressions import SuppressionReason
from engine.store.messages import queue
from engine.store.meta import bucket_of, secret
from engine.values import DAY, MINUTE, Instant, to_datetime, zone
from tests.http.web_shop import URL, WebShop

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "bg", "uk", "ru", "ro", "tr", "pt", "nl")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[WebShop]:
    made = WebShop(tmp_path, "tracking: {opens: with consent}\n")
    made.customer("anna")
    yield made
    made.close()


def leaving(shop: WebShop, purpose: str = "marketing", key: str = "", who: str = "anna") -> str:
    return shop.links.unsubscribe(UnsubscribeLink(who, "email", purpose, key))


def letter(shop: WebShop, who: str = "anna", address: str = "anna@example.com") -> str:
    shop.shop.event(who, "signed_up")
    shop.settle_down()
    return address


class Boxes(HTMLParser):
    """The check boxes of a page: name -> ticked; and everything else that a form has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ticked: dict[str, bool] = {}
        self.labels = 0
        self.language = ""
        self.buttons: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("type") == "checkbox":
            self.ticked[str(found["name"])] = "checked" in found
        self.labels += tag == "label"
        self.language = str(found["lang"]) if tag == "html" else self.language
        if tag == "button":
            self.buttons.append(found.get("name"))


# --- unsubscribing ------------------------------------------------------------------------------


def test_case_81_marketing_mail_has_both_headers_over_https_a_link_and_the_address(shop: WebShop) -> None:
    letter(shop)
    raw = next(shop.sent.glob("email/*/*.eml")).read_bytes()
    mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert mail.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    (header,) = mail.get_all("List-Unsubscribe", [])
    found = re.findall(r"<(https://[^>]+)>", header)
    assert len(found) == 1
    assert found[0].startswith(f"{URL}/u/")
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        text = body.get_content()
        assert f"{URL}/u/" in text
        assert "Main Street 1, Sofia" in text


@pytest.mark.parametrize("how", ["urlencoded", "multipart", "nothing"])
def test_case_82_one_click_needs_no_cookie_and_counts_when_it_is_answered(shop: WebShop, how: str) -> None:
    letter(shop)
    link = leaving(shop, key=shop.message("anna").send_key)
    shop.browser.cookies.clear()
    match how:
        case "urlencoded":
            answer = shop.browser.post(link, data=ONE_CLICK)
        case "multipart":
            answer = shop.browser.post(link, files={"List-Unsubscribe": (None, "One-Click")})
        case _:
            answer = shop.browser.post(link)
    assert (answer.status_code, answer.is_redirect, "set-cookie" in answer.headers) == (200, False, False)
    assert shop.closed("email", "anna@example.com") == {"marketing": "unsubscribed"}
    shop.shop.run()
    assert shop.reach("anna")["email"].consents["marketing"] == "withdrawn"
    (line,) = shop.ledger("anna")
    assert (line.state, line.source) == ("withdrawn", "unsubscribe link")
    assert "Should Bean There stop sending you this?" in line.wording
    shop.browser.post(link, data=ONE_CLICK)
    assert len(shop.ledger("anna")) == 1, "saying it again adds nothing"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_case_83_a_scanner_that_looks_at_the_page_changes_nothing(shop: WebShop, method: str) -> None:
    letter(shop)
    for link in (
        leaving(shop),
        shop.links.preferences("anna"),
        shop.links.confirm(ConfirmationLink("anna", "email", "marketing", shop.message("anna").send_key)),
    ):
        assert shop.browser.request(method, link).status_code == 200
    assert (shop.count("inbox"), shop.count("suppression"), shop.count("consent")) == (0, 0, 0)


def test_case_86_who_leaves_between_planning_and_sending_gets_nothing(shop: WebShop) -> None:
    shop.shop.event("anna", "signed_up")
    shop.shop.run()
    assert shop.message("anna").state == "planned"
    shop.browser.post(leaving(shop), data=ONE_CLICK)
    shop.settle_down()
    assert [state for (state,) in shop.look("SELECT state FROM outbox WHERE channel = 'email'")] == [
        "suppressed"
    ]
    assert shop.message("anna", "sms").state == "accepted", "the other channel was not left"


def test_case_86_a_message_that_is_claimed_already_does_not_leave_either(shop: WebShop) -> None:
    shop.shop.event("anna", "signed_up")
    shop.shop.run()
    now = shop.clock.now()
    (claimed,) = shop.store.write(lambda conn: queue.claim(conn, "email", "test", now, MINUTE, 10))
    shop.browser.post(leaving(shop), data=ONE_CLICK)
    hashed = "not asked for"
    assert shop.store.write(lambda conn: queue.hand_over(conn, claimed, hashed, now)) != "handed"


def test_case_87_a_genuine_link_of_three_years_ago_works_and_a_forged_one_does_nothing(shop: WebShop) -> None:
    link = leaving(shop)
    head, _, token = link.rpartition("/")
    shop.clock.advance(3 * 365 * DAY)
    forged = [token[:place] + chr(ord(token[place]) ^ 1) + token[place + 1 :] for place in range(len(token))]
    genuine = shop.links.read_unsubscribe(token)
    for one in forged:
        if shop.links.read_unsubscribe(one) == genuine:  # a bit that base64 leaves out says nothing else
            continue
        answer = shop.browser.post(f"{head}/{one}".replace("#", "%23").replace("?", "%3F"), data=ONE_CLICK)
        assert answer.status_code in (404, 405), one
    others = (
        shop.links.preferences("anna"),
        shop.links.click("k", "https://shop.example/"),
        shop.links.open("k"),
        shop.links.confirm(ConfirmationLink("anna", "email", "marketing", "k")),
    )
    for other in others:
        assert shop.browser.post(f"{URL}/u/{other.rpartition('/')[2]}").status_code == 404
    assert (shop.count("inbox"), shop.count("suppression"), shop.count("consent")) == (0, 0, 0)
    assert shop.browser.post(link, data=ONE_CLICK).status_code == 200
    assert shop.count("suppression") == 1


def test_case_87_links_signed_with_an_older_key_stay_good() -> None:
    old, new = Links(["stored", "first"], URL), Links(["stored", "first", "second"], URL)
    token = old.preferences("anna").rpartition("/")[2]
    assert new.read_preferences(token) == "anna"
    assert old.read_preferences(new.preferences("anna").rpartition("/")[2]) is None


def test_case_89_an_import_does_not_subscribe_somebody_who_left(shop: WebShop) -> None:
    shop.browser.post(leaving(shop), data=ONE_CLICK)
    agreed = (ConsentGiven("email", "given"),)
    for n, written in enumerate(("ANNA@Example.COM", "ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "anna@example.com")):
        who = "anna" if n == 2 else f"again{n}"
        assert shop.receive(CustomerItem(0, who, None, {"email": written}, consents=agreed)).refused == ()
        shop.shop.run()
        assert shop.reach(who)["email"].consents["marketing"] == "given", "the import says so"
        shop.shop.event(who, "signed_up")
        shop.settle_down()
        assert shop.reach(who)["email"].suppressed == "marketing", "decisions know it, so nothing is planned"
    assert list(shop.sent.glob("email/*/*.json")) == []
    assert shop.look("SELECT 1 FROM outbox WHERE channel = 'email'") == []


def test_who_was_erased_does_not_come_back_by_leaving(shop: WebShop) -> None:
    assert shop.browser.post(leaving(shop, who="nobody"), data=ONE_CLICK).status_code == 200
    assert (shop.count("inbox"), shop.count("consent")) == (0, 0)


def test_the_link_of_a_test_message_changes_nothing_and_says_so(shop: WebShop) -> None:
    for link in (leaving(shop, who="test", key="test-1"), shop.links.preferences("test"),
                 shop.links.confirm(ConfirmationLink("test", "email", "marketing", "test-1"))):  # fmt: skip
        for answer in (shop.browser.get(link), shop.browser.post(link, data={"save": "1"})):
            assert answer.status_code == 200
        assert "This was a test message" in answer.text
    assert (shop.count("inbox"), shop.count("consent"), shop.count("suppression")) == (0, 0, 0)


# --- choosing -----------------------------------------------------------------------------------


def test_the_preference_page_has_a_box_for_each_purpose_and_channel_with_an_address(shop: WebShop) -> None:
    page = shop.browser.get(shop.links.preferences("anna")).text
    boxes = Boxes(page)
    assert boxes.ticked == {
        "marketing/email": True, "marketing/sms": True, "stories/email": False, "stories/sms": False,
        "opens/email": False,
    }  # fmt: skip
    assert (boxes.labels, boxes.language, boxes.buttons) == (9, "en", ["save", "all", "break"])
    assert "anna@example.com" not in page
    assert "a•••@example.com" in page
    assert "+359888000001" not in page


def test_what_is_chosen_counts_and_stands_in_the_ledger_with_its_words(shop: WebShop) -> None:
    link = shop.links.preferences("anna")
    chosen = {"stories/email": "on", "marketing/sms": "on", "save": "1"}
    assert shop.browser.post(link, data=chosen).status_code == 200
    shop.shop.run()
    reach = shop.reach("anna")
    assert reach["email"].consents == {"marketing": "withdrawn", "stories": "given"}
    assert reach["sms"].consents == {"marketing": "given"}
    assert {(line.channel, line.purpose, line.state, line.source) for line in shop.ledger("anna")} == {
        ("email", "marketing", "withdrawn", "preference page"),
        ("email", "stories", "given", "preference page"),
    }
    assert Boxes(shop.browser.get(link).text).ticked["stories/email"]
    shop.browser.post(link, data=chosen)
    assert len(shop.ledger("anna")) == 2, "what was chosen before is not said again"


def test_everything_off_is_everything(shop: WebShop) -> None:
    said = {("push", "marketing"): "given", ("email", "opens"): "given"}
    shop.shop.happen("anna", ProfileChanged(0, shop.clock.now(), consents=said), None)
    shop.shop.run()
    shop.browser.post(shop.links.preferences("anna"), data={"marketing/email": "on", "all": "off"})
    shop.shop.run()
    states = {state for one in shop.reach("anna").values() for state in one.consents.values()}
    assert states == {"withdrawn"}


def confirm_by_mail(shop: WebShop) -> None:
    """Presses the button behind the link of the newest letter."""
    shop.settle_down()
    (link,) = [link for link in shop.links_in("anna@example.com") if "/y/" in link]
    assert shop.browser.post(link).status_code == 200
    shop.settle_down()


def test_an_empty_form_chooses_nothing(shop: WebShop) -> None:
    assert shop.browser.post(shop.links.preferences("anna")).status_code == 200
    assert shop.count("inbox") == 0


def test_who_left_comes_back_by_their_own_word_only(shop: WebShop) -> None:
    link = shop.links.preferences("anna")
    shop.browser.post(leaving(shop), data=ONE_CLICK)
    shop.shop.run()
    assert not Boxes(shop.browser.get(link).text).ticked["marketing/email"]
    shop.browser.post(link, data={"marketing/email": "on", "marketing/sms": "on", "save": "1"})
    shop.settle_down()
    assert shop.closed("email", "anna@example.com") == {"marketing": "unsubscribed"}
    confirm_by_mail(shop)
    assert shop.closed("email", "anna@example.com") == {}
    letter(shop)
    assert shop.message("anna").state == "accepted"


def test_one_of_two_things_that_were_left_comes_back_alone(shop: WebShop) -> None:
    link = shop.links.preferences("anna")
    shop.browser.post(link, data={"marketing/email": "on", "stories/email": "on", "save": "1"})
    shop.shop.run()
    shop.browser.post(link, data={"all": "off"})
    shop.shop.run()
    shop.browser.post(link, data={"stories/email": "on", "save": "1"})
    confirm_by_mail(shop)
    assert shop.closed("email", "anna@example.com") == {"marketing": "unsubscribed"}
    ticked = Boxes(shop.browser.get(link).text).ticked
    assert (ticked["stories/email"], ticked["marketing/email"]) == (True, False)


@pytest.mark.parametrize("purpose", ["marketing", "all"])
def test_case_89_who_left_by_a_mail_is_closed_like_by_a_click_and_comes_back_the_same_way(
    shop: WebShop, purpose: str
) -> None:
    report = Report("unsubscribed", "m1", address="ANNA@example.com", purpose=purpose)
    now = shop.clock.now()
    shop.store.write(lambda conn: take_reports(conn, "email", [report], now))
    shop.shop.run()
    shop.receive(
        CustomerItem(
            0, "again", None, {"email": "Anna@Example.com"}, consents=(ConsentGiven("email", "given"),)
        )
    )
    shop.shop.run()
    shop.shop.event("again", "signed_up")
    shop.settle_down()
    assert shop.look("SELECT 1 FROM outbox WHERE channel = 'email'") == []
    answer = shop.browser.post(shop.links.preferences("anna"), data={"marketing/email": "on", "save": "1"})
    assert "We cannot write" not in answer.text
    shop.shop.run()
    letter(shop)
    assert shop.message("anna").state == "accepted"


@pytest.mark.parametrize(
    ("reason", "detail", "purpose"),
    [(SuppressionReason.BOUNCED, "5.1.1", "all"), (SuppressionReason.COMPLAINED, "ARF", "any purpose")],
)
def test_a_dead_address_and_a_complaint_are_not_lifted_here(
    shop: WebShop, reason: SuppressionReason, detail: str, purpose: str
) -> None:
    shop.browser.post(shop.links.preferences("anna"), data={"all": "off"})
    shop.shop.run()
    now, address = shop.clock.now(), normalised("email", "anna@example.com")
    shop.store.write(lambda conn: suppressions.suppress(conn, "email", address, purpose, now, reason, detail))
    shop.browser.post(shop.links.preferences("anna"), data={"marketing/email": "on", "save": "1"})
    shop.settle_down()
    assert shop.closed("email", "anna@example.com")[purpose] == f"{reason}: {detail}"


# --- confirming ---------------------------------------------------------------------------------


def test_a_confirmation_is_a_button_and_leaves_the_event_the_consent_and_the_proof(shop: WebShop) -> None:
    shop.customer("bert", "none", email="bert@example.com")
    shop.shop.event("bert", "optin_requested")
    shop.settle_down()
    (link,) = [link for link in shop.links_in("bert@example.com") if "/y/" in link]
    page = shop.browser.get(link).text
    assert "I want letters from Bean There." in page
    assert shop.reach("bert")["email"].consents["marketing"] == "none", "a scanner cannot confirm"
    assert "Your address is confirmed" in shop.browser.post(link).text
    shop.settle_down()
    assert shop.reach("bert")["email"].consents["marketing"] == "given"
    assert shop.shop.outcomes("bert") == {"double_opt_in": "goal"}
    first = shop.ledger("bert")[0]
    assert (first.state, first.source, first.wording) == (
        "given",
        "confirmation page",
        "I want letters from Bean There.",
    )
    before = len(shop.ledger("bert"))
    assert "Your address is confirmed" in shop.browser.post(link).text
    assert (shop.count("inbox"), len(shop.ledger("bert"))) == (0, before)


def test_a_confirmation_speaks_for_the_address_that_it_went_to(shop: WebShop) -> None:
    shop.customer("bert", "none", email="bert@example.com")
    shop.shop.event("bert", "optin_requested")
    shop.settle_down()
    (link,) = [link for link in shop.links_in("bert@example.com") if "/y/" in link]
    shop.shop.happen("bert", ProfileChanged(0, shop.clock.now(), {}, {"email": "other@example.com"}), None)
    shop.shop.run()
    assert "earlier address" in shop.browser.post(link).text
    assert (shop.count("inbox"), shop.count("consent")) == (0, 0)


def test_a_confirmation_opens_what_the_same_person_had_left(shop: WebShop) -> None:
    shop.browser.post(leaving(shop), data=ONE_CLICK)
    shop.shop.run()
    shop.shop.event("anna", "optin_requested")
    shop.settle_down()
    (link,) = [link for link in shop.links_in("anna@example.com") if "/y/" in link]
    shop.browser.post(link)
    shop.settle_down()
    assert shop.closed("email", "anna@example.com") == {}
    letter(shop)
    assert shop.message("anna").state == "accepted"


# --- language and form --------------------------------------------------------------------------


def test_the_page_speaks_the_customers_language_else_the_browsers_else_the_shops(shop: WebShop) -> None:
    link = shop.links.preferences("anna")
    assert (
        Boxes(shop.browser.get(link, headers={"Accept-Language": "xx, uk;q=0.9, de;q=0.5"}).text).language
        == "uk"
    )
    assert Boxes(shop.browser.get(link, headers={"Accept-Language": "xx"}).text).language == "en"
    shop.shop.happen("anna", ProfileChanged(0, shop.clock.now(), {"language": "de-AT"}), None)
    shop.shop.run()
    page = shop.browser.get(link, headers={"Accept-Language": "fr"}).text
    assert Boxes(page).language == "de"
    assert "Ihre Auswahl" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_and_puts_every_value_in(tmp_path: Path, language: str) -> None:
    words, english = words_for(tmp_path, [language]), words_for(tmp_path, ["en"])
    assert words.language == language
    for name in known_words():
        values = {"shop": "SHOP", "address": "ADDRESS", "purpose": "PURPOSE", "date": "DATE"}
        said, meant = words.text(name, **values), english.text(name, **values)
        assert said
        assert "{" not in said
        assert [each in said for each in values.values()] == [each in meant for each in values.values()], name


def test_a_project_says_it_in_its_own_words_and_languages(shop: WebShop) -> None:
    pages = shop.folder / "templates" / "_pages"
    pages.mkdir(parents=True)
    (pages / "en.yaml").write_text(
        'preferences: "What <b>you</b> like"\npurpose_stories: Stories from the farm\n'
        "list_newsletter: Letters, yes please\n"
    )
    (pages / "sv.yaml").write_text("preferences: Ditt val\n")
    link = shop.links.preferences("anna")
    page = shop.browser.get(link).text
    assert "What &lt;b&gt;you&lt;/b&gt; like" in page
    assert "Stories from the farm" in page
    assert "Letters, yes please" in shop.browser.get(f"{URL}/signup/newsletter").text
    assert "Ditt val" in shop.browser.get(link, headers={"Accept-Language": "sv"}).text


def test_pages_keep_to_themselves(shop: WebShop) -> None:
    letter(shop)
    key = shop.message("anna").send_key
    for link in (
        leaving(shop),
        shop.links.preferences("anna"),
        shop.links.confirm(ConfirmationLink("anna", "email", "marketing", key)),
        f"{URL}/signup/newsletter",
    ):
        answer = shop.browser.get(link)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
        assert "script" not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
    with shop.store.read() as conn:
        assert secret(conn) not in answer.text


# --- how much somebody wants to hear ------------------------------------------------------------


def wishes(shop: WebShop) -> tuple[object, object]:
    shop.shop.run()
    with shop.store.read() as conn:
        found = addressees.find(conn, bucket_of(conn, "anna"), ["anna"])["anna"].values
    return found.get("frequency"), found.get("break_until")


def test_how_often_is_chosen_kept_and_taken_back(shop: WebShop) -> None:
    link = shop.links.preferences("anna")
    page = shop.browser.get(link).text
    assert re.search(r'value="" checked>\s*<span>As it comes', page)
    boxes = {name: "on" for name, ticked in Boxes(page).ticked.items() if ticked}
    shop.browser.post(link, data={**boxes, "save": "1", "often": "1 a week"})
    assert wishes(shop) == ("1 a week", None)
    assert 'value="1 a week" checked>' in shop.browser.get(link).text
    assert shop.reach("anna")["email"].consents == {"marketing": "given"}
    shop.browser.post(link, data={**boxes, "save": "1", "often": "7 a day"})
    assert wishes(shop) == ("1 a week", None)
    shop.browser.post(link, data={**boxes, "save": "1", "often": ""})
    assert wishes(shop) == (None, None)


def test_a_break_lasts_thirty_days_changes_no_consent_and_can_be_ended(shop: WebShop) -> None:
    link = shop.links.preferences("anna")
    answer = shop.browser.post(link, data={"break": "30"})
    assert "Saved" in answer.text
    assert wishes(shop) == (None, shop.clock.now() + 30 * DAY)
    assert shop.reach("anna")["email"].consents == {"marketing": "given"}
    page = shop.browser.get(link, headers={"Accept-Language": "en"}).text
    day = to_datetime(Instant(shop.clock.now() + 30 * DAY), zone("UTC"))
    assert f"until {day:%B} {day.day}, {day.year}." in page
    shop.browser.post(link, data={"break": "0"})
    assert wishes(shop) == (None, None)
    assert "Nothing for 30 days" in shop.browser.get(link).text


def test_nobody_hears_of_us_on_a_break(shop: WebShop) -> None:
    shop.browser.post(shop.links.preferences("anna"), data={"break": "30"})
    shop.shop.event("anna", "signed_up")
    shop.settle_down()
    assert list(shop.sent.glob("email/*/*.eml")) == []


def test_what_somebody_has_left_comes_back_only_by_their_own_mailbox(shop: WebShop) -> None:
    """The link of the page stands in every letter, and letters are forwarded."""
    page = shop.links.preferences("anna")
    shop.browser.post(shop.links.unsubscribe(UnsubscribeLink("anna", "email", "marketing", "k")))
    shop.settle_down()
    for _ in range(3):
        answer = shop.browser.post(page, data={"save": "1", "marketing/email": "on"})
        assert "Almost done" in answer.text
        shop.settle_down()
        assert not find(shop, "anna").agreed("email", "marketing")
    mails = [link for link in shop.links_in("anna@example.com") if "/y/" in link]
    assert len(mails) == 1, "the mailbox was asked"
    shop.browser.post(mails[0])
    shop.settle_down()
    assert find(shop, "anna").agreed("email", "marketing")
    shop.browser.post(page, data={"save": "1"})
    shop.settle_down()
    assert not find(shop, "anna").agreed("email", "marketing"), "off is one press"


def test_what_nobody_can_confirm_is_not_turned_on_again(shop: WebShop) -> None:
    page = shop.links.preferences("anna")
    shop.browser.post(page, data={"save": "1", "marketing/email": "on"})
    shop.settle_down()
    before = find(shop, "anna").agreed("sms", "marketing")
    answer = shop.browser.post(page, data={"save": "1", "marketing/email": "on", "marketing/sms": "on"})
    shop.settle_down()
    assert (before, find(shop, "anna").agreed("sms", "marketing")) == (False, False)
    assert "We cannot write to" in answer.text


def find(shop: WebShop, customer: str) -> Visitor:
    with shop.store.read() as conn:
        return find_visitor(conn, customer)
