"""All templates of a project: by name, channel and language, with the layouts and blocks they include."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.compiler.templates.template_file import TemplateFile


@dataclass(frozen=True, slots=True)
class Templates:
    """Template files by name; `parts`: layouts and blocks by their path inside templates/ (`_layouts/shop.mjml`).
    `languages` as in config.yaml, the first is the fallback."""

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
        """The file for a customer's language, else for the first of `languages`; None: nothing for this channel.
        A text part (`.txt` of an e-mail) is only picked where there is nothing else."""
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
