"""`check` in a git repository: what was renamed without its former name is told (design/language 2.14)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Shop

SEGMENT = "segment: buyers\nabout: All who bought.\nwho:\n  orders_count: at least 1\n"


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A project whose files are committed on main."""
    small_shop.write("journeys/segments/buyers.yaml", SEGMENT)
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", ".")
    git(small_shop.folder, "commit", "-m", "first")
    return small_shop


def text_of(shop: Shop) -> str:
    return (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")


def rename_journey(shop: Shop, *, was: str = "") -> None:
    text = text_of(shop).replace("journey: welcome\n", f"journey: hello\n{was}")
    (shop.folder / "journeys/welcome.yaml").unlink()
    shop.write("journeys/hello.yaml", text)


def test_nothing_is_said_where_nothing_was_renamed(shop: Shop) -> None:
    assert "W27" not in shop.run("check").out
    shop.write("journeys/welcome.yaml", text_of(shop).replace("wait: 2 days", "wait: 3 days"))
    assert "W27" not in shop.run("check").out


@pytest.mark.parametrize("committed", [False, True])
def test_a_journey_of_another_name_is_told_also_when_it_is_committed_on_a_branch(
    shop: Shop, *, committed: bool
) -> None:
    if committed:
        git(shop.folder, "checkout", "-b", "rename")
    rename_journey(shop)
    if committed:
        git(shop.folder, "add", "-A")
        git(shop.folder, "commit", "-m", "second")
    said = shop.run("check").out
    assert 'warning W27: the journey "welcome" seems to be called "hello" now' in said
    assert "write  was: welcome" in said


def test_with_its_former_name_nothing_is_said(shop: Shop) -> None:
    rename_journey(shop, was="was: welcome\n")
    assert "W27" not in shop.run("check").out


def test_a_new_journey_beside_one_that_was_deleted_is_no_rename(shop: Shop) -> None:
    (shop.folder / "journeys/welcome.yaml").unlink()
    shop.run("new", "journey", "birthday_gift")
    assert "W27" not in shop.run("check").out


def test_a_place_of_another_name_is_told_and_with_its_former_one_it_is_not(shop: Shop) -> None:
    text = text_of(shop)
    shop.write("journeys/welcome.yaml", text.replace("id: before_reminder", "id: two_days"))
    said = shop.run("check").out
    assert 'the place "before_reminder" seems to be called "two_days" now' in said
    assert "write  was: before_reminder" in said
    shop.write(
        "journeys/welcome.yaml", text.replace("id: before_reminder", "id: two_days\n    was: before_reminder")
    )
    assert "W27" not in shop.run("check").out


def test_a_segment_of_another_name_is_told(shop: Shop) -> None:
    (shop.folder / "journeys/segments/buyers.yaml").unlink()
    shop.write("journeys/segments/shoppers.yaml", SEGMENT.replace("buyers", "shoppers"))
    said = shop.run("check").out
    assert 'the segment "buyers" seems to be called "shoppers" now' in said
    assert "no journey starts for them until they have left it and come back" in " ".join(said.split())
