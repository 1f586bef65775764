"""`facts`: what is computed of customers, how far a changed definition is; `facts rebuild` counts anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from engine.cli.app import RUN, Session, app
from engine.cli.output import Format, FormatOption, progress, remark, say_head, say_json, say_plain, say_rows
from engine.command_hints import command
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.cli.reports.facts import FactReport
    from engine.clock import Clock
    from engine.runtime.advance.advancer import Publication
    from engine.store.database import Store
    from engine.store.facts.definitions import FactDefinition


@app.command(rich_help_panel=RUN)
def facts(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME | rebuild [NAME]]",
            help="one fact; or count the kept events anew, of one fact or of all",
            show_default=False,
        ),
    ] = None,
    from_kept: Annotated[
        bool,
        typer.Option("--from-kept", help="rebuild also where events are no longer kept: they count no more"),
    ] = False,
    form: FormatOption = Format.text,
) -> None:
    """Facts: their words, since when everybody has them, how far a changed one is; or count them anew."""
    session = Session.of(context)
    match words or []:
        case ["rebuild", *names] if len(names) < 2:
            _rebuild(session, names, form, from_kept=from_kept)
        case _ if from_kept:
            raise UsageError("--from-kept says how to rebuild:", "write  facts rebuild NAME --from-kept")
        case []:
            _show(session, "", form)
        case [name]:
            _show(session, name, form)
        case _:
            raise UsageError(
                "this is nothing that can be done with facts:",
                "write  facts,  facts NAME  or  facts rebuild NAME",
            )


def _show(session: Session, name: str, form: Format) -> None:
    from engine.cli.reports.facts import report
    from engine.cli.stores import look_into_store

    with look_into_store(session.folder) as conn:
        found = report(conn)
    if name and name not in {each.name for each in found}:
        _no_such(name, [each.name for each in found])
    _tell([each for each in found if name in ("", each.name)], form)


def _no_such(name: str, known: list[str]) -> NoReturn:
    from engine.language.wording import use_one_of

    raise UsageError(f'there is no fact "{name}" in what was deployed:', use_one_of(known))


def _tell(found: list[FactReport], form: Format) -> None:
    if form is Format.json:
        say_json(found)
        return
    if not found:
        say_plain("there are no facts; schemas/customer.yaml is their place")
    for each in found:
        say_head(each.name)
        rows = [["is", each.words]] if each.words else []
        if each.in_use not in ("", each.words):
            rows.append(["its value is", each.in_use])
        say_rows([*rows, ["state", each.says]])


# --- counting anew --------------------------------------------------------------------------------


def _rebuild(session: Session, names: list[str], form: Format, *, from_kept: bool) -> None:
    from engine.cli.reports.facts import report
    from engine.cli.stores import project_store
    from engine.runtime.advance.advancer import Publication
    from engine.runtime.advance.definitions import ask
    from engine.runtime.publish.last_published import published_journeys
    from engine.store.journeys import deployments

    with project_store(session.folder) as store:
        with store.read() as conn:
            journeys = published_journeys(conn)
            number = deployments.current_number(conn)
        if journeys is None:
            raise UsageError("nothing was deployed yet:", f"deploy it first:  {command('deploy')}")
        rules = {rule.name: rule for rule in journeys.facts}
        for name in names:
            if name not in rules:
                _no_such(name, sorted(rules))
            if not rules[name].is_kept:
                how = "computed every night" if rules[name].is_nightly else "counted when it is asked for"
                raise UsageError(f"{name} is {how}:", "there is nothing to rebuild")
        wanted = names or [name for name, rule in rules.items() if rule.is_kept]
        now = session.clock.now()
        store.write(lambda conn: ask(conn, rules.values(), wanted, now, from_kept=from_kept))
        _fill(store, Publication(number, journeys), session.clock)
        with store.read() as conn:
            _tell([each for each in report(conn) if each.name in wanted], form)


def _fill(store: Store, publication: Publication, clock: Clock) -> None:
    """Pages until all is whole; a daemon may do some of them. Ctrl-C leaves the rest to it, or to the next
    call."""
    from engine.runtime.advance.backfilling import fill_page
    from engine.store.facts import definitions
    from engine.store.facts.definitions import DefinitionState

    doing = {
        DefinitionState.COUNTING: "counting kept events",
        DefinitionState.PLACING: "putting in place",
        DefinitionState.DROPPING: "taking away what was begun",
    }
    try:
        with progress() as bar:
            task = bar.add_task("counting kept events", total=None)
            while fill_page(store, publication, clock.now()).more:
                with store.read() as conn:
                    every = definitions.all_of(conn).values()
                least = min((each for each in every if each.state in doing), key=_far, default=None)
                if least is not None:
                    bar.update(task, description=doing[least.state], total=least.people, completed=least.done)
    except KeyboardInterrupt:
        remark(f"stopped; a running daemon goes on from here, and so does  {command('facts rebuild')}")
        raise


def _far(each: FactDefinition) -> tuple[int, str]:
    return each.percent, each.name
