"""What is published, ready for every part of the daemon: journeys, intake, what messages are written with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.channels.links import Links
from engine.channels.registry import kinds, styles
from engine.channels.render_data import FieldTypes
from engine.compiler.event_fields import needed_fields
from engine.config import Config
from engine.project import Project
from engine.runtime.advance.advancer import Publication
from engine.runtime.delivery.message_recommendations import Recommending
from engine.runtime.delivery.rendering import RenderContext
from engine.runtime.delivery.send_limits import SendLimits
from engine.runtime.delivery.unknown_policy import UnknownPolicies
from engine.runtime.delivery.windowed_facts import windowed_by_template
from engine.runtime.intake.intake import Intake


@dataclass(frozen=True, slots=True)
class Published:
    """One deployment in memory; a reload puts another one in its place as a whole."""

    number: int
    project: Project
    publication: Publication
    intake: Intake
    render_context: RenderContext
    links: Links
    folder: Path

    def owner_of(self, journey: str) -> str:
        """Who is told of a journey's troubles."""
        published = self.publication.journeys.by_name.get(journey)
        return published.owner if published is not None else ""


def links_of(config: Config, secret: str) -> Links:
    """`secret`: of the store; config.yaml may name another key, which then comes after it and after those
    that config.yaml named before, so that older links stay good."""
    named = [*reversed(config.old_link_keys), *([config.link_key] if config.link_key else [])]
    return Links([secret, *(key.reveal() for key in named)], config.http.public_url)


def publish_in_memory(number: int, project: Project, folder: Path, secret: str) -> Published:
    """`folder`: of the project, for files that channels write. `secret`: of the store (`links_of`)."""
    config, catalogue = project.config, project.catalogue
    links = links_of(config, secret)
    field_types = FieldTypes.of(config.shop, catalogue)
    initial = project.journeys.first_values()
    render_context = RenderContext(
        project.messages,
        field_types,
        links,
        styles(config),
        config.timezone,
        initial,
        SendLimits.of(config, project.journeys),
        UnknownPolicies(config.channels),
        kinds(config),
        windowed_by_template(project.messages, project.journeys.facts),
        Recommending.of(project.recommendations, project.messages),
    )
    return Published(
        number,
        project,
        Publication(number, project.journeys),
        Intake(
            catalogue,
            config,
            project.journeys,
            needed_fields(project.journeys, project.messages, catalogue),
        ),
        render_context,
        links,
        folder,
    )
