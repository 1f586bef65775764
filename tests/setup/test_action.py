"""The Action and the template of GitLab, end to end: a bare repository, a checkout as the forge makes it, the
script in a process of its own, and a forge on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.authoring.test_renames import git
from tests.cli.forge_server import ForgeServer, forge

ROOT = Path(__file__).parents[2]
# what git takes as a name of a branch, and a shell as commands
BRANCH = "a;touch${IFS}pwned;$(touch${IFS}pwned)`touch${IFS}pwned`"
FILE = "$(touch pwned);`touch pwned`::set-output name=x::y ##[error]<img src=x>](http:.yaml"


@pytest.fixture
def server() -> Iterator[ForgeServer]:
    with forge() as state:
        yield state


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare repository with the project below its top: a branch that is asked to be merged, and what the
    forge would make of it."""
    folder = tmp_path_factory.mktemp("origin")
    shop = folder / "work" / "shop"
    run(["sh", str(ROOT / "run"), "new", "project", str(shop)], folder, {})
    work = folder / "work"
    for made in (shop / ".git", shop / ".gitignore"):
        subprocess.run(["rm", "-rf", str(made)], check=True)
    git(work, "init", "-b", "main")
    git(work, "add", ".")
    git(work, "commit", "-m", "first")
    git(work, "checkout", "-b", BRANCH)
    welcome = shop / "journeys/welcome.yaml"
    welcome.write_text(welcome.read_text().replace("wait: 2 days", "wait: 1 day"))
    (shop / "journeys" / FILE.replace("/", "")).write_text("journey: [\n")
    git(work, "add", ".")
    git(work, "commit", "-m", "change")
    git(work, "checkout", "main")
    (work / "README.md").write_text("of somebody else\n")
    git(work, "add", ".")
    git(work, "commit", "-m", "meanwhile")
    git(work, "checkout", "-b", "merged")
    git(work, "merge", "--no-ff", "-m", "merge", BRANCH)
    git(work, "update-ref", "refs/pull/7/merge", "merged")
    git(folder, "clone", "--mirror", str(work), str(folder / "bare.git"))
    return folder / "bare.git"


def run(words: list[str], folder: Path, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """In an environment that holds what is given and nothing of ours."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | given
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def checkout(bare: Path, folder: Path) -> Path:
    """As actions/checkout leaves it: everything fetched, the merge checked out, on no branch."""
    folder.mkdir()
    git(folder, "init")
    git(folder, "fetch", str(bare), "+refs/*:refs/remotes/origin/*")
    git(folder, "checkout", "--detach", "refs/remotes/origin/pull/7/merge")
    return folder


def act(folder: Path, given: dict[str, str], inputs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs what action.yml says, with the values of its expressions filled in where the runner does so."""
    action: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    known = {f"inputs.{name}": inputs.get(name, each["default"]) for name, each in action["inputs"].items()}
    known |= {"github.token": "a-token"}

    def filled(text: str) -> str:
        for _ in range(2):  # a default is an expression too
            text = re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda match: known[match[1]], text)
        return text

    step = next(step for step in action["runs"]["steps"] if "run" in step)
    environment = given | {name: filled(value) for name, value in step["env"].items()}
    environment["GITHUB_ACTION_PATH"] = str(ROOT)
    return run(["bash", "-e", "-c", step["run"]], folder, environment)


