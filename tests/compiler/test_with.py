"""The values of `with`: literals, and names whose values are meant (design/language 2.21)."""

from __future__ import annotations

import pytest

from engine.core.conditions.condition import Ref
from engine.core.journey import SendStep
from engine.core.steps.webhook import WebhookStep
from tests.compiler.shop import HEAD, compiled, journey

OF_CART = HEAD.replace("subscribed", "cart_updated")
SPLIT = """  - split: offer
    into:
      50% percent:
        - code: WELCOME10
          valid: 7 days
      50% gift:
        - code: WELCOME10
          valid: 7 days
"""


@pytest.mark.parametrize("step", ["send: a", "webhook: crm_call_task"])
def test_every_group_is_read(step: str) -> None:
    steps = (
        f"{SPLIT}  - {step}\n    with: {{total: trigger.total, country: customer.country, code: code.value,"
        " offer: paths.offer, tone: warm, url: https://shop.example/a.b, file: hero.png}\n"
    )
    last = journey(steps, OF_CART).steps[-1]
    assert isinstance(last, SendStep | WebhookStep)
    named = {name: str(value) if isinstance(value, Ref) else f"={value}" for name, value in last.values}
    assert named == {
        "total": "trigger.total",
        "country": "country",
        "code": "code.value",
        "offer": "paths.offer",
        "tone": "=warm",
        "url": "=https://shop.example/a.b",
        "file": "=hero.png",
    }


@pytest.mark.parametrize(
    ("value", "code", "fix"),
    [
        ("customer.contry", "E11", 'did you mean "customer.country"?'),
        ("trigger.totl", "E11", 'did you mean "trigger.total"?'),
        ("code.valu", "E11", 'did you mean "code.value"?'),
        ("paths.ofer", "E36", 'did you mean "paths.offer"?'),
        ("first_name", "W19", 'did you mean "customer.first_name"?'),
        ("total", "W19", 'did you mean "trigger.total"?'),
        ("user.country", "W19", 'did you mean "customer.country"?'),
        ("event.total", "W19", 'did you mean "trigger.total"?'),
        ("cart_updated.total", "W19", 'did you mean "trigger.total"?'),
        ("custmer.country", "W19", 'did you mean "customer.country"?'),
        ("split.offer", "W19", 'did you mean "paths.offer"?'),
        ("coupon.value", "W19", 'did you mean "code.value"?'),
        ("code", "W19", 'did you mean "code.value"?'),
    ],
)
@pytest.mark.parametrize("step", ["send: a", "webhook: crm_call_task"])
def test_what_looks_like_a_name_and_is_none_is_told(step: str, value: str, code: str, fix: str) -> None:
    made = compiled(f"{SPLIT}  - {step}\n    with: {{x: {value}}}\n", OF_CART)
    (problem,) = made.problems
    assert (problem.code, problem.fix) == (code, fix)
    assert problem.is_error == code.startswith("E")


@pytest.mark.parametrize("value", ["lapsed", "shop.example", "a.png", "gold", "2.5", "Hi there", "v1.2"])
def test_words_are_words(value: str) -> None:
    assert compiled(f'  - send: a\n    with: {{x: "{value}"}}\n').problems == ()
