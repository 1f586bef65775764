"""Stories of journeys that learn: nothing is learned in a story, so that it comes out the same every day."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.project import load
from engine.simulate.stories.story_report import render_failures, run_stories

CASES = Path(__file__).parent.parent / "cases"


def test_a_story_counts_with_what_stands_in_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    shutil.copytree(CASES / "project", folder)
    for file in (folder / "journeys").glob("*.yaml"):
        file.unlink()
    shutil.copy(CASES / "ok" / "learned.yaml", folder / "journeys" / "learned.yaml")
    project = load(folder)
    report = run_stories(list(project.files.values()), project.journeys, project.world)
    assert render_failures(report, project.sources) == ""
    assert (report.passed, report.failed) == (1, 0)
