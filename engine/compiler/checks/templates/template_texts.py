"""T22 to T25: what a message must hold, and how long it may be."""

from __future__ import annotations

import re

from engine.compiler.check_input import JourneyCheckInput, ProjectCheckInput
from engine.compiler.templates.message import CompiledTemplate
from engine.compiler.templates.text_parts import outside, parts
from engine.compiler.walk import every_step
from engine.language.steps.send import Send
from engine.language.wording import quoted
from engine.problem import Problem, Span, nearest

LARGEST_HTML = 102 * 1024
"""From here on some mail programs cut a message off, and the unsubscribe link with it."""

_TAG = re.compile(r"\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_VALUE = re.compile(r"\{\{\s*([\w.]*).*?\}\}", re.DOTALL)
_TYPICAL = {"links": 40, "shop": 24, "code": 14}
"""Characters that a value of a group takes; others take 8."""


def check(checked: ProjectCheckInput) -> list[Problem]:
    """Every message that some journey sends, in every language."""
    # templates that some step sends under a policy that asks for consent
    marketing: set[str] = set()
    for file in checked.files:
        subject = JourneyCheckInput(file, None, checked.world)
        for step in every_step(file.steps):
            if isinstance(step, Send):
                policy = subject.policy(step)
                if policy is not None and policy.consent is not None:
                    marketing.add(step.template.value)
    problems: list[Problem] = []
    for (name, channel), languages in checked.messages.of.items():
        for template in languages.values():
            if channel == "email":
                problems.extend(_mail(template, name in marketing, checked))
            elif channel == "sms":
                problems.extend(_sms(template, checked))
    return problems


def _mail(template: CompiledTemplate, marketing: bool, checked: ProjectCheckInput) -> list[Problem]:
    problems: list[Problem] = []
    names = {read.name for read in template.reads()}
    body = template.html or template.text
    if "subject" not in template.fields and not _misspelt_subject(checked.sources.get(template.file, "")):
        problems.append(
            Problem(
                Span(template.file, 1, 1), "T26", "this e-mail has no subject",
                "it would arrive with an empty line in the inbox",
                "begin the file with\n         ---\n         subject: Your text\n         ---", "warning",
            )
        )  # fmt: skip
    if marketing and not any(name.startswith("links.unsub") for name in names):
        problems.append(
            Problem(
                Span(template.file, 1, 1), "T22", "this marketing e-mail has no link to unsubscribe",
                "the law asks for one in every advertising e-mail",
                'add  <a href="{{ links.unsubscribe }}">unsubscribe</a>  or a block that holds it',
            )
        )  # fmt: skip
    address = checked.world.config.shop.address
    if marketing and "shop.address" not in names and not (address and address in body.source):
        problems.append(
            Problem(
                Span(template.file, 1, 1), "T23", "this marketing e-mail has no postal address",
                "the law asks for the sender's address",
                "add  {{ shop.address }}  or a block that holds it",
            )
        )  # fmt: skip
    size = len(body.source.encode())
    if template.html is not None and size > LARGEST_HTML:
        problems.append(
            Problem(
                Span(template.file, 1, 1), "T25", f"the HTML of this message has {size / 1024:.0f} KB",
                "mail programs cut off what is longer than 102 KB",
                "make it shorter, or move pictures and styles out of it", "warning",
            )
        )  # fmt: skip
    return problems


def _misspelt_subject(source: str) -> bool:
    """The field is there under another name, and that is said already."""
    head = source.split("\n---", 1)[0] if source.startswith("---") else ""
    return nearest("subject", re.findall(r"^(\w+)\s*:", head, re.MULTILINE)) is not None


def _sms(template: CompiledTemplate, checked: ProjectCheckInput) -> list[Problem]:
    text = _VALUE.sub(_typical, _TAG.sub("", template.text.source)).strip()
    count, odd = parts(text), outside(text)
    if count <= 1:
        return []
    channel = checked.world.config.channels.get("sms")
    price = (
        f", {channel.price * count:f} {channel.currency} instead of {channel.price:f} {channel.currency}"
        if channel and channel.price
        else ""
    )
    why = "a part of an SMS holds 160 characters; 153 when there are several"
    if odd:
        why = (
            f"{quoted(odd)} is not in the alphabet of SMS, so a part holds only 70 characters; 67 "
            f"when there are several"
        )
    return [
        Problem(
            Span(template.file, 1, 1), "T24",
            f"this text has about {len(text)} characters and is sent as {count} parts{price}", why,
            "make it shorter" + (f", or write it without {quoted(odd)}" if odd else ""), "warning",
        )
    ]  # fmt: skip


def _typical(match: re.Match[str]) -> str:
    return "x" * _TYPICAL.get(match[1].partition(".")[0], 8)
