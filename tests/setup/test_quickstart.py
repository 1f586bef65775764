"""The quickstart, word for word: whoever types it ends with a sent message and a green check."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.daemon.shop import wait_until

pytestmark = pytest.mark.timeout(900)
"""Every command of the page is a process of its own."""

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
STEP = re.compile(
    r"```sh\n(?P<sh>.*?)```|Change `(?P<old>[^`]+)` to\s+`(?P<new>[^`]+)`|Put `(?P<back>[^`]+)` back",
    re.DOTALL,
)


class Reader:
    """Somebody with a checkout and two terminals, who types what the page says."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        (folder / "perennial").mkdir()
        run = folder / "perennial" / "run"
        run.write_text(f'#!/bin/sh\nexec "{ROOT}/run" "$@"\n')
        run.chmod(0o755)
        self.log = folder / "daemon.log"

    def type(self, block: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-e", "-c", self._here(block)], cwd=self.folder / "perennial", text=True,
            capture_output=True, check=False, timeout=300, env=self._env(),
        )  # fmt: skip
        config = self.folder / "my-shop" / "config.yaml"
        # port 8080 of the machine that runs the tests belongs to whoever has it
        config.write_text(self._here(config.read_text(encoding="utf-8")), encoding="utf-8")
        return done

    @contextmanager
    def other_terminal(self, block: str) -> Iterator[None]:
        with self.log.open("wb") as log:
            words = ["bash", "-c", f"exec {self._here(block)}"]
            daemon = subprocess.Popen(
                words, cwd=self.folder / "perennial", stdout=log, stderr=log, env=self._env()
            )
        try:
            wait_until(lambda: "running" in self.log.read_text() or daemon.poll() is not None, 300)
            assert daemon.poll() is None, self.log.read_text()
            yield
        finally:
            daemon.send_signal(signal.SIGINT)
            daemon.wait(60)

    def edit(self, name: str, old: str, new: str) -> None:
        file = self.folder / "my-shop" / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def _here(self, text: str) -> str:
        return text.replace("8080", str(self.port))

    @staticmethod
    def _env() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PERENNIAL_")}


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Reader(tmp_path, int(free.getsockname()[1]))


def test_whoever_types_the_quickstart_holds_a_sent_message_and_a_green_check(reader: Reader) -> None:
    changed: tuple[str, str] | None = None
    said: list[str] = []
    steps = list(STEP.finditer(PAGE))
    starts = next(
        number for number, step in enumerate(steps) if (step["sh"] or "").rstrip().endswith("--watch")
    )
    for step in steps[:starts]:
        if step["old"]:
            changed = (step["old"], step["new"])
            reader.edit("journeys/thank_you.yaml", *changed)
        elif step["back"]:
            assert changed is not None
            assert changed[0] == step["back"]
            reader.edit("journeys/thank_you.yaml", changed[1], changed[0])
            changed = None
        else:
            done = reader.type(step["sh"])
            assert done.returncode == (1 if changed else 0), done.stdout + done.stderr
            said.append(done.stdout)
    assert "0 errors" in said[0]
    assert "made a git repository with a first commit" in said[0]
    with reader.other_terminal(steps[starts]["sh"]):
        for step in steps[starts + 1 :]:
            done = reader.type(_patiently(step["sh"]))
            assert done.returncode == 0, done.stdout + done.stderr
            said.append(done.stdout)
        page = urllib.request.urlopen(f"http://127.0.0.1:{reader.port}/", timeout=10).read().decode()
        assert "/outbox" in page
    assert "thank_you_hello via email was accepted" in said[-1]
    assert "Sent" in said[-1].partition("thank_you_hello")[0] or "sent" in said[-1]
    assert "0 errors" in said[-1]
    assert list((reader.folder / "my-shop" / "data" / "outbox" / "email").rglob("*.eml"))


def _patiently(block: str) -> str:
    """A person reads before they type the next command; this one waits for the message instead."""
    outbox = "../my-shop/data/outbox/email/*/*.eml"
    wait = f"for i in $(seq 300); do ls {outbox} >/dev/null 2>&1 && break; sleep 0.1; done"
    return f"{wait}\n{block}" if " why " in block else block


def test_stories_that_fail_are_told_by_run(reader: Reader) -> None:
    blocks = [step["sh"] for step in STEP.finditer(PAGE) if step["sh"]]
    assert reader.type(blocks[0]).returncode == 0
    reader.edit("journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    with reader.other_terminal(next(block for block in blocks if block.rstrip().endswith("--watch"))):
        wait_until(lambda: "stories_fail" in reader.log.read_text(), 300)
    line = next(line for line in reader.log.read_text().splitlines() if "stories_fail" in line)
    assert "journeys/welcome.yaml:" in line
    assert "run as they are written all the same" in line
    assert "--project ../my-shop test" in line
