"""One entry of `policies:` in config.yaml: consent, quiet hours, caps, lateness."""

from __future__ import annotations

import datetime as dt
import re
from typing import Literal

from engine.config.nodes import Reader
from engine.core.policy import Cap, Policy, Quiet
from engine.language.duration import parse_clock, parse_length
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.places import part
from engine.language.wording import quoted
from engine.problem import did_you_mean
from engine.values import Duration

PARTS = ("consent", "quiet", "caps", "if_capped", "too_late")
LONGEST_WAIT = Duration(days=3)
"""A message is held back for a cap at most this long (design/language 2.13)."""

_CAP = re.compile(r"(\d{1,4}) (?:an?|per) (day|week|month)", re.ASCII)
_QUIET = re.compile(r"(\S+?) *(?:-|–) *(\S+)")
_WAIT = re.compile(r"wait(?: up to (.+))?")


def read_policy(entry: Entry, channels: tuple[str, ...], reader: Reader) -> Policy:
    """A policy; a key that is left out or wrong has the default of design/language 2.13."""
    name = entry.key.text
    parts = reader.parts(entry.value, PARTS, f"the policy {name}")
    start = Policy(name)
    consent = reader.text(parts, "consent")
    if_capped, wait_up_to = _if_capped(parts, reader, start)
    late = reader.text(parts, "too_late")
    length = reader.kept(parse_length(late.whole())) if late else None
    return Policy(
        name,
        consent=start.consent if consent is None else None if consent.text == "none" else consent.text,
        quiet=_quiet(parts, reader),
        caps=_caps(parts, channels, reader),
        if_capped=if_capped,
        wait_up_to=wait_up_to,
        too_late=length.duration if length else start.too_late,
    )


def _quiet(parts: dict[str, Entry], reader: Reader) -> Quiet | None:
    found = reader.text(parts, "quiet")
    if found is None or found.text == "none":
        return None
    hours = _QUIET.fullmatch(found.text)
    if hours is None:
        reader.refuse(
            found.span,
            f"{quoted(found.text)} are no quiet hours",
            "they go from one time of the day to another",
            f"write  quiet: {_hours_meant(found.text)}  or  quiet: none",
        )
        return None
    times: list[dt.time] = []
    for group in (1, 2):
        clock = reader.kept(parse_clock(part(found.whole(), hours.start(group), len(hours[group]))))
        if clock is None:
            return None
        times.append(clock.time)
    if times[0] == times[1]:
        reader.refuse(
            found.span,
            f"{quoted(found.text)} is no time at all",
            "the quiet hours end when they begin",
            "write  quiet: 21:00-09:00  or  quiet: none",
        )
        return None
    return Quiet(times[0], times[1])


def _hours_meant(written: str) -> str:
    times = re.findall(r"\b(?:[01]?\d|2[0-3]):[0-5]\d\b", written, re.ASCII)
    return f"{times[0]}-{times[1]}" if len(times) == 2 else "21:00-09:00"


def _caps(parts: dict[str, Entry], channels: tuple[str, ...], reader: Reader) -> tuple[Cap, ...]:
    entry = parts.get("caps")
    if entry is None or (isinstance(entry.value, Scalar) and entry.value.text == "none"):
        return ()
    items: tuple[Node, ...] = entry.value.items if isinstance(entry.value, Sequence) else (entry.value,)
    found: list[Cap] = []
    for item in items:
        found.extend(_cap(item, channels, reader))
    return tuple(found)


def _cap(node: Node, channels: tuple[str, ...], reader: Reader) -> list[Cap]:
    if isinstance(node, Mapping):
        caps: list[Cap] = []
        for entry in node.entries:
            channel = entry.key.text
            if channel not in channels:
                reader.refuse(
                    entry.key.span,
                    f"there is no channel called {quoted(channel)}",
                    "channels stand in config.yaml",
                    did_you_mean(channel, channels, f"use one of: {', '.join(channels)}"),
                    "E61",
                )
                continue
            if isinstance(entry.value, Scalar):
                caps.extend(_count(entry.value, channel, reader))
            else:
                _no_cap(entry.value, reader)
        return caps
    if isinstance(node, Scalar):
        return _count(node, None, reader)
    _no_cap(node, reader)
    return []


def _count(node: Scalar, channel: str | None, reader: Reader) -> list[Cap]:
    found = _CAP.fullmatch(node.text)
    if found is None:
        _no_cap(node, reader)
        return []
    match found[2]:
        case "day":
            return [Cap(int(found[1]), "day", channel)]
        case "week":
            return [Cap(int(found[1]), "week", channel)]
        case _:
            return [Cap(int(found[1]), "month", channel)]


def _no_cap(node: Node, reader: Reader) -> None:
    shown = quoted(node.text) if isinstance(node, Scalar) else "this"
    reader.refuse(
        node.span,
        f"{shown} is not a cap",
        "a cap says how many messages in a day, week or month",
        "write  [1 a day, 4 a week, sms: 2 a month]  or  none",
    )


def _if_capped(
    parts: dict[str, Entry], reader: Reader, start: Policy
) -> tuple[Literal["skip", "wait"], Duration]:
    found = reader.text(parts, "if_capped")
    if found is None or found.text == "skip":
        return start.if_capped, start.wait_up_to
    wait = _WAIT.fullmatch(found.text)
    if wait is None:
        reader.refuse(
            found.span,
            f"{quoted(found.text)} is not one of its values",
            "it can be: skip, wait up to 3 days",
            did_you_mean(found.text, ("skip", "wait up to 3 days"), "write  skip"),
        )
        return start.if_capped, start.wait_up_to
    if wait[1] is None:
        return "wait", LONGEST_WAIT
    length = reader.kept(parse_length(part(found.whole(), wait.start(1), len(wait[1]))))
    if length and length.duration.roughly() > LONGEST_WAIT.roughly():
        reader.refuse(
            length.text.span,
            f"{quoted(length.text.value)} is too long to hold a message",
            "a message is held for a cap at most 3 days",
            "write  wait up to 3 days",
        )
        return "wait", LONGEST_WAIT
    return "wait", length.duration if length else LONGEST_WAIT
