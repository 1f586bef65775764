"""`new project`: a repository that is checked, tested and reviewed from its first commit on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.cli.authoring.new_project import ProgramSource, source_of
from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace
from tests.cli.conftest import Answer, Shop

ROOT = Path(__file__).parents[3]
SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def made(small_shop: Shop, tmp_path: Path) -> tuple[Shop, Answer]:
    """A new project with its repository, and what was said of it."""
    new = Shop(tmp_path / "campaigns", small_shop.clock, small_shop._capsys, small_shop._monkeypatch)
    return new, new.run("new", "project", str(new.folder))


def said(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_it_is_committed_checked_tested_and_an_edit_is_reviewed(made: tuple[Shop, Answer]) -> None:
    shop, answer = made
    assert answer.code == 0
    assert "made a git repository with a first commit" in answer.out
    assert said(shop.folder, "status", "--porcelain") == ""
    assert said(shop.folder, "rev-list", "--count", "main") == "1"
    files = said(shop.folder, "ls-files").split("\n")
    assert {
        ".github/workflows/review.yml", ".gitlab-ci.yml", ".gitlab/review.yml", "CODEOWNERS", ".gitignore",
        ".gitattributes", ".githooks/pre-commit", ".vscode/settings.json", ".vscode/tasks.json", "README.md",
        "config.yaml",
        "schemas/journey.schema.json", "schemas/config.schema.json", "journeys/welcome.yaml",
    } <= set(files)  # fmt: skip
    assert shop.run("check").code == 0
    assert shop.run("test").code == 0
    assert shop.run("fmt", "--check").code == 0
    assert shop.run("schema", "--check").code == 0
    assert "**Nothing changes for customers.**" in shop.run("review").out
    replace(shop, "templates/welcome_hello.email.mjml", "Hello", "Good morning")
    review = shop.run("review")
    assert review.code == 0
    assert "**welcome_hello: changes messages." in review.out


@pytest.mark.parametrize("name", ["", "Ann"])
def test_the_first_commit_needs_no_name_of_its_author(
    small_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "home").mkdir()
    settings = f"[user]\n name = {name}\n email = ann@shop.example\n" if name else ""
    (tmp_path / "home" / ".gitconfig").write_text(settings)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for key in [
        key for key in os.environ if key.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "XDG_CONFIG", "EMAIL"))
    ]:
        monkeypatch.delenv(key)
    folder = tmp_path / "campaigns"
    answer = small_shop.run("new", "project", str(folder))
    assert said(folder, "log", "--format=%an") == (name or "Perennial")
    assert ('git config --global user.name "Your Name"' in answer.out) == (not name)


def test_its_hook_refuses_a_commit_with_a_mistake(made: tuple[Shop, Answer]) -> None:
    shop, _ = made
    assert said(shop.folder, "config", "core.hooksPath") == ".githooks"
    assert said(shop.folder, "config", "perennial.command") == str(ROOT / "run")
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    commit = ["git", "-C", str(shop.folder), *who, "commit", "-am", "change"]
    refused = subprocess.run(commit, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "E30" in refused.stdout + refused.stderr
    assert said(shop.folder, "rev-list", "--count", "main") == "1"
    replace(shop, "journeys/welcome.yaml", "wait: soon", "wait: 2 days")
    shop.write("README.md", "of nobody's journey\n")
    git(shop.folder, "config", "perennial.command", "/nowhere/run")
    assert subprocess.run(commit, check=False, capture_output=True).returncode == 0


def test_inside_of_a_repository_it_leaves_the_top_of_it_alone(small_shop: Shop, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    answer = small_shop.run("new", "project", str(tmp_path / "shops/de"))
    assert answer.code == 0
    assert "it is inside a git repository" in answer.out
    made = {path.name for path in (tmp_path / "shops/de").iterdir()}
    assert made == {".gitignore", ".vscode", "config.yaml", "journeys", "schemas", "templates"}


def test_a_folder_that_holds_something_is_refused_and_so_is_a_file(small_shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, why in (("small", "is not empty"), ("file", "is a file")):
        answer = small_shop.run("new", "project", str(tmp_path / name))
        assert answer.code == 2
        assert why in answer.err


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://github.com/acme/perennial.git", ("acme/perennial", "https://github.com/acme/perennial.git")),
        ("https://ann:secret@github.com/acme/it", ("acme/it", "https://github.com/acme/it.git")),
        ("git@github.com:acme/perennial.git", ("acme/perennial", "https://github.com/acme/perennial.git")),
        ("ssh://git@git.example:2222/a/b/c", ("OWNER/perennial", "https://git.example/a/b/c.git")),
        ("https://git.example:8443/a/b.git", ("OWNER/perennial", "https://git.example:8443/a/b.git")),
        ("/srv/perennial", None),
        ("file:///srv/perennial", None),
        ("https://git.example/a b;c/`d`", None),
    ],
)  # fmt: skip
def test_workflows_name_the_checkout_that_made_them_and_no_secret(
    origin: str, source: tuple[str, str] | None
) -> None:
    expected = ProgramSource(*source, SHA) if source is not None else ProgramSource()
    assert source_of(origin, SHA) == expected
    starters = ROOT / "engine/cli/starters/project"
    on_github = expected.in_workflow((starters / "github_review.yml").read_text(encoding="utf-8"))
    on_gitlab = expected.in_workflow((starters / "gitlab_review.yml").read_text(encoding="utf-8"))
    assert "secret" not in on_github + on_gitlab
    jobs: Any = yaml.safe_load(on_github)["jobs"]
    is_on_github = source is not None and source[0] != "OWNER/perennial"
    uses = f"{source[0]}@{SHA}" if source is not None and is_on_github else "OWNER/perennial@REVISION"
    assert jobs["review"]["steps"][-1] == {"uses": uses}
    variables: Any = yaml.safe_load(on_gitlab)["perennial-review"]["variables"]
    assert variables["PERENNIAL_SOURCE"] == expected.address
    assert variables["PERENNIAL_REVISION"] == (SHA if source is not None else "REVISION")


def test_the_template_of_gitlab_is_the_one_that_new_projects_get() -> None:
    one = (ROOT / "packaging/gitlab/review.yml").read_text(encoding="utf-8")
    assert one == (ROOT / "engine/cli/starters/project/gitlab_review.yml").read_text(encoding="utf-8")


def matched(patterns: list[dict[str, Any]], output: str) -> list[dict[str, str]]:
    """What VS Code finds in the output of a task: its patterns match lines that follow one another, and the
    groups of JavaScript's expressions are those of Python."""
    lines, found = output.split("\n"), []
    for start in range(len(lines) - len(patterns) + 1):
        problem: dict[str, str] = {}
        for pattern, line in zip(patterns, lines[start:], strict=False):
            match = re.search(pattern["regexp"], line)
            if match is None:
                break
            problem |= {name: match[group] for name, group in pattern.items() if isinstance(group, int)}
        else:
            found.append(problem)
    return found


