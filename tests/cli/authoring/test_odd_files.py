"""What lies in the folders of a project and is no file that can be read is told, never passed over."""

from __future__ import annotations

import os

import pytest

from tests.cli.conftest import Shop


@pytest.mark.parametrize(
    "name", ["journeys/pipe.yaml", "templates/pipe.sms.txt", "journeys/segments/pipe.yaml"]
)
def test_a_pipe_is_told_and_nobody_waits_for_it(small_shop: Shop, name: str) -> None:
    path = small_shop.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    answer = small_shop.run("check")
    assert answer.code == 1
    assert f"{name}:1:1: error E78: this is no ordinary file" in answer.out


def test_a_folder_in_the_place_of_a_file_is_told(small_shop: Shop) -> None:
    (small_shop.folder / "config.yaml").unlink()
    (small_shop.folder / "config.yaml").mkdir()
    answer = small_shop.run("check")
    assert answer.code == 1
    assert "config.yaml:1:1: error E78: this is a folder" in answer.out
