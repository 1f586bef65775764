"""Names that look like a special key: `not_inside: welcome`, `in_segment: vip`, `sms_consent: yes` are
questions that the language has words for, and no attributes that a schema lacks."""

from __future__ import annotations

import re

from engine.channel_kinds import KINDS
from engine.compiler.literals import NO, YES
from engine.compiler.project_context import ProjectContext
from engine.language import syntax

_KEYS = {
    "inside": ("inside", "in_journey", "inside_journey", "journey", "is_inside", "is_in_journey"),
    "segment": ("segment", "segments", "in_segment", "in", "member_of", "is_in_segment", "in_segments"),
}
_KEY_OF = {word: key for key, words in _KEYS.items() for word in words}
_NOT = re.compile(r"(?:not|no|isnt|is_not|never)_")
_GIVEN = frozenset((*YES, "given", "granted", "opted_in", "subscribed", "on", "1", "confirmed"))
_DENIED = frozenset((*NO, "withdrawn", "denied", "refused", "unsubscribed", "opted_out", "none", "off", "0"))
_CONSENTS = frozenset(
    ("consent", "consents", "opted_in", "opt_in", "optin", "unsubscribed", "opted_out", "marketing",
     "marketing_consent", "newsletter", "accepts_marketing", "reachable", "subscriber", "permission")
)  # fmt: skip
_CHANNEL_WORDS = re.compile(
    r"(?:(?:consent|can|can_be|has|reachable_by|accepts|opted_in)[._](?:by_)?)?(?P<channel>\w+?)"
    r"(?:_(?:consent|opt_?in|opted_in|permission|allowed|marketing|subscribed|reachable))?"
)


_DONE = ("event", "happened", "has_done", "done", "did_event", "events", "has")


def special_meant(name: str, form: syntax.Form, project: ProjectContext, happened: str = "ever") -> str:
    """The fix for an attribute that does not exist, where its name and value ask what a special key asks;
    "" where they do not. `happened`: the form of `did` for an event that is named alone."""
    word = re.sub(r"[\s-]+", "_", name.strip().casefold()).replace("'", "")
    plain = _NOT.sub("", word, count=1)
    inner, negated = (form.form, True) if isinstance(form, syntax.Negated) else (form, False)
    values = tuple(value.value for value in inner.values) if isinstance(inner, syntax.Equals) else ()
    if (key := _KEY_OF.get(plain)) and values:
        listed = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
        return f"write  {key}: {'not ' if negated != (plain != word) else ''}{listed}"
    if plain in _DONE and len(values) == 1 and project.catalogue.event_fields(values[0]) is not None:
        return f"write  did: {{{values[0]}: {'never' if negated != (plain != word) else happened}}}"
    channels = project.config.channels
    known = {*channels, *KINDS}
    if plain in _CONSENTS:
        channel = values[0] if len(values) == 1 and values[0] in known else ""
        if channel:
            is_denied = negated ^ (plain != word) ^ (plain in ("unsubscribed", "opted_out"))
            return f"write  can: {'not ' if is_denied else ''}{channel}"
        first = next(iter(channels), "email")
        return f"ask  can: {first}  (or another channel) for consent and address together"
    match = _CHANNEL_WORDS.fullmatch(plain)
    if match is None or match["channel"] not in known:
        return ""
    said = _yes_or_no(inner, values)
    if said is None:
        return f"ask  can: {match['channel']}  for consent and address together"
    is_denied = (said is False) ^ negated ^ (plain != word)
    return f"write  can: {'not ' if is_denied else ''}{match['channel']}"


def _yes_or_no(form: syntax.Form, values: tuple[str, ...]) -> bool | None:
    if isinstance(form, syntax.IsSet):
        return True
    if len(values) != 1:
        return None
    word = values[0].casefold().replace(" ", "_")
    return True if word in _GIVEN else False if word in _DENIED else None
