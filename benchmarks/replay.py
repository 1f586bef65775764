"""`replay` of recorded shops through the sample journeys, against decoding the same file with `json.loads`.

A month of visits, a year of a wholesaler's orders, and a year of a million customers who never were.
"""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Aim, Figure, Spent, figure, peak_memory, spent
from engine.project import Project, load
from engine.simulate.replay.mapping import StreamMapping, names_of, read_mapping
from engine.simulate.replay.replay import replay
from engine.simulate.replay.result import ReplayResult
from engine.values import DAY, HOUR, MINUTE, Instant, iso

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
AUGUST = Instant(1_470_009_600_000)  # 2016
MONTH = ("events_2016-08.jsonl.gz", "catalog_events_2016-08.jsonl.gz")


@dataclass(frozen=True, slots=True)
class Recording:
    """Files in order of time, and the mapping of docs/mappings that reads them."""

    what: str
    files: tuple[Path, ...]
    mapping: str
    aim: Aim


def run(short: bool) -> list[Figure]:
    """The recordings of `../shared/data` where they are, else made-up ones of the same kind."""
    project = load(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        figures = []
        for recording in _recordings(Path(folder), short=short):
            figures += _figures(project, recording, runs=1 if short else 3)
        return figures


def _recordings(folder: Path, *, short: bool) -> Iterator[Recording]:
    month = tuple(DATA / "ga_merch_store" / name for name in MONTH)
    if short or not all(file.exists() for file in month):
        month = (folder / "month.jsonl.gz",)
        _make(month[0], 6_000 if short else 60_000)
    yield Recording("a month of visits", month, "ga_merch_store", Aim(at_most=5))
    if short:
        return
    orders = DATA / "online_retail_y1" / "events.jsonl.gz"
    if orders.exists():
        yield Recording("a year of orders", (orders,), "online_retail", Aim())
    year = folder / "year.jsonl.gz"
    _make_year(year, 1_000_000)
    yield Recording("a year of a million customers", (year,), "ga_merch_store", Aim())


def _figures(project: Project, recording: Recording, runs: int) -> list[Figure]:
    """The processor's time, over all processes, and the time on the clock."""
    mapping, streams = _mapping(project, recording.mapping), list(recording.files)
    ours: list[Spent] = []
    theirs: list[Spent] = []
    results: list[ReplayResult] = []
    for _ in range(runs):
        theirs.append(spent(lambda: _decode(recording.files[0])))

        ours.append(spent(lambda: results.append(replay(project.journeys, project.world, streams, mapping))))
    result = results[-1]
    days = [day for of in result.figures.days.values() for day in of.values()]
    starts, sent = sum(day.starts for day in days), sum(sum(day.messages.values()) for day in days)
    note = f"{result.lines:,} lines, {starts:,} starts, {sent:,} messages; peak {peak_memory():,} MB"
    against, what, aim = "json.loads of every line", recording.what, recording.aim
    return [
        figure("replay", f"{what}, CPU", against, "s", [run.cpu for run in ours],
               [run.cpu for run in theirs], aim, note),
        figure("replay", f"{what}, wall", against, "s", [run.wall for run in ours],
               [run.wall for run in theirs], aim, note),
    ]  # fmt: skip


def _mapping(project: Project, name: str) -> StreamMapping:
    file = ROOT / "docs" / "mappings" / f"{name}.yaml"
    mapping, problems = read_mapping(file.read_bytes(), file.name, names_of(project.catalogue))
    assert mapping is not None, problems
    return mapping


def _decode(file: Path) -> None:
    with gzip.open(file, "rb") as lines:
        for line in lines:
            json.loads(line)


def _make_year(file: Path, customers: int) -> None:
    """Everybody comes on some day of the year, looks at things, and one in four orders some weeks later."""
    chance = random.Random(20_160_801)
    orders: list[list[int]] = [[] for _ in range(366)]
    with gzip.open(file, "wt", compresslevel=1) as out:
        for day in range(365):
            lines: list[tuple[int, str]] = []

            def add(event: str, who: int, properties: dict[str, object], day: int = day) -> None:
                at = AUGUST + day * DAY + chance.randrange(DAY)
                row = {"event": event, "customer_id": f"c{who}", "at": iso(Instant(at))}
                lines.append((at, json.dumps({**row, "properties": properties})))  # noqa: B023 - of this day

            for who in range(day, customers, 365):
                item = {"sku": f"p{who % 500}", "name": "A mug", "price": 5 + who % 60, "quantity": 1}
                add("product_viewed", who, item)
                if who % 3 == 0:
                    add("cart_updated", who, {"action": "add", "items": [item]})
                if who % 4 == 0 and (later := day + 1 + who % 60) < len(orders):
                    orders[later].append(who)
            for who in orders[day]:
                item = {"sku": f"p{who % 500}", "name": "A mug", "price": 5 + who % 60, "quantity": 1}
                add("order_placed", who, {"order_id": f"o{who}", "total": item["price"], "items": [item]})
            out.writelines(f"{line}\n" for _, line in sorted(lines))


def _make(file: Path, customers: int) -> None:
    """Sessions, views, carts and orders in about the shares of a real shop, the same every time."""
    lines: list[tuple[int, str]] = []

    def add(at: int, event: str, who: int, properties: dict[str, object]) -> None:
        row = {"event": event, "customer_id": f"c{who}", "at": iso(Instant(at)), "properties": properties}
        lines.append((at, json.dumps(row)))

    for who in range(customers):
        at = AUGUST + (who * 7_919 % 28) * DAY + (who * 104_729 % 86_400) * 1000
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
