"""The words of the pages that customers see: in the engine for thirteen languages, in a project for any other
one, or for the same ones in the shop's own voice (`templates/_pages/LANGUAGE.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from engine.language.nodes import Mapping as MappingNode
from engine.language.nodes import Scalar
from engine.language.yaml.source import read

OWN = Path("templates") / "_pages"
"""Where a project keeps its own words."""

_LARGEST = 100_000
_PLACE = re.compile(r"\{(\w+)\}")
_LANGUAGE = re.compile(r"[a-z]{2,3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageWords:
    """One language."""

    language: str
    texts: Mapping[str, str]

    def text(self, name: str, /, **values: str) -> str:
        """A text with its values put in; they are not looked at again."""
        return _PLACE.sub(lambda slot: values.get(slot[1], slot[0]), self.texts.get(name, ""))

    def purpose(self, name: str, shop: str) -> str:
        """What customers call a purpose of consent."""
        known = f"purpose_{name}"
        return (
            self.text(known, shop=shop) if known in self.texts else self.text("purpose_other", purpose=name)
        )

    def channel(self, name: str) -> str:
        """What customers call a channel."""
        return self.texts.get(f"channel_{name}") or name.replace("_", " ").capitalize()


def words_for(folder: Path, wanted: Iterable[str]) -> PageWords:
    """The first of the wanted languages (`uk`, `uk-UA`) that there are words for, else English."""
    own = _own(folder)
    for tag in wanted:
        language = tag.strip().casefold().partition("-")[0].partition("_")[0]
        if language in own or (_LANGUAGE.fullmatch(language) and language in _built_in()):
            return PageWords(
                language, {**_built_in()["en"], **_built_in().get(language, {}), **own.get(language, {})}
            )
    return PageWords("en", {**_built_in()["en"], **own.get("en", {})})


def accepted(header: str) -> list[str]:
    """The languages of an `Accept-Language` header, the best first."""
    tags = []
    # Bounded before it is parsed: the header is anybody's.
    for part in header[:500].split(",")[:20]:
        tag, _, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=")
        weight = float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality, re.ASCII) else 1.0
        tags.append((weight, tag.strip()))
    # Stable: equal weights keep the order of the browser (RFC 9110, 12.5.4).
    tags.sort(key=lambda weighted: -weighted[0])
    return [tag for weight, tag in tags if tag and weight]


def known_words() -> frozenset[str]:
    """The names of all texts."""
    return frozenset(_built_in()["en"])


@lru_cache(maxsize=1)
def _built_in() -> Mapping[str, Mapping[str, str]]:
    return {file.stem: _read(file.read_bytes(), file.name) for file in Path(__file__).parent.glob("*.yaml")}


def _own(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """The project's own words as its files are now; one that cannot be read says nothing."""
    try:
        stats = [(file.name, file.stat()) for file in (folder / OWN).glob("*.yaml")]
    except OSError:
        return {}
    # Name, moment and size are the key of the cache: an edited file is read at the next page.
    files = sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
    return _read_own(folder / OWN, tuple(files)) if files else {}


@lru_cache(maxsize=8)
def _read_own(folder: Path, files: tuple[tuple[str, int, int], ...]) -> Mapping[str, Mapping[str, str]]:
    words_of = {}
    for name, _, size in files:
        file = folder / name
        # A link that leads out of the project would show a page of another file's words.
        is_own = file.resolve().is_relative_to(folder.resolve())
        if is_own and size <= _LARGEST and _LANGUAGE.fullmatch(file.stem):
            words_of[file.stem] = _read(file.read_bytes(), name)
    return words_of


def _read(data: bytes, name: str) -> Mapping[str, str]:
    node, _ = read(data, name)
    entries = node.entries if isinstance(node, MappingNode) else ()
    return {entry.key.text: entry.value.text for entry in entries if isinstance(entry.value, Scalar)}
