"""`demo`: a make-believe shop with thousands of customers, a real daemon and real messages, on a fast
clock."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import TRY, Session, app
from engine.cli.output import answers, asides, progress, say, say_plain, say_table
from engine.command_hints import without_project

if TYPE_CHECKING:
    from engine.figures.report import FiguresReport
    from tools.demo.display import Figures
    from tools.demo.runner import Demo

EVERY = 0.3
"""Seconds between two pictures."""


@app.command("demo", rich_help_panel=TRY)
def demo(
    context: typer.Context,
    days: Annotated[
        int | None, typer.Option(help="So many days of the shop. Without it: until you press Ctrl-C.", min=1)
    ] = None,
    customers: Annotated[
        int, typer.Option(help="How many people know the shop at the start.", min=10, max=100_000)
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed makes another shop.")] = 1,
    into: Annotated[
        Path | None, typer.Option(help="The folder of the demo's copy.", show_default="data/demo")
    ] = None,
    stay: Annotated[bool, typer.Option(help="Keep the pages open at the end, until Ctrl-C.")] = False,
) -> None:
    """Play a shop: a year of history, then days in which time runs fast and real messages go out to this
    machine.

    A copy of the project runs in the real daemon; mail goes over SMTP to a server of the demo, webhooks to
    another one, and the customers answer over HTTP. Nothing leaves this machine.
    """
    from tools.demo.display import code_table, final_table
    from tools.demo.runner import DemoOptions, prepare

    session = Session.of(context)
    folder = into or session.folder / "data" / "demo"
    began = time.monotonic()
    asides.print(f"making a shop with {customers:,} customers and a year of its history")
    with progress() as bar:
        task = bar.add_task("making a shop and a year of its history", total=None)
        ready = prepare(
            DemoOptions(session.folder, folder, customers, seed, days),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    asides.print(
        f"{len(ready.shop.people):,} customers, their year is in {folder}; the daemon answers at "
        f"{ready.project_copy.url}"
    )
    asides.print("Ctrl-C ends it\n" if days is None or stay else "", end="")

    def tell(figures: Figures) -> None:
        answers.print()
        say_table(final_table(figures))
        if figures.codes:
            answers.print()
            say_table(code_table(figures))
        if figures.overview is not None:
            _overview(figures.overview, folder, ready.project_copy.project.config.shop.name)
        _where_to_look(ready, folder, time.monotonic() - began, figures.overview)
        if stay and not ready.daemon.is_stopping:
            asides.print(f"the days are over; {ready.project_copy.outbox_page} stays open until Ctrl-C")

    _play(ready, tell, stay=stay)


def _play(ready: Demo, tell: Callable[[Figures], None], *, stay: bool) -> None:
    """With a live picture where there is a terminal, else with a line for every six hours; `tell` at the
    end."""
    import asyncio

    from tools.demo.runner import play

    shown = {"at": 0.0, "hours": 0}
    from rich.live import Live

    with Live(console=asides, refresh_per_second=4, transient=True, auto_refresh=False) as live:

        def show(playing: Demo) -> None:
            now = playing.clock.now()
            if not asides.is_terminal:
                hours = (now - playing.shop.start) // (6 * 3_600_000)
                if hours > shown["hours"]:
                    shown["hours"] = hours
                    asides.print(playing.screen.line(now, playing.figures(), playing.customers.counts))
            elif time.monotonic() - shown["at"] > EVERY:
                shown["at"] = time.monotonic()
                live.update(
                    playing.screen.draw(now, playing.figures(), playing.customers.counts), refresh=True
                )

        def over(figures: Figures) -> None:
            live.stop()
            tell(figures)

        asyncio.run(play(ready, show, over, stay=stay))


def _overview(report: FiguresReport, folder: Path, shop: str) -> None:
    """The report of the whole shop, and as a page."""
    from engine.cli.data.report import say_tables
    from engine.figures.html import as_html

    answers.print()
    say_tables(report)
    page = folder / "data" / "overview.html"
    page.write_text(as_html(report, shop), encoding="utf-8")
    say_plain(f"The same as a page, with charts and how each figure is counted: {page}")


def _where_to_look(ready: Demo, folder: Path, seconds: float, overview: FiguresReport | None) -> None:
    from tools.demo.runner import most_written_to

    customer, project = most_written_to(ready), shlex.quote(str(folder))
    # Without a period a report is about days of the real calendar, on which nothing happened here
    days = f" --from {overview.period.first} --to {overview.period.last}" if overview is not None else ""
    counts = ready.customers.counts
    say(
        f"\n{ready.sink.kept:,} mails over SMTP ({ready.sink.refused} addresses refused, "
        f"{ready.sink.delayed} told to come back"
        f" later), {counts.get('orders', 0):,} orders, {counts.get('orders with a code', 0):,} of them "
        "with a code, "
        f"{counts.get('shown products bought', 0):,} begun at a product that a message showed,"
        f" {ready.vouchers} vouchers for points,"
        f" {counts.get('unsubscribed', 0)} unsubscribed, {ready.gateway.calls} webhook calls. It took "
        f"{seconds:.0f} seconds."
    )
    if ready.refused:
        say(f"[bold red]{ready.refused} events were refused[/]; see {folder}/data/daemon.log")
    say("\n[bold]Where to look[/]")
    rows = (
        (f"{folder}/data/mail", "every mail as it came in over SMTP"),
        (f"{folder}/data/outbox", "every message of every channel, as files"),
        (
            ready.project_copy.outbox_page,
            "the same as a page, while the demo runs (add --stay to keep it open)",
        ),
        (
            without_project(f"--project {project} show {customer}"),
            "one customer's history, with every decision",
        ),
        (
            without_project(f"--project {project} report journeys{days}"),
            "what each journey did on these days; which report answers what: docs/reports.md",
        ),
        (without_project(f"--project {project} status"), "queues, unknown messages, who is set aside"),
    )
    for place, what in rows:
        say(f"  {place:<44}  [dim]{what}[/]")
