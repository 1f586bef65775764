"""Files that hold what is known of customers: for the user who runs the engine alone, whatever the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

FOLDER, FILE = 0o700, 0o600


def private_folder(path: Path) -> None:
    """Makes it, with whatever of its path is missing; what is there already keeps its rights. Raises
    OSError."""
    for missing in reversed([path, *path.parents]):
        if not missing.exists():
            missing.mkdir(FOLDER, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """For `open(..., opener=private_opener)`: a file that is made is ours alone."""
    return os.open(path, flags, FILE)


def is_open_to_others(path: Path) -> bool:
    """Somebody else on this machine may read or write it."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
