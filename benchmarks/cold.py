"""What a cold start costs: `check` of a thousand journeys, the help of the command line, a daemon.

`check` stands against reading the same files with PyYAML's fastest loader; the processes against a
Python that imports nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import yaml

from benchmarks.figures import Aim, Figure, figure, spent
from engine.problem import Problem
from engine.project import check, load

ROOT = Path(__file__).parents[1]


def run(short: bool) -> list[Figure]:
    """The sample journeys, copied under new names until there are enough."""
    many, runs = (100, 1) if short else (1000, 5)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        _make(project, many)
        return [_check(project, many, runs), _help(runs), _start(project, many, runs)]


def _check(project: Path, many: int, runs: int) -> Figure:
    problems: list[Problem] = []

    def read() -> None:
        for file in sorted((project / "journeys").glob("*.yaml")):
            yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(spent(read).wall)
        ours.append(spent(lambda: problems.__setitem__(slice(None), check(load(project)))).wall)
    errors = sum(problem.is_error for problem in problems)
    note = f"{errors} errors, {len(problems) - errors:,} warnings; besides, under 3 s"
    what = f"check of {many:,} journeys"
    return figure("cold", what, "yaml.CSafeLoader", "s", ours, theirs, Aim(at_most=3), note)


def _help(runs: int) -> Figure:
    """The command line as `./run` starts it, in the environment of this process."""
    ours, theirs = [], []
    for _ in range(runs):
        theirs.append(spent(lambda: _process("-c", "pass")).wall)
        ours.append(spent(lambda: _process(str(ROOT / "main.py"), "--help")).wall)
    return figure("cold", "./run --help", "python -c pass", "s", ours, theirs, Aim(), "should be under 0.5 s")


def _process(*words: str) -> None:
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def _start(project: Path, many: int, runs: int) -> Figure:
    """A daemon on the project, until it says that it is ready; the first start also publishes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = project / "config.yaml"
    config.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", config.read_text()))
    ours, theirs = [], []
    for _ in range(runs + 1):
        theirs.append(spent(lambda: check(load(project))).wall)
        ours.append(_until_ready(project, f"http://127.0.0.1:{port}/readyz"))
    note = f"the first, which publishes: {ours[0]:.1f} s"
    what = f"a daemon with {many:,} journeys ready"
    return figure(
        "cold", what, "check in a process that runs", "s", ours[1:], theirs[1:], Aim(at_most=3), note
    )


def _until_ready(project: Path, url: str) -> float:
    begin = time.perf_counter()
    with (project / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), "--project", str(project), "run"],
            stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    try:
        while True:
            assert daemon.poll() is None, (project / "log").read_text()
            try:
                if httpx2.get(url, timeout=5).status_code == 200:
                    return time.perf_counter() - begin
            except httpx2.TransportError:
                time.sleep(0.02)
    finally:
        daemon.terminate()
        daemon.wait(40)


def _make(project: Path, many: int) -> None:
    for name in ("schemas", "templates"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "config.yaml", project)
    shutil.copytree(ROOT / "journeys" / "segments", project / "journeys" / "segments")
    sources = sorted((ROOT / "journeys").glob("*.yaml"))
    for number in range(many):
        source = sources[number % len(sources)]
        # config.yaml and journeys name others, so the first of each keeps its name
        name = source.stem if number < len(sources) else f"{source.stem}_{number}"
        text = re.sub(r"(?m)^journey: .*$", f"journey: {name}", source.read_text(), count=1)
        (project / "journeys" / f"{name}.yaml").write_text(text)
