"""`diff` in a git repository: what the files here do differently from an earlier version."""

from __future__ import annotations

import json

import pytest

from tests.cli.authoring.test_renames import git
from tests.cli.conftest import Shop, report
from tests.conftest import Golden


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A project whose files are committed on main."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", ".")
    git(small_shop.folder, "commit", "-m", "first")
    return small_shop


def replace(shop: Shop, file: str, old: str, new: str) -> None:
    text = (shop.folder / file).read_text(encoding="utf-8")
    assert old in text, f"{file}: {old}"
    shop.write(file, text.replace(old, new, 1))


def without_commits(text: str) -> str:
    import re

    return re.sub(r"\b[0-9a-f]{12}([0-9a-f]{28})?\b", "COMMIT", text)


def test_a_change_of_every_part_is_told_for_people(shop: Shop, golden: Golden) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 3 days")
    replace(shop, "config.yaml", "quiet: 21:00-09:00", "quiet: 22:00-08:00")
    replace(shop, "schemas/customer.yaml", "count of order_placed", "count of order_delivered")
    replace(shop, "templates/welcome_hello.email.mjml", "Hello", "Good morning")
    shop.write(
        "journeys/segments/buyers.yaml",
        "segment: buyers\nabout: All who bought.\nwho: {orders_count: at least 1}\n",
    )
    golden("golden/diff.txt", without_commits(report(shop.run("diff"))))
    golden("golden/diff.json.txt", without_commits(report(shop.run("diff", "--format", "json"))))


def test_nothing_is_told_where_only_the_layout_changes(shop: Shop) -> None:
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    shop.write("journeys/welcome.yaml", f"# to be read by everybody\n\n{text}\n")
    config = (shop.folder / "config.yaml").read_text(encoding="utf-8")
    shop.write("config.yaml", config.replace("\n", "\n# noise\n", 1))
    said = shop.run("diff")
    assert said.code == 0
    assert without_commits(said.out) == "nothing changes against COMMIT\n"


def test_a_branch_is_compared_with_where_it_left_the_main_one(shop: Shop) -> None:
    git(shop.folder, "checkout", "-b", "shorter")
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    git(shop.folder, "commit", "-am", "shorter")
    git(shop.folder, "checkout", "main")
    shop.write(
        "journeys/segments/buyers.yaml",
        "segment: buyers\nabout: All who bought.\nwho: {orders_count: at least 1}\n",
    )
    git(shop.folder, "add", ".")
    git(shop.folder, "commit", "-m", "meanwhile")
    git(shop.folder, "checkout", "shorter")
    for words in ((), ("main",)):
        told = json.loads(shop.run("diff", *words, "--format", "json").out)
        assert [(subject["kind"], subject["name"]) for subject in told["subjects"]] == [
            ("journey", "welcome")
        ]


def test_a_file_that_cannot_be_read_hides_nothing_of_the_others(shop: Shop) -> None:
    shop.write("journeys/broken.yaml", "journey: broken\n\tsteps:\n")
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 3 days")
    said = shop.run("diff")
    assert "length 2 days -> 3 days" in said.out
    assert "journeys/broken.yaml cannot be compared" in said.err


@pytest.mark.parametrize("revision", ["nonsense", "--help=x", "-x", "main:config.yaml"])
def test_a_revision_that_git_does_not_know_is_the_callers_mistake(shop: Shop, revision: str) -> None:
    said = shop.run("diff", "--", revision)
    assert (said.code, "git knows no" in said.err) == (2, True), report(said)


def test_outside_of_git_it_says_what_is_missing(small_shop: Shop) -> None:
    said = small_shop.run("diff")
    assert (said.code, "not under git" in said.err) == (2, True), report(said)


def test_a_message_that_promises_another_percentage_than_its_code_is_pointed_at(shop: Shop) -> None:
    replace(
        shop,
        "config.yaml",
        "policies:",
        "codes:\n  HELLO10: {kind: shared, code: HELLO, text: 10 %}\npolicies:",
    )
    replace(
        shop, "journeys/welcome.yaml", "  - send: welcome_hello\n",
        "  - code: HELLO10\n    valid: 7 days\n  - send: welcome_hello\n",
    )  # fmt: skip
    replace(shop, "templates/welcome_hello.email.mjml", "Hello", "20 % with {{ code.value }} for you: Hello")
    said = shop.run("diff")
    assert "check warns of what it did not before" in said.out
    assert 'welcome_hello.email.mjml:9  W37  "welcome_hello" says 20 % beside a code' in said.out
    told = json.loads(shop.run("diff", "--format", "json").out)
    assert "W37" in {warning["code"] for warning in told["warnings"]}


