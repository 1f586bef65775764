"""A step in one line of words, for the picture, the plan, and the hidden id of steps without a name."""

from __future__ import annotations

from engine.compiler.conditions.words import condition_text
from engine.language import syntax
from engine.language.phrases.moment import WEEKDAYS

VERBS: dict[type, str] = {
    syntax.Send: "send", syntax.Wait: "wait", syntax.If: "if", syntax.Choose: "choose", syntax.Split: "split",
    syntax.Code: "code", syntax.Webhook: "webhook", syntax.Exit: "exit",
}  # fmt: skip


def verb(step: syntax.Step) -> str:
    """The verb as it stands in the file."""
    return step.how if isinstance(step, syntax.Change) else VERBS[type(step)]


def step_text(step: syntax.Step) -> str:
    """`send cart_reminder via push, email`, `wait 2 days at 10:00`."""
    match step:
        case syntax.Send():
            named = step.likely.value if step.likely else ", ".join(channel.value for channel in step.via)
            via = f" via {named}" if named else ""
            return f"send {step.template.value}{via}"
        case syntax.Wait():
            return f"wait {_wait(step)}"
        case syntax.If():
            return f"if {condition_text(step.condition)}"
        case syntax.Choose():
            return f"choose {step.subject.value}"
        case syntax.Split():
            return f"split {step.name.value}"
        case syntax.Change():
            return f"{step.how} {', '.join(f'{pair.name.value}: {pair.value.value}' for pair in step.values)}"
        case syntax.Code():
            return f"code {step.pool.value}"
        case syntax.Webhook():
            return f"webhook {step.name.value}"
        case syntax.Exit():
            return f"exit {step.reason.value}"


def resting_id(step: syntax.Step) -> syntax.Text | None:
    """The name under which people rest here: the id, else the template or the split; None where there is none."""
    match step:
        case syntax.Send():
            return step.id or step.template
        case syntax.Split():
            return step.name
        case _:
            return step.id


def _wait(step: syntax.Wait) -> str:
    words = [step.value.value]
    if step.at:
        words.append(f"at {step.at.text.value}")
    if step.their_hour and not (step.until and step.until.their_hour):
        words.append("at their hour")
    if step.weekdays:
        words.append(f"on {', '.join(WEEKDAYS[day] for day in step.weekdays)}")
    if step.awaited:
        awaited = step.awaited
        named = ", ".join(event.value for event in awaited.events)
        words.append(
            f"for {named or f'{awaited.reaction} {awaited.template.value if awaited.template else str()}'}"
        )
        if awaited.where:
            words.append(f"where {condition_text(awaited.where)}")
    return " ".join(words)
