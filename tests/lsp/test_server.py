"""The language server as an editor meets it: a process of its own, the protocol on its pipes."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.problem import Problem
from tests.lsp.conftest import COMMAND, PROJECT, Editor, checked, started, utf16

CART = "journeys/abandoned_cart.yaml"
WELCOME = "journeys/welcome.yaml"


def told(found: list[dict[str, Any]]) -> set[tuple[str, int, str]]:
    return {(each["code"], each["range"]["start"]["line"] + 1, each["message"]) for each in found}


def meant(problems: list[Problem]) -> set[tuple[str, int]]:
    return {(problem.code, problem.span.line) for problem in problems}


# --- diagnostics ---------------------------------------------------------------------------------


def test_a_sound_project_has_no_diagnostics(editor: Editor) -> None:
    for file in (CART, "config.yaml", "schemas/customer.yaml", "templates/welcome_hello.email.html"):
        assert editor.show(file) == []
        editor.shut(file)


def test_a_mistake_is_shown_with_its_reason_and_its_fix(editor: Editor) -> None:
    text = editor.text_of(CART)
    editor.show(CART)
    (found,) = editor.type(CART, text.replace("event: order_placed", "event: order_plced"))
    assert found["code"] == "E10"
    assert found["severity"] == 1
    assert found["source"] == "perennial"
    assert found["range"] == {"start": {"line": 8, "character": 9}, "end": {"line": 8, "character": 20}}
    what, why, fix = found["message"].split("\n")
    assert what == 'there is no event called "order_plced"'
    assert why.startswith("why: ")
    assert fix == 'fix: did you mean "order_placed"?'
    assert editor.type(CART, text) == []
    editor.shut(CART)


def test_places_are_counted_in_utf_16(editor: Editor) -> None:
    text = editor.text_of(CART).replace(
        "where: {total: at least 20 EUR}", "where: {code: '😀😀', totl: at least 20 EUR}"
    )
    found = next(each for each in editor.show(CART, text) if "totl" in each["message"])
    line = text.split("\n")[found["range"]["start"]["line"]]
    start, end = found["range"]["start"]["character"], found["range"]["end"]["character"]
    assert utf16(line)[2 * start : 2 * end].decode("utf-16-le") == "totl"
    editor.shut(CART)


def test_a_change_of_one_file_shows_what_it_breaks_in_others(editor: Editor) -> None:
    text = editor.text_of("schemas/events.yaml")
    editor.show("schemas/events.yaml")
    editor.type("schemas/events.yaml", text.replace("  cart_emptied:", "  cart_cleared:"))
    assert {each["code"] for each in editor.diagnostics[editor.uri(CART)]} == {"E10"}
    editor.type("schemas/events.yaml", text)
    assert editor.diagnostics[editor.uri(CART)] == []
    editor.shut("schemas/events.yaml")


def test_a_closed_file_counts_as_it_lies_on_the_disk(editor: Editor) -> None:
    text = editor.text_of(CART)
    assert editor.show(CART, text.replace("again:", "agian:")) != []
    editor.shut(CART)
    assert editor.show(WELCOME) == []
    assert editor.diagnostics[editor.uri(CART)] == []
    editor.shut(WELCOME)


def test_a_file_that_was_deleted_and_one_that_was_never_saved(editor: Editor) -> None:
    file = "journeys/late.yaml"
    # a draft: one that is live would write to the people of the other
    text = editor.text_of(CART).replace("journey: abandoned_cart", "journey: late\nstate: draft")
    try:
        assert editor.show(file, text) == []
        (editor.folder / file).write_text(text)
        (editor.folder / file).unlink()
        editor.notify("textDocument/didSave", {"textDocument": {"uri": editor.uri(file)}})
        assert editor.type(file, text) == []
    finally:
        editor.shut(file)
    assert editor.show(CART) == []
    editor.shut(CART)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "E09"),
        ("journey: [", "E03"),
        ("\tjourney: abandoned_cart\n", "E01"),
        ("journey: abandoned_cart\nstart:\n  ev", "E"),
        ("journey: abandoned_cart\r\nstart:\r\n  evnt: cart_updated\r\n", "E06"),
        ("journey: abandoned_cart\nabout: \ud83d\n", "E"),
        ("journey: abandoned_cart\nabout: a\x00b\x0c\u2028\n", "E"),
        ("about: " + "x" * 1_100_000, "E78"),
        ("[" * 100_000, "E"),
        ("a: " * 40_000, "E"),
    ],
    ids=["empty", "bracket", "tab", "half", "crlf", "surrogate", "control", "huge", "deep", "keys"],
)
def test_no_text_is_too_odd(text: str, code: str, editor: Editor) -> None:
    found = editor.show(CART, text)
    assert any(each["code"].startswith(code) for each in found), found
    for method in ("hover", "definition"):
        assert editor.request(f"textDocument/{method}", editor.at(CART, 0, 3)) in (None, [])
    document = {"textDocument": {"uri": editor.uri(CART)}}
    options = {"tabSize": 2, "insertSpaces": True}
    editor.request("textDocument/formatting", {**document, "options": options})
    editor.request("textDocument/documentSymbol", document)
    editor.request("textDocument/completion", editor.at(CART, 5, 500))
    editor.actions(CART, found[0])
    editor.shut(CART)


def test_a_file_on_the_disk_that_is_no_utf_8(editor: Editor) -> None:
    file = editor.folder / "journeys/latin.yaml"
    file.write_bytes("journey: latin\nabout: caf\xe9\n".encode("latin-1"))
    try:
        editor.show(CART)
        assert {each["code"] for each in editor.diagnostics[file.as_uri()]} == {"E09"}
    finally:
        file.unlink()
        editor.shut(CART)


def test_what_is_no_part_of_a_project_is_left_alone(editor: Editor) -> None:
    for uri in ("untitled:Untitled-1", (editor.folder.parent / "x.yaml").as_uri(), "file:///a%00b.yaml"):
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": "journey: ["}
        editor.notify("textDocument/didOpen", {"textDocument": document})
        asked = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 1}}
        assert editor.request("textDocument/hover", asked) is None
        assert uri not in editor.diagnostics
        editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def test_a_file_that_somebody_else_changes_is_looked_at_again(editor: Editor) -> None:
    editor.show(WELCOME)
    file, text = editor.folder / CART, editor.text_of(CART)
    try:
        file.write_text(text.replace("again:", "agian:"))
        changed = [{"uri": editor.uri(CART), "type": 2}]
        editor.notify("workspace/didChangeWatchedFiles", {"changes": changed})
        editor.wait(lambda: bool(editor.diagnostics.get(editor.uri(CART))), "the change of the file")
    finally:
        file.write_text(text)
        editor.shut(WELCOME)


# --- stories -------------------------------------------------------------------------------------


def test_stories_run_when_a_file_is_saved_and_what_happens_can_be_accepted(editor: Editor) -> None:
    text = editor.text_of(CART)
    wrong = text.replace(
        "day 0 17:30: send cart_reminder via push", "day 0 17:31: send cart_reminder via push"
    )
    editor.show(CART)
    assert editor.type(CART, wrong) == []
    (editor.folder / CART).write_text(wrong)
    try:
        editor.notify("textDocument/didSave", {"textDocument": {"uri": editor.uri(CART)}})
        editor.wait(lambda: bool(editor.diagnostics[editor.uri(CART)]), "the story that fails")
        (found,) = editor.diagnostics[editor.uri(CART)]
        assert found["code"] == "E59"
        line = text.split("\n")[found["range"]["start"]["line"]]
        assert line == "  - test: cascade through the night, then the offer"
        assert re.search(r"-  day 0 17:31 +send cart_reminder via push", found["message"])
        (action,) = editor.actions(CART, found)
        assert action["title"] == "expect what happens now"
        accepted = editor.says_of(wrong, action["edit"]["changes"][editor.uri(CART)])
        assert "- day 0 17:30: send cart_reminder via push" in accepted
    finally:
        (editor.folder / CART).write_text(text)
        editor.shut(CART)
    assert editor.show(CART, accepted) == []
    editor.shut(CART)


# --- fixes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "became"),
    [
        ("event: order_placed", "event: order_plced"),
        ("  orders_count: 0", "  orders_count: equals 0"),
        ("again: restart, then after 3 days", "again: restart, then after 3d"),
        ("    id: before_offer\n", ""),
        ("    next_after: 4 hours\n", ""),
        ("    at: 18:00", "\tat: 18:00"),
        ("priority: high", "piority: high"),
        ("CARTSHIP\n", "CARTSHIPP\n"),
        ("holdout: 5%", "holdout: 0.05"),
        ("about: Bring", "about:    Goal: bring"),
    ],
    ids=["event", "form", "length", "id", "next_after", "tab", "key", "pool", "share", "colon"],
)
def test_a_fix_that_is_offered_makes_the_file_sound(was: str, became: str, editor: Editor) -> None:
    text = editor.text_of(CART)
    assert was in text
    wrong = text.replace(was, became, 1)
    found = editor.show(CART, wrong)
    assert found
    action = editor.actions(CART, found[0])[0]
    assert action["kind"] == "quickfix"
    assert action["diagnostics"] == [found[0]]
    mended = editor.says_of(wrong, action["edit"]["changes"][editor.uri(CART)])
    left = [each for each in editor.type(CART, mended) if each["severity"] == 1]
    editor.shut(CART)
    assert left == []


@pytest.mark.parametrize(
    ("was", "became", "made"),
    [
        ("send: cart_last_reminder", "send: cart_farewell", "templates/cart_farewell.email.mjml"),
        ("      - send: cart_last_reminder", "      - send: cart_last_reminder\n        via: push",
         "templates/cart_last_reminder.push.txt"),
        ("      orders_count: 0\n", "      segment: big_spenders\n", "journeys/segments/big_spenders.yaml"),
        ("      orders_count: 0\n", "      hobby: tea\n", "schemas/customer.yaml"),
        ("event: order_placed\nexit_if", "event: handed_over\nexit_if", "schemas/events.yaml"),
    ],
    ids=["message", "channel", "segment", "attribute", "event"],
)  # fmt: skip
def test_a_fix_in_another_file_makes_the_project_sound(
    was: str, became: str, made: str, editor: Editor
) -> None:
    text = editor.text_of(CART)
    assert was in text
    wrong = text.replace(was, became, 1)
    found = [each for each in editor.show(CART, wrong) if each["severity"] == 1]
    offered = [
        action["edit"]["documentChanges"]
        for each in found
        for action in editor.actions(CART, each)
        if "documentChanges" in action["edit"]
    ]
    file = editor.folder / made
    before = file.read_bytes() if file.exists() else None
    try:
        for change in offered[0]:
            if change.get("kind") == "create":
                assert change["uri"] == file.as_uri()
                file.touch()
            else:
                assert change["textDocument"] == {"uri": file.as_uri(), "version": None}
                file.write_text(editor.says_of(file.read_text(), change["edits"]))
        assert [each for each in editor.type(CART, wrong) if each["severity"] == 1] == []
        assert checked(editor.folder).keys() <= {CART}
    finally:
        editor.shut(CART)
        if before is not None:
            file.write_bytes(before)
        else:
            file.unlink(missing_ok=True)


def test_an_editor_that_cannot_make_files_is_offered_no_fix_that_does(tmp_path: Path) -> None:
    shutil.copytree(PROJECT, tmp_path / "shop")
    with started(tmp_path / "shop", capabilities={"workspace": {}}) as editor:
        wrong = editor.text_of(CART).replace("send: cart_last_reminder", "send: cart_farewell")
        (found,) = editor.show(CART, wrong)
        assert editor.actions(CART, found) == []
        assert editor.leave() == 0


def test_a_fix_that_would_make_another_mistake_is_not_offered(editor: Editor) -> None:
    text = editor.text_of(CART).replace("goal:\n  event: order_placed\n", "goal: order_placed\n")
    for found in editor.show(CART, text):
        for action in editor.actions(CART, found):
            mended = editor.says_of(text, action["edit"]["changes"][editor.uri(CART)])
            assert len(editor.type(CART, mended)) < len(editor.type(CART, text))
    editor.shut(CART)


def test_a_warning_can_be_accepted_which_asks_for_a_reason(editor: Editor) -> None:
    text = editor.text_of(CART).replace("tests:\n", "no_tests:\n").partition("no_tests:")[0]
    (found,) = editor.show(CART, text)
    assert (found["code"], found["severity"]) == ("W01", 2)
    action = next(a for a in editor.actions(CART, found) if a["title"].startswith("accept W01"))
    accepted = editor.says_of(text, action["edit"]["changes"][editor.uri(CART)])
    assert [each["code"] for each in editor.type(CART, accepted) if each["severity"] == 1] == ["E150"]
    reasoned = accepted.replace("# accepted W01:", "# accepted W01: it is tried out by hand")
    assert editor.type(CART, reasoned) == []
    editor.shut(CART)


# --- what a name means, and where it is defined --------------------------------------------------

MEANINGS = [
    (CART, "cart_updated", "total: an amount of money"),
    (CART, "total: at least", "**total** of cart\\_updated: an amount of money"),
    (CART, "trigger.total", "**total** of cart\\_updated: an amount of money"),
    (CART, "orders_count", "orders_count: count of order_placed"),
    (CART, "1 hour", "1 hour on the clock"),
    (CART, "wait: 1 day", "At 18:00 in the customer's time zone."),
    (CART, "CART10", "one for each customer, like CART-????-????"),
    (CART, "cart_reminder", "template: email, push, sms"),
    (CART, "push, email", "a message"),
    ("journeys/win_back.yaml", "lapsed_90", "who: "),
    ("schemas/customer.yaml", "order_placed.total", "**order\\_placed** (event)"),
    ("templates/welcome_hello.email.html", "customer.first_name", "attribute of the customer"),
]


@pytest.mark.parametrize(("file", "word", "meaning"), MEANINGS, ids=[word for _, word, _ in MEANINGS])
def test_a_hover_says_what_a_name_means(file: str, word: str, meaning: str, editor: Editor) -> None:
    text = editor.text_of(file)
    if word not in text:
        text += f"\n{{{{ {word} }}}}\n"
    editor.show(file, text)
    found = editor.under("textDocument/hover", file, text, word)
    editor.shut(file)
    assert meaning in found["contents"]["value"]


def test_a_name_is_known_also_in_a_text_that_nobody_can_read(editor: Editor) -> None:
    text = editor.text_of(CART) + "  - ["
    assert editor.show(CART, text) != []
    found = editor.under("textDocument/hover", CART, text, "orders_count")
    assert "count of order_placed" in found["contents"]["value"]
    assert editor.under("textDocument/definition", CART, text, "cart_reminder") != []
    editor.shut(CART)


DEFINITIONS = [
    (CART, "cart_updated", "schemas/events.yaml", "cart_updated"),
    (CART, "total: at least", "schemas/events.yaml", "total"),
    (CART, "orders_count", "schemas/customer.yaml", "orders_count"),
    (CART, "CART10", "config.yaml", "CART10"),
    (CART, "cart_last_reminder", "templates/cart_last_reminder.email.html", ""),
    ("journeys/win_back.yaml", "lapsed_90", "journeys/segments/lapsed_90.yaml", "lapsed_90"),
]


@pytest.mark.parametrize(
    ("file", "word", "target", "there"), DEFINITIONS, ids=[word for _, word, _, _ in DEFINITIONS]
)
def test_a_name_leads_to_its_definition(
    file: str, word: str, target: str, there: str, editor: Editor
) -> None:
    editor.show(file)
    (place,) = editor.under("textDocument/definition", file, editor.text_of(file), word)
    editor.shut(file)
    assert place["uri"] == editor.uri(target)
    start = place["range"]["start"]
    assert editor.text_of(target).split("\n")[start["line"]][start["character"] :].startswith(there)


def test_policies_and_former_names_lead_to_their_definition(editor: Editor) -> None:
    text = editor.text_of(CART).replace("priority: high", "policy: marketing\nwas: left_cart")
    text = text.replace("id: before_offer", "id: before_offer\n    was: before_gift")
    editor.show(CART, text)
    asked = "textDocument/definition"
    (policy,) = editor.under(asked, CART, text, "marketing")
    assert policy["uri"] == editor.uri("config.yaml")
    (journey,) = editor.under(asked, CART, text, "left_cart")
    assert journey["range"]["start"] == {"line": 0, "character": 9}
    (step,) = editor.under(asked, CART, text, "before_gift")
    line = text.split("\n")[step["range"]["start"]["line"]]
    assert line == "    id: before_offer"
    editor.shut(CART)


# --- form, outline, completion -------------------------------------------------------------------


def test_formatting_is_what_fmt_writes(editor: Editor, tmp_path: Path) -> None:
    text = editor.text_of(CART).replace("4 hours", "4h").replace("    id: before_offer\n", "")
    text = text.replace("owner: retention@shop.example\n", "") + "owner: retention@shop.example\n"
    editor.show(CART, text)
    asked = {"textDocument": {"uri": editor.uri(CART)}, "options": {"tabSize": 2, "insertSpaces": True}}
    edits = editor.request("textDocument/formatting", asked)
    shutil.copytree(PROJECT, tmp_path / "shop")
    (tmp_path / "shop" / CART).write_text(text)
    command = [*map(str, COMMAND[:2]), "--project", str(tmp_path / "shop"), "fmt"]
    subprocess.run(command, check=True, capture_output=True)
    formatted = (tmp_path / "shop" / CART).read_text()
    assert editor.says_of(text, edits) == formatted != text
    editor.type(CART, formatted)
    assert editor.request("textDocument/formatting", asked) == []
    editor.shut(CART)


def test_the_outline_has_the_steps_as_they_are_nested(editor: Editor) -> None:
    editor.show(CART)
    symbols = editor.request("textDocument/documentSymbol", {"textDocument": {"uri": editor.uri(CART)}})
    editor.shut(CART)

    def drawn(symbols: list[dict[str, Any]], depth: int = 0) -> list[str]:
        lines = []
        for each in symbols:
            lines += ["  " * depth + each["name"], *drawn(each.get("children") or [], depth + 1)]
        return lines

    steps = drawn([each for each in symbols if each["name"] == "steps"])
    assert steps == [
        "steps", "  wait: 1 hour", "  send: cart_reminder", "  wait: 1 day", "  if", "    then",
        "      split: cart_offer", "        50% percent", "          code: CART10",
        "          send: cart_offer_percent", "        50% shipping", "          code: CARTSHIP",
        "          send: cart_offer_shipping", "    else", "      send: cart_last_reminder",
    ]  # fmt: skip


OFFERED = [
    ("start:\n  event: ", {"cart_updated", "order_placed"}, {"cart_reminder"}),
    ("steps:\n  - ", {"send", "wait", "if", "split", "code"}, {"journey", "cart_updated"}),
    ("steps:\n  - send: ", {"cart_reminder", "welcome_hello"}, {"cart_updated"}),
    ("steps:\n  - send: cart_reminder\n    ", {"via", "next_after", "id"}, {"send", "at"}),
    ("steps:\n  - send: cart_reminder\n    via: ", {"push", "email", "sms"}, {"cart_reminder"}),
    ("steps:\n  - if:\n      ", {"orders_count", "did", "segment", "any"}, {"send"}),
    ("who:\n  did: {", {"order_placed"}, {"orders_count"}),
    ("who:\n  segment: ", {"lapsed_90"}, {"order_placed"}),
    ("steps:\n  - wait: 1 day\n    for: ", {"order_placed"}, {"orders_count"}),
    ("steps:\n  - code: ", {"CART10"}, {"cart_reminder"}),
    ("policy: ", {"marketing"}, {"push"}),
    ("state: ", {"draft", "live"}, {"marketing"}),
    ("", {"start", "steps", "goal", "tests"}, {"journey", "send"}),
]


@pytest.mark.parametrize(
    ("head", "there", "not_there"), OFFERED, ids=[head or "top" for head, _, _ in OFFERED]
)
def test_completion_offers_what_fits_a_place(
    head: str, there: set[str], not_there: set[str], editor: Editor
) -> None:
    text = f"journey: abandoned_cart\n{head}"
    editor.show(CART, text)
    lines = text.split("\n")
    items = editor.request("textDocument/completion", editor.at(CART, len(lines) - 1, len(lines[-1])))
    editor.shut(CART)
    labels = {item["label"] for item in items}
    assert there <= labels
    assert not labels & not_there


# --- it lives ------------------------------------------------------------------------------------


PIECES = [
    "",
    "\t",
    " ",
    "\n",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "'",
    '"',
    "#",
    "é",
    "😀",
    "&a",
    "*a",
    "|",
    "0",
    "wait",
]
EDITED = [WELCOME, CART, "journeys/segments/lapsed_90.yaml", "schemas/events.yaml"]


def edit_at_random(editor: Editor, edits: int, seed: int) -> None:
    """After each edit every file is told as `check` tells it of the same text."""
    dice = random.Random(seed)
    for file in EDITED:
        original = text = editor.text_of(file)
        editor.show(file)
        try:
            for _ in range(edits):
                at, many = dice.randrange(len(text)), dice.choice([0, 1, 1, 3, 30])
                text = text[:at] + dice.choice(PIECES) + text[at + many :]
                editor.type(file, text)
                (editor.folder / file).write_bytes(text.encode())
                said = {name: meant(problems) for name, problems in checked(editor.folder).items()}
                shown = {
                    uri.removeprefix(f"{editor.folder.as_uri()}/"): {each[:2] for each in told(found)}
                    for uri, found in editor.diagnostics.items()
                    if found
                }
                assert shown == said, text
                if dice.random() < 0.3:
                    text = original
        finally:
            (editor.folder / file).write_bytes(original.encode())
            editor.shut(file)


def test_random_edits_never_end_it_and_are_told_as_check_tells_them(editor: Editor) -> None:
    edit_at_random(editor, 3, 20261129)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
def test_many_random_edits(seed: int, editor: Editor) -> None:
    edit_at_random(editor, 100, seed)


def test_broken_requests_are_survived(editor: Editor) -> None:
    editor.send_bytes(b"{")
    editor.send_bytes(b'{"jsonrpc": "2.0", "id": 900001, "method": "no/such"}')
    editor.notify("no/such/notification", {"a": 1})
    editor.notify("$/cancelRequest", {"id": 12345})
    assert editor.show(CART) == []
    editor.shut(CART)
    editor.shown.clear()  # pygls told of the first one


def test_it_ends_with_its_editor(tmp_path: Path) -> None:
    shutil.copytree(PROJECT, tmp_path / "shop")
    with started(tmp_path / "shop") as editor:
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert editor.process.wait(60) == 1


def test_without_the_extra_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    hidden = tmp_path / "site"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'pygls' else find(name, *more)\n"
    )
    done = subprocess.run(
        COMMAND, cwd=PROJECT, env=os.environ | {"PYTHONPATH": str(hidden)}, capture_output=True, text=True,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert 'needs the extra "lsp"' in done.stderr
    assert done.stdout == ""