CODES = """codes:
  HELLO10: {kind: shared, code: HELLO, text: 10%}
  HELLO15: {kind: shared, code: HI, text: 15%}
"""


def with_code(shop: Shop) -> None:
    """Its first message tells what the code before it is worth."""
    replace(shop, "config.yaml", "policies:", f"{CODES}policies:")
    replace(
        shop, "journeys/welcome.yaml", "  - send: welcome_hello\n",
        "  - code: HELLO10\n    valid: 7 days\n  - send: welcome_hello\n",
    )  # fmt: skip
    replace(shop, "templates/welcome_hello.email.mjml", "Hello", "{{ code.text }} for you: Hello")
    git(shop.folder, "commit", "-a", "-m", "a code")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("config.yaml", "text: 10%", "text: 20%"),
        ("journeys/welcome.yaml", "code: HELLO10", "code: HELLO15"),
    ],
)
def test_a_message_reads_differently_by_what_a_setting_or_a_journey_puts_into_it(
    shop: Shop, file: str, old: str, new: str
) -> None:
    with_code(shop)
    replace(shop, file, old, new)
    worth = "20%" if "20%" in new else "15%"
    out = shop.run("diff").out
    assert "message welcome_hello: changes messages" in out
    assert "  - email en: 10% for you: Hello" in out
    assert f"  + email en: {worth} for you: Hello" in out


def test_a_code_that_is_chosen_by_a_fact_that_is_gone_ends_no_comparison(shop: Shop) -> None:
    with_code(shop)
    lines = "less than 60 EUR: {pool: HELLO10, valid: 3 days}, else: {pool: HELLO15, valid: 3 days}"
    replace(
        shop, "config.yaml", "policies:", f"  HELLO: {{choose: total_spent, into: {{{lines}}}}}\npolicies:"
    )
    replace(shop, "journeys/welcome.yaml", "code: HELLO10\n    valid: 7 days", "code: HELLO")
    git(shop.folder, "commit", "-a", "-m", "chosen")
    replace(shop, "schemas/customer.yaml", "  total_spent: sum of order_placed.total\n", "")
    said = shop.run("diff")
    assert said.code == 0, said.err
    assert "facts.total_spent" in said.out


def test_what_a_setting_changes_in_every_message_is_told_once(shop: Shop) -> None:
    mail = (shop.folder / "templates/welcome_hello.email.mjml").read_text(encoding="utf-8")
    for name in ("news.email", "news.email.de", *(f"note_{number:02}.email" for number in range(14))):
        shop.write(f"templates/{name}.mjml", mail)
    git(shop.folder, "add", ".")
    git(shop.folder, "commit", "-m", "more messages")
    replace(shop, "config.yaml", "hello@shop.example", "hi@shop.example")
    said = shop.run("diff", "HEAD").out
    assert said.count("hi@shop.example") == 3, "the setting, messages in one language, messages in two"
    assert "message news: changes messages\n  - email de, en: My Shop <hello@" in said
    twelve = ", ".join(f"note_{number:02}" for number in range(12))
    assert f"message {twelve} and 3 more: changes messages\n  - email en: My Shop <hello@" in said
    told = json.loads(shop.run("diff", "HEAD", "--format", "json").out)["subjects"]
    assert [each["name"] for each in told if each["kind"] == "message"][-1] == "welcome_hello"
    assert len(told) == 17, "programs hear of each by itself"
    comment = shop.run("review").out
    before, _, folds = comment.partition("<details>")
    assert "**message note_00, note_01, note_02 and 12 more** (messages)\n\n- `-` email en: " in before
    assert "note_13, welcome_hello** (messages)" in folds, "all names stand in the fold"


def test_a_setting_that_no_message_shows_changes_none(shop: Shop) -> None:
    with_code(shop)
    replace(shop, "config.yaml", "quiet: 21:00-09:00", "quiet: 22:00-08:00")
    assert "message " not in shop.run("diff").out


def test_settings_that_cannot_be_read_are_no_change_of_messages(shop: Shop) -> None:
    with_code(shop)
    replace(shop, "config.yaml", "text: 10%", "text: 20%, cod: HELLO")
    assert "message " not in shop.run("diff").out


def test_a_journey_that_is_gone_takes_nothing_out_of_the_words_of_its_messages(shop: Shop) -> None:
    with_code(shop)
    (shop.folder / "journeys/welcome.yaml").unlink()
    assert "message " not in shop.run("diff").out
