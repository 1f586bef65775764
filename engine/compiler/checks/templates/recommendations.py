"""W34: a list of products that may be empty, with nothing in its place; W35: one that always is, since the
journey begins with no product."""

from __future__ import annotations

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.conditions.names import trigger_fields
from engine.compiler.templates.loops import UnguardedLoop, bare_loops
from engine.compiler.walk import every_step
from engine.config import RecommendationConfig
from engine.core.products.event_products import ID_NAMES, LIST_NAMES
from engine.core.recommendations.rule import SeedKind
from engine.language.steps.send import Send
from engine.language.syntax import JourneyFile
from engine.language.wording import quoted
from engine.problem import Problem, Span

READ = "recommend."


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Every template that shows products."""
    if not checked.world.config.recommendations:
        return []
    given: dict[str, set[str]] = {}
    problems: list[Problem] = []
    reads = _reads_of_templates(checked)
    for file in checked.files:
        for step in every_step(file.steps):
            if not isinstance(step, Send):
                continue
            lists = {
                pair.name.value: pair.value.value.removeprefix(READ)
                for pair in step.values
                if pair.value.value.startswith(READ)
            }
            given.setdefault(step.template.value, set()).update(lists)
            named = {*lists.values(), *reads.get(step.template.value, ())}
            problems.extend(_always_empty(file, step, named, checked))
    for (name, _), languages in checked.messages.of.items():
        for template in languages.values():
            names = given.get(name, set())
            problems += [
                _alone(loop)
                for loop in bare_loops(template)
                if loop.name.startswith(READ) or loop.name in names
            ]
    return list(dict.fromkeys(problems))


def _reads_of_templates(checked: ProjectCheckInput) -> dict[str, set[str]]:
    reads: dict[str, set[str]] = {}
    for (name, _), languages in checked.messages.of.items():
        for template in languages.values():
            for read in template.reads():
                if read.name.startswith(READ):
                    reads.setdefault(name, set()).add(read.name.split(".")[1])
    return reads


def _alone(loop: UnguardedLoop) -> Problem:
    return Problem(
        Span(loop.file, max(1, loop.line), 1), "W34",
        f"{quoted(loop.name)} may be empty, and what stands around it would be left alone",
        "a list of products is empty when nothing fits this customer",
        f"put  {{% if {loop.name} %}} ... {{% endif %}}  around the heading and the list", "warning",
    )  # fmt: skip


def _always_empty(
    file: JourneyFile, step: Send, named: set[str], checked: ProjectCheckInput
) -> list[Problem]:
    fields = trigger_fields(file, checked.world)
    offered = {name.partition(".")[0] for name in (*fields.fields, *fields.partial)}
    if fields.unknown or offered & {*ID_NAMES[:2], *LIST_NAMES}:
        return []
    known = checked.world.config.recommendations
    return [
        Problem(
            step.template.span, "W35", f"recommend.{name} is always empty here",
            "all its sources begin at the trigger, and this journey begins with no product",
            f"add a source such as  bestsellers  to  {name}  in config.yaml, or send another list", "warning",
        )
        for name in sorted(named)
        if name in known and _begins_at_the_trigger(known[name])
    ]  # fmt: skip


def _begins_at_the_trigger(written: RecommendationConfig) -> bool:
    return bool(written.sources) and all(source.seeds is SeedKind.TRIGGER for _, source in written.sources)
