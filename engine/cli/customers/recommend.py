"""`recommend CUSTOMER NAME`: what a customer would be shown, and why the rest would not. `recommend build`:
what goes together is found anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.app import LOOK, Session, app
from engine.cli.output import Format, FormatOption, counted, remark, say_json, say_plain, say_rows
from engine.errors import UsageError
from engine.problem import did_you_mean

if TYPE_CHECKING:
    from engine.cli.reports.recommendation import RecommendationAnswer
    from engine.core.recommendations.rule import Recommendation
    from engine.project import Project

BUILD = "build"


@app.command(rich_help_panel=LOOK)
def recommend(
    context: typer.Context,
    customer: Annotated[
        str, typer.Argument(help="an id, an e-mail address or a telephone number; or the word build")
    ],
    name: Annotated[str, typer.Argument(help="a name under recommendations: in config.yaml")] = "",
    trigger: Annotated[
        str, typer.Option("--trigger", help="ids of products that the run begins with, with commas between")
    ] = "",
    form: FormatOption = Format.text,
) -> None:
    """Show which products a customer would be shown, where each is from, and why the others fell out. With
    build: find out anew what goes together."""
    from engine.project import load

    session = Session.of(context)
    project = load(session.folder)
    if customer == BUILD and not name:
        _build(session, project, form)
        return
    rule = _named(name, project)
    answer = _answer(session, customer, rule, trigger)
    if form is Format.json:
        say_json(answer)
    else:
        _tell(answer)


def _build(session: Session, project: Project, form: Format) -> None:
    from engine.cli.stores import open_project_store
    from engine.core.recommendations.rule import fields_listed
    from engine.store.recommendations.build import build

    store = open_project_store(project)
    try:
        fields = fields_listed(project.recommendations.values())
        built = build(store, fields, session.clock.now(), tell=remark)
    finally:
        store.close()
    if form is Format.json:
        say_json(built)
        return
    say_plain(f"{counted(built.products, 'product')}, {counted(built.orders, 'order')}")
    say_rows([(source, counted(many, "pair")) for source, many in built.pairs.items()])
    say_plain(f"{counted(built.listed, 'place')} in lists")


def _named(name: str, project: Project) -> Recommendation:
    """Raises UsageError with what there is."""
    rule = project.recommendations.get(name)
    if rule is not None:
        return rule
    known = sorted(project.recommendations)
    if not known:
        raise UsageError(
            "config.yaml has no recommendations:", "write  recommendations: {for_you: {from: [bestsellers]}}"
        )
    what = f'there is no recommendation "{name}":' if name else "name a recommendation:"
    raise UsageError(what, did_you_mean(name, known, f"there are: {', '.join(known)}"))


def _answer(session: Session, customer: str, rule: Recommendation, trigger: str) -> RecommendationAnswer:
    from engine.cli.reports.recommendation import answer_for
    from engine.cli.stores import known_id, look_into_store

    products = tuple(word for part in trigger.split(",") if (word := part.strip()))
    with look_into_store(session.folder) as conn:
        own = known_id(conn, customer, session.folder)
        return answer_for(conn, own, rule, products, session.clock.now())


def _tell(answer: RecommendationAnswer) -> None:
    from engine.cli.reports.times import distance

    if answer.built_at is None:
        remark("nothing was built yet: recommend build, or the first night of a daemon, does it")
    else:
        remark(f"built {distance(answer.built_at, answer.at)}")
    say_plain(f"{answer.name} for {answer.customer}: {counted(len(answer.items), 'product')}")
    say_rows(
        [
            (str(place), item.product, item.called, item.source, f"{item.score:,}")
            for place, item in enumerate(answer.items, 1)
        ]
    )
    if answer.rejected:
        say_plain("not shown:")
        say_rows([(one.product, one.called, one.source, one.why) for one in answer.rejected])
