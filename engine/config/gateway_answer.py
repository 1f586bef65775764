"""`answer:` of a channel `via: http`: where the provider's answer says what became of the message."""

from __future__ import annotations

import re

from engine.config.nodes import Reader
from engine.language.nodes import Entry, Mapping, Scalar
from engine.language.wording import quoted
from engine.problem import did_you_mean

PARTS = ("ok", "id", "outcome", "outcomes", "statuses", "retry_after", "detail")
OUTCOMES = ("accepted", "refused", "bounced", "refused for now", "unsubscribed", "our fault", "unknown")
"""bounced: the address is gone. unsubscribed: this person stopped us at the provider. our fault: key, account or balance;
the channel stands still and nothing is lost."""

_PATH = re.compile(r"[^\s.{}]+(?:\.[^\s.{}]+)*")
_HEADER = re.compile(r"header [A-Za-z0-9-]+")


def check_answer(entry: Entry, reader: Reader) -> None:
    """Tells what cannot work."""
    fields = reader.parts(entry.value, PARTS, "answer")
    for name in ("id", "outcome", "detail"):
        check_path(fields, name, reader)
    wait = fields.get("retry_after")
    if wait and not (isinstance(wait.value, Scalar) and _HEADER.fullmatch(wait.value.text)):
        check_path(fields, "retry_after", reader)
    if "ok" in fields:
        for status in reader.words(fields["ok"].value, "ok"):
            if not (status.text.isdigit() and 200 <= int(status.text) < 300):
                reader.refuse(
                    status.span, f"{quoted(status.text)} is no status of success", "200 to 299", "write  ok: [200, 202]",
                )  # fmt: skip
    check_map(fields, "outcomes", OUTCOMES, reader)
    check_map(fields, "statuses", OUTCOMES, reader)
    for one, other in (("outcome", "outcomes"), ("outcomes", "outcome")):
        if one in fields and other not in fields:
            reader.refuse(
                fields[one].key.span, f"{quoted(one)} needs  {other}", "a path, and what its values mean",
                "write  outcome: status  and  outcomes: {ok: accepted, rejected: refused}", "E83",
            )  # fmt: skip
    if fields and not {"ok", "id", "outcome"} & fields.keys():
        reader.refuse(
            entry.key.span, '"answer" does not say how success looks', "an error page can come with status 200",
            "add  id: path.of.the.id  or  outcome: ...  or  ok: [202]", "E83",
        )  # fmt: skip


def check_path(fields: dict[str, Entry], name: str, reader: Reader) -> None:
    """A path into JSON: names and numbers with dots, `*` for any of a list."""
    found = reader.text(fields, name) if name in fields else None
    if found and not _PATH.fullmatch(found.text):
        reader.refuse(
            found.span, f"{quoted(found.text)} is no path", "names and numbers with dots between them",
            "write for example  messages.0.status.name",
        )  # fmt: skip


def check_map(fields: dict[str, Entry], name: str, words: tuple[str, ...], reader: Reader) -> None:
    """The provider's words and ours."""
    entry = fields.get(name)
    if entry is None:
        return
    if not isinstance(entry.value, Mapping) or not entry.value.entries:
        reader.refuse(
            entry.value.span, f"{quoted(name)} needs lines of  their word: our word", f"ours are: {', '.join(words)}",
            f"write  {name}: {{DELIVERED: {words[1]}}}",
        )  # fmt: skip
        return
    for each in entry.value.entries:
        value = each.value
        if name == "statuses" and not (each.key.text.isdigit() and 300 <= int(each.key.text) < 600):
            reader.refuse(
                each.key.span,
                f"{quoted(each.key.text)} is no status of a failure",
                "300 to 599",
                "write  410: bounced",
            )
        if not isinstance(value, Scalar) or value.text not in words:
            said = value.text if isinstance(value, Scalar) else ""
            listed = ", ".join(words)
            reader.refuse(
                value.span, f"{quoted(said)} is not one of our words", f"it can be: {listed}",
                did_you_mean(said, words, f"use one of: {listed}"),
            )  # fmt: skip
