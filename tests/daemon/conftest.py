"""One running daemon for the tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.daemon.shop import Shop, open_shop


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop whose daemon runs; every test takes customers of its own, and puts back what it changes."""
    with open_shop(tmp_path_factory.mktemp("running"), answer_seconds=0.02) as shop:
        shop.start()
        yield shop
        assert shop.stop() == 0
        assert "Traceback" not in shop.log()
