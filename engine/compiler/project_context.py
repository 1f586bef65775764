"""What a journey may name: the catalogue, segments, templates, and what config.yaml defines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.compiler.catalogue.catalogue import Catalogue
from engine.compiler.literals import ShopLocale
from engine.compiler.templates.message_set import TemplateFiles
from engine.config import Config
from engine.core.policy import Policy
from engine.language.syntax import SegmentFile
from engine.values import zone

DEFAULT_POLICY = "marketing"


@dataclass(frozen=True, slots=True)
class ProjectContext:
    """One shop as its journeys see it."""

    config: Config
    catalogue: Catalogue = field(default_factory=Catalogue)
    segments: Mapping[str, SegmentFile] = field(default_factory=dict)
    templates: TemplateFiles = field(default_factory=TemplateFiles)
    journeys: frozenset[str] = frozenset()
    today: dt.date | None = None  # by the shop's calendar; None: whoever reads the files has no clock

    @property
    def local(self) -> ShopLocale:
        """What written values mean here."""
        return ShopLocale(self.config.currency, zone(self.config.timezone))

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of config.yaml, cheapest first."""
        rows = self.config.channels.values()
        return tuple(channel.name for channel in sorted(rows, key=lambda channel: channel.price))

    def policy(self, name: str | None) -> Policy | None:
        """A policy by name; the default one exists also where config.yaml is silent."""
        wanted = name or DEFAULT_POLICY
        policy = self.config.policies.get(wanted)
        return Policy(wanted) if policy is None and wanted == DEFAULT_POLICY else policy

    def policy_names(self) -> list[str]:
        """Every policy that can be named."""
        return list(dict.fromkeys((*self.config.policies, DEFAULT_POLICY)))
