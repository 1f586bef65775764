"""`replay` of a month of a shop through the sample journeys, against decoding the same file with
`json.loads`."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path

from benchmarks.figures import Aim, Figure, Spent, figure, peak_memory, spent
from engine.project import Project, load
from engine.simulate.replay.mapping import StreamMapping, names_of, read_mapping
from engine.simulate.replay.replay import replay
from engine.simulate.replay.result import ReplayResult
from engine.values import DAY, HOUR, MINUTE, Instant, iso

ROOT = Path(__file__).parents[1]
SHOP = ROOT.parent / "shared" / "data" / "ga_merch_store"


def run(short: bool) -> list[Figure]:
    """The month of `../shared/data` where it is, else a made-up one of the same size and kind."""
    project = load(ROOT)
    mapping = _mapping(project)
    with tempfile.TemporaryDirectory() as folder:
        streams, what = _streams(Path(folder), short=short)
        ours: list[Spent] = []
        theirs: list[Spent] = []
        results: list[ReplayResult] = []
        for _ in range(1 if short else 3):
            theirs.append(spent(lambda: _decode(streams[0])))
            ours.append(
                spent(lambda: results.append(replay(project.journeys, project.world, streams, mapping)))
            )
    result = results[-1]
    days = [day for of in result.figures.days.values() for day in of.values()]
    starts, sent = sum(day.starts for day in days), sum(sum(day.messages.values()) for day in days)
    note = f"{result.lines:,} lines, {starts:,} starts, {sent:,} messages; peak {peak_memory():,} MB"
    against = "json.loads of every line"
    return [
        figure("replay", f"{what}, CPU", against, "s", [each.cpu for each in ours],
               [each.cpu for each in theirs], Aim(at_most=5), note),
        figure("replay", f"{what}, wall", against, "s", [each.wall for each in ours],
               [each.wall for each in theirs], Aim(at_most=5), note),
    ]  # fmt: skip


def _mapping(project: Project) -> StreamMapping:
    file = ROOT / "docs" / "mappings" / "ga_merch_store.yaml"
    mapping, problems = read_mapping(file.read_bytes(), file.name, names_of(project.catalogue))
    assert mapping is not None, problems
    return mapping


def _decode(file: Path) -> None:
    with gzip.open(file, "rb") as lines:
        for line in lines:
            json.loads(line)


def _streams(folder: Path, *, short: bool) -> tuple[list[Path], str]:
    if SHOP.is_dir() and not short:
        names = ("events_2016-08.jsonl.gz", "catalog_events_2016-08.jsonl.gz")
        return [SHOP / name for name in names], "a month of a real shop"
    file = folder / "month.jsonl.gz"
    _make(file, 6_000 if short else 60_000)
    return [file], "a made-up month"


def _make(file: Path, customers: int) -> None:
    """Sessions, views, carts and orders in about the shares of a real shop, the same every time."""
    begin = Instant(1_470_009_600_000)
    lines: list[tuple[int, str]] = []

    def add(at: int, event: str, who: int, properties: dict[str, object]) -> None:
        row = {"event": event, "customer_id": f"c{who}", "at": iso(Instant(at)), "properties": properties}
        lines.append((at, json.dumps(row)))

    for who in range(customers):
        at = begin + (who * 7_919 % 28) * DAY + (who * 104_729 % 86_400) * 1000
        pages = 1 + who * 31 % 12 if who % 4 == 0 else 1 + who % 3
        session = {
            "session_id": f"s{who}",
            "new_visitor": who % 5 > 0,
            "pageviews": pages,
            "bounced": pages == 1,
        }
        add(
            at,
            "session_started",
            who,
            {**session, "channel": "Direct", "device": "mobile", "country": "Spain"},
        )
        item = {"sku": f"p{who % 500}", "name": "A mug", "price": 5 + who % 60, "quantity": 1}
        for view in range(pages if who % 3 == 0 else 0):
            add(at + (view + 1) * MINUTE, "product_viewed", who, item)
        if who % 9 == 0:
            add(at + 5 * MINUTE, "cart_updated", who, {"action": "add", "items": [item]})
        if who % 50 == 0:
            add(at + HOUR // 2, "order_placed", who, {"order_id": f"o{who}", "total": 60, "items": [item]})
    lines.sort()
    with gzip.open(file, "wt", compresslevel=1) as out:
        out.writelines(f"{line}\n" for _, line in lines)
