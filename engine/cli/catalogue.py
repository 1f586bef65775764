"""`catalogue`: how the catalogue stands and what became of its feed; `catalogue fetch` takes the feed now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, PROBLEMS, Session, app
from engine.cli.output import Format, complain, say_head, say_json, say_plain, say_rows
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.reports.catalogue import CatalogueReport


@app.command(rich_help_panel=LOOK)
def catalogue(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[fetch]", help="fetch: take the feed of config.yaml now", show_default=False),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="with fetch: also where half of the products would go")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="text or json")] = Format.text,
) -> None:
    """Products, the feed that they come from, when it was taken last, and what was wrong with it."""
    from engine.cli.reports.catalogue import look
    from engine.cli.stores import look_into_store
    from engine.project import load_config

    session = Session.of(context)
    if words not in (None, [], ["fetch"]):
        raise UsageError(
            "this is nothing that can be done with the catalogue:", "write  catalogue  or  catalogue fetch"
        )
    if anyway and not words:
        raise UsageError("--anyway belongs to fetch:", "write  catalogue fetch --anyway")
    if words:
        _fetch(session, anyway=anyway)
    config = load_config(session.folder)
    with look_into_store(session.folder) as conn:
        report = look(conn, config, session.clock.now())
    if form is Format.json:
        say_json(report)
    else:
        _tell(report)
    if words and (report.refused or report.failed):
        raise typer.Exit(PROBLEMS)


def _fetch(session: Session, *, anyway: bool) -> None:
    import asyncio

    from engine.project import load_world
    from engine.runtime.feeds.catalogue_feed import CatalogueFeed
    from engine.store.database import open_store

    world = load_world(session.folder)
    if world.config.catalogue is None:
        raise UsageError(
            "config.yaml names no feed:", "write  catalogue: {feed: https://shop.example/feed.xml}"
        )
    store = open_store(world.config.store, session.folder.resolve())
    try:
        feed = CatalogueFeed(store, session.clock, lambda: (world.catalogue, world.config))
        asyncio.run(feed.fetch(anyway=anyway))
    finally:
        store.close()


def _tell(report: CatalogueReport) -> None:
    rows = [["products", f"{report.products:,}"]]
    if report.feed:
        rows.append(["feed", f"{report.feed}, every {report.every}"])
    if report.taken_at:
        rows += [
            ["last taken", f"{report.taken_at}, {report.age} ago ({report.kind})"],
            ["in it", f"{report.items:,} items, {report.in_feed:,} products, {report.faulty:,} refused"],
            ["came to", f"{report.changed:,} new or changed, {report.missing:,} not in the feed any more"],
        ]
    if report.gone:
        rows.append(["gone from it so far", f"{report.gone:,}"])
    say_rows(rows, indent=0)
    if report.refused:
        complain(f"the feed of {report.refused_at} was not taken: {report.refused}")
        say_plain("  catalogue fetch --anyway  takes it all the same")
    if report.failed:
        complain(f"the feed cannot be fetched since {report.failing_since}: {report.failed}")
    if report.faults:
        say_head("Refused")
        for fault in report.faults:
            say_plain(f"  {fault}")
        if report.faulty > len(report.faults):
            say_plain(f"  and {report.faulty - len(report.faults):,} more")
