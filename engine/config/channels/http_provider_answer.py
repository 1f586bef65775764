"""`answer:` of a channel `via: http`: where the provider's answer says what became of the message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.config.secrets import values_of
from engine.language import nodes
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader
from engine.language.wording import as_list, quoted
from engine.problem import did_you_mean

OUTCOMES = ("accepted", "refused", "bounced", "refused for now", "unsubscribed", "our fault", "unknown")
"""bounced: the address is gone. unsubscribed: this person stopped us at the provider. our fault: key, account
or balance; the channel stands still and nothing is lost."""

PATH = TextPattern(
    r"[^\s.{}]+(\.[^\s.{}]+)*", "is no path", "names and numbers with dots between them",
    "write for example  messages.0.status.name",
)  # fmt: skip
"""A path into JSON; `*` for any of a list."""

_SUCCESS = TextPattern("2[0-9][0-9]", "is no status of success", "200 to 299", "write  ok: [200, 202]")
_WAIT = replace(PATH, pattern=f"{PATH.pattern}|header [A-Za-z0-9-]+")
ANSWER = Construct(
    "answer",
    "answer",
    (
        Key("ok", "texts", "statuses of success", example="[200, 202]", pattern=_SUCCESS),
        Key("id", "text", "path of the provider's id of the message", example="messages.0.id", pattern=PATH),
        Key("outcome", "text", "path of the word that says what became of it", example="status",
            pattern=PATH),
        Key("outcomes", "free", "their words and ours", example="{ok: accepted, rejected: refused}"),
        Key("statuses", "free", "their statuses of failure and our words", example="{410: bounced}"),
        Key("retry_after", "text", "path or header of the seconds to wait", example="header X-Retry",
            pattern=_WAIT),
        Key("detail", "text", "path of a sentence for people", example="error.message", pattern=PATH),
    ),
    "Where the answer says what became of the message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """Where the answer says what became of the message; paths, and the provider's words in small letters."""

    ok: frozenset[int] = frozenset()
    id: str = ""
    outcome: str = ""
    outcomes: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[int, str] = field(default_factory=dict)
    retry_after: str = ""
    retry_header: str = "retry-after"
    detail: str = ""


def read_answer(reader: MapReader) -> AnswerWords:
    """The answer as it is described; a part that cannot be right is left out."""
    context = reader.context
    values = values_of(reader)
    wait = values.pop("retry_after", "")
    outcomes, statuses = read_words(reader, "outcomes", OUTCOMES), read_words(reader, "statuses", OUTCOMES)
    for entry in reader.entries("statuses") if statuses else ():
        if not (entry.key.text.isdigit() and 300 <= int(entry.key.text) < 600):
            context.wrong(entry.key, "is no status of a failure", "300 to 599", "write  410: bounced")
    # Asked once, before the sentences below: what is missing follows from what is wrong, and is
    # not told again.
    is_right = reader.is_right
    for key, other in (("outcome", "outcomes"), ("outcomes", "outcome")):
        if is_right and key in reader and other not in reader:
            context.report(
                reader.at_key(key),
                context.rules.missing,
                f"{quoted(key)} needs  {other}",
                "a path, and what its values mean",
                "write  outcome: status  and  outcomes: {ok: accepted, rejected: refused}",
            )
    if is_right and not any(key in reader for key in ("ok", "id", "outcome", "outcomes")):
        context.report(
            reader.at,
            context.rules.missing,
            '"answer" does not say how success looks',
            "an error page can come with status 200",
            "add  id: path.of.the.id  or  outcome: ...  or  ok: [202]",
        )
    # Names of headers are compared in small letters (RFC 9110, 5.1).
    if wait.startswith("header "):
        values["retry_header"] = wait.removeprefix("header ").casefold()
    elif wait:
        values["retry_after"] = wait
    values["ok"] = frozenset(int(status) for status in values.get("ok", ()))
    # A status that is no number has been told above.
    statuses_by_number = {int(status): word for status, word in statuses.items() if status.isdigit()}
    return AnswerWords(**values, outcomes=outcomes, statuses=statuses_by_number)


def read_words(reader: MapReader, key: str, ours: tuple[str, ...]) -> dict[str, str]:
    """The provider's words in small letters, and what they mean in ours."""
    node, context, listed = reader.node(key), reader.context, as_list(ours)
    if node is None:
        return {}
    if not isinstance(node, nodes.Mapping) or not node.entries:
        context.refuse(
            node.span,
            f"{quoted(key)} needs lines of  their word: our word",
            f"ours are: {listed}",
            f"write  {key}: {{DELIVERED: {ours[1]}}}",
        )
        return {}
    words: dict[str, str] = {}
    for entry in node.entries:
        word = entry.value.text if isinstance(entry.value, nodes.Scalar) else ""
        if word in ours:
            # Providers change the case of their words from one page of theirs to the next.
            words[entry.key.text.casefold()] = word
        else:
            context.refuse(
                entry.value.span,
                f"{quoted(word)} is not one of our words",
                f"it can be: {listed}",
                did_you_mean(word, ours, f"use one of: {listed}"),
            )
    return words
