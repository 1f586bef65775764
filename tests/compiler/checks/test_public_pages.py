"""What `check` says of sign-up forms and of the address that links begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import project
from tests.http.web_shop import CONFIG, FILES

AGREED = {"templates/_pages/de.yaml": "list_newsletter: Ja, bitte\nlist_thanked: Ja, danke\n"}


def problems(folder: Path, config: str, **files: str) -> list[tuple[str, int, str]]:
    for name, text in {**FILES, **AGREED, "config.yaml": config, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = project.load(folder).problems
    return [(each.code, each.span.line, each.fix) for each in found if each.span.file == "config.yaml"]


def line(config: str, words: str) -> int:
    return next(n for n, text in enumerate(config.split("\n"), 1) if words in text)


def test_a_sound_project_has_none(tmp_path: Path) -> None:
    assert problems(tmp_path, CONFIG) == []


@pytest.mark.parametrize("name", ["optin_requestd", "order_placed"])
def test_the_event_of_a_list_exists_and_starts_a_journey(tmp_path: Path, name: str) -> None:
    config = CONFIG.replace("newsletter: {event: optin_requested", f"newsletter: {{event: {name}")
    ((code, where, fix),) = problems(tmp_path, config)
    assert where == line(config, f"event: {name}") or name == "order_placed"
    assert (code, "optin_requested" in fix) == (("E87", True) if name == "optin_requestd" else ("W21", False))


def test_the_event_of_a_confirmation_exists(tmp_path: Path) -> None:
    config = CONFIG.replace("signup:\n", "signup:\n  confirmed: optin_confirmd\n")
    ((code, where, fix),) = problems(tmp_path, config)
    assert (code, where) == ("E87", line(config, "optin_confirmd"))
    assert "optin_confirmed" in fix


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("http://news.shop.example", ["W22"]),
        ("http://10.0.0.1:8080", ["W22"]),
        ("http://127.0.0.1:8080", []),
        ("http://localhost:8080", []),
        ("http://[::1]:8080", []),
        ("https://news.shop.example", []),
    ],
)
def test_case_81_links_begin_with_https_unless_they_lead_to_this_machine(
    tmp_path: Path, url: str, codes: list[str]
) -> None:
    config = CONFIG.replace("https://news.shop.example", f'"{url}"')
    assert [code for code, _, _ in problems(tmp_path, config)] == codes


def test_a_template_may_lead_to_the_confirmation(tmp_path: Path) -> None:
    problems(tmp_path, CONFIG)
    assert not [each for each in project.load(tmp_path).problems if each.is_error]


@pytest.mark.parametrize(
    ("text", "codes"), [("save: Keep\n", []), ("save: [a, b]\n", ["E95"]), ("save: a\nsave: b\n", ["E04"])]
)
def test_the_shops_own_words_are_read(tmp_path: Path, text: str, codes: list[str]) -> None:
    problems(tmp_path, CONFIG, **{"templates/_pages/sv.yaml": text})
    found = [each for each in project.load(tmp_path).problems if "_pages" in each.span.file]
    assert [each.code for each in found] == codes


def test_what_people_agree_to_is_written_in_every_language(tmp_path: Path) -> None:
    german = "templates/_pages/de.yaml"
    without = problems(tmp_path, CONFIG, **{german: "list_thanked: Ja, danke\n"})
    assert [(code, where) for code, where, _ in without] == [("W04", line(CONFIG, "newsletter"))]
    assert f"{german}:  list_newsletter: ..." in without[0][2]
    assert problems(tmp_path, CONFIG, **AGREED) == []
