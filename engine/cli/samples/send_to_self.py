"""A test of one message: the real thing through the real channel, marked, counted nowhere, with links that
change nothing."""

from __future__ import annotations

from dataclasses import replace

from engine.channel_kinds import kind_of
from engine.channels.base import Delivery, Message
from engine.channels.links import TESTER
from engine.channels.registry import open_channels
from engine.channels.render import Recipient
from engine.cli.samples.message import SampleCustomer, SampleWriter
from engine.clock import Clock
from engine.errors import UsageError
from engine.ids import new_id
from engine.problem import did_you_mean
from engine.project import Project
from engine.runtime.delivery.send_limits import AllowList
from engine.runtime.intake.contact import contact
from engine.runtime.publish.published import links_of
from engine.values import HOUR, Instant

MARK = "[Test] "


def write_test_message(
    project: Project,
    template: str,
    address: str,
    via: str | None,
    known: SampleCustomer | None,
    language: str | None,
    secret: str,
    now: Instant,
) -> Message:
    """The message that leaves. Raises UsageError for an address, channel or language that does not fit, and
    for an address that `deliver_only` keeps from getting anything; RenderError where it cannot be written."""
    channel = _channel(project, template, address, via)
    try:
        own = contact(channel, address, None)
    except ValueError as wrong:
        raise UsageError(f'"{address}" cannot get it via {channel}:', str(wrong)) from wrong
    # a test is a message like any other: a project that may reach nobody reaches nobody
    only = project.config.deliver_only
    if only is not None and not AllowList(only).names(channel, own):
        raise UsageError(
            f"{address} is not on the deliver_only list of config.yaml, and nobody else gets messages:",
            "add it there, or send the test to an address that is on it",
        )
    writer = SampleWriter(project, now, links_of(project.config, secret))
    # a key of its own each time, so that no provider takes the second test for a repetition of the first
    addressed = Recipient(f"test-{new_id()}", channel, own, TESTER, None, Instant(now + HOUR))
    letter = writer.letter(template, known, language, addressed)
    if letter is None:
        raise UsageError(
            f'"{template}" is not written for {channel} in "{language}":',
            f"its languages are: {', '.join(writer.languages(template))}",
        )
    return marked(letter)


def marked(letter: Message) -> Message:
    """The same, with `[Test]` where its reader looks first."""
    if letter.subject:
        return replace(letter, subject=f"{MARK}{letter.subject}")
    title = letter.fields.get("title")
    if title:
        return replace(letter, fields={**letter.fields, "title": f"{MARK}{title}"})
    return replace(letter, body=f"{MARK}{letter.body}")


async def deliver(project: Project, letter: Message, secret: str, clock: Clock) -> Delivery:
    """Hands it to its channel. No row of the outbox is made, so nothing counts it and nobody sends it
    again."""
    config = project.config
    # The other channels stay closed: their servers and secrets do not matter for this one
    alone = replace(config, channels={letter.channel: config.channels[letter.channel]})
    channel = open_channels(alone, project.folder, secret, clock)[letter.channel]

    async def may() -> bool:
        return True

    try:
        return await channel.deliver(letter, may)
    finally:
        await channel.close()


def _channel(project: Project, template: str, address: str, via: str | None) -> str:
    written = [each for each in project.templates.channels(template) if each in project.config.channels]
    listed = ", ".join(written) or "none"
    # what is said wins over what fits
    if via is not None:
        if via not in written:
            raise UsageError(
                f'"{template}" is not written for the channel "{via}":',
                did_you_mean(via, written, f"it is written for: {listed}"),
            )
        return via
    # not guessed between several: a test that goes elsewhere helps nobody
    fitting = [each for each in written if _fits(each, address)]
    if len(fitting) == 1:
        return fitting[0]
    raise UsageError(
        f'{"no channel" if not fitting else "more than one channel"} of "{template}" fits {address}:',
        f"name one with  --via; it is written for: {listed}",
    )


def _fits(channel: str, address: str) -> bool:
    if "@" in address and " " not in address and not address.startswith("{"):
        return kind_of(channel).form == "email"
    return kind_of(channel).form == ("phone" if address.startswith(("+", "tel:")) else "token")
