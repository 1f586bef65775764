"""`./run alembic` works on the store of the project, for whoever writes a migration."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from engine.store.database import open_store

ROOT = Path(__file__).parents[2]


def _alembic(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [ROOT / "run", "alembic", *words],
        cwd=folder,
        env={**os.environ, "PERENNIAL_PROJECT": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def test_it_finds_the_scripts_and_the_store(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("store: sqlite:///data/here.db\n")
    open_store("sqlite:///data/here.db", tmp_path).close()
    assert "(head)" in _alembic(tmp_path, "current")
    assert "No new upgrade operations detected" in _alembic(tmp_path, "check")
