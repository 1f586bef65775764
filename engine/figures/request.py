"""What is asked of the reports: which one, of what, over which days."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.facts.forecasts import Forecast
from engine.figures.period import Granularity, Period


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """One report. `of`: the name of what it is about, where it is about one; `by`: also in parts; `is_usual`:
    nobody has said which days. `lost_after`: days without an order after which a customer is lost. `rise`: of
    experiments, how many people it takes to see a rise from `base` (both as parts of one; None: from what the
    control shows). `forecasts`: made anew as of another day; None: those of the last night."""

    name: str
    period: Period
    of: str = ""
    by: Granularity | None = None
    is_usual: bool = False
    lost_after: int = 365
    rise: float | None = None
    base: float | None = None
    forecasts: tuple[Forecast, ...] | None = None

    @property
    def periods(self) -> tuple[Period, Period, Period]:
        """This one, the one before, the same a year before."""
        return self.period, self.period.before(), self.period.year_before()
