"""Made-up lives with faults: every rule holds, and a seed comes out the same bit for bit.

`PERENNIAL_SEEDS=2000 ./run pytest -m soak tests/simulation` runs as many as you like.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.project import load_published
from tools.simulation.projects import SimulatedProject, from_folder
from tools.simulation.simulation import Scenario, simulate

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "journeys"
MANY = int(os.environ.get("PERENNIAL_SEEDS", "100"))
SHORT = Scenario(customers=3, days=2.5, per_day=4.0)


@pytest.mark.parametrize("first", range(0, 16, 4))
def test_every_rule_holds_through_faults(first: int) -> None:
    for seed in range(first, first + 4):
        result = simulate(seed, SHORT)
        assert result.breaches == [], f"./run simulate --seeds 1 --seed {seed} --customers 3 --days 2.5"


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(1000, 1000 + MANY, 25))
def test_every_rule_holds_through_faults_for_many_seeds(first: int) -> None:
    for seed in range(first, first + 25):
        result = simulate(seed, Scenario())
        assert result.breaches == [], f"./run simulate --seeds 1 --seed {seed}"


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("journeys", [ROOT / "journeys", SHARED], ids=["sample", "shared"])
def test_every_rule_holds_for_journeys_of_people(journeys: Path) -> None:
    if not journeys.exists():
        pytest.skip("the journeys are not there: no ../shared/journeys beside the repository")
    project = SimulatedProject(load_published(from_folder(ROOT, journeys)))
    assert not project.first.has_errors
    for seed in range(3):
        assert simulate(seed, Scenario(customers=5, days=8), project).breaches == []


def test_a_seed_comes_out_the_same_in_another_process() -> None:
    """Also where sets and hashes have another order."""
    here = simulate(3, SHORT)
    program = (
        "from tests.simulation.test_seeds import SHORT\n"
        "from tools.simulation.simulation import simulate\n"
        "print(simulate(3, SHORT).digest)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    assert done.stdout.strip() == here.digest
    assert here.counts["decisions"] > 0


def test_the_command_says_how_to_run_a_seed_again() -> None:
    command = [sys.executable, str(ROOT / "main.py"), "simulate", "--seeds", "1", "--seed", "5"]
    done = subprocess.run(
        [*command, "--customers", "2", "--days", "1", "--format", "json"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout)
    assert said["seeds"] == 1
    assert said["failing"] == []
    assert said["counts"]["rounds"] > 0
