"""One entry of `policies:` in config.yaml: consent, quiet hours and days, caps, lateness."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Literal, cast

from engine.core.policy import Cap, Policy, Quiet
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence, part
from engine.language.quantities import parse_clock, parse_length
from engine.language.spelling import spell_cap
from engine.language.syntax import Text
from engine.language.weekdays import WEEKDAYS
from engine.language.wording import quoted
from engine.problem import did_you_mean
from engine.values import Duration

POLICY = Construct(
    "policy",
    "a policy",
    (
        Key("consent", "text", "the purpose that somebody must have agreed to, or none", example="marketing"),
        Key("quiet", "text", "hours in which nobody gets a message, or none", example="21:00-09:00"),
        Key(
            "weekdays",
            "weekdays",
            "the days on which a message may leave; on others it is held",
            example="workdays",
        ),
        Key("caps", "any", "how many messages at most", example="[1 a day, 4 a week]"),
        Key("if_capped", "text", "what becomes of a message over a cap", example="skip"),
        Key(
            "not_inside",
            "texts",
            "journeys: whoever is inside one of them gets nothing by this policy",
            example="[complaint]",
        ),
        Key("too_late", "length", "when a message is not worth sending any more", example="24 hours"),
    ),
    "When messages may be sent",
    other_words=(
        ("quiet_hours", "quiet"), ("quiet_time", "quiet"), ("hours", "quiet"), ("days", "weekdays"),
        ("send_days", "weekdays"), ("frequency", "caps"), ("frequency_cap", "caps"),
        ("frequency_caps", "caps"), ("limit", "caps"), ("limits", "caps"), ("cap", "caps"),
        ("max_per_day", "write it as  caps: [1 a day]  with your number"),
        ("max_per_week", "write it as  caps: [4 a week]  with your number"),
        ("purpose", "consent"), ("expires", "too_late"), ("silenced_by", "not_inside"),
    ),
)  # fmt: skip
LONGEST_WAIT = Duration(days=3)
"""A message is held back for a cap at most this long (design/language 2.13)."""

_CAP = TextPattern(
    "[0-9]{1,4} (a|an|per) (day|week|month)", "is not a cap",
    "a cap says how many messages in a day, week or month",
    "write  [1 a day, 4 a week, sms: 2 a month]  or  none",
)  # fmt: skip
_QUIET = re.compile(
    r"(?:from )?(\d\S*?(?: ?[ap]m)?) *(?:-|–|—|to|until|till) *(\S+(?: ?[ap]m)?)", re.IGNORECASE
)
_CAP_OF_ONE = re.compile(
    r"(?P<how>(?:.*\D)?\d{1,4}|once|twice) (?P<channel>[a-z_]+)(?: messages?)? (?P<rest>.+)", re.IGNORECASE
)
_WAIT = re.compile(r"wait(?: up to (.+))?")


def read_policy(context: ReadContext, entry: Entry, channels: tuple[str, ...]) -> Policy:
    """A policy; a key that is left out or wrong has its default. `channels`: their names in this file."""
    name = entry.key.text
    usual = Policy(name)
    reader = context.block(entry.value, POLICY, entry.key, f"the policy {name}")
    if reader is None:
        return usual
    consent = _read_consent(reader, channels)
    if_capped, wait_up_to = _read_if_capped(reader, usual)
    length = reader.length("too_late")
    caps = reader.node("caps")
    # One cap may stand without the brackets of a list; `none` is what a shop writes to be explicit about it.
    is_none = isinstance(caps, Scalar) and caps.text == "none"
    if isinstance(caps, Scalar) and "," in caps.text:
        caps = Sequence(tuple(Scalar(each.value, each.span, caps.plain) for each in _listed(caps)), caps.span)
    items = () if caps is None or is_none else caps.items if isinstance(caps, Sequence) else (caps,)
    days, quiet = reader.weekdays(), _read_hours(reader)
    if days and len(days) < len(WEEKDAYS):  # all seven say the same as none
        quiet = replace(quiet or _NO_HOURS, days=days)
    return Policy(
        name,
        # `none` is written out to send without consent; a key that is left out never means that.
        consent=usual.consent if consent is None else None if consent.value == "none" else consent.value,
        quiet=quiet,
        caps=tuple(cap for item in items for cap in _caps_of(reader.context, item, channels)),
        if_capped=if_capped,
        wait_up_to=wait_up_to,
        too_late=length.duration if length else usual.too_late,
        not_inside=tuple(name.value for name in reader.texts("not_inside")),
    )


_NO_HOURS = Quiet(dt.time.min, dt.time.min)


def _read_hours(reader: MapReader) -> Quiet | None:
    node = reader.node("quiet")
    if isinstance(node, Mapping | Sequence):
        reader.context.report(
            reader.at_key("quiet"),
            "E84",
            '"quiet" is one stretch of hours',
            "a policy has one; they are hours of the customer's own clock, in every country",
            "for other hours elsewhere make a second policy, and choose: country in the journey: "
            "docs/how_do_i.md#quiet-hours-by-country",
        )
        return None
    quiet = reader.text("quiet")
    if quiet is None or quiet.value == "none":
        return None
    hours = _QUIET.fullmatch(quiet.value)
    if hours is None:
        # The times are looked for in what was written, so that the cure repeats them and not an example.
        meant = re.findall(r"\b(?:[01]?\d|2[0-3]):[0-5]\d\b", quiet.value, re.ASCII)
        why, fix = "they go from one time of the day to another", "write  quiet: 21:00-09:00  or  quiet: none"
        if len(meant) == 2:
            fix = f"write  quiet: {meant[0]}-{meant[1]}  or  quiet: none"
        elif re.search(r"\d", quiet.value):
            fix = "write the time at which they begin, a  -  and the time at which they end"
        reader.context.wrong(quiet, "are no quiet hours", why, fix)
        return None
    times: list[dt.time] = []
    # Each half by its own place in the file: the problem points at the half that is wrong.
    for group in (1, 2):
        clock = reader.context.keep(parse_clock(part(quiet, hours.start(group), len(hours[group]))))
        if clock is None:
            return None
        times.append(clock.time)
    # Could be nothing or the whole day; neither is worth a guess with customers asleep.
    if times[0] == times[1]:
        why, fix = "the quiet hours end when they begin", "write  quiet: 21:00-09:00  or  quiet: none"
        reader.context.wrong(quiet, "is no time at all", why, fix)
        return None
    return Quiet(times[0], times[1])


_YES = ("yes", "true", "needed", "required", "given", "always", "on")
_NO = ("no", "false", "never", "not needed", "optional", "off")


def _read_consent(reader: MapReader, channels: tuple[str, ...]) -> Text | None:
    """The purpose; a purpose called `yes` is one that nobody has ever agreed to."""
    consent = reader.text("consent")
    if consent is None:
        return None
    word = consent.value.casefold()
    fix = "write  marketing" if word in _YES else "write  none" if word in _NO else ""
    if word in channels:
        fix = "use the name of a purpose, such as  marketing: it is asked on the channel of each message"
    if not fix:
        return consent
    reader.context.wrong(
        consent,
        "is no purpose that somebody agrees to",
        "it is the purpose for which consent is needed, or none: a message that nobody has to agree to",
        fix,
    )
    return None


def _listed(caps: Scalar) -> list[Text]:
    """`1 a day, 4 a week` without the brackets of a list."""
    whole, found = caps.whole(), []
    start = 0
    for piece in caps.text.split(","):
        begin = start + len(piece) - len(piece.lstrip())
        found.append(part(whole, begin, len(piece.strip())))
        start += len(piece) + 1
    return [each for each in found if each.value]


_PERIODS = {"day": "a day", "daily": "a day", "week": "a week", "weekly": "a week", "month": "a month"}


def _by_period(node: Mapping) -> list[str]:
    """The caps of `{day: 1, week: 4}`; empty where it is something else."""
    said = [(entry.key.text.casefold().removeprefix("per_"), entry.value) for entry in node.entries]
    return [
        f"{value.text} {_PERIODS[period]}"
        for period, value in said
        if period in _PERIODS and isinstance(value, Scalar) and value.text.isdigit()
    ]


def _caps_of(context: ReadContext, node: Node, channels: tuple[str, ...]) -> list[Cap]:
    """`1 a day`, or `{sms: 2 a month}`."""
    if not isinstance(node, Mapping):
        cap = _cap(context, node, None, channels)
        return [] if cap is None else [cap]
    caps: list[Cap] = []
    if (periods := _by_period(node)) and len(periods) == len(node.entries):
        what = "caps do not stand under the name of a time"
        why = "each is a number and  a day, a week, a month"
        context.report(node.entries[0].key.span, "E84", what, why, f"write  caps: [{', '.join(periods)}]")
        return []
    for entry in node.entries:
        channel = entry.key.text
        # A cap for a channel that is misspelt would cap nothing, without a word.
        if channel not in channels:
            context.report(
                entry.key.span,
                "E61",
                f"there is no channel called {quoted(channel)}",
                "channels stand in config.yaml",
                did_you_mean(channel, channels, f"use one of: {', '.join(channels)}"),
                topic="channel",
                subject=channel,
            )
            continue
        cap = _cap(context, entry.value, channel, channels)
        if cap is not None:
            caps.append(cap)
    return caps


_HOW_A_CAP = "write a number and  a day,  a week  or  a month  behind it"


def _cap(context: ReadContext, node: Node, channel: str | None, channels: tuple[str, ...]) -> Cap | None:
    text = context.text(node, "caps", "1 a day")
    text = text and context.spell(text, spell_cap)
    if text is None:
        return None
    if re.search(r"\d|once|twice", text.value) and not re.fullmatch(_CAP.pattern, text.value):
        # no example here: it would stand in place of the author's own numbers
        one = _CAP_OF_ONE.fullmatch(text.value)
        named = {one["channel"].casefold(), one["channel"].casefold().removesuffix("s")} if one else set()
        of = next((name for name in channels if name in named), "")
        cap = spell_cap(f"{one['how']} {one['rest']}") if one and of else ""
        fix = f"write  {of}: {cap}" if re.fullmatch(_CAP.pattern, cap) else _HOW_A_CAP
        context.wrong(text, _CAP.what, _CAP.why, fix)
        return None
    if not context.fits(text, _CAP):
        return None
    # The pattern has made sure of three words.
    count, _, unit = text.value.split(" ")
    return Cap(int(count), cast('Literal["day", "week", "month"]', unit), channel)


def _read_if_capped(reader: MapReader, usual: Policy) -> tuple[Literal["skip", "wait"], Duration]:
    words = reader.text("if_capped")
    if words is None or words.value == "skip":
        return usual.if_capped, usual.wait_up_to
    wait = _WAIT.fullmatch(words.value)
    if wait is None:
        reader.context.wrong(
            words,
            "is not one of its values",
            "it can be: skip, wait up to 3 days",
            did_you_mean(words.value, ("skip", "wait up to 3 days"), "write  skip"),
        )
        return usual.if_capped, usual.wait_up_to
    if wait[1] is None:
        # `wait` alone: as long as anybody may.
        return "wait", LONGEST_WAIT
    length = reader.context.keep(parse_length(part(words, wait.start(1), len(wait[1]))))
    if length and length.duration.roughly() > LONGEST_WAIT.roughly():
        reader.context.wrong(
            length.text,
            "is too long to hold a message",
            "a message is held for a cap at most 3 days",
            "write  wait up to 3 days",
        )
        return "wait", LONGEST_WAIT
    return "wait", length.duration if length else LONGEST_WAIT
