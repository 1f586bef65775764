"""The canonical form of a file of a project, with the project's own names: what `fmt` writes, and editors."""

from __future__ import annotations

from dataclasses import dataclass

from engine.compiler.catalogue.catalogue import YES_NO, Catalogue
from engine.language.fmt import format_journey
from engine.language.fmt_facts import format_facts
from engine.language.nodes import Mapping
from engine.language.yaml.source import read

FACTS = "schemas/customer.yaml"


@dataclass(frozen=True, slots=True)
class Formatter:
    """Names of attributes that are true or false, and names that hold a number or an amount."""

    true_or_false: frozenset[str]
    amounts: frozenset[str]

    @classmethod
    def of(cls, catalogue: Catalogue) -> Formatter:
        """For the files of the project with this catalogue."""
        names = frozenset(name for name, kind in catalogue.attributes.items() if kind == YES_NO)
        return cls(names, catalogue.amounts())

    def format(self, text: str, file: str) -> str | None:
        """A journey, a segment or the facts in canonical form; None where the file cannot be read."""
        if file == FACTS:
            formatted = format_facts(text, file)
        else:
            formatted = format_journey(text, file, self.true_or_false, self.amounts)
        return formatted if isinstance(read(formatted, file)[0], Mapping) else None


def has_canonical_form(file: str) -> bool:
    """Whether there is one for this path of a project."""
    return file == FACTS or (file.startswith("journeys/") and file.endswith((".yaml", ".yml")))
