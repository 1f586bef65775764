"""The part of `docs/metrics.md` about forecasts: the formula of every number of `report forecast`."""

from __future__ import annotations

from engine.core.facts.forecasts import LEAST_CUSTOMERS, LEAST_REPEATERS

FORECASTS = f"""
## Forecasts

`report forecast` and the facts `chance of E in next N days` and `expected sum of E.f in next N days`.

Of each customer three numbers count: x, the days after their first day on which they came; t, from the
first day to the last of these; T, from the first day to the day as of which the forecast is made. Days are
those of the shop's calendar, events of one day are one purchase, times are in weeks, as in the papers.

**Coming** is BG/NBD (Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005): "Counting Your Customers" the Easy
Way: An Alternative to the Pareto/NBD Model. Marketing Science 24(2), 275-284). While a customer is one,
they come at a rate that is gamma (r, alpha) among customers; after each day but the first they leave with a
probability that is beta (a, b) among them. The parameters are those with the highest likelihood (equation
6), the sum over all customers of the logarithm of

    B(a, b+x) / B(a, b) * G(r+x) alpha^r / (G(r) (alpha+T)^(r+x))
      + [x > 0] * B(a+1, b+x-1) / B(a, b) * G(r+x) alpha^r / (G(r) (alpha+t)^(r+x))

with G the gamma and B the beta function.

**Spending** is gamma-gamma (Fader, P. S., Hardie, B. G. S. (2013): The Gamma-Gamma Model of Monetary
Value). The amount of a day is gamma (p, nu) for a customer, and nu is gamma (q, v) among customers; m is
the mean amount of the n days after the first on which one is known. It is fitted to customers with m above
0.

| figure | formula | counts |
|---|---|---|
| still a customer | 1 / (1 + [x > 0] * a / (b+x-1) * ((alpha+T) / (alpha+t))^(r+x)) | customers |
| chance in w weeks | still a customer * (1 - ((alpha+T) / (alpha+T+w))^(r+x)) | customers |
| days in w weeks | still a customer * the mean of (1 - (1 + p w / (alpha+T))^-(r+x)) / p over p of \
beta (a, b+x); the integral of equation 10 | days with the event |
| amount of a day | (p v + p n m) / (p n + q - 1) | money, in the currency of the shop |
| expected sum | days in w weeks * amount of a day | money, gross |
| held out: expected | the sum of the chances (of the expected sums) in the last N days, by models \
fitted to the days before them; ± the root of the sum of chance * (1 - chance) | customers who had \
come before |
| held out: counted | those of them who came in these N days, and what they spent | customers; money, gross |
| x | counted / expected | - |
| by chance | expected and counted of each fifth of these customers, the likeliest first | shares of\
 the customers of the fifth |
| log-likelihood | at the maximum, of all customers, in weeks | - |
| correlation | of the number of days and their mean amount (Pearson); the model takes it for 0 | \
customers with m above 0 |

A forecast is made with {LEAST_CUSTOMERS} customers or more, of whom {LEAST_REPEATERS} came on a second day,
today and N days ago; an expected sum with {LEAST_REPEATERS} whose m is above 0. On the tenth of CDNOW that
the papers use (2,357 customers, 39 weeks) the published figures come out: r 0.243, alpha 4.414, a 0.793, b
2.426, log-likelihood -9582.4; p 6.25, q 3.74, v 15.44 for 946 customers.
"""
