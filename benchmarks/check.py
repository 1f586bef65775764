"""`check` of a thousand journeys, against reading the same files with PyYAML's fastest loader."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.figures import Figure, figure
from engine.project import check, load

ROOT = Path(__file__).parents[1]
AIM = "a few seconds"


def run(short: bool) -> list[Figure]:
    """The sample journeys, copied under new names until there are enough."""
    many = 100 if short else 1000
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        _make(project, many)
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(1 if short else 3):
            begin = time.perf_counter()
            for file in sorted((project / "journeys").glob("*.yaml")):
                yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            theirs.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            problems = check(load(project))
            ours.append(time.perf_counter() - begin)
        errors = sum(problem.is_error for problem in problems)
    note = f"{errors} errors, {len(problems) - errors:,} warnings"
    return [figure("check", f"{many:,} journeys", "yaml.CSafeLoader", "s", ours, theirs, AIM, note)]


def _make(project: Path, many: int) -> None:
    for name in ("schemas", "templates"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "config.yaml", project)
    shutil.copytree(ROOT / "journeys" / "segments", project / "journeys" / "segments")
    sources = sorted((ROOT / "journeys").glob("*.yaml"))
    for number in range(many):
        source = sources[number % len(sources)]
        name = f"{source.stem}_{number}"
        text = re.sub(r"(?m)^journey: .*$", f"journey: {name}", source.read_text(), count=1)
        (project / "journeys" / f"{name}.yaml").write_text(text)
