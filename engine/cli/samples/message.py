"""One template written in every channel and language, for a made-up customer or for one of the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import cast

from engine.channels.base import Message
from engine.channels.links import Links
from engine.channels.registry import styles
from engine.channels.render import Recipient, RenderError, SenderProfile, render
from engine.channels.render_data import FieldTypes, ProductNames, RenderValues
from engine.cli.samples.values import SampleValues, person
from engine.compiler.catalogue.catalogue import PRODUCT_STARTS
from engine.compiler.conditions.names import splits_of
from engine.compiler.templates.message import CompiledTemplate
from engine.core.conditions.condition import Ref
from engine.core.journey import CodeStep, EventTrigger, Journey, Offer, ProductTrigger, SendStep
from engine.http.console.preview import PreviewedMessage
from engine.project import Project
from engine.values import Instant, Type, Value, zone

Names = Mapping[str, Value | Mapping[str, Value]]

_ADDRESSES = {"email": "emma@example.com", "push": "device-token"}

MOST_PATHS = 12
"""Sheets of one template that are shown for the paths of splits."""

UNSIGNED = "preview"
"""Links of a preview are signed with this word, so that none of them works."""


@dataclass(frozen=True, slots=True)
class SampleCustomer:
    """What the store knows of a customer: it takes the place of what is made up."""

    values: Mapping[str, Value] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    product: Mapping[str, Value] = field(default_factory=dict)
    timezone: str = ""
    language: str = ""


class SampleWriter:
    """Writes the messages of one project as of a moment."""

    def __init__(self, project: Project, now: Instant, links: Links | None = None) -> None:
        config, catalogue = project.config, project.catalogue
        self._project, self._config = project, config
        self._made_up = SampleValues(now, config.currency, config.shop.url, config.timezone)
        self._vocabulary = FieldTypes.of(config.shop, catalogue)
        self._links = links or Links([UNSIGNED], config.http.public_url)
        self._styles = styles(config)

    def sheets(
        self, template: str, known: SampleCustomer | None, language: str | None
    ) -> list[PreviewedMessage]:
        """Every channel and language; `language` alone where it is given. One that fails says why."""
        return [
            self._sheet(chosen, known, paths)
            for chosen in self._chosen(template, known, language)
            for paths in self._paths(chosen, known)
        ]

    def letter(
        self, template: str, known: SampleCustomer | None, language: str | None, addressed: Recipient
    ) -> Message | None:
        """The message as it leaves, for an address of the author's own; None: it is not written in this
        language. Raises RenderError."""
        chosen = (
            candidate
            for candidate in self._chosen(template, known, language)
            if candidate.channel == addressed.channel
        )
        written = next(chosen, None)
        if written is None:
            return None
        addressed = replace(addressed, purpose=self._purpose(template))
        values = _along(self._material(written, known), self._paths(written, known)[0])
        style = self._styles.get(written.channel, SenderProfile())
        return render(written, addressed, values, self._vocabulary, self._links, style)

    def languages(self, template: str) -> list[str]:
        """The languages it is written in, in the order of config.yaml."""
        every = self._project.messages.of.items()
        return self._ordered({language for (name, _), of in every if name == template for language in of})

    def _ordered(self, languages: Collection[str]) -> list[str]:
        # in the order of config.yaml; what was taken out of it and is still written comes behind
        known = [each for each in self._config.languages if each in languages]
        return [*known, *sorted(set(languages) - set(known))]

    def _chosen(
        self, template: str, known: SampleCustomer | None, language: str | None
    ) -> Iterator[CompiledTemplate]:
        for channel in self._project.templates.channels(template):
            # a customer of the store gets one language: theirs
            if known is not None and language is None:
                picked = self._project.messages.pick(template, channel, known.language or None)
                yield from [picked] if picked is not None else []
                continue
            written = self._project.messages.of.get((template, channel), {})
            yield from (written[own] for own in self._ordered(written) if language in (None, own))

    def _paths(self, template: CompiledTemplate, known: SampleCustomer | None) -> list[dict[str, str]]:
        """The paths of the splits that a template asks for, each with each; a customer of the store has their
        own."""
        asked = {read.name.split(".")[1] for read in template.reads() if read.name.startswith("paths.")}
        # which paths they took is known
        if known is not None and "paths" in known.names:
            return [{}]
        choices: dict[str, tuple[str, ...]] = {}
        for journey, _ in self._senders(template.name) if asked else ():
            written = self._project.files.get(journey.name)
            of_journey = splits_of(written) if written is not None else {}
            choices |= {split: names for split, names in of_journey.items() if split in asked}
        every = product(*choices.values())
        return [dict(zip(choices, names, strict=True)) for names in islice(every, MOST_PATHS)]

    def _sheet(
        self, template: CompiledTemplate, known: SampleCustomer | None, paths: Mapping[str, str]
    ) -> PreviewedMessage:
        along = "".join(f", {split}: {path}" for split, path in paths.items())
        title = f"{template.channel}, {template.language}{along}"
        values = _along(self._material(template, known), paths)
        policy = self._purpose(template.name)
        addressed = Recipient(
            "preview", template.channel, _ADDRESSES.get(template.channel, "+15550100123"), "made-up", policy
        )
        # a preview shows where links lead, and nobody's click is counted
        style = replace(self._styles.get(template.channel, SenderProfile()), clicks=False)
        try:
            message = render(template, addressed, values, self._vocabulary, self._links, style)
        except RenderError as wrong:
            # the other sheets are shown all the same
            empty = Message(
                "preview", template.channel, "", template.name, template.language, policy, body=""
            )
            return PreviewedMessage(empty, title, warnings=[str(wrong)])
        return PreviewedMessage(message, title)

    def _material(self, template: CompiledTemplate, known: SampleCustomer | None) -> RenderValues:
        known = known or SampleCustomer()
        own = person(template.language)
        catalogue = self._project.catalogue
        attributes = {name: kind for name, kind in catalogue.attributes.items() if name not in own}
        facts = {name: rule.type for name, rule in catalogue.facts.items()}
        customer = {**self._made_up.fields({**attributes, **facts}), **own, "id": "made-up"}
        product = self._made_up.fields(catalogue.product_fields)
        timezone = known.timezone or str(own["timezone"])
        return RenderValues(
            # never the id of a real customer: links of a preview must lead to nobody
            customer={**known.values, "id": "preview"} if known.values else customer,
            names={**self._names(template.name), **known.names},
            product={**product, **known.product},
            zone=zone(timezone),
            recommend=self._recommended(zone(timezone)),
        )

    def _recommended(self, place: dt.tzinfo) -> dict[str, list[ProductNames]]:
        """Two made-up products for every name."""
        fields = Type("list of", items=tuple(self._project.catalogue.product_fields.items()))
        made_up = self._made_up.value("items", fields)
        items = made_up if isinstance(made_up, list) else []
        return {
            name: [
                ProductNames(
                    f"p-{number}00", number, "", cast("Mapping[str, Value]", item), self._vocabulary, place
                )
                for number, item in enumerate(items, 1)
            ]
            for name in self._config.recommendations
        }

    def _names(self, template: str) -> Names:
        fields: dict[str, Type] = {}
        given: dict[str, Value] = {}
        senders = list(self._senders(template))
        offer = next((made for journey, step in senders if (made := _offer_before(journey, step))), None)
        for journey, step in senders:
            for start in journey.starts:
                if isinstance(start, EventTrigger):
                    fields |= self._project.catalogue.event_fields(start.event) or {}
                elif isinstance(start, ProductTrigger):
                    fields |= PRODUCT_STARTS[start.kind]
            given |= {name: lines[0][1] for name, lines in step.chosen if lines}
            for name, value in step.values:
                given[name] = self._made_up.value(name, value.type) if isinstance(value, Ref) else value
        # nobody sends it yet: any event may be what it will read
        if not senders:
            for every in self._project.catalogue.events.values():
                fields |= every
        return {"trigger": self._made_up.fields(fields), "code": self._made_up.code(offer), "with": given}

    def _senders(self, template: str) -> Iterator[tuple[Journey, SendStep]]:
        for journey in self._project.compiled.values():
            for step in journey.steps:
                if isinstance(step, SendStep) and step.template == template:
                    yield journey, step

    def _purpose(self, template: str) -> str | None:
        return next((step.policy.consent for _, step in self._senders(template)), "marketing")


def _along(values: RenderValues, paths: Mapping[str, str]) -> RenderValues:
    """The same values for a run that took these paths."""
    return replace(values, names={**values.names, "paths": dict(paths)}) if paths else values


def _offer_before(journey: Journey, send: SendStep) -> Offer | None:
    """The first offer of the code that stands last before a message; None: no code does. In a project with
    mistakes a step may have none: whom it chooses by is not known."""
    before = journey.steps[: journey.steps.index(send)]
    codes = (step for step in reversed(before) if isinstance(step, CodeStep))
    return next((step.offers[0] for step in codes if step.offers), None)
