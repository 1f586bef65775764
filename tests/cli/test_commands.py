"""The command line as a whole: quick to start, described, the same in the documents and in the program."""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import typer
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from engine.cli.app import app, load_commands
from engine.cli.diagnostics.dns import sender_records, texts
from engine.store.database import open_store
from tests.cli.conftest import ROOT, Shop

HEAVY = (
    "sqlmodel",
    "sqlalchemy",
    "alembic",
    "fastapi",
    "starlette",
    "uvicorn",
    "twilio",
    "apscheduler",
    "aiosmtplib",
)
READS_NO_FILE = (
    "engine.compiler",
    "engine.config",
    "engine.core",
    "engine.language",
    "engine.plan",
    "engine.simulate",
    "engine.store",
    "httpx2",
    "jinja2",
    "yaml",
)
"""What the help needs none of either: half a second goes where the files of a project are compiled."""
LAYERS = {"Write journeys", "Try them out", "Run them", "Look into them"}


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Every command with its options."""
    load_commands()
    top = typer.main.get_command(app)
    for name, command in getattr(top, "commands").items():  # noqa: B009
        inner = getattr(command, "commands", None)
        for path, each in (
            [(f"{name} {sub}", one) for sub, one in inner.items()] if inner else [(name, command)]
        ):
            assert each.help, f"{path} says nothing about itself"
            yield (
                path,
                [
                    word
                    for option in each.params
                    for word in (*option.opts, *option.secondary_opts)
                    if word.startswith("--")
                ],
            )


def test_every_command_and_option_stands_in_the_document() -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    sections = {
        part.partition("\n")[0].strip(): part for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    }
    known = dict(_commands())
    assert len(known) >= 20
    assert set(sections) == set(known)
    for name, options in known.items():
        for option in options:
            assert f"`{option}" in sections[name], f"docs/commands.md does not know {option} of {name}"


def test_readme_names_only_commands_that_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = {name.partition(" ")[0] for name, _ in _commands()}
    named = set(re.findall(r"^\./run (\w+)", text, flags=re.MULTILINE)) - {"pytest"}
    assert named <= first
    assert {
        "check",
        "test",
        "preview",
        "new",
        "fmt",
        "replay",
        "deploy",
        "status",
        "show",
        "why",
        "pause",
    } <= named


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [(["--help"], HEAVY + READS_NO_FILE), (["check", "journeys/welcome.yaml"], HEAVY)],
)
def test_what_is_not_needed_is_not_imported(
    small_shop: Shop, words: list[str], unneeded: tuple[str, ...]
) -> None:
    program = (
        "import sys\nfrom engine.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert not left.code, left.code\n"
        f"print('LOADED', sorted(set({unneeded!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--project", str(small_shop.folder), *words],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=small_shop.folder,
    )  # fmt: skip
    assert "LOADED []" in done.stdout


def test_help_groups_commands_by_what_one_wants(small_shop: Shop) -> None:
    said = small_shop.run("--help").out
    assert all(panel in said for panel in LAYERS)


def test_verbose_twice_or_the_environment_shows_the_sql_and_no_value(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_shop.write("people.csv", "customer_id,email\nc1,anna@example.com\n")
    assert small_shop.run("import", str(path)).code == 0
    program = [sys.executable, str(ROOT / "main.py"), "--project", str(small_shop.folder)]

    def shown(*words: str) -> str:
        done = subprocess.run([*program, *words], capture_output=True, text=True, check=True)
        assert "SELECT" not in done.stdout
        return done.stderr

    assert "SELECT" not in shown("-v", "status")
    twice = shown("-vv", "status")
    monkeypatch.setenv("PERENNIAL_LOG", "sql")
    for said in (twice, shown("status")):
        assert "FROM deployment ORDER BY number DESC LIMIT " in said
        assert "anna@example.com" not in said


def test_a_wrong_command_line_is_code_2(small_shop: Shop) -> None:
    assert small_shop.run("status", "--nonsense").code == 2
    assert small_shop.run("show").code == 2


def test_a_folder_that_is_no_project_is_told(small_shop: Shop) -> None:
    for words in (["check"], ["fmt"], ["schema"], ["preview", "x"], ["deploy"], ["status"]):
        answer = replace(small_shop, folder=small_shop.folder.parent).run(*words)
        assert answer.code == 1
        assert "there is no project" in answer.err


def test_doctor_talks_to_the_mail_server(small_shop: Shop) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = (small_shop.folder / "config.yaml").read_text(encoding="utf-8")
    small_shop.write(
        "config.yaml", config.replace("via: outbox,", f"via: smtp, host: 127.0.0.1, port: {port},")
    )
    assert f"127.0.0.1:{port} does not answer: Connection refused" in small_shop.run("doctor").out
    server = Controller(Sink(), hostname="127.0.0.1", port=port)
    server.start()
    try:
        assert f"smtp email          127.0.0.1:{port} answers, not encrypted" in small_shop.run("doctor").out
    finally:
        server.stop()


def test_a_running_daemon_is_seen(small_shop: Shop) -> None:
    path = small_shop.write("people.csv", "customer_id,email\nc1,anna@example.com\n")
    store = open_store(small_shop.project().config.store, small_shop.folder, exclusive=True)
    try:
        assert "daemon      runs" in small_shop.run("status").out
        assert "the daemon applies them now" in small_shop.run("import", str(path)).out
    finally:
        store.close()
    assert "daemon      does not run" in small_shop.run("status").out


def test_a_made_up_domain_is_not_asked_for() -> None:
    (found,) = sender_records("shop.example", ("127.0.0.1", 9))
    assert found.level == "skip"


def test_without_a_resolver_the_records_are_skipped() -> None:
    (found,) = sender_records("bean-there.shop", None)
    assert (found.level, found.says) == ("skip", "no resolver answers here")


def test_records_are_read_from_a_resolver() -> None:
    said = {b"bean-there": "v=spf1 include:mail.example -all", b"_dmarc": "v=DMARC1; p=none"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.bind(("127.0.0.1", 0))
        way.settimeout(10)

        def answer() -> None:
            for _ in range(3):
                asked, who = way.recvfrom(512)
                text = said[asked[13 : 13 + asked[12]]].encode()
                record = struct.pack(">HHHIH", 0xC00C, 16, 1, 60, len(text) + 1) + bytes([len(text)]) + text
                way.sendto(asked[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + asked[12:] + record, who)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        resolver = ("127.0.0.1", way.getsockname()[1])
        assert texts("bean-there.shop", resolver) == ["v=spf1 include:mail.example -all"]
        assert [each.level for each in sender_records("bean-there.shop", resolver)] == ["ok", "ok"]
        thread.join()
