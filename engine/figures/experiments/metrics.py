"""The figures of experiments. They are computed here from people, not from the sums of days."""

from __future__ import annotations

from engine.figures.metrics import Metric, Unit


def _metric(name: str, title: str, unit: Unit, formula: str, counts: str, of: str = "") -> Metric:
    return Metric(name, title, unit, formula, counts, _WHEN, of)


_WHEN = "from the first start of each person until `within` of the goal (whole shop: 90 days)"
_SURE = (
    "Before the moment of `decide:` (or without one) a confidence sequence, which holds however often it is "
    "looked at: I. Waudby-Smith and others, Annals of Statistics 52 (2024)"
)

PEOPLE = _metric(
    "people", "people", "count", "who came into this arm, by intention to treat: by their first start, "
    "whatever happened to them afterwards", "people, each once",
)  # fmt: skip
COUNTED = _metric("counted", "counted", "count", "of these, whose time is over", "people, each once")
WITH_GOAL = _metric(
    "with_goal", "with goal", "count", "of the counted, who reached the goal in their time (whole shop: who "
    "ordered)", "people, each once",
)  # fmt: skip
GOAL_SHARE = _metric("goal_share", "share", "share", "with goal / counted", "people, each once", "counted")
RATE_LOW = _metric(
    "rate_low", "difference from", "share",
    "lower bound of the 95% interval of the goal share less that of the control, in points. After the moment "
    "of `decide:` R. G. Newcombe's, Statistics in Medicine 17 (1998), method 10, from E. B. Wilson's score "
    f"intervals. {_SURE}", "people, each once", "counted",
)  # fmt: skip
RATE_HIGH = _metric(
    "rate_high", "to", "share", "upper bound of the same interval", "people, each once", "counted"
)
PER_PERSON = _metric(
    "per_person", "per person", "money",
    "orders of the counted in their time, gross, in the currency of the shop / counted", "orders and people",
)  # fmt: skip
MONEY_LOW = _metric(
    "money_low", "difference from", "money",
    "lower bound of the 95% interval of the revenue per person less that of the control. After the moment of "
    "`decide:` B. L. Welch's, Biometrika 34 (1947); by bootstrap over people where those above the 99th "
    f"percentile carry more than half. {_SURE}", "orders and people",
)  # fmt: skip
MONEY_HIGH = _metric("money_high", "to", "money", "upper bound of the same interval", "orders and people")

EXPERIMENT: tuple[Metric, ...] = (
    PEOPLE, COUNTED, WITH_GOAL, GOAL_SHARE, RATE_LOW, RATE_HIGH, PER_PERSON, MONEY_LOW, MONEY_HIGH,
)  # fmt: skip
SINCE: tuple[Metric, ...] = (PEOPLE, COUNTED, WITH_GOAL, GOAL_SHARE, PER_PERSON)

_PLANNED = "planned, by what the last 30 days show"


def _plan(name: str, title: str, unit: Unit, formula: str, of: str = "") -> Metric:
    return Metric(name, title, unit, formula, "people, each once", _PLANNED, of)


BASE = _plan(
    "base", "from", "share", "how many of the control reach the goal: `--from`, else what it shows now",
    "people",
)  # fmt: skip
CHANGED = _plan("changed", "to", "share", "the same with the effect: from + `--size`, in points", "people")
EACH = _plan(
    "each", "people each", "count",
    "people in the smallest arm, so that the effect is found in four of five cases at 5%: J. L. Fleiss, "
    "Statistical methods for rates and proportions (1981), formula 3.18",
)  # fmt: skip
STARTS = _plan("starts", "who come in", "count", "people who have to come in until every arm has enough")
A_DAY = _plan("a_day", "a day", "count", "people who came in, by day, of the last 30 days")
DAYS = _plan("days", "days", "count", "who come in / a day, and `within` of the goal of the last of them")
SIZE: tuple[Metric, ...] = (BASE, CHANGED, EACH, STARTS, A_DAY, DAYS)
