"""The table of what a file may contain: every construct with its keys, and the kind of value of each.

Whoever reads a file refuses by this table (`map_reader`), and the schema for editors is generated from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text", "name", "choice", "length", "clock", "date", "share", "event", "events", "segment", "template",
    "policy", "pool", "webhook", "attribute", "day_or_attribute", "texts",
    "map", "values", "condition", "where", "steps", "paths",
    "shares", "starts", "again", "goal", "tests", "wait", "weekdays", "awaited", "day", "given", "when",
    "expect", "watchers", "reaction", "long_did_count", "via", "next_after", "wait_clock", "count", "secret",
    "block", "named", "free", "any", "holdout", "decide",
]  # fmt: skip
"""What stands behind a key. `block`: one map with the keys of `Key.of`; `named`: names of our own, each with
such a map or another value; `free`: the same under any names; `any`: read by code of its own. A `secret` is
only ever a reference."""


@dataclass(frozen=True, slots=True)
class TextPattern:
    """How a text must be written, `pattern` from its first to its last character, and what is told of one
    that is not: `what` follows the text, and {} in `fix` stands for it. `code`: "" for that of a wrong
    value."""

    pattern: str
    what: str
    why: str
    fix: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a construct. `example` is what to type; `why` says why it has no default, or a limit."""

    name: str
    kind: Kind
    about: str
    needed: bool = False
    choices: tuple[str, ...] = ()
    example: str = ""
    why: str = ""
    listed: bool = True  # named in the sentence "the parts are: ..."
    pattern: TextPattern | None = None  # of a text or of each text
    of: Construct | None = None  # what stands in a block, or under each name
    most: int = 65_535  # of a count
    shape: Mapping[str, object] | None = None  # what the editor is told, where the kind does not say it


@dataclass(frozen=True, slots=True)
class Construct:
    """A map with fixed keys: the journey, a kind of start, a step, a test."""

    name: str
    noun: str  # as it stands in a sentence
    keys: tuple[Key, ...]
    about: str = ""
    other_words: tuple[tuple[str, str], ...] = ()  # word of another tool -> our key, or a sentence
    stray: str = "remove it, or use one of the parts"  # the cure for a key that is nothing like ours
    blank: bool = False  # a text or map with nothing in it counts as not written, unless it is needed

    def key(self, name: str) -> Key:
        """The key with that name; whoever asks for another one has a mistake in the program."""
        return next(key for key in self.keys if key.name == name)

    @property
    def parts(self) -> str:
        """The keys in one sentence, in their order."""
        return ", ".join(key.name for key in self.keys if key.listed)


ID = Key("id", "name", "the name under which people who rest here are known", example="before_offer")
WAS = Key("was", "name", "the former id, for one release after renaming", example="old_id")

STATES = ("draft", "live", "closing", "paused", "stopped")
PRIORITIES = ("high", "normal", "low")

HOLDOUT = Construct(
    "holdout",
    "a holdout",
    (
        Key("share", "share", "share of customers who get nothing and are measured", needed=True,
            why="without a share nobody is held out", example="5%"),
        Key("decide", "decide", "when it is said what it shows, fixed beforehand",
            example="after 2,000 people each"),
    ),
    "Who gets nothing and is measured.",
    (("percent", "share"), ("size", "share"), ("when", "decide"), ("until", "decide")),
)  # fmt: skip

