"""One project folder: its files in, journeys ready to run and everything that is wrong out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from engine import forecast
from engine.command_hints import command, without_project
from engine.compiler.catalogue.catalogue import Catalogue
from engine.compiler.check_input import JourneyCheckInput, ProjectCheckInput, code_printers
from engine.compiler.checks import check_journey, check_whole
from engine.compiler.follow_up_problems import (
    causes_first,
    causes_only,
    is_foundation,
    steps_are_whole,
    without_names,
)
from engine.compiler.incentives.points import compile_points
from engine.compiler.journeys.compile import compile_journey, compile_segment
from engine.compiler.journeys.fingerprint import content_hash
from engine.compiler.project_context import ProjectContext
from engine.compiler.publication import publish
from engine.compiler.recommendations import compile_recommendations
from engine.compiler.templates.message_set import MessageSet, TemplateFiles, compile_messages
from engine.config import Config
from engine.core.facts.rule import FactRule
from engine.core.journey import Journey, SegmentRule
from engine.core.journeys import Journeys
from engine.core.recommendations.rule import Recommendation
from engine.errors import AuthorError
from engine.garbage_collection import without_garbage_collection
from engine.language import nodes
from engine.language.acceptance import Acceptance, AcceptedWarning, acceptances, judge, told_in_vain
from engine.language.syntax import JourneyFile, SegmentFile, Story
from engine.language.yaml.source import read
from engine.problem import Problem, bounded, in_order
from engine.project_files import Folder, commit_of
from engine.project_sources import names_of_files, read_journeys, read_shop, read_world
from engine.values import Instant, local_date, zone

OF_STORE = frozenset(("W30", "W31", "W55", "W56", "W57", "W59"))
"""Warnings that only `check --store` finds."""

_OF_GIT = "W27"
_OF_TODAY = "W18"


@dataclass(frozen=True, slots=True)
class Project:
    """A project as it stands in its folder. `journeys` holds those without errors; `files` and `compiled`
    all that could be read. `sources`: text of every file, for showing problems. `hash`: of all of them.
    `broken`: files with errors, and every journey where config.yaml or a schema has some: their stories
    would only tell the same again. `problems` are without the warnings that their authors have `accepted`;
    `acceptances`: every comment that says so, for those that other commands find."""

    folder: Path
    world: ProjectContext
    journeys: Journeys
    files: Mapping[str, JourneyFile]
    compiled: Mapping[str, Journey]
    messages: MessageSet
    problems: tuple[Problem, ...]
    sources: Mapping[str, str]
    commit: str
    hash: str
    broken: frozenset[str] = field(default_factory=frozenset)
    recommendations: Mapping[str, Recommendation] = field(default_factory=dict)
    accepted: tuple[AcceptedWarning, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()

    @property
    def config(self) -> Config:
        """config.yaml."""
        return self.world.config

    @property
    def catalogue(self) -> Catalogue:
        """schemas/*.yaml."""
        return self.world.catalogue

    @property
    def templates(self) -> TemplateFiles:
        """templates/, as files."""
        return self.world.templates

    @property
    def segments(self) -> Mapping[str, SegmentFile]:
        """journeys/segments/."""
        return self.world.segments

    @property
    def stories(self) -> Mapping[str, tuple[Story, ...]]:
        """The tests of every journey."""
        return {name: file.tests or () for name, file in self.files.items()}

    @property
    def has_errors(self) -> bool:
        """Errors stop a merge and a deployment; warnings don't."""
        return any(problem.is_error for problem in self.problems)


def check(project: Project) -> list[Problem]:
    """Everything that is wrong in the project, in order of files and lines."""
    return in_order(project.problems)


def load(folder: Path, now: Instant | None = None) -> Project:
    """Reads the whole project; a broken file hides nothing of the others. With `now` it is also told which
    dates in it are past. Raises AuthorError when the folder is none."""
    root = _root(folder)
    return _load(Folder(root), commit_of(root), now)


def load_unsaved(folder: Path, unsaved: Mapping[str, str], now: Instant) -> Project:
    """As `load`, with the text of files as an editor has them in the place of what lies in the folder, by
    their path in the project; the commit is not asked for."""
    return _load(Folder(_root(folder), unsaved=unsaved), "", now)


def load_published(sources: Mapping[str, str], commit: str = "") -> Project:
    """As `load`, from the text of each file by its path, as a publication keeps them: nothing is on the
    disk."""
    return _load(Folder(Path(), sources), commit)


@without_garbage_collection(makes_what_lasts=True)  # hundreds of thousands of records, and not one circle
def _load(opened: Folder, commit: str, now: Instant | None = None) -> Project:
    # Names before their users: journeys speak of channels, attributes, segments and templates.
    world = read_world(opened)
    if now is not None:
        world = replace(world, today=local_date(now, zone(world.config.timezone)))
    messages, problems = _messages(_Written(world.templates, world.config.currency))
    opened.problems.extend(problems)
    files = read_journeys(opened)
    # Also a journey that cannot be read has its name: who refers to it is not wrong, too.
    world = replace(world, journeys=frozenset(files) | names_of_files(opened, "journeys/"))
    rules: dict[str, SegmentRule] = {}
    compiled: dict[str, Journey] = {}
    recommendations: dict[str, Recommendation] = {}
    if opened.unreadable:  # without config.yaml and the schemas every name would seem to be wrong
        forms = [problem for problems in opened.forms.values() for problem in problems]
        opened.problems = [*without_names(opened.problems, opened.unreadable), *forms]
    else:
        rules = _segments(opened, world)
        recommendations, problems = compile_recommendations(world)
        opened.problems.extend(problems)
        opened.problems.extend(compile_points(world)[1])
        compiled = _compiled(opened, files, world, code_printers(messages))
        wrong = frozenset(problem.span.file for problem in opened.problems if problem.is_error)
        written = tuple(files.values())
        opened.problems.extend(
            check_whole(ProjectCheckInput(written, world, messages, opened.sources, wrong, compiled, rules))
        )
        # those that were read are known: their names excuse nothing else that is called so
        unread = names_of_files(opened, "journeys/segments/") - world.segments.keys()
        opened.problems = causes_only(opened.problems, opened.sources, unread)
    opened.problems.extend(_channel_problems(opened, world.config))
    opened.problems.extend(_forecast_problems(opened, world.catalogue))
    comments = _acceptances(opened)
    # after the causes are told from what follows: a file is only broken by a mistake of its own
    # After the whole: what two files say against each other makes a journey unfit to run as well.
    wrong = frozenset(problem.span.file for problem in opened.problems if problem.is_error)
    sound = [journey for journey in compiled.values() if journey.file not in wrong]
    judged = judge(opened.problems, comments)
    elsewhere = {*OF_STORE, _OF_GIT, *(() if now is not None else (_OF_TODAY,))}
    in_vain = told_in_vain(judged, lambda code: code not in elsewhere)
    return Project(
        folder=opened.root,
        world=world,
        journeys=publish(sound, rules, world, commit),
        files=files,
        compiled=compiled,
        messages=messages,
        problems=tuple(bounded([*judged.open, *in_vain])),
        sources=opened.sources,
        commit=commit,
        hash=content_hash(*(part for pair in sorted(opened.sources.items()) for part in pair)),
        broken=_untestable(wrong, files),
        recommendations=recommendations,
        accepted=tuple(judged.accepted),
        acceptances=tuple(comments),
    )


def _acceptances(opened: Folder) -> list[Acceptance]:
    found: list[Acceptance] = []
    for file, text in opened.sources.items():
        of_file, problems = acceptances(text, file)
        found.extend(of_file)
        opened.problems.extend(problems)
    return found


def load_config(folder: Path) -> Config:
    """config.yaml alone, for commands that need the store and nothing else. Raises AuthorError when it has
    errors, and for a folder that is no project."""
    opened = Folder(_root(folder))
    config = read_shop(opened)
    errors = [problem for problem in opened.problems if problem.is_error]
    if errors:
        raise AuthorError(
            f"config.yaml cannot be used: {errors[0].what}",
            f"`{command('check')}` shows all that is wrong with it",
        )
    return config


def load_world(folder: Path, sound: tuple[str, ...] = ("config.yaml", "schemas/")) -> ProjectContext:
    """config.yaml, schemas, segments and template files, nothing compiled: for commands that need the
    project's names. Raises AuthorError when one of the files that have to be `sound` has errors."""
    root = _root(folder)
    opened = Folder(root)
    world = read_world(opened)
    errors = [
        problem for problem in opened.problems if problem.is_error and problem.span.file.startswith(sound)
    ]
    if errors:
        place = errors[0].span
        raise AuthorError(
            f"{place.file}:{place.line} has an error: {errors[0].what}",
            f"`{command('check')}` shows all that is wrong",
        )
    return world


def load_journeys(folder: Path) -> Journeys:
    """The journeys alone, without templates and checks: for looking at who is inside. Broken ones are left
    out."""
    root = _root(folder)
    return _load_journeys(Folder(root), commit_of(root))


def load_published_journeys(sources: Mapping[str, str]) -> Journeys:
    """As `load_journeys`, from what was published; the commit is not in the files."""
    return _load_journeys(Folder(Path(), sources), "")


def load_published_facts(sources: Mapping[str, str]) -> Mapping[str, FactRule]:
    """The facts alone, from what was published; of files that this version cannot read, none."""
    return read_world(Folder(Path(), sources)).catalogue.facts


def _load_journeys(opened: Folder, commit: str) -> Journeys:
    world = read_world(opened)
    files = read_journeys(opened)
    world = replace(world, journeys=frozenset(files))
    rules = _segments(opened, world)
    journeys = (compile_journey(file, world).journey for file in files.values())
    reported = [*opened.problems, *(problem for problems in opened.forms.values() for problem in problems)]
    broken = {problem.span.file for problem in reported if problem.is_error}
    return publish(
        [journey for journey in journeys if journey is not None and journey.file not in broken],
        rules,
        world,
        commit,
    )


def _channel_problems(opened: Folder, config: Config) -> list[Problem]:
    """Channels that no daemon could open. A published file was looked at when it was published."""
    if opened.published is not None or any(
        problem.is_error and problem.span.file == "config.yaml" for problem in opened.problems
    ):
        return []
    # only here: whoever reads config.yaml alone need not load what sends
    from engine.channels import registry

    faults = registry.faults(config, opened.root)
    # its places are asked for only when there is something to say
    file = read(opened.sources["config.yaml"], "config.yaml")[0] if faults else None
    channels = file.get("channels") if isinstance(file, nodes.Mapping) else None
    entries = channels.entries if isinstance(channels, nodes.Mapping) else ()
    return [
        Problem(
            entry.key.span, "E96", fault.what, "the daemon could not open this channel",
            fault.cure[:1].lower() + fault.cure[1:],
        )
        for entry in entries
        if (fault := faults.get(entry.key.text)) is not None
    ]  # fmt: skip


def _forecast_problems(opened: Folder, catalogue: Catalogue) -> list[Problem]:
    """Facts that nobody could compute here. A published file was looked at when it was published."""
    wanted = {name for name, rule in catalogue.facts.items() if rule.is_forecast}
    if not wanted or opened.published is not None or forecast.is_installed():
        return []
    file = read(opened.sources["schemas/customer.yaml"], "schemas/customer.yaml")[0]
    facts = file.get("facts") if isinstance(file, nodes.Mapping) else None
    entries = facts.entries if isinstance(facts, nodes.Mapping) else ()
    return [
        Problem(
            entry.key.span, "E108", f'the fact "{entry.key.text}" needs the extra "{forecast.EXTRA}"',
            "a forecast is fitted with numpy and scipy, which are not installed here", forecast.INSTALL,
        )
        for entry in entries
        if entry.key.text in wanted
    ]  # fmt: skip


def _untestable(wrong: frozenset[str], files: Mapping[str, JourneyFile]) -> frozenset[str]:
    """Where config.yaml or a schema has errors, no story runs in the world that its author wrote; where a
    segment has some, none of a journey that names it."""
    if any(map(is_foundation, wrong)):
        return wrong.union(file.span.file for file in files.values())
    segments = [Path(file).stem for file in wrong if file.startswith("journeys/segments/")]
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, segments))})\b") if segments else None
    return wrong.union(file.span.file for file in files.values() if named and named.search(file.source))


def _root(folder: Path) -> Path:
    root = folder.resolve()
    if not (root / "config.yaml").exists() and not (root / "journeys").is_dir():
        raise AuthorError(
            f'there is no project in "{folder}": neither config.yaml nor journeys/ is there',
            "Go to the folder of a project, name it with  --project DIR, or "
            f"make one with  {without_project('new project DIR')}",
        )
    return root


class _Written:
    """Templates as they stand in their files: equal when nothing in them changed."""

    def __init__(self, templates: TemplateFiles, currency: str) -> None:
        self.templates, self.currency = templates, currency
        self.hash = content_hash(repr(templates), currency)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Written) and other.hash == self.hash

    def __hash__(self) -> int:
        return hash(self.hash)


@lru_cache(maxsize=4)
def _messages(written: _Written) -> tuple[MessageSet, list[Problem]]:
    """Compiling templates takes most of the time; a changed journey does not need it again."""
    return compile_messages(written.templates, written.currency)


def _segments(opened: Folder, project: ProjectContext) -> dict[str, SegmentRule]:
    rules: dict[str, SegmentRule] = {}
    for name, file in project.segments.items():
        rule, problems = compile_segment(file, project)
        opened.problems.extend(problems)
        if rule is not None and not any(problem.is_error for problem in problems):
            rules[name] = rule
    return rules


def _compiled(
    opened: Folder, files: Mapping[str, JourneyFile], project: ProjectContext, printers: frozenset[str]
) -> dict[str, Journey]:
    compiled: dict[str, Journey] = {}
    for name, file in files.items():
        compiled_file = compile_journey(file, project)
        forms = opened.forms.get(file.span.file, [])
        opened.problems.extend(causes_first(forms, compiled_file.problems))
        opened.problems.extend(
            check_journey(
                JourneyCheckInput(
                    file, compiled_file.journey, project, printers, steps_are_whole(file, forms)
                )
            )
        )
        if compiled_file.journey is not None:
            compiled[name] = compiled_file.journey
    return compiled
