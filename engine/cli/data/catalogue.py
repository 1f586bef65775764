"""`catalogue`: how the catalogue stands and what became of its feed; `catalogue fetch` takes the feed now,
`catalogue PRODUCT` tells what one product cost and how much of it was left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, PROBLEMS, Session, app
from engine.cli.output import Format, FormatOption, complain, say_head, say_json, say_plain, say_rows
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.reports.catalogue import CatalogueReport


@app.command(rich_help_panel=LOOK)
def catalogue(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PRODUCT | fetch]",
            help="one product by its id; or take the feed of config.yaml now",
            show_default=False,
        ),
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="with fetch: also where half of the products would go")
    ] = False,
    form: FormatOption = Format.text,
) -> None:
    """Products, the feed that they come from, and what was wrong with it; or the prices of one product."""
    from engine.cli.reports.catalogue import look
    from engine.cli.stores import look_into_store
    from engine.project import load_config

    session = Session.of(context)
    is_fetch = words == ["fetch"]
    if words and len(words) > 1:
        raise UsageError(
            "this is nothing that can be done with the catalogue:",
            "write  catalogue,  catalogue PRODUCT  or  catalogue fetch",
        )
    if anyway and not is_fetch:
        raise UsageError("--anyway belongs to fetch:", "write  catalogue fetch --anyway")
    if words and not is_fetch:
        _product(session, words[0], form)
        return
    if is_fetch:
        _fetch(session, anyway=anyway)
    config = load_config(session.folder)
    with look_into_store(session.folder) as conn:
        report = look(conn, config, session.clock.now())
    if form is Format.json:
        say_json(report)
    else:
        _tell(report)
    if is_fetch and (report.refused or report.failed):
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


def _product(session: Session, product: str, form: Format) -> None:
    from engine.cli.reports.product import report
    from engine.cli.stores import look_into_store
    from engine.core.conditions.trace_values import words
    from engine.project import load_world
    from engine.values import Type

    world = load_world(session.folder)
    with look_into_store(session.folder) as conn:
        found = report(conn, product, world.config.currency)
    if found is None:
        raise UsageError(
            f'there is no product "{product}":', "name one by its id; the feed is taken by  catalogue fetch"
        )
    if form is Format.json:
        say_json(found)
        return
    fields, text = world.catalogue.product, Type("text")
    rows = [[name, words(value, fields.get(name, text))] for name, value in found.fields.items()]
    say_rows([["id", found.product], *rows, ["written last", found.written_at]], indent=0)
    if found.prices:
        say_head("Prices")
        lines = [
            [line.began, words(line.price, text), f"{line.change:+}%" if line.change is not None else "",
             words(line.lowest, text) if line.lowest is not None else ""]
            for line in found.prices
        ]  # fmt: skip
        say_rows([["from", "price", "change", "lowest of the 30 days before"], *lines])
    if found.stock:
        say_head("Stock")
        left = [[line.day, words(line.stock, text), words(line.in_stock, text)] for line in found.stock]
        say_rows([["end of (UTC)", "left", "in stock"], *left])


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
