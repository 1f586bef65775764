"""What customers read differently, by template, channel and language."""

from __future__ import annotations

from engine.plan.message_diff import Written, message_diffs


def test_a_text_that_changes_in_one_language_says_that_the_others_stay() -> None:
    before = {Written("hello", "email", language): f"Hi {language}" for language in ("bg", "de", "en", "fr")}
    now = before | {Written("hello", "email", "en"): "Hey", Written("hello", "email", "fr"): "Salut"}
    del before[Written("hello", "email", "bg")]
    (subject,) = message_diffs(before, now, {})
    stays = "whoever has not got it yet gets the new one; de reads as before"
    assert [(change.words, change.rule) for change in subject.changes] == [
        ("email bg is written", "whoever has not got it yet gets the new one"),
        ("email en: Hi en", stays),
        ("email en: Hey", stays),
        ("email fr: Hi fr", stays),
        ("email fr: Salut", stays),
    ]