def workflow(folder: Path, server: ForgeServer) -> dict[str, str]:
    """The environment of a workflow of the pull request."""
    folder.mkdir()
    head = {"ref": BRANCH, "sha": "0" * 40}
    event = {"pull_request": {"number": 7, "base": {"sha": "1" * 40}, "head": head, "title": "`touch pwned`"}}
    (folder / "event.json").write_text(json.dumps(event))
    merge = subprocess.run(
        ["git", "-C", str(folder.parent / "there"), "rev-parse", "HEAD"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    return {
        "GITHUB_API_URL": server.address,
        "GITHUB_SERVER_URL": "https://forge.example",
        "GITHUB_REPOSITORY": "shop/campaigns",
        "GITHUB_RUN_ID": "5",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_SHA": merge,
        "GITHUB_HEAD_REF": BRANCH,
        "RUNNER_TEMP": str(folder),
    }


def test_the_action_writes_one_comment_and_annotations_and_runs_nothing_that_it_read(
    bare: Path, tmp_path: Path, server: ForgeServer
) -> None:
    there = checkout(bare, tmp_path / "there")
    given = workflow(tmp_path / "run", server)
    said = act(there, given, {"project": "shop"})
    assert said.returncode == 1, said.stderr
    assert "the comment is written" in said.stderr
    first, *_, last = said.stdout.splitlines()
    token = first.removeprefix("::stop-commands::")
    commands = said.stdout.partition(f"::{token}::\n")[2].splitlines()
    assert re.fullmatch(r"[0-9a-f]{32}", token)
    # the story of the journey, at its line in the repository, with its diff; and the file that is none
    assert any(
        "file=shop/journeys/welcome.yaml,line=19," in each and "%0A  -  day 2 10:00" in each
        for each in commands
    )
    assert any(each.startswith("::error file=shop/journeys/$(touch pwned)") for each in commands)
    assert all(each.startswith("::error file=shop/") for each in commands)
    assert last in commands
    assert len(server.comments) == 1
    text = server.texts[0]
    assert text.startswith("<!-- perennial review shop -->\n**welcome: changes people in flight.")
    assert "`perennial test`" in said.stdout
    assert "<img" in text, "in code, where it is only text"
    assert "<img" not in re.sub(r"`[^`]*`", "", text)
    assert "README" not in text, "what came to the main branch meanwhile is no part of the change"
    out = tmp_path / "run"
    assert (out / "output").read_text().splitlines() == [
        f"comment={out}/comment.md",
        f"pictures={out}/before-and-after",
        "artifact=before-and-after-shop",
    ]
    assert "1 journey side by side in `before-and-after/index.html`, among [the files of this run](" in text
    assert "(https://forge.example/shop/campaigns/actions/runs/5)" in text
    page = (out / "before-and-after/index.html").read_text()
    assert "journey-welcome.now.svg" in page
    assert list(tmp_path.rglob("pwned*")) == list(ROOT.glob("pwned*")) == []


def test_a_fork_cannot_write_and_its_review_stands_in_the_summary(
    bare: Path, tmp_path: Path, server: ForgeServer
) -> None:
    server.may_write = False
    there = checkout(bare, tmp_path / "there")
    given = workflow(tmp_path / "run", server)
    inputs = {"project": "shop", "snapshot": "from/the/vault.jsonl.gz", "pictures": "false"}
    said = act(there, given, inputs)
    assert said.returncode == 1
    assert not (tmp_path / "run/before-and-after").exists()
    assert "There is no snapshot" in said.stderr
    assert "the token of this run may not write comments" in said.stderr
    assert "<!-- perennial review shop -->" in (tmp_path / "run/summary.md").read_text()
    assert server.comments == []


def test_the_template_of_gitlab_does_the_same(bare: Path, tmp_path: Path, server: ForgeServer) -> None:
    server.account = "project_12_bot"
    there = checkout(bare, tmp_path / "there")
    template: Any = yaml.safe_load((ROOT / "packaging/gitlab/review.yml").read_text(encoding="utf-8"))
    job = template["perennial-review"]
    given = {
        "CI_API_V4_URL": server.address + "/api/v4",
        "CI_PROJECT_ID": "12",
        "CI_PROJECT_DIR": str(there),
        "CI_JOB_URL": "https://forge.example/-/jobs/9",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD^1",
        "CI_COMMIT_REF_NAME": BRANCH,
        "GITLAB_TOKEN": "a-token",
    }
    for name, value in (job["variables"] | {"PERENNIAL_PROJECT": "shop"}).items():
        given[name] = value.replace("$CI_PROJECT_DIR", str(there))
    script = job["script"][-1].replace("/tmp/perennial", str(ROOT))
    said = run(["bash", "-e", "-c", script], there, given)
    assert said.returncode == 1, said.stderr
    report = json.loads((there / job["artifacts"]["reports"]["codequality"]).read_text())
    assert "shop/journeys/welcome.yaml" in {row["location"]["path"] for row in report}
    assert (there / job["artifacts"]["paths"][0]).read_text() == server.texts[0]
    assert (there / job["artifacts"]["paths"][1] / "index.html").exists()
    assert "[the files of this run](https://forge.example/-/jobs/9/artifacts/browse)" in server.texts[0]
    assert server.labels == ["journeys: people in flight"]
    assert list(tmp_path.rglob("pwned*")) == []


def scripts() -> Iterator[str]:
    action: Any = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    yield from (step["run"] for step in action["runs"]["steps"] if "run" in step)
    yield (ROOT / "packaging/forges/review.sh").read_text(encoding="utf-8")


def test_no_expression_stands_in_a_script() -> None:
    assert [text for text in scripts() if "${{" in text] == []
