"""A folder with the pictures of a change: what customers see before and after, the journeys, and a page that
puts them side by side."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from engine.cli.changes.compared_versions import ComparedVersions
from engine.cli.changes.pictures.chromium import BrowserError, Chromium, find_chromium
from engine.cli.output import counted, writing
from engine.cli.reports.diagram_data import former_of, inside_in
from engine.cli.samples.message_versions import text_of
from engine.diagram.nodes import Flowchart, Mark, every_node
from engine.diagram.overlays import with_people
from engine.diagram.svg import svg_picture
from engine.http.console.changes_page import DiffLine, DiffSide, SideBySide, changes_page
from engine.http.console.preview import PreviewedMessage, preview
from engine.plan.changed_flowchart import changed_flowchart, former_flowchart
from engine.plan.message_diff import MessageKey, changed_lines
from engine.plan.project_diff import journeys_of
from engine.store.streams.snapshot import Snapshot

INDEX = "index.html"

WIDE = 640
"""Pixels of the picture of a mail."""

LONGEST = 300
"""Seconds for all pictures of mails of a change; what is left then has none."""

_BEFORE, _NOW = "before", "now"
_COMMENT, _SPACE = re.compile(r"<!--.*?-->", re.DOTALL), re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class ChangePictures:
    """What lies in the folder. `index`: the page that shows all of it; `files`: the others, by name, sorted.
    `missing`: why mails have no picture (PNG), "" where each has one."""

    folder: str
    index: str
    files: tuple[str, ...]
    messages: int
    journeys: int
    missing: str

    @property
    def page(self) -> str:
        """Where the page is, from where the command was called."""
        return str(Path(self.folder) / self.index)


def write_pictures(
    folder: Path, compared: ComparedVersions, against: str, counted_people: Snapshot | None = None
) -> ChangePictures:
    """Writes them, the journeys with the people of a snapshot. Files keep their names from one time to the
    next. Raises UsageError where the folder cannot be written."""
    with writing(folder, "Name another folder"):
        folder.mkdir(parents=True, exist_ok=True)
        with closing(_MailPhotographer()) as photographer:
            made = _Folder(folder, photographer, {})
            messages = list(_messages(made, compared))
        journeys = list(_journeys(made, compared, counted_people))
        missing = photographer.missing
        made.write(INDEX, changes_page(against[:12], messages, journeys, missing))
    files = tuple(sorted(set(made.names) - {INDEX}))
    return ChangePictures(str(folder), INDEX, files, len(messages), len(journeys), missing)


def safe_name(*parts: str) -> str:
    """A name for a file, the same for the same parts on every system; other parts give another one."""
    plain = "-".join(re.sub(r"[^a-z0-9_]+", "-", part).strip("-") for part in parts)
    whole = "-".join(parts)
    if plain == whole and len(plain) <= 100:
        return plain
    return f"{plain[:80].strip('-')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


@dataclass(slots=True)
class _Folder:
    path: Path
    photographer: _MailPhotographer
    names: dict[str, None]

    def write(self, name: str, content: str | bytes) -> str:
        """Returns the name."""
        data = content.encode("utf-8", "replace") if isinstance(content, str) else content
        (self.path / name).write_bytes(data)
        self.names[name] = None
        return name


# --- messages ---


def _messages(made: _Folder, compared: ComparedVersions) -> Iterator[SideBySide]:
    versions = compared.messages
    for written in sorted(versions.before.keys() | versions.now.keys()):
        before, now = versions.before.get(written), versions.now.get(written)
        if before is not None and now is not None:
            reads_alike = _told(before) == _told(now)
            if reads_alike and _look(before) == _look(now):
                continue
            pictures = [made.photographer.take(sheet.message.html) for sheet in (before, now)]
            if reads_alike and pictures[0] is not None and pictures[0] == pictures[1]:
                continue  # written otherwise, and nobody sees it
        else:
            pictures = [
                made.photographer.take(sheet.message.html) if sheet else None for sheet in (before, now)
            ]
            reads_alike = False
        yield _pair(made, written, (before, now), pictures, reads_alike=reads_alike)


def _told(sheet: PreviewedMessage) -> tuple[str, Sequence[str]]:
    return text_of(sheet), sheet.warnings


def _look(sheet: PreviewedMessage) -> str:
    return _SPACE.sub(" ", _COMMENT.sub("", sheet.message.html))


def _pair(
    made: _Folder,
    written: MessageKey,
    sheets: tuple[PreviewedMessage | None, PreviewedMessage | None],
    pictures: Sequence[bytes | None],
    *,
    reads_alike: bool,
) -> SideBySide:
    which = f"{written.channel} {written.language}{written.variant}"
    name = safe_name(
        "message", written.template, written.channel, written.language, written.variant.strip(", ")
    )
    name = name.rstrip("-")
    sides = []
    for when, sheet, picture in zip((_BEFORE, _NOW), sheets, pictures, strict=True):
        if sheet is None:
            continue
        page = made.write(f"{name}.{when}.html", preview(f"{written.template}, {which}, {when}", [sheet]))
        image = made.write(f"{name}.{when}.png", picture) if picture is not None else ""
        alt = f"{written.template}, {which}, {when}: {sheet.heading}"
        sides.append(DiffSide(when, image, alt, page=page, sheet=sheet))
    before, now = sheets
    note = "the same words; it looks different" if reads_alike else ""
    if before is None or now is None:
        note = "new" if before is None else "not written any more"
        lines: tuple[DiffLine, ...] = ()
    else:
        found = changed_lines(text_of(before), text_of(now))
        lines = tuple(DiffLine(each.sign, each.line) for each in found)
    return SideBySide(f"{written.template}, {which}", name, tuple(sides), lines, note)


@dataclass(slots=True)
class _MailPhotographer:
    """Takes pictures of mails while there is a browser and time. `missing`: why it takes none any more."""

    missing: str = ""
    _browser: Chromium | None = None
    _until: float = field(default=0)

    def take(self, html: str) -> bytes | None:
        """None: it is no mail, or there can be no picture."""
        if not html or self.missing:
            return None
        try:
            if self._browser is None:
                found = find_chromium(os.environ)
                if found is None:
                    self.missing = (
                        "No Chromium was found, so mails are shown as pages and not as pictures (PNG): "
                        "install one, or name it with PERENNIAL_CHROMIUM."
                    )
                    return None
                self._until = time.monotonic() + LONGEST
                browser = Chromium(found)
                browser.open()
                self._browser = browser
            if time.monotonic() > self._until:
                self.missing = f"After {LONGEST} seconds there was no time for more pictures of mails (PNG)."
                return None
            return self._browser.picture(html, WIDE)
        except BrowserError as wrong:
            self.missing = f"There are no more pictures of mails (PNG): {wrong}."
            return None

    def close(self) -> None:
        """Ends the browser."""
        if self._browser is not None:
            self._browser.close()


# --- journeys ---


def _journeys(
    made: _Folder, compared: ComparedVersions, counted_people: Snapshot | None
) -> Iterator[SideBySide]:
    former = journeys_of(compared.before)
    present = {file.name.value: file for file in compared.project.files.values()}
    for subject in compared.differences.subjects:
        if subject.kind != "journey":
            continue
        now = present.get(subject.name)
        before = former_of(now, former) if now is not None else former.by_name.get(subject.name)
        charts: dict[str, Flowchart] = {}
        if before is not None:
            charts[_BEFORE] = former_flowchart(before, now)
        if now is not None:
            charts[_NOW] = changed_flowchart(before, now)
            if counted_people is not None:
                inside = inside_in(counted_people, now)
                charts[_NOW] = with_people(charts[_NOW], inside.people, inside.holdout, inside.steps)
        lines = tuple(_marks([*charts.values()][-1])) if charts else ()
        if lines:  # else its stories alone are others
            yield _journey_pair(made, subject.name, charts, lines)


def _journey_pair(
    made: _Folder, name: str, charts: Mapping[str, Flowchart], lines: tuple[DiffLine, ...]
) -> SideBySide:
    file, sides = safe_name("journey", name), []
    for when, chart in charts.items():
        drawn = svg_picture(chart)
        image = made.write(f"{file}.{when}.svg", drawn.text)
        sides.append(DiffSide(when, image, _seen(name, when, chart), drawn.wide))
    return SideBySide(f"journey {name}", file, tuple(sides), lines)


def _marks(chart: Flowchart) -> Iterator[DiffLine]:
    for note in chart.notes:
        yield from (DiffLine(part.mark.sign, part.words) for part in note.marks)
    for node in every_node(chart.nodes):
        step = node.text if not node.step or node.step in node.text else f"{node.text} ({node.step})"
        for part in node.marks:
            words = f"{step}{f': {part.words}' if part.words else ''}"
            yield DiffLine(part.mark.sign, words)


def _seen(name: str, when: str, chart: Flowchart) -> str:
    """The picture in words, for whoever does not see it."""
    nodes = [node for node in every_node(chart.nodes) if node.shape not in ("start", "finish")]
    marks = [part.mark for node in nodes for part in node.marks]
    told = [f"{marks.count(mark)} {mark}" for mark in Mark if mark in marks]
    return f"the journey {name} {when}: {counted(len(nodes), 'step')}{', ' + ', '.join(told) if told else ''}"
