"""Messages as text: what a made-up customer would read, in every channel and language."""

from __future__ import annotations

from collections.abc import Collection

from engine.cli.samples.message import SampleWriter
from engine.plan.message_diff import Written
from engine.project import Project
from engine.values import Instant


def written_messages(project: Project, templates: Collection[str], now: Instant) -> dict[Written, str]:
    """Subject and text of each message of these templates, as of a moment; one that cannot be written is left
    out."""
    writer = SampleWriter(project, now)
    texts: dict[Written, str] = {}
    for template in sorted(templates):
        if template not in project.templates.by_name:
            continue
        for sheet in writer.sheets(template, None, None):
            message = sheet.message
            head = [message.subject, *message.fields.values()]
            variant = sheet.title.removeprefix(f"{message.channel}, {message.language}")
            written = Written(template, message.channel, message.language, variant)
            texts[written] = "\n".join([*(line for line in head if line), message.body])
    return texts
