"""What is special about reading config.yaml: secrets, and maps that are records as they stand.

A key that holds a secret takes a reference alone, and a secret that is written out is never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from engine.config import Secret
from engine.language.map_reader import FileRules, MapReader, ReadContext
from engine.language.nodes import Entry, Node, Scalar
from engine.language.wording import quoted
from engine.problem import Problem, Span

_RULES = FileRules(
    unknown_key="E83", wrong_shape="E84", missing="E83", empty="E84", wrong_value="E84", bad_name="E84"
)
_WORDS = (
    "password", "passwd", "secret", "token", "account", "api_key", "apikey", "private_key", "credentials",
)  # fmt: skip
"""A key with one of these words holds a secret wherever it stands."""


def config_context(problems: list[Problem]) -> ReadContext:
    """What reading config.yaml carries along."""
    return ReadContext(_RULES, problems, explains=_is_stray_secret)


def values_of(reader: MapReader, but: Collection[str] = ()) -> dict[str, Any]:
    """What is written and right, by key, as the plain value of its kind; `but`: not these. What is left out
    is not in it: the record has a default."""
    values: dict[str, Any] = {}
    for key in reader.construct.keys:
        if key.name not in reader or key.name in but:
            continue
        value: object = None
        match key.kind:
            case "text" | "choice":
                text = reader.text(key.name) if key.kind == "text" else reader.choice(key.name)
                value = text.value if text else None
            case "count":
                value = reader.count(key.name)
            case "secret":
                value = read_secret(reader, key.name)
            case "texts":
                value = tuple(text.value for text in reader.texts(key.name, blank=True))
            case "map":
                value = {pair.name.value: pair.value.value for pair in reader.pairs(key.name)}
            case _:
                pass  # blocks and lists of records have a reader of their own
        if value is not None:
            values[key.name] = value
    return values


def is_secret(key: str) -> bool:
    """Does this key hold a secret, also under a name that we do not know?"""
    # Rather one key too many: a false alarm costs a line, a secret in the repository costs all customers.
    name = key.casefold()
    return any(word in name for word in _WORDS) or (name.endswith("_key") and name != "public_key")


def is_reference(text: str) -> bool:
    """`env:NAME` or `file:/path`."""
    kind, _, name = text.partition(":")
    return (kind == "env" and name.replace("_", "a").isalnum()) or (kind == "file" and name.startswith("/"))


def read_secret(reader: MapReader, key: str) -> Secret | None:
    """The secret that a key refers to."""
    node = reader.node(key)
    return None if node is None else secret_of(reader.context, key, node)


def secret_of(context: ReadContext, key: str, node: Node) -> Secret | None:
    """`env:NAME` or `file:/path`; anything else is refused without being shown."""
    # Taken before anything else is judged: a reference is right wherever a secret is asked for.
    if isinstance(node, Scalar) and is_reference(node.text):
        return Secret(node.text)
    variable = _VARIABLE.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if variable is not None:
        context.report(
            node.span,
            "E85",
            f"{quoted(key)} is not written as a variable of the environment",
            "a secret is a reference: env:NAME, or file:/path",
            f"write  {key}: env:{variable[1] or variable[2] or variable[3]}",
        )
        return None
    refuse_literal(context, node.span, key)
    return None


_VARIABLE = re.compile(
    # with an underscore: what begins with a dollar may be a password, which is never repeated
    r"\$\{?([A-Z]+_[A-Z0-9_]+)\}?|%([A-Z]+_[A-Z0-9_]+)%"
    r"|(?:env|ENV|environ|process\.env)[. ]([A-Z]+_[A-Z0-9_]+)",
    re.ASCII,
)
"""`$NAME`, `${NAME}`, `%NAME%`, `env.NAME`: names of variables, and no secrets."""


def refuse_literal(context: ReadContext, span: Span, key: str, fix: str = "") -> None:
    """E85; the secret itself is not repeated."""
    # The cure names a variable that a shell takes, so that it can be copied.
    variable = "".join(c if c.isalnum() else "_" for c in key).upper()
    context.problems.append(
        Problem(
            span,
            "E85",
            f"the secret {quoted(key)} is written out here",
            "this file is read by everybody who can read the repository",
            fix
            or f"write  {key}: env:{variable}  and set {variable} where the engine runs, "
            f"or  {key}: file:/run/secrets/{key}; then change the secret",
            # The line of the file is shown masked: logs of CI are read by many.
            hidden=True,
        )
    )


def _is_stray_secret(context: ReadContext, entry: Entry) -> bool:
    """A secret under a key that nobody knows: to be told that it is in the open is worth more than the
    spelling."""
    if not is_secret(entry.key.text) or not isinstance(entry.value, Scalar) or is_reference(entry.value.text):
        return False
    refuse_literal(context, entry.value.span, entry.key.text)
    return True
