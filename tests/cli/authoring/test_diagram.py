"""`diagram` with what lies over a journey: a change, the people inside, the way of one run."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree as ET

import pytest

from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace
from tests.cli.changes.test_review import EVENTS, PEOPLE
from tests.cli.conftest import Shop, report
from tests.conftest import Golden


@pytest.fixture
def shop(small_shop: Shop) -> Shop:
    """A committed project with twelve people in its journey, two of whom have come to its end."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", "config.yaml", "journeys", "templates", "schemas")
    git(small_shop.folder, "commit", "-m", "first")

    def take(rows: list[dict[str, object]], *live: str) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        file = small_shop.write("rows.jsonl", lines)
        assert small_shop.run("import", *live, str(file)).code == 0

    take([dict(row) for row in PEOPLE])
    take([dict(row) for row in EVENTS[:2]], "--live")
    for moment in ("2026-11-20T10:01:00", "2026-11-22T09:00:00", "2026-11-23T12:00:00"):
        small_shop.go_to(f"{moment}+00:00")
        small_shop.play()
    take([{**row, "at": f"2026-11-23T11:00:{n:02}Z"} for n, row in enumerate(EVENTS[2:])], "--live")
    small_shop.play()
    assert small_shop.run("snapshot", "--out", str(small_shop.folder / "snapshot.jsonl.gz")).code == 0
    return small_shop


def test_the_people_are_those_of_status(shop: Shop, golden: Golden) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 3 days")
    said = shop.run("diagram", "welcome", "--people", "--against", "main")
    golden("golden/diagram_people.txt", report(said))
    status = json.loads(shop.run("status", "--format", "json").out)["inside"]["welcome"]
    drawn = json.loads(shop.run("diagram", "welcome", "--people", "--format", "json").out)
    people = {node["step"]: node["people"] for node in drawn["nodes"] if node["people"]}
    assert people == {step: many for step, many in status["steps"].items() if step}
    assert drawn["people"]["people"] == status["people"]
    from_file = shop.run(
        "diagram", "welcome", "--snapshot", str(shop.folder / "snapshot.jsonl.gz"), "--format", "json"
    )
    assert json.loads(from_file.out) == drawn


def test_a_run_is_drawn_with_its_moments(shop: Shop, golden: Golden) -> None:
    golden("golden/diagram_run_ended.txt", report(shop.run("diagram", "welcome", "--run", "c01")))
    golden("golden/diagram_run_rests.txt", report(shop.run("diagram", "welcome", "--run", "c07@example.com")))
    drawn = json.loads(shop.run("diagram", "welcome", "--run", "c07", "--format", "json").out)
    rests = [node["step"] for node in drawn["nodes"] if node["rests"]]
    assert len(rests) == 1
    for node in drawn["nodes"]:
        for visit in node["visits"]:
            assert re.fullmatch(r"2026-11-23T1[12]:[\d:.]+(\+00:00|Z)", visit["at"])
    text = shop.run("diagram", "welcome", "--run", "c07", "--format", "svg").out
    assert "rests here until" in " ".join(ET.fromstring(text).itertext())
    said = shop.run("diagram", "welcome", "--run", "c07", "--format", "mermaid").out
    assert "==>" in said
    assert ":::passed" in said


def test_a_run_is_drawn_over_the_version_that_it_went_by(shop: Shop) -> None:
    """What was published since, or stands in the folder alone, was nothing to a run that had ended."""
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8").partition("\ntests:")[0]

    def drawn_of(customer: str) -> str:
        return " ".join(shop.run("diagram", "welcome", "--run", customer).out.replace("│", "").split())

    assert "drawn as" not in drawn_of("c01")
    shop.write("journeys/welcome.yaml", text.replace("wait: 2 days", "wait: 5 days"))
    drawn = drawn_of("c01")
    assert "drawn as deployment 1 had it" in drawn
    assert "5 days" not in drawn
    shop.go_to("2026-11-23T13:00:00+00:00")
    assert shop.run("deploy").code == 0
    assert drawn_of("c01") == drawn
    (shop.folder / "journeys/welcome.yaml").unlink()
    assert drawn_of("c01") == drawn
    # Who is inside goes by what is published now
    inside = drawn_of("c07")
    assert "5 days" in inside
    assert "the last of 2 versions that it went by" in inside


