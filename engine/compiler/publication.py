"""All journeys together as one value: what is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.channel_kinds import kind_of
from engine.compiler.likely_zones import zone_of_country, zones_of_phone
from engine.compiler.project_context import ProjectContext
from engine.core.conditions.dependencies import farthest
from engine.core.journey import Journey, SegmentRule
from engine.core.journeys import Journeys


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
        commit=commit,
        needs=farthest(*histories),
        prices={channel.name: channel.price for channel in config.channels.values()},
        by_phone=frozenset(name for name in config.channels if kind_of(name).by_phone),
        zones_of_phone=zones_of_phone,
        zone_of_country=zone_of_country,
    )
