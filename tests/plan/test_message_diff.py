"""What customers read differently, by template, channel and language."""

from __future__ import annotations

from engine.plan.message_diff import MessageKey, message_diffs


def test_a_text_that_changes_in_one_language_and_channel_says_that_the_others_stay() -> None:
    push = MessageKey("hello", "push", "en")
    before = {
        MessageKey("hello", "email", language): f"Hi {language}" for language in ("bg", "de", "en", "fr")
    }
    now = before | {MessageKey("hello", "email", "en"): "Hey", MessageKey("hello", "email", "fr"): "Salut"}
    before[push] = now[push] = "Hi"
    del before[MessageKey("hello", "email", "bg")]
    (subject,) = message_diffs(before, now, {})
    stays = (
        "whoever has not got it yet gets the new one; "
        "unchanged: email de; push: look whether all still say the same"
    )
    assert [(change.words, change.rule) for change in subject.changes] == [
        ("email bg is written", "whoever has not got it yet gets the new one"),
        ("email en: Hi en", stays),
        ("email en: Hey", stays),
        ("email fr: Hi fr", stays),
        ("email fr: Salut", stays),
    ]
    assert subject.unchanged == ("email de", "push")


def test_what_several_messages_change_in_the_same_way_asks_nobody_to_look_at_their_other_channels() -> None:
    def texts(sender: str, words: str = "Hi") -> dict[MessageKey, str]:
        return {
            MessageKey(template, channel, "en"): f"from: {sender}\n{words}" if channel == "email" else "Hi"
            for template in ("hello", "thanks")
            for channel in ("email", "push")
        }

    subjects = [*message_diffs(texts("us"), texts("them"), {})]
    assert [subject.unchanged for subject in subjects] == [(), ()]
    assert {change.rule for subject in subjects for change in subject.changes} == {
        "whoever has not got it yet gets the new one"
    }
    key = MessageKey("hello", "email", "en")
    (alone,) = message_diffs(texts("us"), texts("us") | {key: "from: us\nHey"}, {})
    assert alone.unchanged == ("push",)
