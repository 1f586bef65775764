"""E124: a chosen word that a template includes a block for has that block."""

from __future__ import annotations

from collections.abc import Iterator

from engine.compiler.check_input import ProjectCheckInput
from engine.compiler.templates.layout import CHOSEN_BLOCK, blocks_of_choice
from engine.compiler.walk import every_step
from engine.language.steps.send import Send
from engine.language.syntax import Text
from engine.language.wording import quoted
from engine.problem import Problem, did_you_mean


def check(checked: ProjectCheckInput) -> list[Problem]:
    """The words of `with:`, chosen or plain, of every message whose template includes a block by one."""
    return [
        problem
        for file in checked.files
        for step in every_step(file.steps)
        if isinstance(step, Send)
        for problem in _of_send(step, checked)
    ]


def _of_send(step: Send, checked: ProjectCheckInput) -> Iterator[Problem]:
    words: dict[str, list[Text]] = {
        chosen.name.value: [line.value for line in chosen.lines] for chosen in step.chosen
    }
    words |= {pair.name.value: [pair.value] for pair in step.values if "." not in pair.value.value}
    templates = checked.world.templates
    told: set[str] = set()
    for file in templates.by_name.get(step.template.value, ()) if words else ():
        for prefix, name, suffix in CHOSEN_BLOCK.findall(file.body):
            there = blocks_of_choice(prefix, suffix, templates.parts)
            for word in words.get(name, []):
                if word.value in there or word.value in told or not there:
                    continue
                told.add(word.value)
                yield Problem(
                    word.span, "E124", f"there is no block for {quoted(word.value)}: "
                    f"templates/{prefix}{word.value}{suffix}",
                    f"the message would have nothing where {file.file} includes it",
                    did_you_mean(word.value, there, f"make it, or use one of: {', '.join(there)}"),
                )  # fmt: skip
