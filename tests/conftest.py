"""What all tests share: golden files and their `--update`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Golden = Callable[[str | Path, str], None]
"""`golden(path, text)`: fails unless the file beside the test holds `text`; `--update` rewrites the file."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--update`."""
    parser.addoption(
        "--update", action="store_true", help="rewrite the golden files with what the code says now"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares text with a file: relative paths start in the folder of the test."""
    update: bool = request.config.getoption("--update")
    folder = request.path.parent

    def compare(path: str | Path, text: str) -> None:
        file = folder / path
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
            return
        if not file.exists():
            pytest.fail(f"there is no golden file {path}; `./run pytest --update` writes it")
        assert text == file.read_bytes().decode(), f"differs from {path}; if meant so: ./run pytest --update"

    return compare