JOURNEY = Construct(
    "journey",
    "a journey",
    (
        Key("journey", "name", "the name; equals the file name", needed=True, example="welcome",
            why="the name is a part of the identity of everybody inside"),
        Key("was", "name", "the former name, for one release after renaming", listed=False,
            example="old_name"),
        Key("about", "text", "why this exists, in one or two sentences"),
        Key("owner", "text", "who is asked and who gets the alerts", example="retention@shop.example"),
        Key("state", "choice", "draft, live, closing, paused or stopped", choices=STATES),
        Key("start", "starts", "what brings a customer in", needed=True, why="nobody would ever enter",
            example="\n         start:\n           event: subscribed"),
        Key("who", "condition", "who may enter, asked once in the moment of the start"),
        Key("again", "again", "when a customer may come back", needed=True,
            why="there is no default, because a wrong guess means either silence or spam",
            example="again: never  or  again: after 30 days  or  again: always"
            "  or  again: restart, then after 3 days"),
        Key("goal", "goal", "what success is", needed=True,
            why="there is no default; "
            "without a goal nobody can tell whether the journey is worth its messages",
            example="\n         goal:\n           event: order_placed"),
        Key("exit_if", "condition", "what ends it early, without success"),
        Key("policy", "policy", "consent, quiet hours and caps: a policy of config.yaml", example="service"),
        Key("priority", "choice", "who gets the last free place under a cap", choices=PRIORITIES),
        Key("holdout", "holdout", "share of customers who get nothing and are measured by the same goal",
            example="5%", of=HOLDOUT),
        Key("steps", "steps", "what happens, from top to bottom", needed=True,
            why="a journey without steps does nothing",
            example="\n         steps:\n           - send: welcome_hello"),
        Key("tests", "tests", "stories that say who gets what, when"),
    ),
    "One journey: who starts, what success is, the steps, and the tests.",
    (
        ("on", "start"), ("trigger", "start"), ("triggers", "start"), ("entry", "start"), ("starts", "start"),
        ("when", "start"), ("name", "journey"), ("id", "journey"), ("workflow", "journey"),
        ("campaign", "journey"), ("description", "about"), ("status", "state"), ("enabled", "state"),
        ("filter", "who"), ("audience", "who"), ("segment", "who"), ("if", "who"), ("where", "who"),
        ("reentry", "again"), ("re_entry", "again"), ("repeat", "again"), ("frequency", "again"),
        ("conversion", "goal"), ("success", "goal"), ("stop_if", "exit_if"), ("stop", "exit_if"),
        ("exit", "exit_if"), ("end_if", "exit_if"), ("control", "holdout"), ("control_group", "holdout"),
        ("actions", "steps"), ("flow", "steps"), ("do", "steps"), ("jobs", "steps"), ("stories", "tests"),
        ("test", "tests"),
    ),
)  # fmt: skip

SEGMENT = Construct(
    "segment_file",
    "a segment",
    (
        Key("segment", "name", "the name; equals the file name", needed=True, example="lapsed_90",
            why="journeys name the segment by it"),
        Key("about", "text", "who these people are"),
        Key("who", "condition", "the condition that makes somebody a member", needed=True,
            why="a segment is the people who fit a condition",
            example="\n         who:\n           orders_count: at least 1"),
    ),
    "One segment: a condition with a name.",
    (
        ("name", "segment"), ("description", "about"), ("where", "who"), ("filter", "who"), ("if", "who"),
        ("when", "who"),
    ),
)  # fmt: skip

_AT = Key("at", "clock", "time of day in the customer's own zone", needed=True,
          why="without a time nobody knows when on that day", example="10:00")  # fmt: skip

