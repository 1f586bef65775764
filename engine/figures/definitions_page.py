"""`docs/metrics.md`: what every figure means, made from their one table."""

from __future__ import annotations

from engine.figures.customer_metrics import CUSTOMER_METRICS
from engine.figures.experiments.metrics import EXPERIMENT, SIZE
from engine.figures.metrics import METRICS, Metric
from engine.figures.reports.audit import AUDIT
from engine.figures.reports.codes import CODES
from engine.figures.reports.deployments import CONTROLLED, DEPLOYMENTS
from engine.figures.reports.forecasts import FORECAST_METRICS
from engine.figures.reports.forecasts_page import FORECASTS
from engine.figures.reports.forecasts_section import FORECASTS_BESIDE
from engine.figures.reports.other_currencies import OTHER_CURRENCIES
from engine.figures.reports.points import POINTS_METRICS
from engine.figures.reports.reach import REACH
from engine.figures.reports.reaction_times import REACTION_TIMES
from engine.figures.reports.recommendations import RECOMMENDATIONS
from engine.figures.reports.segments import SEGMENTS
from engine.figures.reports.year import IN_CATEGORY, YEAR

_HEAD = """\
# What every figure means

This page is made from the definitions by which `report` computes; a test holds the two equal.
`report ... --format json` gives the same words with the figures (`definitions`).

Days are those of the shop's calendar (`timezone:` in config.yaml). Figures of journeys, channels, customers
and the shop are sums of the table of daily counts, which is written in the transaction in which the thing
happens, so that a report and the history never differ; from what the others are counted is said in their part
of this page. A period is compared with as many days before it, whole calendar months with as many months.

What is decided (starts, steps, skips, goals, ends) counts on the day of the decision. What becomes of a
message counts on the day on which the message was handed over, so that each figure of a day is a part of what
was sent on it; the last days change until their reports have come. Shares are not known (`-`, in JSON null)
where there is nothing to be a share of.

"""
_ROWS = """\
| figure | formula | counts | on which day | share of |
|---|---|---|---|---|
"""
_DOMAINS = """
## Domains

`report channels` has the same figures by the domain of the recipients too, where bounces and complaints of
one mailbox provider show before they show in the whole. They are counted in the same transaction. An address
counts under the domain of its mailbox provider, all of which are named in the engine (`googlemail.com` counts
as `gmail.com`, `hotmail.fr` and `live.com` as `outlook.com`), a telephone number under the code of its
country (`+49`). A domain at which a firm or a family has its mail would name the people behind it: it counts
among `all others`, unless `reports: {domains: [firm.example]}` of config.yaml names it. The twelve domains
with the most messages of the period have a line, the others are among `all others`.

A message stays under the domain that it left for, also when config.yaml names others later. What left before
the version that counts by domain is counted afterwards, at the prices of that day; by which message somebody
left is not known of it.
"""
_CUSTOMERS = """
## The shop and its customers

Also sums of the table of daily counts. With each order is counted how many days lie between it and the one
before of that customer, and of a first order that it is one; so it is known of any stretch of days how many
different people ordered. An order that is told late, or two ids that turn out to be one person, is counted
anew. Who is erased stays in these counts, which name nobody.

Orders are counted gross; net stands beside them. What takes an order back is said once, by the fact of
schemas/customer.yaml that is the sum of all orders:

    net_spent:
      is: sum of order_placed.total
      less: [order_returned.total by order_id, order_cancelled by order_id]

`less` counts from the first deployment that says it. Which event is an order, and which field its amount,
says `attribution: {orders: order_placed.total}` in config.yaml. The category of a product is that of the line
in the order, else that of the catalogue when the order came.

`report` compares with the period before, and with the same days a year before.

"""

_POINTS = """
## Points

Sums of the entries of all ledgers ([points.md](points.md)), counted with them. An entry counts on the day of
what it is about: where something else becomes known of it, that day changes. Points are those of the shop as
a whole; `show CUSTOMER` prints a single ledger.

"""
_EXPERIMENTS = """\

## Experiments

These are counted from people, each of whom is looked at from their first start on, for the same time in every
arm ([experiments.md](experiments.md)). Orders are all orders of these people, and belong to no message. The
check whether people fell into the arms as their shares say is Pearson's chi-square, where five are expected
in each; below 0.001 no effect is shown. Which arm is better is decided once, by Fisher's exact test, for
several arms together by S. Holm's procedure (Scandinavian Journal of Statistics 6, 1979).

"""


_SEGMENTS = """
## Segments

Comings and goings are counted in the table of daily counts, in the transaction in which somebody comes or
goes, from the version on that tells of them; who is in a segment now is counted from the customers.

"""
_CODES = """
## Promo codes

Counted from the codes and their uses. A code that is shown twice for one order counts once.

"""
_RECOMMENDED = """
## Recommended products

Counted from the products that messages showed and from the orders of the same customers.

"""
_DEPLOYED = """
## Deployments

The first table is made of sums of the table of daily counts, the second one of people, as experiments are:
those who came into a journey that the deployment changed, in the days before and the days after it. The
holdout had the same days, the same season and the same offers, and no journey.

"""
_BESIDE = """
## What is expected of customers

A part of `report customers`, where a fact is an expected sum; how it is made says [the part about
forecasts](#forecasts).

"""
_REACH = """
## Who can be written to

Counted from the customers as they are now; a part of `report` and of `report audit`.

"""
_AUDIT = """
## Audit

Counted from the customers, their orders and their events as they are now, imported history among them. What
something is worth is people x conversion x average order (revenue / orders, of all that are known): a
forecast, with the interval of the conversion, of orders that might have come anyhow.

"""
_YEAR = """
## The year of a customer

Counted from the orders and the messages of one customer.

"""


_FORECAST = """
## What facts that look ahead expect

The figures of `report forecast`; how they are made says [the next part](#forecasts).

"""


def page() -> str:
    """The whole page."""
    parts: tuple[tuple[str, tuple[Metric, ...]], ...] = (
        (_HEAD, (*METRICS, *REACTION_TIMES)),
        (_CUSTOMERS, (*CUSTOMER_METRICS, *OTHER_CURRENCIES)),
        (_BESIDE, FORECASTS_BESIDE),
        (_REACH, REACH),
        (_POINTS, POINTS_METRICS),
        (_SEGMENTS, SEGMENTS),
        (_CODES, CODES),
        (_RECOMMENDED, RECOMMENDATIONS),
        (_DEPLOYED, (*DEPLOYMENTS, *CONTROLLED)),
        (_AUDIT, AUDIT),
        (_YEAR, (*YEAR, IN_CATEGORY)),
        (_EXPERIMENTS, (*EXPERIMENT, *SIZE)),
        (_FORECAST, FORECAST_METRICS),
    )
    tables = [words + _ROWS + "".join(map(_line, metrics)) for words, metrics in parts]
    return "".join((tables[0], _DOMAINS, *tables[1:], FORECASTS))


def _line(metric: Metric) -> str:
    cells = (
        f"{metric.title} (`{metric.name}`)",
        metric.formula,
        metric.counts,
        metric.when,
        metric.of or "-",
    )
    return "| " + " | ".join(cells) + " |\n"
