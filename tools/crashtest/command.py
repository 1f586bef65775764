"""`crashtest`: real daemons are killed at random, and every message is accounted for."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import PROBLEMS, TRY, app
from engine.cli.output import Format, counted, progress, remark, say, say_json, say_plain, say_rows
from engine.errors import UsageError

if TYPE_CHECKING:
    from tools.crashtest.runner import CrashTestOptions, CrashTestResult
    from tools.crashtest.sweep import SweepResult
    from tools.crashtest.verdict import Verdict

_SHOWN = 5
_LISTS = ("lost", "duplicated", "unexpected", "unlisted", "broken")
"""What must be empty: `unlisted` holds messages that nobody knows of and that `status` did not show, `broken`
whatever else a daemon must not do."""


@app.command("crashtest", rich_help_panel=TRY)
def crashtest(
    messages: Annotated[
        int, typer.Option(help="How many messages journeys decide.", min=10, max=1_000_000)
    ] = 2000,
    kills: Annotated[int, typer.Option(help="How many daemons die by kill -9.", min=0, max=100_000)] = 50,
    seed: Annotated[int, typer.Option(help="Another seed kills at other moments.")] = 1,
    parallel: Annotated[
        int, typer.Option(help="So many daemons at once, each on a store of its own.", min=1, max=8)
    ] = 4,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="Strike only at this named point; may be given several times.",
            show_default="any moment and all five points",
        ),
    ] = None,
    cold: Annotated[
        bool, typer.Option("--cold", help="Start every daemon from nothing, which takes seconds each.")
    ] = False,
    store: Annotated[
        str,
        typer.Option(
            help="A PostgreSQL server: each daemon gets a database of its own there.",
            metavar="postgresql://...",
            show_default="SQLite files",
        ),
    ] = "",
    workers: Annotated[
        int,
        typer.Option(help="So many processes on each store, all of which are struck.", min=1, max=16),
    ] = 1,
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Instead: a run of 30 messages in which the n-th statement, commit or socket operation "
            "fails, for every n.",
        ),
    ] = False,
    step: Annotated[int, typer.Option(help="With --sweep: only every so manieth n.", min=1)] = 1,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep stores and logs in this empty folder.", show_default="nothing is kept"),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Kill real daemons with kill -9 at random moments and account for every message: lost, duplicated,
    recovered, unexpected, unknown.

    It works on a small shop of its own in a temporary folder, with mail and HTTP servers that count what
    arrives; nothing leaves this machine. Exit code 1 when something was lost, doubled or unexpected, or an
    unknown message was not listed.
    """
    folder = _folder(keep)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left behind
    try:
        is_good = (
            _sweep(folder, step, form)
            if sweep
            else _kill(folder, _wishes(messages, kills, seed, parallel, at, cold, store, workers), form)
        )
    finally:
        signal.signal(signal.SIGTERM, before)
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    if not is_good:
        raise typer.Exit(PROBLEMS)


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="perennial-crash-"))
    if keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty", "name a new folder with  --keep")
    keep.mkdir(parents=True, exist_ok=True)
    return keep.resolve()


def _wishes(
    messages: int, kills: int, seed: int, parallel: int, at: list[str] | None, cold: bool, store: str,
    workers: int
) -> CrashTestOptions:  # fmt: skip
    from engine.faults import POINTS
    from tools.crashtest.runner import CrashTestOptions

    for point in at or []:
        name, _, times = point.partition(":")
        if name not in POINTS or not (times or "1").isdigit():
            raise UsageError(
                f'there is no point "{point}"', f"the points are: {', '.join(POINTS)}; with :3 the third time"
            )
    if store and not store.startswith("postgresql"):
        raise UsageError(
            f'"{store}" is no PostgreSQL server', "write for example  --store postgresql://db.example"
        )
    if workers > 1 and not store:
        raise UsageError(
            "several processes need a PostgreSQL server: an SQLite file belongs to one",
            "name one with  --store postgresql://db.example",
        )
    return CrashTestOptions(
        messages, kills, seed, parallel, tuple(at or ()), cold, store=store, workers=workers
    )


def _kill(folder: Path, wishes: CrashTestOptions, form: Format) -> bool:
    from tools.crashtest.runner import run

    each = f", {wishes.workers} processes each" if wishes.workers > 1 else ""
    remark(
        f"seed {wishes.seed}: {wishes.messages:,} messages, {wishes.kills:,} kills, "
        f"{wishes.parallel} daemons at once{each}"
    )
    import asyncio

    result: CrashTestResult = _watched(lambda watch: asyncio.run(run(folder, wishes, watch)))
    if form is Format.json:
        say_json(_as_data(result))
    else:
        _print(result)
    return result.verdict.is_good


