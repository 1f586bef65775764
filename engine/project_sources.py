"""The author's files of a project, read and parsed, not yet compiled."""

from __future__ import annotations

from dataclasses import replace

from engine.channel_kinds import KINDS
from engine.command_hints import without_project
from engine.compiler.facts.customer_file import read_catalogue
from engine.compiler.project_context import ProjectContext
from engine.compiler.templates.message_set import TemplateFiles
from engine.compiler.templates.template_file import TemplateFile, read_template
from engine.config import Config
from engine.config.file import config_of, default_config
from engine.language.nodes import Mapping, Node, Scalar
from engine.language.parse import parse_journey, parse_segment
from engine.language.syntax import JourneyFile, SegmentFile
from engine.language.wording import quoted
from engine.language.yaml.source import read
from engine.problem import Problem, Span, nearest
from engine.project_files import Folder

YAML = (".yaml", ".yml")
TEMPLATES = (".mjml", ".html", ".txt")


def read_world(opened: Folder) -> ProjectContext:
    """config.yaml, schemas, segments and template files; what is wrong stands in `opened.problems`."""
    config = read_shop(opened)
    _pool_files(opened, config)
    nodes = {name: _schema(opened, name) for name in ("customer", "events", "product")}
    catalogue, problems = read_catalogue(nodes["customer"], nodes["events"], nodes["product"], config)
    opened.problems.extend(problems)
    _words_of_pages(opened)
    return ProjectContext(config, catalogue, _segment_files(opened), _templates(opened, config))


def read_shop(opened: Folder) -> Config:
    """config.yaml, or what holds without it."""
    data = opened.read("config.yaml")
    if data is None:
        if not any(problem.span.file == "config.yaml" for problem in opened.problems):
            opened.problems.append(
                Problem(
                    Span("config.yaml", 1, 1), "E83", "config.yaml is missing",
                    "it says what the shop is called and how its messages are sent",
                    f"make one with  {without_project('new project DIR')}  and copy it",
                )
            )  # fmt: skip
        return default_config()
    node, problems = read(data, "config.yaml")
    if node is None:
        # Whoever checks later leaves out what follows from this alone.
        opened.unreadable.add("config.yaml")
        opened.problems.extend(problems)
        return default_config()
    config, problems = config_of(node, problems)
    opened.problems.extend(problems)
    return config


def _pool_files(opened: Folder, config: Config) -> None:
    """E25: a run that takes a code from a file that is not there would stop at that step."""
    if opened.published is not None:
        return  # the codes themselves are in the store
    lines = opened.sources.get("config.yaml", "").split("\n")
    for pool in config.codes.values():
        if pool.kind != "file" or not pool.path or (opened.root / pool.path).is_file():
            continue
        row = next((row for row, line in enumerate(lines) if pool.path in line), 0)
        place = Span("config.yaml", row + 1, max(0, lines[row].find(pool.path)) + 1, len(pool.path))
        opened.problems.append(
            Problem(
                place, "E25", f"the file of the pool {quoted(pool.name)} is not there",
                "whoever is to get a code would wait at that step for ever",
                f"put the codes into {pool.path}, one on each line", topic="file",
            )
        )  # fmt: skip


def _schema(opened: Folder, name: str) -> Node | None:
    file = f"schemas/{name}.yaml"
    data = opened.read(file)
    # An empty schema is a schema without fields.
    if data is None or not data.strip():
        return None
    node, problems = read(data, file)
    if node is None and any(problem.code != "E09" for problem in problems):
        opened.unreadable.add(file)
    opened.problems.extend(problems)
    return node


def _words_of_pages(opened: Folder) -> None:
    """The shop's own words on the pages for customers: each line is a name and a text."""
    for file in opened.names("templates/_pages", YAML):
        data = opened.read(file)
        node, problems = read(data, file) if data is not None else (None, [])
        opened.problems.extend(problems)
        for entry in node.entries if isinstance(node, Mapping) else ():
            if not isinstance(entry.value, Scalar):
                what = f"{quoted(entry.key.text)} is not a text"
                opened.problems.append(
                    Problem(entry.key.span, "E95", what, "a page shows one text", "write it in one line")
                )


def _segment_files(opened: Folder) -> dict[str, SegmentFile]:
    files: dict[str, SegmentFile] = {}
    for file in opened.names("journeys/segments", YAML):
        data = opened.read(file)
        if data is None:
            continue
        segment, problems = parse_segment(data, file)
        opened.problems.extend(problems)
        if segment is not None:
            if segment.name.value in files:
                opened.problems.append(
                    _twice("segment", segment.name.span, files[segment.name.value].span.file)
                )
            files.setdefault(segment.name.value, segment)
    return files


def read_journeys(opened: Folder) -> dict[str, JourneyFile]:
    """Every journey that can be read, by name; mistakes of form stand in `opened.forms`."""
    files: dict[str, JourneyFile] = {}
    for file in opened.names("journeys", YAML):
        # They are below journeys/ as folders go, and no journeys.
        if file.startswith("journeys/segments/"):
            continue
        data = opened.read(file)
        if data is None:
            continue
        journey, problems = parse_journey(data, file)
        if journey is None:
            opened.problems.extend(problems)
            continue
        opened.forms[file] = problems
        if journey.name.value in files:
            opened.problems.append(_twice("journey", journey.name.span, files[journey.name.value].span.file))
        files.setdefault(journey.name.value, journey)
    return files


def names_of_files(opened: Folder, under: str) -> frozenset[str]:
    """The names that the files of a folder stand for, also those that cannot be read."""
    inside = (file.removeprefix(under) for file in opened.sources if file.startswith(under))
    return frozenset(name.rpartition(".")[0] for name in inside if "/" not in name)


def _twice(kind: str, span: Span, other: str) -> Problem:
    return Problem(
        span, "E72", f"there is another {kind} of this name in {other}",
        "the name is part of the identity of every run",
        "rename one of the two, the file and the name in it",
    )  # fmt: skip


def _templates(opened: Folder, config: Config) -> TemplateFiles:
    by_name: dict[str, list[TemplateFile]] = {}
    parts: dict[str, str] = {}
    for file in opened.names("templates", TEMPLATES):
        text = opened.text(file)
        if text is None:
            continue
        inside = file.removeprefix("templates/")
        # Layouts and blocks are compiled with the templates that include them.
        if inside.startswith("_"):
            parts[inside] = text
            continue
        template, problems = _template(file, text, config)
        opened.problems.extend(problems)
        if template is not None:
            by_name.setdefault(template.name, []).append(template)
    return TemplateFiles({name: tuple(files) for name, files in by_name.items()}, parts, config.languages)


def _template(file: str, text: str, config: Config) -> tuple[TemplateFile | None, list[Problem]]:
    """A channel that does not exist is told once; the file counts as written for the one that was meant."""
    template, problems = read_template(file, text)
    known = (*config.channels, *KINDS)
    if template is None or template.channel in known:
        return template, problems
    near = nearest(template.channel, known)
    named = f"there is no channel called {quoted(template.channel)}"
    why = "the name of the file says for which channel it is"
    wrong = Problem(Span(file, 1, 1), "T01", named, why, f"rename it to  {_renamed(file, near or 'email')}")
    if near is None:
        return None, [wrong]
    # As if it had the right name: else every journey that sends it would be wrong, too.
    meant, _ = read_template(_renamed(file, near), text)
    return (None if meant is None else replace(meant, file=file)), [wrong]


def _renamed(file: str, channel: str) -> str:
    folder, _, name = file.rpartition("/")
    first, _, *rest = name.split(".")
    return ".".join([f"{folder}/{first}", channel, *rest])
