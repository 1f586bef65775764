"""What is known of customers is for the user who runs the engine, whatever the umask was."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.http.console_access import console_token
from tests.cli.conftest import Shop


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["000", "022", "077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def _rights(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def _make_data(shop: Shop) -> None:
    anna = '{"customer_id": "c1", "email": "anna@example.com", "consent": {"email": "given"}}'
    shop.run("import", str(shop.write("people.jsonl", f'{anna}\n{{"broken": 1}}\n')))
    events = '{"customer_id": "c1", "event": "subscribed", "at": "2026-11-20T09:59:00Z"}\n'
    shop.run("import", "--live", str(shop.write("events.jsonl", events)))
    shop.play()


@pytest.mark.file
def test_store_journals_outbox_and_refused_rows_are_private(small_shop: Shop, umask: int) -> None:
    assert console_token(small_shop.folder)
    store = small_shop.store()
    try:
        _make_data(small_shop)
        data = small_shop.folder / "data"
        kept = _rights(data)
        assert {"shop.db", "shop.db-wal", "shop.db-shm", "outbox"} <= set(kept)
        assert any(name.endswith(".eml") for name in kept)
        for name, rights in kept.items():
            assert rights == (0o700 if (data / name).is_dir() else 0o600), name
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        (refused,) = small_shop.folder.glob("*.refused.*")
        assert stat.S_IMODE(refused.stat().st_mode) == 0o600
    finally:
        store.close()
    assert "ok    rights" in small_shop.run("doctor").out


def test_doctor_finds_what_others_may_read_and_its_cure_mends_it(small_shop: Shop) -> None:
    _make_data(small_shop)
    data = small_shop.folder / "data"
    for path in (data, *data.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    said = small_shop.run("doctor").out.splitlines()
    at = next(number for number, line in enumerate(said) if line.startswith("warn  rights"))
    assert "other users of this machine may read" in said[at]
    cure = said[at + 1].partition("do:")[2].replace("SHOP", str(small_shop.folder))
    subprocess.run(shlex.split(cure), check=True)
    assert "ok    rights" in small_shop.run("doctor").out