def test_what_a_run_did_at_a_step_that_its_last_version_lacks_is_told(shop: Shop) -> None:
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8").partition("\ntests:")[0]
    name = re.search(r"id: (\w+)", text)
    assert name is not None
    shop.write("journeys/welcome.yaml", text.replace(f"id: {name[1]}", "id: of_today"))
    shop.go_to("2026-11-23T13:00:00+00:00")
    assert shop.run("deploy", "--gone", f"welcome.{name[1]}").code == 0
    said = shop.run("diagram", "welcome", "--run", "c07").out
    assert f"at {name[1]}, which is not in this picture" in said


def test_what_cannot_be_drawn_is_the_callers_mistake(shop: Shop) -> None:
    for words, why in (
        (("--run", "c07", "--against", "main"), "a run and a change are two pictures"),
        (("--people", "--snapshot", "x"), "those of the store or of a snapshot"),
        (("--run", "nobody"), "nobody"),
        (("--run", "c07", "--on", "2020-01-01"), "no run of welcome began on 2020-01-01"),
        (("--against", "nonsense"), "git knows no"),
        (("--snapshot", "nowhere.gz"), "there is no file"),
    ):
        said = shop.run("diagram", "welcome", *words)
        assert (said.code, why in said.err) == (2, True), report(said)


def test_what_cannot_be_read_in_the_version_before_is_not_called_new(small_shop: Shop) -> None:
    text = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    small_shop.write("journeys/welcome.yaml", "journey: [\n")
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", ".")
    git(small_shop.folder, "commit", "-m", "first")
    small_shop.write("journeys/welcome.yaml", text)
    said = small_shop.run("diagram", "welcome", "--against", "main")
    assert (said.code, "of main cannot be read" in said.err) == (2, True), report(said)
    review = small_shop.run("review").out
    assert "journeys/welcome.yaml cannot be compared" in review
    assert "a new journey" not in review


@pytest.mark.parametrize("named", ["welcome", "journeys/welcome.yaml"])
def test_a_journey_that_is_gone_is_drawn_as_it_was(shop: Shop, named: str) -> None:
    (shop.folder / "journeys/welcome.yaml").unlink()
    said = shop.run("diagram", named, "--against", "main", "--people")
    assert (said.code, "- removed: the journey is gone" in said.out) == (0, True), report(said)
    assert "12 people" in said.out or "10 people" in said.out
    without = shop.run("diagram", named)
    assert (without.code, "there is no journey" in without.err) == (2, True), report(without)


def test_a_journey_with_another_name_is_not_called_gone(shop: Shop) -> None:
    text = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    (shop.folder / "journeys/welcome.yaml").unlink()
    shop.write("journeys/hello.yaml", text.replace("journey: welcome", "journey: hello\nwas: welcome", 1))
    said = shop.run("diagram", "welcome", "--against", "main")
    assert (said.code, "there is no journey" in said.err) == (2, True), report(said)


@pytest.mark.parametrize(
    "words",
    [
        ("diagram", "welcome", "--people"),
        ("diagram", "welcome", "--run", "anna"),
        ("report",),
        ("snapshot", "--out", "there.gz"),
    ],
)
def test_figures_of_a_store_that_is_not_there_are_refused(small_shop: Shop, words: tuple[str, ...]) -> None:
    said = small_shop.run(*words)
    assert (said.code, "there is no store here" in said.err, said.out) == (2, True, ""), report(said)
    assert not (small_shop.folder / "data").exists()
    assert not (small_shop.folder.parent / "there.gz").exists()
