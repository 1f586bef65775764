"""Programs and scripts that npm has, put outside of the repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def installed(package: str, folder: Path) -> Path:
    """The `node_modules` of a folder with a package such as `axe-core@4.10.3`. Skips the test, and says so,
    where there is no npm or it gives none."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--ignore-scripts", package]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=100, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm took too long")
    if done.returncode != 0:
        pytest.skip(f"npm gives no {package}: {done.stderr.decode()[-200:]}")
    return folder / "node_modules"
