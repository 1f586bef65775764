"""How values of config.yaml are taken from nodes, each refusal with its place."""

from __future__ import annotations

from typing import TypeVar

from engine.config import Secret
from engine.config.options import is_secret
from engine.language.nodes import Entry, Mapping, Node, Scalar, Sequence
from engine.language.wording import quoted
from engine.problem import Problem, Span, did_you_mean, nearest

Thing = TypeVar("Thing")


class Reader:
    """Collects problems while the parts of a file are read."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def refuse(self, span: Span, what: str, why: str = "", fix: str = "", code: str = "E84") -> None:
        """One more problem."""
        self.problems.append(Problem(span, code, what, why, fix))

    def kept(self, found: Thing | Problem) -> Thing | None:
        """The value, or None and one more problem."""
        if isinstance(found, Problem):
            self.problems.append(found)
            return None
        return found

    def mapping(self, node: Node, what: str) -> Mapping | None:
        """A map; None for nothing at all."""
        if isinstance(node, Mapping):
            return node
        if not (isinstance(node, Scalar) and node.plain and not node.text):
            self.refuse(
                node.span, f"{quoted(what)} needs lines of  name: value", "each name has its own line"
            )
        return None

    def parts(self, node: Node, known: tuple[str, ...], what: str) -> dict[str, Entry]:
        """The entries with a known key; the others are refused. A misspelt key counts as the one that was meant, so
        that nothing else seems to be missing because of it."""
        whole = self.mapping(node, what)
        found: dict[str, Entry] = {}
        given = {entry.key.text for entry in whole.entries} if whole else set()
        for entry in whole.entries if whole else ():
            if entry.key.text in known:
                found[entry.key.text] = entry
                continue
            if (
                is_secret(entry.key.text)
                and isinstance(entry.value, Scalar)
                and not _is_reference(entry.value.text)
            ):
                self.literal_secret(entry.value.span, entry.key.text)
                continue
            self.refuse(
                entry.key.span, f"{quoted(entry.key.text)} is not a part of {what}", f"the parts are: {', '.join(known)}",
                did_you_mean(entry.key.text, known, "remove it"), "E83",
            )  # fmt: skip
            meant = nearest(entry.key.text, known)
            if meant is not None and meant not in given:
                found.setdefault(meant, entry)
        return found

    def text(self, parts: dict[str, Entry], name: str) -> Scalar | None:
        """A short text; None where it is missing or no text."""
        entry = parts.get(name)
        if entry is None:
            return None
        if isinstance(entry.value, Scalar) and entry.value.text:
            return entry.value
        self.refuse(entry.value.span, f"{quoted(name)} needs one short text", "", f"write it behind  {name}:")
        return None

    def word(self, node: Node, name: str) -> str | None:
        """A text that may be empty."""
        if isinstance(node, Scalar):
            return node.text
        self.refuse(node.span, f"{quoted(name)} needs one short text", "", f"write it behind  {name}:")
        return None

    def words(self, node: Node, name: str) -> list[Scalar]:
        """A list of texts; one text is a list of one."""
        if isinstance(node, Scalar):
            return [node] if node.text else []
        if isinstance(node, Sequence):
            for item in node.items:
                if not isinstance(item, Scalar):
                    self.refuse(item.span, f"{quoted(name)} is a list of texts", "", f"write  {name}: [a, b]")
            return [item for item in node.items if isinstance(item, Scalar)]
        self.refuse(node.span, f"{quoted(name)} is a list of texts", "", f"write  {name}: [a, b]")
        return []

    def needed(self, parts: dict[str, Entry], name: str, owner: Entry) -> Scalar | None:
        """A text that must be there."""
        if name not in parts:
            self.refuse(
                owner.key.span,
                f"{quoted(owner.key.text)} needs  {name}",
                "there is no default",
                f"add  {name}: ...",
                "E83",
            )
            return None
        return self.text(parts, name)

    def choice(
        self, parts: dict[str, Entry], name: str, choices: tuple[str, ...], owner: Entry
    ) -> str | None:
        """One of several words that must be there."""
        found = self.needed(parts, name, owner)
        if found is None or found.text in choices:
            return found.text if found else None
        listed = ", ".join(choices)
        self.refuse(
            found.span,
            f"{quoted(found.text)} is not one of its values",
            f"it can be: {listed}",
            did_you_mean(found.text, choices, f"use one of: {listed}"),
        )
        return None

    def secret(self, key: Scalar, node: Node) -> Secret | None:
        """`env:NAME` or `file:/path`; anything else is refused without being shown."""
        if isinstance(node, Scalar) and _is_reference(node.text):
            return Secret(node.text)
        self.literal_secret(node.span, key.text)
        return None

    def literal_secret(self, span: Span, name: str, fix: str = "") -> None:
        """E85; the secret itself is not repeated."""
        variable = "".join(c if c.isalnum() else "_" for c in name).upper()
        self.problems.append(
            Problem(
                span, "E85", f"the secret {quoted(name)} is written out here", "this file is read by everybody who can read the repository",
                fix or f"write  {name}: env:{variable}  and set {variable} where the engine runs, or  {name}: file:/run/secrets/{name}; then change the secret",
                hidden=True,
            )
        )  # fmt: skip


def _is_reference(text: str) -> bool:
    kind, _, name = text.partition(":")
    return (kind == "env" and name.replace("_", "a").isalnum()) or (kind == "file" and name.startswith("/"))