EVENT_START = Construct(
    "start_event",
    '"start"',
    (
        Key("event", "event", "the event that starts it", needed=True, example="subscribed"),
        Key("where", "where", "condition on the event's fields"),
        Key("per", "text", "a field of the event: one run for every value", example="order_id"),
        Key("fresh", "length", "older events do not start it (24 hours)", example="24 hours"),
    ),
    "Starts when such an event arrives.",
    (("filter", "where"), ("if", "where"), ("when", "where")),
)
LEAVING = "make a segment of those who left, and start from that one: docs/segments.md shows how"
_COMING = f"remove it, a segment starts who comes in; for who leaves {LEAVING}"
SEGMENT_START = Construct(
    "start_segment",
    '"start"',
    (
        Key("segment", "segment", "the segment", needed=True, example="lapsed_90"),
        Key("members", "choice", "new: who becomes a member from now on; all: today's members too",
            choices=("new", "all")),
    ),
    "Starts when the customer becomes a member.",
    tuple((word, _COMING) for word in ("on", "when", "event", "trigger", "action", "leaves", "leave")),
)  # fmt: skip
DATE_START = Construct(
    "start_date",
    '"start"',
    (
        Key("date", "day_or_attribute",
            "an attribute that is a date or a birthday; or a day: 27 November, every year, 2026-11-27, once",
            needed=True, example="birthday"),
        Key("every", "choice", "year: the date returns every year, as a birthday does", choices=("year",)),
        Key("before", "length", "so long before that day", example="7 days"),
        Key("after", "length", "so long after that day", example="3 days"),
        _AT,
    ),
    "Starts on a day of the customer's own, or on a day of the calendar for everybody who fits `who`.",
    (("time", "at"), ("offset", "before")),
)  # fmt: skip
CLOCK_START = Construct(
    "start_clock",
    '"start"',
    (
        Key("every", "choice", "day, week or month", needed=True, choices=("day", "week", "month")),
        Key("day", "day", "day of the month, 1 to 28, or last", example="1"),
        Key("weekdays", "weekdays", "days of the week", example="[Tuesday, Thursday]"),
        _AT,
    ),
    "Starts for everybody who fits `who`, by the calendar.",
    (("time", "at"), ("weekday", "weekdays"), ("on", "weekdays")),
)
PRODUCT_START = Construct(
    "start_product",
    '"start"',
    (
        Key("product", "choice", "what happened to a product", needed=True,
            choices=("price_drop", "back_in_stock", "low_stock")),
        Key("by", "share", "a price drop of at least so much", example="10%"),
        Key("watchers", "watchers", "whom it concerns: wishlist, cart, viewed",
            choices=("wishlist", "cart", "viewed"), example="[wishlist, cart]"),
        Key("within", "length", "touched the product in that time (30 days)", example="30 days"),
        Key("collect", "length", "several products in that time make one start", example="1 hour"),
        Key("per", "text", "product_id: one run for every product", example="product_id"),
    ),
    "Starts for customers who touched a product that changed.",
    (("at_least", "by"), ("min", "by"), ("last", "within")),
)  # fmt: skip
STARTS = (EVENT_START, SEGMENT_START, DATE_START, CLOCK_START, PRODUCT_START)

GOAL = Construct(
    "goal",
    '"goal"',
    (
        Key("event", "events", "an event or a list of events after the start", example="order_placed"),
        Key("where", "where", "condition on the event's fields"),
        Key("when", "condition", "or instead of an event: a condition"),
        Key("within", "length", "counted from the start (30 days)", example="30 days"),
        Key("then", "choice", "exit (default), or stay: the steps go on", choices=("exit", "stay")),
        Key("do", "steps", "instant steps on reaching it: set, add, remove, webhook"),
    ),
    "What success is.",
    (("if", "when"), ("events", "event"), ("window", "within"), ("filter", "where")),
)

LONG_DID = Construct(
    "did",
    '"did"',
    (
        Key("times", "long_did_count", "how often", example="at least 2"),
        Key("last", "length", "only in that time", example="7 days"),
        Key("since", "choice", "only since the start of the run", choices=("start",)),
        Key("where", "where", "condition on the event's fields"),
    ),
    "How often an event happened.",
    (("count", "times"), ("within", "last"), ("in", "last"), ("in_last", "last"), ("filter", "where")),
)

TEST = Construct(
    "test",
    "a test",
    (
        Key("test", "text", "what this story is about, a sentence", needed=True,
            why="a failing test is shown by its sentence", example="buys after the offer"),
        Key("from", "date", "day 0; 2 March 2026, a Monday, when it is left out", example="2026-03-02"),
        Key("given", "given", "the customer before the story"),
        Key("when", "when", "what happens, in the customer's own time"),
        Key("expect", "expect", "every message, skip and end, or: nothing"),
    ),
    "A story with moments and the complete list of expected messages.",
    (
        ("name", "test"), ("story", "test"), ("description", "test"), ("events", "when"), ("then", "expect"),
        ("expected", "expect"), ("start", "from"), ("date", "from"), ("setup", "given"),
        ("customer", "given"),
    ),
)  # fmt: skip
