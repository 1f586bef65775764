"""All messages of a project ready to run: each template compiled once, picked by name, channel and language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.compiler.templates.message import CompiledTemplate, compile_template
from engine.compiler.templates.project_templates import Templates
from engine.problem import Problem


@dataclass(frozen=True, slots=True)
class MessageSet:
    """What the deliverer renders from. `of`: (name, channel) -> language -> template."""

    of: Mapping[tuple[str, str], Mapping[str, CompiledTemplate]] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)

    def pick(self, name: str, channel: str, language: str | None) -> CompiledTemplate | None:
        """The template in the customer's language, else in the first of `languages`, else in any; None: there is none."""
        found = self.of.get((name, channel))
        if not found:
            return None
        wanted = (language, language.replace("_", "-").partition("-")[0]) if language else ()
        for choice in (*wanted, *self.languages):
            if choice in found:
                return found[choice]
        return next(iter(found.values()))


def compile_messages(templates: Templates, currency: str) -> tuple[MessageSet, list[Problem]]:
    """Compiles every template. One that is wrong is left out and told as a problem."""
    of: dict[tuple[str, str], dict[str, CompiledTemplate]] = {}
    problems: list[Problem] = []
    for name in sorted(templates.by_name):
        for channel in templates.channels(name):
            files = templates.of(name, channel)
            mails = [file for file in files if file.ext != "txt"] or list(files)
            texts = {file.language: file for file in files if file.ext == "txt"}
            for file in mails:
                language = file.language or templates.languages[0]
                own_text = texts.get(file.language) if file.ext != "txt" else None
                made = compile_template(file, templates.parts, language, currency, own_text)
                if isinstance(made, Problem):
                    problems.append(made)
                else:
                    of.setdefault((name, channel), {})[language] = made
    return MessageSet(of, templates.languages), problems
