"""Messages as a made-up customer would read them, in every channel and language, in two versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.cli.samples.message import SampleWriter
from engine.http.console.preview import PreviewedMessage
from engine.plan.message_diff import MessageKey
from engine.project import Project
from engine.values import Instant


@dataclass(frozen=True, slots=True)
class MessageVersions:
    """The messages of some templates before a change and now, for the same made-up customer. `files`: where
    each is written."""

    before: Mapping[MessageKey, PreviewedMessage]
    now: Mapping[MessageKey, PreviewedMessage]
    files: Mapping[MessageKey, str]

    def without(self, left_out: Collection[MessageKey]) -> MessageVersions:
        """The others, whatever their variants are."""
        before, now = (
            {
                written: sheet
                for written, sheet in sheets.items()
                if written._replace(variant="") not in left_out
            }
            for sheets in (self.before, self.now)
        )
        return MessageVersions(before, now, self.files)

    def texts(self) -> tuple[dict[MessageKey, str], dict[MessageKey, str]]:
        """Both as text."""
        former, present = (
            {written: text_of(sheet) for written, sheet in sheets.items()}
            for sheets in (self.before, self.now)
        )
        return former, present


def message_versions(
    former: Project, project: Project, templates: Collection[str], now: Instant
) -> MessageVersions:
    """Of these templates, as of one moment: what is made up hangs on it."""
    of_channel = {
        (file.name, file.channel): file.file for of in project.templates.by_name.values() for file in of
    }
    before, present = (written_sheets(each, templates, now) for each in (former, project))
    files = {
        written: of_channel.get((written.template, written.channel), "")
        for written in before.keys() | present.keys()
    }
    return MessageVersions(before, present, files)


def written_sheets(
    project: Project, templates: Collection[str], now: Instant
) -> dict[MessageKey, PreviewedMessage]:
    """Each message of these templates, as of a moment."""
    writer = SampleWriter(project, now)
    sheets: dict[MessageKey, PreviewedMessage] = {}
    for template in sorted(templates):
        if template not in project.templates.by_name:
            continue
        for sheet in writer.sheets(template, None, None):
            message = sheet.message
            variant = sheet.title.removeprefix(f"{message.channel}, {message.language}")
            sheets[MessageKey(template, message.channel, message.language, variant)] = sheet
    return sheets


def text_of(sheet: PreviewedMessage) -> str:
    """What somebody reads: the sender, subject, the fields of the channel, and the text."""
    message = sheet.message
    head = [message.sender, message.subject, message.preheader, *message.fields.values()]
    return "\n".join([*(line for line in head if line), message.body])
