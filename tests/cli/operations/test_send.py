"""`send`: a plan first, then one message to everybody in a segment, through everything that a journey's
message goes through."""

from __future__ import annotations

import json
import re

import pytest

from engine.channels.outbox.channel import kept_messages
from engine.core.enrollment import Enrollment
from engine.runtime.publish import one_off
from engine.store.customers import enrollments
from engine.store.journeys import one_offs
from engine.store.journeys.one_offs import OneOff
from engine.values import Instant
from tests.cli.conftest import Answer, Shop
from tests.conftest import Golden

SEGMENT = """segment: everybody
about: All whose first name is known.
who:
  first_name: is set
"""
PEOPLE: list[dict[str, object]] = [
    {"customer_id": "anna", "email": "anna@example.com", "first_name": "Anna", "language": "bg",
     "consent": {"email": "given"}},
    {"customer_id": "bob", "email": "bob@example.com", "first_name": "Bob"},
    {"customer_id": "carl", "first_name": "Carl", "consent": {"email": "given"}},
    {"customer_id": "dora", "email": "dora@example.com", "first_name": "Dora", "consent": {"email": "given"}},
    {"customer_id": "nameless", "email": "n@example.com", "consent": {"email": "given"}},
]  # fmt: skip
TODAY = "one_off_welcome_hello_20261120"


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A small shop with a segment of four, two of whom can be written to; it is noon, nobody has quiet
    hours."""
    small_shop.write("journeys/segments/everybody.yaml", SEGMENT)
    small_shop.write("people.jsonl", "\n".join(map(json.dumps, PEOPLE)) + "\n")
    assert small_shop.run("deploy").code == 0
    assert small_shop.run("import", str(small_shop.folder / "people.jsonl")).code == 0
    small_shop.play()
    return small_shop


def send(shop: Shop, *words: str) -> Answer:
    return shop.run("send", "welcome_hello", "--to", "everybody", *words)


def sent(shop: Shop) -> list[tuple[str, str]]:
    """(customer, state) of every message."""
    store = shop.store()
    try:
        with store.read() as conn:
            found = conn.exec_driver_sql(
                "SELECT customer, state FROM outbox ORDER BY customer, number"
            ).fetchall()
    finally:
        store.close()
    return [(customer, state) for customer, state in found]


def run_of(shop: Shop, customer: str) -> list[Enrollment]:
    store = shop.store()
    try:
        with store.read() as conn:
            return enrollments.of_customer(conn, 0, customer)
    finally:
        store.close()


def test_without_yes_it_shows_the_plan_and_sends_nothing(shop: Shop, golden: Golden) -> None:
    answer = send(shop)
    assert answer.code == 0
    golden("golden/send_plan.txt", answer.out + "--- on stderr ---\n" + answer.err)
    shop.play()
    assert sent(shop) == []
    plan = json.loads(send(shop, "--format", "json").out)
    assert plan["reach"] == {"email": {"reachable": 2, "no consent": 1, "no address": 1}}
    assert (plan["members"], plan["first"], plan["cost"]) == (4, {"email": 2}, "0.0008")


def test_with_yes_everybody_in_the_segment_gets_it_once(shop: Shop) -> None:
    assert f"{TODAY} begins: 4 customers" in send(shop, "--yes").out
    shop.play()
    shop.play()
    assert sent(shop) == [("anna", "accepted"), ("dora", "accepted")]
    found = kept_messages(shop.folder / "data" / "outbox")
    assert len(list(found)) == 2
    assert run_of(shop, "bob")[0].skipped == {"welcome_hello": "unreachable"}
    again = send(shop, "--yes")
    assert again.code == 2
    assert f"the same was sent today already ({TODAY})" in again.err
    shop.play()
    assert len(sent(shop)) == 2


def test_who_enters_the_segment_later_gets_nothing(shop: Shop) -> None:
    send(shop, "--yes")
    shop.play()
    shop.write(
        "late.jsonl", json.dumps({**PEOPLE[0], "customer_id": "late", "email": "late@example.com"}) + "\n"
    )
    assert shop.run("import", str(shop.folder / "late.jsonl"), "--live").code == 0
    shop.play()
    assert "late" not in dict(sent(shop))


def test_why_of_somebody_who_was_not_in_it_tells_what_it_was(shop: Shop) -> None:
    send(shop, "--yes")
    shop.play()
    shop.write(
        "late.jsonl", json.dumps({**PEOPLE[0], "customer_id": "late", "email": "late@example.com"}) + "\n"
    )
    assert shop.run("import", str(shop.folder / "late.jsonl"), "--live").code == 0
    shop.play()
    told = shop.run("why", "late", "welcome_hello").out
    assert f"{TODAY} was sent to those who were in its segment at that moment." in told
    assert "starts with ." not in told


def test_the_same_again_is_capped_like_any_message(shop: Shop) -> None:
    send(shop, "--yes")
    shop.play()
    assert f"{TODAY}_2 begins" in send(shop, "--yes", "--again").out
    shop.play()
    assert len(sent(shop)) == 2, "one a day, says the policy"
    assert [run.skipped for run in run_of(shop, "anna")] == [{}, {"welcome_hello": "capped"}]


def test_a_deployment_takes_it_along_until_nobody_is_inside(shop: Shop) -> None:
    send(shop, "--yes", "--at", "2026-11-21 10:00")
    shop.play()
    assert sent(shop) == []
    journey = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    shop.write("journeys/welcome.yaml", journey.replace("2 days", "4 days"))
    shop.play()  # the folder is published anew, and holds no such file
    status = json.loads(shop.run("status", "--format", "json").out)
    assert [(each["name"], each["inside"]) for each in status["guards"]["one_off"]] == [(TODAY, 4)]
    shop.go_to("2026-11-21T10:00:00+01:00")
    shop.play()
    assert sent(shop) == [("anna", "accepted"), ("dora", "accepted")]
    store = shop.store()
    try:
        over = store.write(lambda conn: one_offs.end_those_that_are_over(conn, shop.clock.now()))
    finally:
        store.close()
    assert over == [TODAY]
    shop.play()
    assert "One-off" not in shop.run("status").out


def test_a_pause_of_it_holds_it_and_a_stop_ends_it(shop: Shop) -> None:
    send(shop, "--yes", "--at", "2026-11-21 10:00")
    shop.play()
    assert shop.run("pause", TODAY).code == 0
    shop.go_to("2026-11-21T10:05:00+01:00")
    shop.play()
    assert sent(shop) == []
    assert shop.run("send", "--stop", "one_off_hello").code == 2
    assert shop.run("send", "--stop", TODAY).code == 0
    assert shop.run("resume", TODAY).code == 0
    shop.play()
    assert sent(shop) == []
    assert run_of(shop, "anna")[0].outcome == "stopped"


def test_the_plan_knows_quiet_hours_ceilings_and_who_is_listed(shop: Shop) -> None:
    config = (shop.folder / "config.yaml").read_text(encoding="utf-8")
    shop.write("config.yaml", config + "ceilings: {each journey: 1 a day}\n")
    assert shop.run("deploy").code == 0
    plan = send(shop, "--at", "2026-11-20 22:00").out
    assert re.search(r"= get a message +2 +2 of them when their quiet hours end", plan)
    assert re.search(r"ceiling +1 +1 wait for the next day", plan)
    shop.write("config.yaml", config + "deliver_only: [anna@example.com]\n")
    assert shop.run("deploy").code == 0
    plan = send(shop).out
    assert re.search(r"- not on deliver_only +1 ", plan)
    assert re.search(r"first by email +1\n", plan)
    taken_away = sum(map(int, re.findall(r"^  - .*?  +(\d+)", plan, re.MULTILINE)))
    firsts = sum(map(int, re.findall(r"^    first by .*?  +(\d+)", plan, re.MULTILINE)))
    members, messages = (
        int(re.search(rf"^  {head} +(\d+)", plan, re.MULTILINE)[1])  # type: ignore[index]
        for head in ("in the segment", "= get a message")
    )
    assert members - taken_away == messages == firsts


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("welcom_hello", "--to", "everybody"), 'did you mean "welcome_hello"?'),
        (("welcome_hello", "--to", "evrybody"), 'did you mean "everybody"?'),
        (("welcome_hello", "--to", "everybody", "--policy", "marketng"), 'did you mean "marketing"?'),
        (("welcome_hello", "--to", "everybody", "--via", "emial"), "emial"),
        (("welcome_hello", "--to", "everybody", "--at", "tomorrow"), '--at "2026-11-27 10:00"'),
        (("welcome_hello",), "TEMPLATE --to SEGMENT"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_begins(shop: Shop, words: tuple[str, ...], told: str) -> None:
    answer = shop.run("send", *words, "--yes")
    assert answer.code in (1, 2)
    assert told in answer.err
    assert sent(shop) == []
    assert "One-off" not in shop.run("status").out


def test_a_template_that_is_not_published_yet_is_told_apart_from_one_that_is_not_there(shop: Shop) -> None:
    shop.run("new", "template", "spring_news")
    answer = shop.run("send", "spring_news", "--to", "everybody")
    assert 'the template "spring_news" is not published yet' in answer.err
    assert "deploy" in answer.err


def test_its_journey_is_written_as_an_author_would() -> None:
    wish = one_off.OneOffRequest(
        "spring", "vip", "marketing", "order_placed", ("email", "sms"), "4 hours", "2026-11-27 10:00"
    )
    text = one_off.journey_of(wish, "one_off_spring_20261120")
    assert "    via: [email, sms]\n    next_after: 4 hours\n" in text
    assert "  - wait: until 2026-11-27 10:00\n" in text
    stopped = one_off.journey_of(wish, "one_off_spring_20261120", stopped=True)
    assert stopped.replace("\nstate: stopped\nstart:", "\nstart:") == text
    for source in (text, stopped):
        assert one_off.request_of(OneOff("one_off_spring_20261120", Instant(0), "", source)) == wish


SPRING = """---
subject: Spring{% if code.value %} {{ code.value }}{% endif %}
---
<mjml><mj-body><mj-section><mj-column><mj-text>Spring. {{ code.value or "" }}
{{ shop.name }}, {{ shop.address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a>
</mj-text></mj-column></mj-section></mj-body></mjml>
"""


def with_variants(shop: Shop, people: int) -> Shop:
    """A second template, a pool of codes, and so many more who can be written to."""
    shop.write("templates/spring_a.email.mjml", SPRING)
    shop.write("templates/spring_b.email.mjml", SPRING)
    config = (shop.folder / "config.yaml").read_text(encoding="utf-8")
    shop.write("config.yaml", f'{config}codes:\n  SPRING: {{kind: generated, pattern: "SPRING-????-????"}}\n')
    rows = [
        {"customer_id": f"p{number}", "email": f"p{number}@example.com", "first_name": "P",
         "consent": {"email": "given"}}
        for number in range(people)
    ]  # fmt: skip
    shop.write("more.jsonl", "\n".join(map(json.dumps, rows)) + "\n")
    assert shop.run("deploy").code == 0
    assert shop.run("import", str(shop.folder / "more.jsonl")).code == 0
    shop.play()
    return shop


def test_two_variants_a_code_and_a_holdout_share_the_people_as_the_plan_says(
    shop: Shop, golden: Golden
) -> None:
    with_variants(shop, 60)
    words = ["send", "spring_a", "--to", "everybody", "--against", "spring_b", "--share", "70",
             "--code", "SPRING", "--valid", "5d", "--holdout", "10"]  # fmt: skip
    golden("golden/send_variants.txt", shop.run(*words).out)
    plan = json.loads(shop.run(*words, "--format", "json").out)
    assert shop.run(*words, "--yes").code == 0
    assert "the same was sent today already" in shop.run(*words).err
    for _ in range(3):
        shop.play()
    messages = list(kept_messages(shop.folder / "data/outbox", 100))
    by_template = {
        name: sum(kept.message.template == name for kept in messages) for name in ("spring_a", "spring_b")
    }
    assert sum(by_template.values()) == plan["first"]["email"]
    assert plan["first"]["email"] == plan["members"] - plan["unreachable"] - plan["holdout"]
    assert by_template["spring_a"] > by_template["spring_b"] > 0
    assert plan["holdout"] > 0
    codes = {kept.message.subject for kept in messages}
    assert len(codes) == len(messages)  # everybody has one of their own
    assert all(re.fullmatch(r"Spring SPRING-\w{4}-\w{4}", subject) for subject in codes)


def test_what_a_one_off_send_was_asked_for_is_read_back_from_its_journey() -> None:
    for request in (
        one_off.OneOffRequest("a", "s", "marketing", "order_placed"),
        one_off.OneOffRequest("a", "s", "marketing", "order_placed", ("email", "sms"), "4 hours",
                              "2026-11-27 10:00", "SPRING", "7 days", "b", 70, 10),
        one_off.OneOffRequest("a", "s", "m", "g", ("email",), code="SPRING", valid="1 day"),
        one_off.OneOffRequest("a", "s", "m", "g", against="b"),
    ):  # fmt: skip
        text = one_off.journey_of(request, "one_off_a_20261127")
        assert one_off.request_of(OneOff("one_off_a_20261127", Instant(0), "", text)) == request


def test_names_of_a_one_off_send_that_nobody_knows_are_said_with_the_nearest(
    shop: Shop, golden: Golden
) -> None:
    with_variants(shop, 1)
    for name, words in (("code", ["--code", "SPRIN"]), ("against", ["--against", "spring_c"])):
        refused = shop.run("send", "spring_a", "--to", "everybody", *words)
        assert refused.code == 2
        golden(f"golden/send_unknown_{name}.txt", refused.err)


def test_who_is_on_a_break_is_told_in_the_plan(shop: Shop) -> None:
    shop.write(
        "pause.jsonl", json.dumps({"customer_id": "anna", "break_until": "2027-01-01T00:00:00Z"}) + "\n"
    )
    assert shop.run("import", str(shop.folder / "pause.jsonl")).code == 0
    shop.play()
    plan = json.loads(send(shop, "--format", "json").out)
    assert (plan["silent"], plan["first"]) == (1, {"email": 1})
