"""`send` - a message, on one channel or as a cascade."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.nodes import Sequence, part
from engine.language.quantities import parse_length
from engine.language.spelling import spell_length
from engine.language.steps.kinds import StepKind, StoryForm, step_keys
from engine.language.steps.with_values import ChosenValue, parse_with
from engine.language.syntax import Length, Pair, Step, Text
from engine.language.wording import quoted
from engine.problem import Problem, nearest


@dataclass(frozen=True, slots=True)
class Send(Step):
    """`send: template`."""

    hashed: ClassVar[str] = (
        "Send - id was template via is_cascade next_after until policy if_capped values auto? likely? chosen?"
    )
    verb: ClassVar[str] = "send"
    template: Text
    via: tuple[Text, ...]  # with `likely`: the channels that it names, or none for all of the template
    is_cascade: bool
    next_after: Length | None  # with `auto`: what stands behind `else`
    until: Text | None  # clicked, opened or an event
    policy: Text | None
    if_capped: Text | None
    values: tuple[Pair, ...]  # `with`
    auto: Text | None = None  # the words of `next_after: auto`
    likely: Text | None = None  # the words of `via: cheapest likely`
    chosen: tuple[ChosenValue, ...] = ()  # values of `with` that are chosen by a value of the customer

    def words(self) -> str:
        """`send cart_reminder via push, email`."""
        named = self.likely.value if self.likely else ", ".join(channel.value for channel in self.via)
        return f"send {self.template.value}" + (f" via {named}" if named else "")

    @property
    def resting_id(self) -> Text:
        """The id, else the template."""
        return self.id or self.template


SKIPPED = (
    "capped", "unreachable", "too late", "no code", "silenced", "on a break", "dearer", "sold out",
    "restocked",
)  # fmt: skip
"""Why a story may say that a message was skipped."""
_OTHERS = ", ".join(f"({reason})" for reason in SKIPPED[1:])

_WAIT_BEFORE = "put a step in front of it:  - wait: until 10:00"

CONSTRUCT = step_keys(
    "send",
    (
        Key("send", "template", "the template: a file in templates/", needed=True, example="welcome_hello"),
        Key("via", "via",
        "one channel; a list: one after the other until there is a reaction; or  cheapest likely",
            example="[push, email]"),
        Key("next_after", "next_after",
        "how long to wait for a reaction before the next channel; auto: as it was learned",
            example="4 hours"),
        Key("until", "reaction", "the reaction: clicked (default), opened or an event", example="clicked"),
        Key("policy", "policy", "another policy for this one message", example="service"),
        Key("if_capped", "choice", "skip, or wait for a free place", choices=("skip", "wait")),
        Key("with", "values", "extra values for the template; one may be chosen by a value of the customer",
            example="{reason: lapsed}"),
    ),
    "Sends a message.",
    (
        ("channel", "via"), ("channels", "via"), ("by", "via"), ("template", "send"), ("data", "with"),
        ("params", "with"), ("variables", "with"), ("after", "next_after"), ("timeout", "next_after"),
        ("at", _WAIT_BEFORE), ("delay", _WAIT_BEFORE), ("time", _WAIT_BEFORE),
        ("if", "put the message under  then:  of a step  - if: ..."),
    ),
)  # fmt: skip


def parse_send(reader: MapReader) -> Send | None:
    """A `send` step; a list of several channels needs `next_after`."""
    template = reader.text("send")
    via, likely = parse_via(reader)
    # `cheapest likely` alone takes all channels of the template, which may be several
    is_cascade = len(via) > 1 or (likely is not None and not via)
    if is_cascade and "next_after" not in reader:
        reader.context.report(
            reader.at_key("via"),
            "E34",
            "a cascade needs  next_after",
            "otherwise nobody knows how long to wait for a reaction before the next channel",
            "write  next_after: 4 hours" + ("  or  next_after: auto" if likely else ""),
        )
    for key in ("next_after", "until"):
        # without a `via` that could be read nobody knows whether it is a cascade
        if key in reader and not is_cascade and (via or "via" not in reader) and reader.is_right:
            reader.apart(
                key,
                "there is no next channel to wait for",
                "remove the line, or list the channels in their order under  via:",
            )
    next_after, auto = parse_next_after(reader)
    step_id, was = reader.name("id"), reader.name("was")
    # everything is read before the step may be given up, so that all its mistakes are told at once
    rest = (next_after, reader.text("until"), reader.text("policy"), reader.choice("if_capped"))
    values, chosen = parse_with(reader)
    if template is None:
        return None
    return Send(reader.at, step_id, was, template, via, is_cascade, *rest, values, auto, likely, chosen)


# --- next_after: a length of time, or one that is learned ---------------------------------------

AUTO = "auto"
"""The interval follows from how fast people have reacted to this template on this channel."""

_AUTO_ELSE = re.compile(r"auto, else +(.+)")
_OTHER_AUTO = frozenset(("automatic", "automatically", "learned", "learnt", "smart", "dynamic", "optimal"))


def parse_next_after(reader: MapReader) -> tuple[Length | None, Text | None]:
    """The length, and the word `auto` where it stands: then the length is the one behind `else`."""
    text = reader.text("next_after")
    if text is None:
        return None, None
    if text.value == AUTO:
        return None, text
    match = _AUTO_ELSE.fullmatch(text.value)
    if match:
        length = parse_length(part(text, match.start(1), len(match[1])))
        return reader.context.keep(length), text
    # by its first word: what stands behind it is the length in any case
    first = re.split(r"[ ,]", text.value, maxsplit=1)[0].casefold()
    if first in _OTHER_AUTO or nearest(first, (AUTO,)):
        lengths = re.search(r"\d+ +(?:minute|hour|day|week)s?$", text.value)
        meant = f"auto, else {lengths[0]}" if lengths else AUTO
        reader.context.problems.append(
            Problem(
                text.span,
                "E30",
                f"{quoted(text.value)} is not a length of time",
                "it is a length, or  auto: learned from how fast people react; behind  else  stands what "
                "counts until then",
                f"write  {meant}" if lengths else f'did you mean "{meant}"?',
            )
        )
        return None, text
    return reader.context.keep(parse_length(reader.context.spell(text, spell_length))), None


# --- via: one channel, a cascade in the order of the list, or the order that is likely to cost least ---

LIKELY = "cheapest likely"
"""The channels in the order of price per expected reaction of this customer."""

_OTHER_LIKELY = frozenset((
    "cheapest", "cheapest_likely", "cheapest-likely", "cheapest_first", "cheapest first", "likely",
    "likely cheapest",
    "most likely", "likeliest", "best channel", "auto",
))  # fmt: skip
_WHY_VIA = (
    "it is one channel, a list in the order of the cascade, or the order that is likely to cost "
    "least for this customer"
)


def parse_via(reader: MapReader) -> tuple[tuple[Text, ...], Text | None]:
    """The channels as written, and the words `cheapest likely` where they stand."""
    node = reader.node("via")
    words = reader.texts("via")
    if isinstance(node, Sequence):
        wrong = next((word for word in words if _begins_likely(word)), None)
        if wrong is None:
            return words, None
        others = ", ".join(word.value for word in words if word is not wrong)
        reader.context.report(
            wrong.span,
            "E17",
            f"{quoted(wrong.value)} cannot stand in a list of channels",
            "it orders the whole list",
            f"write  via: {LIKELY} of {others}" if others else f"write  via: {LIKELY}",
        )
        return (), wrong
    # nothing, or names with commas between them: a cascade in the order in which they are written
    if len(words) != 1:
        return words, None
    (text,) = words
    if _begins_likely(text):
        return _named(reader, text), text
    if text.value.casefold() in _OTHER_LIKELY or (" " in text.value and nearest(text.value, (LIKELY,))):
        reader.context.report(
            text.span,
            "E24",
            f"{quoted(text.value)} does not say which channels",
            _WHY_VIA,
            f'did you mean "{LIKELY}"?',
        )
        return (), text
    return words, None


def _begins_likely(word: Text) -> bool:
    return word.value == LIKELY or word.value.startswith(f"{LIKELY} ")


def _named(reader: MapReader, text: Text) -> tuple[Text, ...]:
    """The channels behind `of`, each with its place."""
    rest = text.value[len(LIKELY) :]
    if not rest.strip():
        return ()
    listed = rest.removeprefix(" of ")
    start = len(text.value) - len(listed)
    channels: list[Text] = []
    for piece in listed.split(","):
        name = piece.strip()
        if listed == rest or not name or " " in name:
            reader.context.report(
                part(text, len(LIKELY) + 1, len(rest) - 1).span,
                "E24",
                f"{quoted(rest.strip())} does not say which channels",
                "behind the words stands nothing, or  of  and channels with commas between them",
                f"write  via: {LIKELY}  or  via: {LIKELY} of push, email",
            )
            return ()
        # each with its own place in the file, for the mistakes that are found in it later
        channels.append(part(text, start + len(piece) - len(piece.lstrip()), len(name)))
        start += len(piece) + 1
    return tuple(channels)


# --- the kind -----------------------------------------------------------------------------------


def _send_meant(name: str, words: str) -> str:
    channel = re.search(r"\b(email|sms|push|whatsapp|telegram|webpush)\b", words)
    return f"send {name} via {channel[0] if channel else 'email'}"


KINDS = (
    StepKind(
        1, CONSTRUCT, Send, parse_send, "send: welcome_hello",
        other_verbs=("message", "email", "sms", "push", "notify", "mail"),
        story=(
            StoryForm(
                "send", "message", "send {subject} via {detail}", r"send \S+ via \S+", "send x via email",
                meant=_send_meant,
            ),
            StoryForm(
                "skip", "message", "skip {subject} ({detail})",
                rf"skip \S+(?: \((?:{'|'.join(SKIPPED)})\))?", "skip x (capped)",
                meant=lambda name, _: f"skip {name} ({SKIPPED[0]})  or {_OTHERS}",
            ),
        ),
        rules={
            "if": {
                "required": ["via"],
                "properties": {
                    "via": {
                        "if": {"type": "array"},
                        "then": {"minItems": 2},
                        "else": {"type": "string", "pattern": f"^{LIKELY}( of .*,.*)?$"},
                    }
                },
            },
            "then": {"required": ["next_after"]},
            "else": {"properties": {"next_after": False, "until": False}},
        },
    ),
)  # fmt: skip
