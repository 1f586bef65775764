"""What customers read differently, by template, channel and language."""

from __future__ import annotations

from engine.plan.message_diff import MessageKey, message_diffs


def test_a_text_that_changes_in_one_language_says_that_the_others_stay() -> None:
    before = {
        MessageKey("hello", "email", language): f"Hi {language}" for language in ("bg", "de", "en", "fr")
    }
    now = before | {MessageKey("hello", "email", "en"): "Hey", MessageKey("hello", "email", "fr"): "Salut"}
    del before[MessageKey("hello", "email", "bg")]
    (subject,) = message_diffs(before, now, {})
    stays = (
        "whoever has not got it yet gets the new one; de reads as before: look whether all still say the same"
    )
    assert [(change.words, change.rule) for change in subject.changes] == [
        ("email bg is written", "whoever has not got it yet gets the new one"),
        ("email en: Hi en", stays),
        ("email en: Hey", stays),
        ("email fr: Hi fr", stays),
        ("email fr: Salut", stays),
    ]
