"""All templates of a project, by name, channel and language: as files with what they include, and compiled,
ready to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.compiler.templates.message import CompiledTemplate, compile_template
from engine.compiler.templates.template_file import TemplateFile
from engine.problem import Problem


@dataclass(frozen=True, slots=True)
class TemplateFiles:
    """Template files by name; `parts`: layouts and blocks by their path inside templates/
    (`_layouts/shop.mjml`). `languages` as in config.yaml, the first is the fallback."""

    by_name: Mapping[str, tuple[TemplateFile, ...]] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)

    def channels(self, name: str) -> tuple[str, ...]:
        """The channels a message is written for, in the order of their names."""
        return tuple(sorted({t.channel for t in self.by_name.get(name, ())}))

    def of(self, name: str, channel: str) -> tuple[TemplateFile, ...]:
        """The files of one message in one channel: its languages, an e-mail's text part too."""
        return tuple(t for t in self.by_name.get(name, ()) if t.channel == channel)

    def pick(self, name: str, channel: str, language: str | None) -> TemplateFile | None:
        """The file for a customer's language, else for the first of `languages`; None: nothing for this
        channel. A text part (`.txt` of an e-mail) is only picked where there is nothing else."""
        files: dict[str, TemplateFile] = {}
        for template in sorted(self.of(name, channel), key=lambda t: t.ext == "txt"):
            files.setdefault(template.language, template)
        wanted = [language, language.partition("-")[0]] if language else []
        for choice in (*wanted, self.languages[0], "", *self.languages):
            if choice in files:
                return files[choice]
        return next(iter(files.values()), None)

    def __iter__(self) -> Iterator[TemplateFile]:
        """Every file, by name."""
        for name in sorted(self.by_name):
            yield from self.by_name[name]


@dataclass(frozen=True, slots=True)
class MessageSet:
    """What the deliverer renders from. `of`: (name, channel) -> language -> template."""

    of: Mapping[tuple[str, str], Mapping[str, CompiledTemplate]] = field(default_factory=dict)
    languages: tuple[str, ...] = ("en",)

    def pick(self, name: str, channel: str, language: str | None) -> CompiledTemplate | None:
        """The template in the customer's language, else in the first of `languages`, else in any; None:
        there is none."""
        languages = self.of.get((name, channel))
        if not languages:
            return None
        wanted = (language, language.replace("_", "-").partition("-")[0]) if language else ()
        for choice in (*wanted, *self.languages):
            if choice in languages:
                return languages[choice]
        return next(iter(languages.values()))


def compile_messages(templates: TemplateFiles, currency: str) -> tuple[MessageSet, list[Problem]]:
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
                compiled = compile_template(file, templates.parts, language, currency, own_text)
                if isinstance(compiled, Problem):
                    problems.append(compiled)
                else:
                    of.setdefault((name, channel), {})[language] = compiled
    return MessageSet(of, templates.languages), problems