def _watched(work: Callable[[Callable[[str, int, int], None]], Any]) -> Any:
    with progress() as bar:
        task = bar.add_task("preparing", total=None)
        return work(lambda what, done, total: bar.update(task, description=what, completed=done, total=total))


def _as_data(result: CrashTestResult) -> dict[str, Any]:
    wishes, tally, verdict = result.wishes, result.tally, result.verdict
    return {
        "seed": wishes.seed, "kills": tally.kills, "helpers": tally.helpers,
        "starts": tally.starts, "seconds": round(tally.seconds, 1),
        "kills_per_second": round(_per_second(result), 2), "points": dict(tally.points),
        "channels": result.channels,
        "events": verdict.events, **_figures(verdict), "good": verdict.is_good,
        "cases": {name: getattr(verdict, name)[:100] for name in _LISTS if getattr(verdict, name)},
    }  # fmt: skip


def _figures(verdict: Verdict) -> dict[str, Any]:
    return {
        "planned": verdict.planned, "arrived": verdict.arrived,
        **{name: len(getattr(verdict, name)) for name in _LISTS},
        "recovered": verdict.recovered,
        "unknown": {"listed": verdict.unknown, "delivered": verdict.unknown_delivered},
        "allowed_copies": verdict.allowed_copies, "waiting": verdict.waiting, "failed": verdict.failed,
    }  # fmt: skip


def _five_words(verdict: Verdict) -> list[list[str]]:
    copies = (
        f"; {verdict.allowed_copies:,} second copies by the policy of service mail"
        if verdict.allowed_copies
        else ""
    )
    return [
        ["lost", f"{len(verdict.lost):,}", "neither arrived nor listed"],
        ["duplicated", f"{len(verdict.duplicated):,}", f"arrived more often than its policy allows{copies}"],
        [
            "recovered",
            f"{verdict.recovered:,}",
            "in the hands of a daemon that died, and settled rightly afterwards",
        ],
        [
            "unexpected",
            f"{len(verdict.unexpected):,}",
            "no journey asks for it, or not with this content or recipient",
        ],
        ["unknown", f"{verdict.unknown:,} / {verdict.unknown_delivered:,}", "listed / really delivered"],
    ]


def _per_second(result: CrashTestResult) -> float:
    return result.tally.kills / max(result.tally.killing_seconds, 0.001)


def _print(result: CrashTestResult) -> None:
    tally, verdict = result.tally, result.verdict
    say(
        f"seed {result.wishes.seed}: {verdict.planned:,} messages from {verdict.events:,} events,"
        f" {tally.kills:,} kills in {tally.killing_seconds:.0f} seconds ({_per_second(result):.1f} a second),"
        f" {tally.seconds:.0f} seconds in all; {' and '.join(result.channels)}\n"
    )
    say_rows(_five_words(verdict))
    struck = ", ".join(f"{point} {times}" for point, times in sorted(tally.points.items()))
    if struck:
        say(f"\nstruck on purpose: {struck}")
    for name in _LISTS:
        lines = getattr(verdict, name)
        for line in lines[:_SHOWN]:
            say_plain(f"{name}: {line}")
        if len(lines) > _SHOWN:
            say_plain(f"{name}: and {len(lines) - _SHOWN:,} more; --format json shows up to 100")
    if verdict.waiting or verdict.failed:
        say_plain(f"still waiting {verdict.waiting:,}, failed {verdict.failed:,}; there should be none")


def _sweep(folder: Path, step: int, form: Format) -> bool:
    from tools.crashtest.sweep import sweep

    swept: SweepResult = _watched(lambda watch: sweep(folder, step, watch))
    verdict = swept.verdict
    if form is Format.json:
        say_json(
            {
                "struck": swept.struck,
                "good": not swept.wrong,
                **_figures(verdict),
                "cases": {"wrong": swept.wrong},
            }
        )
    else:
        struck = ", ".join(counted(times, kind) for kind, times in swept.struck.items())
        say(
            f"{struck} failed, each in a run of 30 messages of its own; {verdict.planned:,} messages "
            "altogether\n"
        )
        say_rows([row for row in _five_words(verdict) if row[0] != "recovered"])
        for line in swept.wrong[:_SHOWN]:
            say_plain(line)
    return not swept.wrong
