"""`codes:` of config.yaml: pools of promo codes, and choices between them by the value of a customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from engine.core.journey import Pool
from engine.language.conditions.condition import form_of
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader, ReadContext
from engine.language.nodes import Entry, Scalar
from engine.language.steps.choose import split_label
from engine.language.syntax import Form, Length, Text
from engine.language.wording import quoted, shown
from engine.problem import Span

POOL_KINDS = {"generated": "pattern", "shared": "code", "file": "path"}
"""The kinds of pools, and the key that each needs beside `kind`."""

_DRAWN = TextPattern(
    r"([^?]*\?){4}.*", "leaves too few characters to draw", "every customer gets a code of their own",
    'write at least four question marks, for example  "WELCOME-????-????"',
)  # fmt: skip
_INSIDE = TextPattern(
    r"(?![/\\])(?!(.*[/\\])?\.\.([/\\]|$)).*", "leaves the project", "the project is one folder",
    "write a path inside it, for example  codes/welcome.csv",
)  # fmt: skip
OFFER = Construct(
    "offer",
    "an offer",
    (
        Key("pool", "text", "the pool that the code comes from", needed=True, example="COME10"),
        Key("valid", "text", "how long it can be used", needed=True, example="7 days",
            why="the date stands in the message"),
        Key("text", "text", "what it is worth, in words: code.text in templates", example="10 %"),
        Key("offer", "text", "a name that templates can ask for: code.offer", example="ten"),
    ),
    "What those get who fit a line",
)  # fmt: skip
_VALID = (
    "remove it here: the step says how long a code is good,  - code: NAME  with  valid: 14 days  below it"
)
_LINE = "\n           less than 100 EUR: {pool: COME5, valid: 7 days, text: 5 %}"
POOL = Construct(
    "pool",
    "a pool",
    (
        Key("kind", "choice", "how a customer gets a code", choices=tuple(POOL_KINDS)),
        Key("pattern", "text", "what generated codes look like; each ? is drawn",
            example='"WELCOME-????-????"', pattern=_DRAWN),
        Key("code", "text", "the one code for everybody", example="SUMMER"),
        Key("path", "text", "a file with one code on each line", example="codes/welcome.csv",
            pattern=_INSIDE),
        Key("alert", "count", "of a file: tell us when fewer codes are left", example="20", most=10_000_000),
        Key("text", "text", "what a code is worth, in words: code.text in templates", example="10 %"),
        Key("choose", "text", "instead of a kind: an attribute or a fact that decides, or: segment",
            example="total_spent"),
        Key("into", "free", "the offers by value; else comes last", example=_LINE, of=OFFER),
    ),
    "Codes that messages give away",
    other_words=(("file", "path"), ("csv", "path"), ("type", "kind"), ("codes", "path"), ("value", "text"),
                 *((word, _VALID) for word in ("valid", "expires", "validity", "valid_for"))),
)  # fmt: skip
_OF_A_CHOICE = ("choose", "into")
_OF_A_FILE = ("alert",)


@dataclass(frozen=True, slots=True)
class OfferLine:
    """One line of a choice: forms of which one must fit; no forms: `else`."""

    label: Text
    forms: tuple[Form, ...]
    pool: Text | None
    valid: Length | None
    text: str
    name: str


@dataclass(frozen=True, slots=True)
class OfferChoice:
    """A choice between pools, as it is written. `into`: where its lines begin."""

    name: str
    subject: Text
    into: Span
    lines: tuple[OfferLine, ...]


def read_codes(parts: MapReader) -> tuple[dict[str, Pool], dict[str, OfferChoice]]:
    """Pools and choices by name."""
    pools: dict[str, Pool] = {}
    choices: dict[str, OfferChoice] = {}
    for entry in parts.entries("codes"):
        name = entry.key.text
        if isinstance(entry.value, Scalar) and entry.value.text.strip():
            code = shown(entry.value.text)
            drawn = "?" in code
            kind = f"{{kind: {'generated, pattern' if drawn else 'shared, code'}: {code}}}"
            parts.context.wrong(
                entry.value, "is no pool", "a pool says how a customer gets a code", f"write  {name}: {kind}"
            )
            continue
        reader = parts.context.block(entry.value, POOL, entry.key, f"the pool {name}")
        if reader is None:
            continue
        # by its own keys and not by `kind`, which a choice does not have
        if any(key in reader for key in _OF_A_CHOICE):
            if (choice := _choice(reader, name)) is not None:
                choices[name] = choice
        elif (pool := _pool(parts.context, reader, name)) is not None:
            pools[name] = pool
    return pools, choices


def _pool(context: ReadContext, reader: MapReader, name: str) -> Pool | None:
    if "kind" not in reader and not reader.misspelt("kind"):
        # the key that only one kind has says which it is
        told = [kind for kind, key in POOL_KINDS.items() if key in reader]
        if len(told) == 1:
            why = f"{POOL_KINDS[told[0]]}: is what a {told[0]} pool has"
            context.report(reader.at, "E83", '"kind" is missing', why, f"add  kind: {told[0]}")
        else:
            reader.missing("kind")
    kind = reader.choice("kind")
    if kind is None:
        return None
    needed = POOL_KINDS[kind.value]
    has = ["kind", needed, *(_OF_A_FILE if kind.value == "file" else ()), "text"]
    # A key of another kind would be read by nobody, and its author would believe it is.
    for key in (*POOL_KINDS.values(), *_OF_A_FILE):
        if key not in has and key in reader:
            what = f"a {kind.value} pool has no {quoted(key)}"
            context.refuse(reader.at_key(key), what, f"it has: {', '.join(has)}", "remove it")
    if needed not in reader:
        reader.missing(needed)
    text, worth = reader.text(needed), reader.text("text")
    # A pool that is half wrong is a pool: journeys that draw from it are not wrong, too.
    return Pool(
        name,
        cast('Literal["generated", "shared", "file"]', kind.value),
        alert=reader.count("alert") if kind.value == "file" else None,
        text=worth.value if worth else "",
        **{needed: text.value if text else ""},
    )


def _choice(reader: MapReader, name: str) -> OfferChoice | None:
    context = reader.context
    for key in ("kind", *POOL_KINDS.values(), *_OF_A_FILE, "text"):
        if key in reader:
            what = f"a choice between pools has no {quoted(key)}"
            context.refuse(reader.at_key(key), what, "it has: choose, into", "remove it")
    for key in _OF_A_CHOICE:
        if key not in reader:
            reader.missing(key)
    # without it no line could be read: forms depend on what is asked
    subject = reader.text("choose")
    if subject is None:
        return None
    entries = reader.entries("into")
    # a key that is missing has been told above
    if "into" in reader and not entries:
        context.empty(reader.at_key("into"), "into", _LINE)
    lines = tuple(
        line
        for index, entry in enumerate(entries)
        if (line := _line(context, subject, entry, is_last=index == len(entries) - 1)) is not None
    )
    return OfferChoice(name, subject, reader.at_key("into"), lines)


def _line(context: ReadContext, subject: Text, entry: Entry, *, is_last: bool) -> OfferLine | None:
    label = entry.key.whole()
    reader = context.block(entry.value, OFFER, entry.key, f"the offer {quoted(label.value)}")
    if reader is None:
        return None
    forms: list[Form] = []
    if label.value == "else":
        if not is_last:
            context.refuse(
                label.span, '"else" must be the last offer',
                "the lines are tried from the top, so none below it could ever count",
                "move it to the end of  into:",
            )  # fmt: skip
    else:
        for word in split_label(label):
            form = form_of(context, subject.value, word)
            if form is not None:
                forms.append(form)
        if not forms:
            return None
    text, name = reader.text("text"), reader.text("offer")
    return OfferLine(
        label, tuple(forms), reader.text("pool"), reader.length("valid"),
        text.value if text else "", name.value if name else "",
    )  # fmt: skip
