"""What a `send` names: template, channels, policy."""

from __future__ import annotations

from collections.abc import Callable

from engine.compiler.conditions.compile import ConditionCompiler, channel_problem
from engine.compiler.conditions.names import NameScope
from engine.compiler.project_context import ProjectContext
from engine.core.policy import Policy
from engine.language.steps.send import Send
from engine.language.syntax import Text
from engine.language.wording import either, quoted, unknown
from engine.problem import Problem


def channels_of(step: Send, conditions: ConditionCompiler, scope: NameScope) -> tuple[str, ...]:
    """The channels in the order of the cascade, or the only one that the template is written for."""
    world = scope.world
    template_known = conditions.known_template(step.template, scope)
    written = world.templates.channels(step.template.value)
    if step.likely is not None and not step.via:
        # all channels of a template that the shop has, in the order of config.yaml, which
        # decides between equals
        known = [channel for channel in written if channel in world.config.channels]
        if written and not known:
            conditions.problems.extend(_only_channel(step.template, written[:1], world))
        return tuple(sorted(known, key=_place_in(world)))
    if not step.via:
        if template_known:
            conditions.problems.extend(_only_channel(step.template, written, world))
        return written[:1]
    for channel in step.via:
        if conditions.known_channel(channel, scope) and template_known and channel.value not in written:
            conditions.problems.append(_not_written(channel, step.template.value, written))
    named = tuple(dict.fromkeys(channel.value for channel in step.via))
    return tuple(sorted(named, key=_place_in(world))) if step.likely is not None else named


def _place_in(project: ProjectContext) -> Callable[[str], int]:
    names = list(project.config.channels)
    return lambda channel: names.index(channel) if channel in names else len(names)


def policy_of(name: Text | None, conditions: ConditionCompiler, project: ProjectContext) -> Policy:
    """The policy of that name, or the default one."""
    policy = project.policy(name.value if name else None)
    if policy is not None:
        return policy
    assert name is not None
    why = "policies stand in config.yaml under  policies:"
    conditions.problems.append(unknown("E62", name, "policy", project.policy_names(), why))
    return Policy(name.value)


def _only_channel(template: Text, written: tuple[str, ...], project: ProjectContext) -> list[Problem]:
    known = tuple(project.config.channels)
    if len(written) > 1:
        ordered = [channel for channel in project.channels if channel in written] or list(written)
        return [
            Problem(
                template.span, "E65",
                f"{quoted(template.value)} is written for {either(written, 'and')}: say which one",
                "nobody can guess the channel, or their order",
                f"add  via: {ordered[0]}  or  via: [{', '.join(ordered)}]  with  next_after: 4 hours",
                topic="channel", subject=template.value,
            )
        ]  # fmt: skip
    if written and written[0] not in known:
        return [channel_problem(Text(written[0], template.span), known, project.config.currency)]
    return []


def _not_written(channel: Text, template: str, written: tuple[str, ...]) -> Problem:
    extension = "mjml" if channel.value == "email" else "txt"
    return Problem(
        channel.span, "E32", f"{quoted(template)} is not written for {channel.value}",
        f"there is a file for: {', '.join(written)}",
        f"make  templates/{template}.{channel.value}.{extension}  or remove {channel.value} here",
    )  # fmt: skip
