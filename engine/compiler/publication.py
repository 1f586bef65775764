"""All journeys together as one value: what is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.channel_kinds import kind_of
from engine.compiler.catalogue.catalogue import Catalogue
from engine.compiler.incentives.points import compile_points
from engine.compiler.project_context import ProjectContext
from engine.compiler.zone_lookup import zone_of_country, zones_of_phone
from engine.core.conditions.dependencies import dependencies_of, farthest
from engine.core.journey import Journey, SegmentRule
from engine.core.journeys import Journeys
from engine.core.points.rules import LoyaltyRules


def publish(
    journeys: Iterable[Journey],
    segments: Mapping[str, SegmentRule],
    project: ProjectContext,
    commit: str = "",
) -> Journeys:
    """The published journeys with what every event concerns. `facts` are computed for everybody."""
    # sorted, so that the same files give the same publication whatever the order on the disk
    by_name = {journey.name: journey for journey in sorted(journeys, key=lambda journey: journey.name)}
    histories = [journey.dependencies.history for journey in by_name.values()]
    histories += [rule.dependencies.history for rule in segments.values()]
    catalogue, config = project.catalogue, project.config
    loyalty, _ = compile_points(project)
    histories.append(_history_of_points(loyalty, catalogue))
    return Journeys(
        by_name=by_name,
        facts=tuple(catalogue.facts.values()),
        attributes=dict(catalogue.attributes),
        segments=segments,
        policies={name: policy for name in project.policy_names() if (policy := project.policy(name))},
        channels=project.channels,
        timezone=config.timezone,
        currency=config.currency,
        global_holdout=config.holdout,
        global_decide=config.decide,
        commit=commit,
        needs=farthest(*histories),
        watch=catalogue.watch,
        prices={channel.name: channel.price for channel in config.channels.values()},
        by_phone=frozenset(name for name in config.channels if kind_of(name).by_phone),
        zones_of_phone=zones_of_phone,
        zone_of_country=zone_of_country,
        loyalty=loyalty,
    )


def _history_of_points(loyalty: LoyaltyRules | None, catalogue: Catalogue) -> Mapping[str, int | None]:
    """How far back the events must be loaded that lines of the table ask for, and that a tier is counted
    from."""
    if loyalty is None:
        return {}
    lines = loyalty.points.earn if loyalty.points is not None else ()
    asked = [question for line in lines for question in (line.who, line.where) if question is not None]
    needed = [dependencies_of(question.condition, catalogue.facts).history for question in asked]
    rule = catalogue.facts.get(loyalty.tiers.fact or "") if loyalty.tiers is not None else None
    return farthest(*needed, rule.history if rule is not None else {})