def check_task(shop: Shop) -> dict[str, Any]:
    (task,) = json.loads((shop.folder / ".vscode/tasks.json").read_text(encoding="utf-8"))["tasks"]
    return dict(task)


def test_the_task_of_editors_finds_every_mistake_and_a_failing_story(made: tuple[Shop, Answer]) -> None:
    shop, _ = made
    mistakes, stories = (each["pattern"] for each in check_task(shop)["problemMatcher"])
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    replace(shop, "journeys/welcome.yaml", "again:", "agian:")
    said = json.loads(shop.run("check", "--format", "json").out)["problems"]
    assert len(said) > 1
    assert matched([mistakes], shop.run("check").out) == [
        {
            "file": each["file"], "line": str(each["line"]), "column": str(each["column"]),
            "severity": each["level"], "code": each["code"], "message": each["what"],
        }
        for each in said
    ]  # fmt: skip
    git(shop.folder, "checkout", "journeys")
    assert matched([mistakes], shop.run("check").out) == matched(stories, shop.run("check").out) == []
    replace(shop, "journeys/welcome.yaml", "day 2 10:00: finish", "day 3 10:00: finish")
    (failing,) = matched(stories, shop.run("check").out)
    assert failing == {"file": "journeys/welcome.yaml", "message": "hears from us twice"}


def test_the_task_of_editors_runs_the_program_that_git_knows(
    made: tuple[Shop, Answer], tmp_path: Path
) -> None:
    shop, _ = made
    program = tmp_path / "perennial"
    program.write_text('#!/bin/sh\necho "$0: $@"\n')
    program.chmod(0o755)
    other = tmp_path / "elsewhere"
    other.mkdir()
    program.rename(other / "perennial")
    task, known = check_task(shop), said(shop.folder, "config", "perennial.command")
    assert known  # where it was made

    def ran(path: str) -> str:
        words = [task["command"], *task["args"]]
        where = {"PATH": f"{path}:/usr/bin:/bin", "HOME": str(tmp_path)}
        return subprocess.run(
            words, cwd=shop.folder, env=where, check=True, capture_output=True, text=True
        ).stdout

    git(shop.folder, "config", "perennial.command", f"{other}/perennial")
    assert ran("/nowhere") == f"{other}/perennial: check\n"
    git(shop.folder, "config", "--unset", "perennial.command")
    assert ran(str(other)) == f"{other}/perennial: check\n"


def test_editors_get_settings_that_name_schemas_which_are_there(made: tuple[Shop, Answer]) -> None:
    shop, _ = made
    settings = json.loads((shop.folder / ".vscode/settings.json").read_text(encoding="utf-8"))
    for schema in settings["yaml.schemas"]:
        assert (shop.folder / schema).is_file()
