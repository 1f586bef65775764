"""The recommendations of config.yaml with what the catalogue says: attributes, and the fields of products."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.compiler.conditions.compile import ConditionCompiler
from engine.compiler.conditions.names import NameScope
from engine.compiler.project_context import ProjectContext
from engine.config import RecommendationConfig
from engine.core.recommendations.rule import ProductSource, Recommendation
from engine.language import syntax
from engine.language.syntax import Text
from engine.language.wording import quoted, unknown
from engine.problem import Problem, did_you_mean
from engine.values import Type

_BY = ("text", "one of", "list of text")
"""The types of an attribute whose value can be that of a field."""

CATEGORY = "category"


def compile_recommendations(project: ProjectContext) -> tuple[dict[str, Recommendation], list[Problem]]:
    """Each by its name, and what is wrong with them."""
    problems: list[Problem] = []
    compiled = {
        name: _compiled(written, project, problems)
        for name, written in project.config.recommendations.items()
    }
    return compiled, problems


def _compiled(
    written: RecommendationConfig, project: ProjectContext, problems: list[Problem]
) -> Recommendation:
    sources = tuple(_source(text, source, project, problems) for text, source in written.sources)
    only = None
    if written.only is not None:
        unknown_fields = list(_unknown_fields(written.only, project))
        problems.extend(unknown_fields)
        if not unknown_fields:
            conditions = ConditionCompiler()
            scope = NameScope(
                project, "segment", None, event_fields=project.catalogue.product_fields, event="a product"
            )
            only = conditions.question(written.only, scope)
            problems.extend(conditions.problems)
    return Recommendation(written.name.value, sources, only, written.never)


def _source(
    text: Text, source: ProductSource, project: ProjectContext, problems: list[Problem]
) -> ProductSource:
    """E117: `of ATTRIBUTE` names something that has no value of a product."""
    if not source.attribute:
        return source
    name = Text(source.attribute, text.span)
    catalogue = project.catalogue
    kind = catalogue.customer_type(source.attribute)
    if kind is None:
        known = [each for each in catalogue.customer_names() if names_a_value(catalogue.customer_type(each))]
        near = [f"{source.kind} of {each}" for each in known]
        problems.append(
            Problem(
                text.span, "E117", f"there is no customer attribute called {quoted(name.value)}",
                "names come from schemas/customer.yaml",
                did_you_mean(text.value, near, _fact_fix(name.value)), topic="name", subject=name.value,
            )
        )  # fmt: skip
    elif not names_a_value(kind):
        problems.append(
            Problem(
                text.span, "E117", f"{quoted(name.value)} is no text, so that no product can have it",
                "behind  of  stands an attribute or fact whose value is that of a field of products",
                f"write  {source.kind} of favourite_category  with a fact  most frequent of a category",
            )
        )  # fmt: skip
    # The field of products whose values an attribute has: the last part of what a fact is made from, else the
    # one that the attribute is called after (`favourite_brand`), else the category
    fields = project.catalogue.product_fields
    rule = project.catalogue.facts.get(source.attribute)
    last = (rule.field or "").rpartition(".")[2] if rule is not None else ""
    candidates = (last, source.attribute, source.attribute.rpartition("_")[2])
    return replace(source, field=next((name for name in candidates if name and name in fields), CATEGORY))


def names_a_value(kind: Type | None) -> bool:
    """Whether an attribute of this type can have the value of a field of products."""
    return kind is not None and kind.kind in _BY


def _fact_fix(name: str) -> str:
    words = "most frequent order_placed.items.category"
    return f"add to schemas/customer.yaml, under  facts:\n         {name}: {words}"


def _unknown_fields(condition: syntax.AllOf, project: ProjectContext) -> Iterator[Problem]:
    """E118: `only` asks for a field that products do not have."""
    known = list(project.catalogue.product_fields)
    for line in condition.lines:
        match line:
            case syntax.Test(name):
                if name.value not in known:
                    why = "fields of products come from schemas/product.yaml"
                    fix = f"add to schemas/product.yaml, under  product:\n         {name.value}: text"
                    yield unknown("E118", name, "field of a product", known, why, fix)
            case syntax.Group(_, inner):
                for each in inner:
                    yield from _unknown_fields(each, project)
            case _:
                pass  # nothing else is read where bare names are fields
