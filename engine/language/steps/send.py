"""`send` - a message, on one channel or as a cascade."""

from __future__ import annotations

from engine.language.grammar import Key
from engine.language.map_reader import MapReader
from engine.language.phrases.next_after import parse_next_after
from engine.language.phrases.via import parse_via
from engine.language.steps.kinds import StepKind, step_keys
from engine.language.syntax import Send

_WAIT_BEFORE = "put a step in front of it:  - wait: until 10:00"

CONSTRUCT = step_keys(
    "send",
    (
        Key("send", "template", "the template: a file in templates/", needed=True, example="welcome_hello"),
        Key("via", "via", "one channel; a list: one after the other until there is a reaction; or  cheapest likely",
            example="[push, email]"),
        Key("next_after", "next_after", "how long to wait for a reaction before the next channel; auto: as it was learned",
            example="4 hours"),
        Key("until", "reaction", "the reaction: clicked (default), opened or an event", example="clicked"),
        Key("policy", "policy", "another policy for this one message", example="service"),
        Key("if_capped", "choice", "skip, or wait for a free place", choices=("skip", "wait")),
        Key("with", "map", "extra values for the template", example="{reason: lapsed}"),
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
        if key in reader and not is_cascade and (via or "via" not in reader):
            reader.apart(
                key, "there is no next channel to wait for", "write  via: [push, email]  or remove the line"
            )
    next_after, auto = parse_next_after(reader)
    step_id, was = reader.name("id"), reader.name("was")
    rest = (next_after, reader.text("until"), reader.text("policy"), reader.choice("if_capped"))
    values = reader.pairs("with")
    if template is None:
        return None
    return Send(reader.at, step_id, was, template, via, is_cascade, *rest, values, auto, likely)


KIND = StepKind(CONSTRUCT, parse_send)
