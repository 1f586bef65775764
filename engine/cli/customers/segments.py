"""`segments`: who is in them, who came and went, who uses them; members out to a file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, FormatOption, counted, say_head, say_json, say_plain, say_rows
from engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.cli.reports.segments import SegmentReport
    from engine.store.audience.memberships import SegmentMember

COLUMNS = ("customer_id", "entered_at", "email", "phone")


@app.command(rich_help_panel=LOOK)
def segments(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="one segment; without it: all")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="write the members to this .csv or .jsonl file")
    ] = None,
    form: FormatOption = Format.text,
) -> None:
    """Segments: their words, how many are in each, who came and went in 7 days, who uses it."""
    from engine.cli.reports.segments import report
    from engine.cli.stores import look_into_store
    from engine.language.wording import use_one_of
    from engine.project import load
    from engine.store.audience import memberships

    session = Session.of(context)
    project = load(session.folder)
    if name and name not in project.segments:
        raise UsageError(f'there is no segment "{name}":', use_one_of(sorted(project.segments)))
    if out is not None and not name:
        raise UsageError("--out writes the members of one segment:", "name it before  --out")
    with look_into_store(session.folder) as conn:
        if out is not None:
            many = _write(memberships.members(conn, name), out)
            say_plain(f"{out}: {counted(many, 'member')} of {name}, readable by you alone")
            return
        found = [each for each in report(conn, project, session.clock.now()) if name in ("", each.name)]
    if form is Format.json:
        say_json(found)
        return
    if not found:
        say_plain("there are no segments; journeys/segments/ is their place")
    for each in found:
        _show(each)


def _show(each: SegmentReport) -> None:
    say_head(each.name)
    if each.about:
        say_plain(f"  {each.about}")
    since = f"asked at {each.counted_at}" if each.counted_at else "nobody was asked yet: it is not deployed"
    say_rows(
        [
            ["who", each.words],
            ["members", f"{each.members:,} ({since})"],
            ["in 7 days", f"{each.entered_in_7_days:,} entered, {each.left_in_7_days:,} left"],
            ["used by", ", ".join(each.used_by) or "nobody"],
            ["some of them", ", ".join(each.some_members) or "nobody"],
        ]
    )


def _write(members: Iterator[SegmentMember], out: Path) -> int:
    """Writes the members; how many. Raises UsageError for a name that says no format."""
    from engine.private_files import private_opener

    if out.suffix not in (".csv", ".jsonl"):
        raise UsageError(f"nobody knows what {out.name} is to hold:", "end it with  .csv  or  .jsonl")
    many = 0
    with open(out, "w", encoding="utf-8", newline="", opener=private_opener) as opened:
        table = csv.writer(opened)
        if out.suffix == ".csv":
            table.writerow(COLUMNS)
        for many, member in enumerate(members, 1):  # noqa: B007 - how many there were
            line = dict(zip(COLUMNS, _cells(member), strict=True))
            if out.suffix == ".csv":
                table.writerow([_harmless(text) for text in line.values()])
            else:
                filled = {name: text for name, text in line.items() if text}
                opened.write(json.dumps(filled, ensure_ascii=False) + "\n")
    return many


def _cells(member: SegmentMember) -> tuple[str, str, str, str]:
    from engine.channel_kinds import BY_PHONE
    from engine.values import iso

    phone = next((member.addresses[name] for name in sorted(BY_PHONE) if name in member.addresses), "")
    return member.customer, iso(member.entered_at), member.addresses.get("email", ""), phone


def _harmless(text: str) -> str:
    """A spreadsheet computes what begins like a formula; a telephone number is none."""
    is_number = text[1:].isdigit()
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number else text
