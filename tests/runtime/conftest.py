"""A small shop for every test of the runtime."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A shop with two journeys, `welcome` and `cart`, on a Monday at 10:00 in Berlin."""
    opened = Shop(tmp_path)
    yield opened
    opened.close()
