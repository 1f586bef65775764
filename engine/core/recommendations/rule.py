"""A recommendation as config.yaml defines it: where products come from, and which are kept out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from engine.core.conditions.condition import Condition
from engine.core.journey import Question
from engine.values import DAY

MOST_ITEMS = 20
"""So many products has a recommendation at most; a template takes the first few (`[:4]`)."""

MOST_CANDIDATES = 100
"""So many of each source are looked at: what is out of stock or kept out takes a place among them."""

ORDERS_BACK = 730 * DAY
"""Orders older than this say nothing of a customer, and nothing of what is bought together."""

CART_BACK = 30 * DAY
"""A cart older than this is forgotten."""

VIEWS_BACK = 90 * DAY
"""Views older than this say nothing."""


class SourceKind(StrEnum):
    """Where products come from, in the words of config.yaml."""

    BOUGHT_TOGETHER = "bought together with"
    COMPLEMENTS = "complements of"
    VIEWED_NEXT = "viewed next after"
    VIEWED_TOGETHER = "viewed together with"
    SAME_CATEGORY = "same category as"
    BESTSELLERS = "bestsellers"
    NEW = "new"
    CHEAPER = "cheaper now"


OF_PRODUCTS = (
    SourceKind.BOUGHT_TOGETHER, SourceKind.COMPLEMENTS, SourceKind.VIEWED_NEXT, SourceKind.VIEWED_TOGETHER,
    SourceKind.SAME_CATEGORY,
)  # fmt: skip
"""Those that begin at products, which stand behind them."""

OF_ATTRIBUTE = (SourceKind.BESTSELLERS, SourceKind.NEW)
"""Those behind which `of ATTRIBUTE` may stand."""


_LISTED = (SourceKind.BESTSELLERS, SourceKind.NEW, SourceKind.CHEAPER, SourceKind.SAME_CATEGORY)


class SeedKind(StrEnum):
    """The products at which a source begins."""

    TRIGGER = "trigger"
    LAST_ORDER = "last order"
    PAST_ORDERS = "past orders"
    CART = "cart"
    LAST_VIEWED = "last viewed"


class ExclusionKind(StrEnum):
    """What a customer did with a product that keeps it out."""

    BOUGHT = "bought"
    VIEWED = "viewed"
    IN_CART = "in the cart"
    IN_TRIGGER = "in trigger"
    IN_LAST_ORDER = "in the last order"


@dataclass(frozen=True, slots=True)
class ProductSource:
    """One line of `from`. `attribute`: of the customer, whose value `field` of the products has."""

    kind: SourceKind
    seeds: SeedKind | None = None
    attribute: str = ""
    field: str = "category"

    @property
    def is_listed(self) -> bool:
        """Whether it goes through a list, and not from product to product."""
        return self.kind in _LISTED

    @property
    def listed(self) -> SourceKind:
        """The list that it goes through."""
        return SourceKind.BESTSELLERS if self.kind is SourceKind.SAME_CATEGORY else self.kind

    @property
    def listed_by(self) -> str:
        """The field whose values the lists are for; "": the list is that of the whole shop."""
        return self.field if self.attribute or self.kind is SourceKind.SAME_CATEGORY else ""

    def __str__(self) -> str:
        if self.seeds is not None:
            return f"{self.kind} {self.seeds}"
        return f"{self.kind} of {self.attribute}" if self.attribute else str(self.kind)


@dataclass(frozen=True, slots=True)
class ProductExclusion:
    """One line of `never`. `last`: ms, as far back as it looks; None: as far as anything is known."""

    kind: ExclusionKind
    last: int | None = None
    words: str = ""

    def __str__(self) -> str:
        return self.words or str(self.kind)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One name under `recommendations:`. `only`: a question about the fields of a product."""

    name: str
    sources: tuple[ProductSource, ...]
    only: Question | None = None
    never: tuple[ProductExclusion, ...] = ()

    def looks_at(self, *kinds: SeedKind | ExclusionKind) -> bool:
        """Whether a source begins there, or `never` names it."""
        return any(source.seeds in kinds for source in self.sources) or any(
            exclusion.kind in kinds for exclusion in self.never
        )


def fields_listed(rules: Iterable[Recommendation]) -> tuple[str, ...]:
    """The fields of products by whose values there are lists: of `bestsellers of ...` and the like. The
    category always is one."""
    return tuple(sorted({"category", *(source.field for rule in rules for source in rule.sources)}))


def condition_of(rule: Recommendation) -> Condition | None:
    """What `only` asks; None: nothing."""
    return rule.only.condition if rule.only is not None else None
