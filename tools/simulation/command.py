"""`simulate`: the real runtime on a virtual clock, seed by seed, with faults; what must hold is checked."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.app import PROBLEMS, TRY, Session, app
from engine.cli.output import Format, progress, say, say_json, say_plain
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from tools.simulation.projects import SimulatedProject
    from tools.simulation.simulation import Scenario, SeedResult

_YEAR = 365.25
_SHOWN = 5


@app.command("simulate", rich_help_panel=TRY)
def simulate(
    context: typer.Context,
    seeds: Annotated[int, typer.Option(help="How many seeds.", min=1, max=10_000_000)] = 100,
    seed: Annotated[int, typer.Option(help="The first of them.", min=0)] = 0,
    journeys: Annotated[
        Path | None,
        typer.Option(
            help="The project with the journeys of this folder, in the place of those of the same name.",
            show_default="made-up journeys",
            file_okay=False,
        ),
    ] = None,
    customers: Annotated[int, typer.Option(help="Of each seed.", min=1, max=100_000)] = 4,
    days: Annotated[float, typer.Option(help="That each seed lives.", min=0.1, max=3660)] = 5,
    faults: Annotated[bool, typer.Option(help="Let things break.")] = True,
    parallel: Annotated[int, typer.Option(help="So many seeds at once.", min=1, max=64)] = 1,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Run the real runtime through made-up lives on a virtual clock: crashes, failing statements, lost
    connections, clock jumps, late and repeated events, reloads, two workers.

    The seed decides everything, so a seed that fails does so again. Exit code 1 when a rule was broken.
    """
    from dataclasses import replace

    from tools.simulation.simulation import Scenario

    scenario = replace(Scenario.of(customers, days), faults=faults)
    folders = (Session.of(context).folder, journeys) if journeys is not None else None
    began = time.monotonic()
    results: list[SeedResult] = []
    with progress() as bar:
        task = bar.add_task("simulating", total=seeds)
        for result in _results(range(seed, seed + seeds), scenario, folders, parallel):
            results.append(result)
            bar.update(task, completed=len(results))
    seconds = time.monotonic() - began
    failing = [result for result in results if result.breaches]
    again = {
        result.seed: _command(result.seed, customers, days, journeys, faults=faults) for result in failing
    }
    if form is Format.json:
        say_json(
            {
                **_figures(results, seconds),
                "failing": [
                    {
                        "seed": result.seed,
                        "digest": result.digest,
                        "again": again[result.seed],
                        "breaches": result.breaches,
                    }
                    for result in failing
                ],
            }
        )
    else:
        _print(results, failing, again, seconds)
    if failing:
        raise typer.Exit(PROBLEMS)


def _results(
    seeds: Iterable[int], scenario: Scenario, folders: tuple[Path, Path] | None, parallel: int
) -> Iterator[SeedResult]:
    if parallel == 1:
        project = _project(folders)
        from tools.simulation.simulation import simulate as run

        for seed in seeds:
            yield run(seed, scenario, project)
        return
    import multiprocessing
    from functools import partial

    # every process reads the project once; neighbours share a made-up one
    with multiprocessing.get_context("spawn").Pool(parallel) as pool:
        yield from pool.imap(partial(_run_in_process, scenario=scenario, folders=folders), seeds, chunksize=8)


_projects: dict[tuple[Path, Path] | None, SimulatedProject | None] = {}


def _run_in_process(seed: int, scenario: Scenario, folders: tuple[Path, Path] | None) -> SeedResult:
    from tools.simulation.simulation import simulate as run

    if folders not in _projects:
        _projects[folders] = _project(folders)
    return run(seed, scenario, _projects[folders])


def _project(folders: tuple[Path, Path] | None) -> SimulatedProject | None:
    """The project that the folders make; None: every few seeds have a made-up one. Raises UsageError where it
    has errors."""
    if folders is None:
        return None
    from engine.project import load_published
    from tools.simulation.projects import SimulatedProject, from_folder

    project, journeys = folders
    read = load_published(from_folder(project, journeys))
    if read.has_errors:
        first = next(problem for problem in read.problems if problem.is_error)
        raise UsageError(
            f"{first.span.file}:{first.span.line}: {first.what}",
            f"`{command('check')}` shows what is wrong with a project",
        )
    if not read.journeys.by_name:
        raise UsageError(f"there is no journey in {journeys}", "name a folder that holds journeys")
    return SimulatedProject(read)


def _command(seed: int, customers: int, days: float, journeys: Path | None, *, faults: bool) -> str:
    """What runs this seed once more, as it was."""
    words = f"simulate --seeds 1 --seed {seed} --customers {customers} --days {days:g}"
    return command(
        words + ("" if faults else " --no-faults") + (f" --journeys {journeys}" if journeys else "")
    )


def _figures(results: list[SeedResult], seconds: float) -> dict[str, Any]:
    counts = sum((Counter(result.counts) for result in results), Counter[str]())
    years = sum(result.customer_days for result in results) / _YEAR
    return {
        "seeds": len(results),
        "seconds": round(seconds, 1),
        "customer_years": round(years, 1),
        "customer_years_per_minute": round(years / seconds * 60),
        "counts": dict(sorted(counts.items())),
    }


def _print(
    results: list[SeedResult], failing: list[SeedResult], again: dict[int, str], seconds: float
) -> None:
    figures = _figures(results, seconds)
    say(
        f"{figures['seeds']:,} seeds in {figures['seconds']:,} seconds:"
        f" {figures['customer_years']:,} customer years, {figures['customer_years_per_minute']:,} a minute"
    )
    say(", ".join(f"{times:,} {what}" for what, times in figures["counts"].items()))
    for result in failing[:_SHOWN]:
        say(f"\nseed {result.seed} breaks ({result.digest}); again:  {again[result.seed]}")
        for breach in result.breaches[:_SHOWN]:
            say_plain(f"  {breach}")
    if len(failing) > _SHOWN:
        others = ", ".join(str(result.seed) for result in failing[_SHOWN:][:50])
        say(f"\nand {len(failing) - _SHOWN:,} more seeds: {others}")
    if not failing:
        say("every rule held")
