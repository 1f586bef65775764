"""Lines of `expect:` about the ledger of points: what was earned, taken back, spent and ended, and tiers. A
story of a journey lists them if it wants to, one in config.yaml lists all of them."""

from __future__ import annotations

from engine.language.steps.kinds import StoryForm


def _points(verb: str, words: str) -> StoryForm:
    return StoryForm(
        verb, "side effect", f"{words} {{detail}} points", rf"{words} \d{{1,9}} points", f"{words} N points",
        meant=lambda word, _: f"{words} {word if word.isdigit() else 100} points", in_short=False,
    )  # fmt: skip


def _tier(verb: str) -> StoryForm:
    return StoryForm(
        verb, "side effect", f"{verb} {{detail}}", rf"{verb} \w+", f"{verb} TIER",
        meant=lambda word, _: f"{verb} {word}", in_short=False,
    )  # fmt: skip


LEDGER_FORMS = (
    _points("earn", "earn"), _points("take", "take back"), _points("spend", "spend"),
    _points("expire", "expire"), _tier("reach"), _tier("leave"),
)  # fmt: skip
LEDGER_WORDS = {
    "earned": "earn", "opening": "earn", "taken back": "take back", "spent": "spend", "expired": "expire",
}  # fmt: skip
"""How a line begins, by the kind of the entry; what a step gives has its own line."""
