"""Journals of earlier versions: what they stored when people were inside, what happened then, and what they
decided. Today's program decides the same (README.md: how a journal is made)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.journal.journal import Journal
from tools.journal.recording import made_up_sources, record
from tools.journal.replaying import replay

JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.tar.xz"))
VERSIONS = {path.name.split("-")[0]: path for path in JOURNALS}
"""The last journal of each version is played by default, all of them with the soak."""


@pytest.mark.parametrize(
    "path",
    [path if path in VERSIONS.values() else pytest.param(path, marks=pytest.mark.soak) for path in JOURNALS],
    ids=lambda path: path.name.removesuffix(".tar.xz"),
)
def test_everything_is_decided_as_the_earlier_version_decided_it(path: Path) -> None:
    journal = Journal.read(path)
    assert len(journal.decided) > 300
    assert str(replay(journal)) == ""


def test_a_decision_that_is_another_one_is_shown() -> None:
    journal = Journal.read(VERSIONS["142d9215"])
    files = {name: text for name, text in journal.sources.items() if name.startswith("journeys/j")}
    divergence = replay(
        journal, {name: text.replace("wait: 5 hours", "wait: 7 hours") for name, text in files.items()}
    )
    kinds = {line.said[0] for line in divergence.missing if line.what == "decided"}
    assert "wait" in kinds
    assert str(divergence).splitlines()[0][0] in "-+"


def test_a_project_that_this_version_refuses_is_refused_before_anything_is_played() -> None:
    journal = Journal.read(VERSIONS["142d9215"])
    with pytest.raises(ValueError, match="the project of 142d9215 is refused"):
        replay(journal, {"journeys/j0.yaml": "journey: j0\nsteps: 3\n"})


@pytest.mark.soak
def test_a_journal_of_today_is_decided_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "today.tar.xz"
    record("today", 5, made_up_sources(5)).write(file)
    assert str(replay(Journal.read(file))) == ""
