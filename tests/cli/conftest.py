"""A copy of the sample shop whose commands run as a person types them, on a clock that stands still."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.channels.registry import open_channels
from engine.cli.app import main
from engine.clock import Clock, ManualClock
from engine.project import Project, load, load_config
from engine.runtime.advance.advancer import Advancer
from engine.runtime.delivery.deliverer import Deliverer
from engine.runtime.publish.deploy import deploy
from engine.runtime.publish.published import publish_in_memory
from engine.store.database import Store, open_store
from engine.values import Instant, instant
from tests.stores import address_of, is_on_postgresql

ROOT = Path(__file__).parents[2]
START = "2026-11-20T10:00:00+00:00"  # a Friday, 11:00 in Berlin


@dataclass(frozen=True)
class Answer:
    """What a command said, and the code it left with; the project is called SHOP."""

    code: int
    out: str
    err: str


@dataclass
class Shop:
    """A project on disk with its clock."""

    folder: Path
    clock: ManualClock
    _capsys: pytest.CaptureFixture[str]
    _monkeypatch: pytest.MonkeyPatch
    program: str = "main.py"

    def run(self, *words: str, clock: Clock | None = None) -> Answer:
        """`./run --project SHOP words`, through the same door as the shell. Without a clock: the shop's."""
        self._monkeypatch.setattr(sys, "argv", [self.program, "--project", str(self.folder), *words])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(clock or self.clock)
        said = self._capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        return Answer(code, self._named(said.out), self._named(said.err))

    def write(self, name: str, text: str | bytes) -> Path:
        """A file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def go_to(self, moment: str) -> Instant:
        """Puts the clock on (ISO)."""
        return self.clock.advance_to(instant(dt.datetime.fromisoformat(moment)))

    def project(self) -> Project:
        """As it stands in the folder."""
        return load(self.folder)

    def store(self) -> Store:
        """Opened; the caller closes it."""
        return open_store(load_config(self.folder).store, self.folder)

    def play(self, *, deliver: bool = True) -> None:
        """What the daemon does at this moment, to its end: publishes, decides, hands over."""
        project, store = self.project(), self.store()
        try:
            now = self.clock.now()
            done = store.write(lambda conn: deploy(conn, project, now, "ops"))
            asyncio.run(self._work(store, done.number, done.project, deliver=deliver))
        finally:
            store.close()

    async def _work(self, store: Store, number: int, project: Project, *, deliver: bool) -> None:
        live = publish_in_memory(number, project, self.folder, "secret")
        channels = open_channels(project.config, self.folder, "secret", self.clock)
        deliverer = Deliverer(store, channels, lambda: live.render_context, self.clock, "test")
        advancer = Advancer(store, self.clock)
        for _ in range(50):
            progress = advancer.advance(live.publication)
            handed = await deliverer.once() if deliver else 0
            if not progress.more and not progress.applied and not handed:
                break
        for channel in channels.values():
            await channel.close()

    def _named(self, text: str) -> str:
        named = text.replace(str(self.folder), "SHOP")
        return (
            named.replace(address_of(self.folder), "sqlite:///data/shop.db") if is_on_postgresql() else named
        )


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The sample shop; its mail becomes files, so that nothing leaves."""
    folder = tmp_path / "shop"
    for name in ("journeys", "templates", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    config = (ROOT / "config.yaml").read_text(encoding="utf-8")
    sends = "via: smtp, host: 127.0.0.1, port: 1025, tls: none, "
    assert sends in config
    (folder / "config.yaml").write_text(
        config.replace(sends, "via: outbox, ")
        .replace("holdout: 2%", "holdout: 0%")
        .replace("sqlite:///data/shop.db", address_of(folder)),
        encoding="utf-8",
    )
    return _stand_in(folder, capsys, monkeypatch)


@pytest.fixture(scope="session")
def busy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the fixture `busy` keeps what it played; nothing is there before."""
    return tmp_path_factory.mktemp("busy") / "data"


@pytest.fixture(scope="session")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `new project` writes, to be copied."""
    folder = tmp_path_factory.mktemp("new") / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["main.py", "new", "project", str(folder)])
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 0
    return folder


@pytest.fixture
def small_shop(
    new_project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shop:
    """What `new project` writes, without its repository: what is said of it names no commit, which would be
    another one each time."""
    folder = tmp_path / "small"
    shutil.copytree(new_project, folder, ignore=shutil.ignore_patterns(".git"))
    made = _stand_in(folder, capsys, monkeypatch)
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    made.write("config.yaml", config.replace("sqlite:///data/shop.db", address_of(folder)))
    return made


def _stand_in(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    clock = ManualClock(instant(dt.datetime.fromisoformat(START)))
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("PERENNIAL_COMMAND", "./run")
    for name in ("LOGNAME", "USER"):
        monkeypatch.setitem(os.environ, name, "ops")
    return Shop(folder, clock, capsys, monkeypatch)


Report = Callable[[Answer], str]


def report(answer: Answer) -> str:
    """An answer as a golden file keeps it."""
    parts = [answer.out]
    if answer.err:
        parts += ["--- on stderr ---\n", answer.err]
    return "".join([*parts, f"--- exit code {answer.code} ---\n"])
