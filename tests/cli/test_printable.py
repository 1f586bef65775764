"""What customers and providers wrote is shown to an operator character by character; nothing of it acts."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.logs import set_up
from engine.printable import printable, printable_json, printable_lines
from tests.cli.conftest import Shop

ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]")
NASTY = "Anna\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\r\nerror: all is well\u200b\u200d\ufeff\x7f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë Müller 李雷 🎉", "Zoë Müller 李雷 🎉"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\x9bb\x85c", r"a\x9bb\x85c"),
        ("evil\u202egnp", r"evil\u202egnp"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("a\u2028b\u200bc\ufeffd\U000e0041e", r"a\u2028b\u200bc\ufeffd\U000e0041e"),
        ("a\ud800b", r"a\ud800b"),
    ],
)
def test_what_acts_or_hides_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None)))
def test_every_text_can_be_printed_and_stays_one_line(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not ACTING.search(shown)
    assert len((shown + ".").splitlines()) == 1
    assert not ACTING.search(printable_lines(text).replace("\t", ""))


@given(st.recursive(st.text(st.characters(codec="utf-8")), lambda inner: st.lists(inner, max_size=3)))
def test_a_json_document_says_the_same(value: object) -> None:
    shown = printable_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert not ACTING.search(shown)
    assert json.loads(shown) == value


@pytest.mark.parametrize("words", [["show", "c1"], ["show", "c1", "--format", "json"], ["why", "c1", "x"]])
def test_no_command_prints_what_acts(shop: Shop, words: list[str]) -> None:
    people = json.dumps({"customer_id": "c1", "first_name": NASTY, "email": "anna@example.com"})
    events = json.dumps(
        {"customer_id": "c1", "event": "site_visited", "at": "2026-11-19T10:00:00Z", "path": NASTY}
    )
    for name, lines in (("people", people), ("events", events)):
        assert shop.run("import", str(shop.write(f"{name}.jsonl", lines + "\n"))).code == 0
    shop.play()
    answer = shop.run(*words)
    assert not ACTING.search(answer.out + answer.err)
    assert "error: all is well" not in (answer.out + answer.err).splitlines()
    if words[0] == "show":
        assert r"]0;owned" in answer.out


@pytest.mark.parametrize("name", ["c1\x1b[31m", "c1\u202e", "c1\nc2", "c1\x9b"])
def test_an_id_that_would_act_is_refused_at_the_door(small_shop: Shop, name: str) -> None:
    row = json.dumps({"customer_id": name, "email": "anna@example.com"})
    answer = small_shop.run("import", str(small_shop.write("people.jsonl", row + "\n")))
    assert "refused          1" in answer.out
    assert "control character" in (small_shop.folder / "people.jsonl.refused.jsonl").read_text()


@pytest.fixture
def log(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """What was logged since the last time."""
    root = logging.getLogger()
    # Servers of other tests may have been started with uvicorn's own setting of its loggers.
    for name in ("uvicorn", "uvicorn.error"):
        for attribute, value in (("propagate", True), ("disabled", False), ("level", logging.NOTSET)):
            monkeypatch.setattr(logging.getLogger(name), attribute, value)
    before, level = list(root.handlers), root.level
    yield lambda: capsys.readouterr().err
    structlog.reset_defaults()
    root.handlers = before
    root.setLevel(level)


def test_a_log_line_stays_one_line_and_shows_everything(log: Callable[[], str]) -> None:
    set_up(as_json=False)
    structlog.get_logger("channel").warning("refused", answer=NASTY, rows=[{"name": NASTY}])
    said = log()
    assert len(said.splitlines()) == 1
    assert not ACTING.search(said)


def test_libraries_log_in_the_form_of_ours(log: Callable[[], str]) -> None:
    set_up(as_json=True)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    with contextlib.suppress(ZeroDivisionError):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError:
            logging.getLogger("asyncio").exception("broken for anna@example.com \x1b[0m")
            raise
    said = log()
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["event"] for line in lines] == [
        "Invalid HTTP request received.",
        "broken for *** \x1b[0m",
    ]
    assert "ZeroDivisionError" in lines[1]["exception"]
    assert not ACTING.search(said)
