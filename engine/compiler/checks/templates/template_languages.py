"""W25, W26: a template in a language that the shop does not name, and one that is missing in some of its
languages."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.templates.template_file import TemplateFile
from engine.language.wording import either, quoted
from engine.problem import Problem, Span


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Nobody gets a message in a language that config.yaml does not list; the others get the first one."""
    templates, languages = checked.world.templates, checked.world.config.languages
    problems: list[Problem] = []
    for name in sorted(templates.by_name):
        for channel in templates.channels(name):
            files = templates.of(name, channel)
            problems += _unlisted(files, languages)
            problems += _missing(files, languages)
    return problems


def _unlisted(files: tuple[TemplateFile, ...], languages: tuple[str, ...]) -> Iterator[Problem]:
    for file in files:
        if file.language and file.language not in languages:
            yield Problem(
                Span(file.file, 1, 1), "W25", f"{quoted(file.language)} is none of the shop's languages",
                f"languages: [{', '.join(languages)}]  in config.yaml, so nobody gets this message",
                f"add {file.language} to  languages:  in config.yaml, or delete the file", "warning",
                topic="shop",
            )  # fmt: skip


def _missing(files: tuple[TemplateFile, ...], languages: tuple[str, ...]) -> Iterator[Problem]:
    written = {file.language or languages[0] for file in files}
    # One that is written in a single language is meant so; one that was begun to be translated is not.
    if len(written & set(languages)) < 2:
        return
    missing = [language for language in languages if language not in written]
    if missing:
        first = files[0]
        stem, _, ext = first.file.removesuffix(f".{first.ext}"), ".", first.ext
        stem = stem.removesuffix(f".{first.language}") if first.language else stem
        yield Problem(
            Span(first.file, 1, 1), "W26",
            f"{quoted(first.name)} via {first.channel} is not written in {either(missing, 'and')}",
            f"these customers get it in {languages[0]}, though others get it in their language",
            f"make {stem}.{missing[0]}.{ext}", "warning", topic="shop",
        )  # fmt: skip
