"""`deployments`: every publication with who, when, from which commit, and what it changed."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace

import pytest

from tests.cli.conftest import Shop, report
from tests.conftest import Golden


def _project(shop: Shop) -> Shop:
    """A new one, with its repository."""
    folder = shop.folder.parent / "versioned"
    assert "made a git repository with a first commit" in shop.run("new", "project", str(folder)).out
    return replace(shop, folder=folder)


def test_each_deployment_says_who_when_and_what(small_shop: Shop, golden: Golden) -> None:
    shop = _project(small_shop)
    assert "nothing was deployed yet" in shop.run("deployments").out
    for at, name, text in (
        ("2026-11-20T10:00:00+00:00", "", ""),
        ("2026-11-20T11:00:00+00:00", "journeys/hello.yaml", "journey: hello\n"),
        ("2026-11-21T09:30:00+00:00", "journeys/hello.yaml", "# once more\n"),
    ):
        shop.go_to(at)
        if text.startswith("journey"):
            welcome = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
            shop.write(name, welcome.replace("journey: welcome", "journey: hello"))
        elif text:
            before = (shop.folder / name).read_text(encoding="utf-8")
            shop.write(name, before + text)
            (shop.folder / "templates" / "unused.sms.txt").unlink(missing_ok=True)
        assert shop.run("deploy").code == 0, name
    assert shop.run("deploy").code == 0, "the same files are no deployment of their own"
    for form in ("text", "json"):
        said = re.sub(r"\b[0-9a-f]{40}\b", "c" * 40, report(shop.run("deployments", "--format", form)))
        said = re.sub(r"\b[0-9a-f]{12}\b", "c" * 12, said)
        golden(f"golden/deployments.{form}.txt", said)
    (newest,) = json.loads(shop.run("deployments", "--last", "1", "--format", "json").out)
    assert newest["number"] == 3
    assert newest["changed"] == ["journeys/hello.yaml"]
    assert not newest["is_first"]


def test_a_new_project_is_a_repository_and_its_decisions_name_the_commit(small_shop: Shop) -> None:
    shop = _project(small_shop)
    head = subprocess.run(
        ["git", "-C", str(shop.folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert shop.run("deploy").code == 0
    (first,) = json.loads(shop.run("deployments", "--format", "json").out)
    assert first["commit"] == head
    assert first["is_first"]


def test_without_git_a_new_project_says_what_is_lacking(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    answer = small_shop.run("new", "project", str(small_shop.folder.parent / "another"))
    assert answer.code == 0
    assert "git is not installed" in answer.out
