"""What all tests share: golden files and their `--update`, the folder of a run, who runs beside whom."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import stores
from tests.stores import KIND, RUN_FOLDER

# How long a machine takes to make an example says nothing of the code: where others work beside it the check
# fails. All else is as hypothesis finds right here, which in CI is another profile.
settings.register_profile("perennial", settings(), suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("perennial")

SHARED = ("running", "served", "pushing", "struck")
"""Fixtures that start daemons: the tests that share one run in one process, so that it is started once."""

Golden = Callable[[str | Path, str], None]
"""`golden(path, text)`: fails unless the file beside the test holds `text`; `--update` rewrites the file."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--update` and `--store`."""
    parser.addoption(
        "--update", action="store_true", help="rewrite the golden files with what the code says now"
    )
    parser.addoption(
        "--store",
        choices=("sqlite", "postgresql"),
        help="where the stores of the tests lie; sqlite unless told",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Makes the folder of this run, outside of every home folder: the PostgreSQL server drops root's rights
    and must reach its data. The processes of the run inherit its name, and a cache of compiled modules: a
    process that may not keep them takes three times as long to start, and the tests start hundreds."""
    if RUN_FOLDER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="perennial-tests-"))
        folder.chmod(0o755)
        os.environ[RUN_FOLDER] = str(folder)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if config.getoption("--store"):
        os.environ[KIND] = config.getoption("--store")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(sys.prefix) / "pycache"))
    sys.dont_write_bytecode, sys.pycache_prefix = False, os.environ["PYTHONPYCACHEPREFIX"]


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than processors: tests wait for daemons and disks a third of the time."""
    return len(os.sched_getaffinity(0)) + 2


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the tests of a shared daemon together, and leaves out those about a file where there is none."""
    for item in items:
        if stores.is_on_postgresql() and item.get_closest_marker("file") is not None:
            item.add_marker(pytest.mark.skip(reason="about a store that is an SQLite file"))
        for name in set(SHARED).intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """Shared by all processes of this run, and removed when they are done."""
    return Path(os.environ[RUN_FOLDER])


@pytest.fixture(autouse=True)
def _databases_of_a_test() -> Iterator[None]:
    """Drops the databases that a test made; those of longer fixtures stay until the server goes."""
    first = stores.made()
    yield
    stores.drop_from(first)


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
