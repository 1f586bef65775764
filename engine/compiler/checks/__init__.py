"""What a journey can get wrong beyond its words: one check per file, all of them listed here."""

from __future__ import annotations

from engine.compiler.check_input import Check, JourneyCheckInput, ProjectCheckInput, WholeCheck
from engine.compiler.checks.journeys import (
    asked_too_early,
    cheapest_likely,
    codes,
    consent,
    decisions,
    duration,
    full_caps,
    ids,
    inside_itself,
    past_dates,
    price_order,
    quiet_hours,
    reactions,
    restart,
    silent_waits,
    starts_too_rarely,
    stories,
)
from engine.compiler.checks.project import (
    catalogue_feed,
    competing,
    config_journeys,
    idle_caps,
    offers,
    points,
    public_pages,
    segment_cycles,
)
from engine.compiler.checks.templates import (
    offer_blocks,
    promised_percent,
    recommendations,
    struck_prices,
    template_languages,
    template_names,
    template_texts,
)
from engine.problem import Problem

EACH_STEP: tuple[Check, ...] = (
    ids.check,
    inside_itself.check,
    past_dates.check,
    starts_too_rarely.check,
    price_order.check,
    cheapest_likely.check,
    stories.check,
    silent_waits.check,
    decisions.check,
)

ALONG_PATHS: tuple[Check, ...] = (
    codes.check,
    reactions.check,
    consent.check,
    asked_too_early.check,
    quiet_hours.check,
    duration.check,
    full_caps.check,
    restart.check,
)
"""They follow the steps in their order, and are wrong themselves where a step is missing."""

CHECKS: tuple[Check, ...] = (*EACH_STEP, *ALONG_PATHS)

WHOLE: tuple[WholeCheck, ...] = (
    segment_cycles.check,
    template_names.check,
    template_texts.check,
    template_languages.check,
    config_journeys.check,
    idle_caps.check,
    offers.check,
    offer_blocks.check,
    promised_percent.check,
    public_pages.check,
    recommendations.check,
    points.check,
    struck_prices.check,
    catalogue_feed.check,
    competing.check,
)


def check_journey(checked: JourneyCheckInput) -> list[Problem]:
    """Everything that the checks find in one journey."""
    checks = CHECKS if checked.whole else EACH_STEP
    return [problem for check in checks for problem in check(checked)]


def check_whole(checked: ProjectCheckInput) -> list[Problem]:
    """What can only be seen over all files."""
    return [problem for check in WHOLE for problem in check(checked)]
