"""A small shop in memory for the tests of the compiler, and journeys written in a few lines."""

from __future__ import annotations

from pathlib import Path

from engine.compiler.facts.customer_file import read_catalogue
from engine.compiler.journeys.compile import CompiledJourney, compile_journey
from engine.compiler.project_context import ProjectContext
from engine.compiler.templates.message_set import TemplateFiles
from engine.compiler.templates.template_file import TemplateFile
from engine.config.file import read_config
from engine.core.journey import Journey
from engine.language.parse import parse_journey, parse_segment
from engine.language.syntax import JourneyFile
from engine.language.yaml.source import read

SAMPLE = Path(__file__).parent.parent / "cases" / "project"


def world() -> ProjectContext:
    """The sample project; templates `a` and `b` for e-mail, `both` for push and e-mail."""
    config, _ = read_config((SAMPLE / "config.yaml").read_bytes())
    nodes = [
        read((SAMPLE / f"schemas/{name}.yaml").read_bytes(), f"schemas/{name}.yaml")[0]
        for name in ("customer", "events", "product")
    ]
    catalogue, _ = read_catalogue(nodes[0], nodes[1], nodes[2], config)
    segment, _ = parse_segment(
        (SAMPLE / "journeys/segments/vip.yaml").read_bytes(), "journeys/segments/vip.yaml"
    )
    assert segment is not None
    templates = TemplateFiles({name: tuple(_files(name, channels)) for name, channels in _WRITTEN.items()})
    return ProjectContext(config, catalogue, {"vip": segment}, templates)


_WRITTEN = {"a": ("email",), "b": ("email",), "both": ("push", "email")}


def _files(name: str, channels: tuple[str, ...]) -> list[TemplateFile]:
    return [TemplateFile(name, channel, "", "txt", f"templates/{name}.{channel}.txt") for channel in channels]


HEAD = """journey: test
start: {event: subscribed}
again: never
goal: {event: order_placed}
"""


def parsed(steps: str, head: str = HEAD) -> JourneyFile:
    """A journey with these steps, which must be without mistakes of form."""
    text = f"{head}steps:\n{steps}"
    file, problems = parse_journey(text, "journeys/test.yaml")
    assert file is not None
    assert problems == []
    return file


def compiled(steps: str, head: str = HEAD) -> CompiledJourney:
    """The journey compiled in the sample shop."""
    return compile_journey(parsed(steps, head), world())


def journey(steps: str, head: str = HEAD) -> Journey:
    """The journey, which must be without mistakes."""
    made = compiled(steps, head)
    assert made.problems == ()
    assert made.journey is not None
    return made.journey
