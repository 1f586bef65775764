"""Commands of authors: new, check, test, fmt, schema, preview."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.cli.conftest import ROOT, Shop, report
from tests.conftest import Golden


def test_a_new_project_passes_as_it_is(small_shop: Shop, golden: Golden) -> None:
    checked = small_shop.run("check")
    golden("golden/check_new_project.txt", report(checked))
    assert checked.code == 0


def test_a_new_journey_passes_as_it_is(small_shop: Shop, golden: Golden) -> None:
    golden("golden/new_journey.txt", report(small_shop.run("new", "journey", "thank_you")))
    golden("golden/new_journey_twice.txt", report(small_shop.run("new", "journey", "thank_you")))
    golden("golden/new_journey_bad_name.txt", report(small_shop.run("new", "journey", "Thank You")))
    golden("golden/test_new_journey.txt", report(small_shop.run("test", "thank_you")))


def test_check_shows_every_mistake_in_all_three_forms(small_shop: Shop, golden: Golden) -> None:
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    small_shop.write(
        "journeys/welcome.yaml",
        journey.replace("event: subscribed", "event: subscribd").replace("2 days", "2 dais"),
    )
    for form in ("text", "json", "github"):
        checked = small_shop.run("check", "--format", form)
        golden(f"golden/check_mistakes.{form}.txt", report(checked))
        assert checked.code == 1


def test_a_failing_story_is_shown_line_by_line(small_shop: Shop, golden: Golden) -> None:
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    small_shop.write("journeys/welcome.yaml", journey.replace("wait: 2 days", "wait: 3 days"))
    golden("golden/test_failing.txt", report(small_shop.run("test")))
    golden("golden/test_failing.json.txt", report(small_shop.run("test", "--format", "json")))
    golden("golden/test_unknown_path.txt", report(small_shop.run("test", "welcom")))


def test_the_sample_shop_passes(shop: Shop, golden: Golden) -> None:
    checked = shop.run("check")
    assert checked.code == 0
    assert ", 0 errors," in checked.out
    assert checked.out.endswith(" passed, 0 failed\n")
    golden("golden/test_sample.txt", report(shop.run("test", "abandoned_cart")))


def test_fmt_writes_once_and_is_then_content(small_shop: Shop, golden: Golden) -> None:
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    loose = journey.replace("    id: before_reminder\n", "").replace("about:", "about:   ")
    small_shop.write("journeys/welcome.yaml", loose)
    small_shop.write("journeys/broken.yaml", "journey: [\n")
    golden("golden/fmt_check.txt", report(small_shop.run("fmt", "--check")))
    assert (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8") == loose
    golden("golden/fmt.txt", report(small_shop.run("fmt")))
    (small_shop.folder / "journeys/broken.yaml").unlink()
    golden("golden/fmt_again.txt", report(small_shop.run("fmt", "--check")))
    golden("golden/fmt_again.json.txt", report(small_shop.run("fmt", "--format", "json")))
    golden("golden/fmt_no_journey.txt", report(small_shop.run("fmt", "config.yaml")))
    assert "# yaml-language-server" in (small_shop.folder / "journeys/welcome.yaml").read_text(
        encoding="utf-8"
    )


def test_schema_is_written_and_drift_is_found(small_shop: Shop, golden: Golden) -> None:
    golden("golden/schema_check_missing.txt", report(small_shop.run("schema", "--check")))
    golden("golden/schema.txt", report(small_shop.run("schema")))
    golden("golden/schema_fresh.txt", report(small_shop.run("schema", "--check")))
    events = (small_shop.folder / "schemas/events.yaml").read_text(encoding="utf-8")
    small_shop.write("schemas/events.yaml", events + "  wishlist_shared: {fields: {list_id: text}}\n")
    golden("golden/schema_drift.json.txt", report(small_shop.run("schema", "--check", "--format", "json")))
    small_shop.write("schemas/events.yaml", "events: {a: {fields: {b: nonsense}}}\n")
    golden("golden/schema_broken.txt", report(small_shop.run("schema")))


def test_the_schemas_of_the_repository_are_fresh(shop: Shop) -> None:
    shutil.copy(ROOT / "config.yaml", shop.folder / "config.yaml")
    answer = shop.run("schema", "--check", "--format", "json")
    assert json.loads(answer.out)["changed"] == [], "run  ./run schema  and commit schemas/"


def test_preview_shows_every_language(shop: Shop, golden: Golden, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    answer = shop.run("preview", "cart_reminder", "--no-browser", "--out", str(out))
    golden("golden/preview.txt", report(answer).replace(str(out), "PAGE"))
    page = out.read_text(encoding="utf-8")
    assert page.count('<section id="m') == 9
    assert "<script" not in page
    golden(
        "golden/preview_one.txt",
        report(
            shop.run(
                "preview",
                "cart_reminder.sms.bg.txt",
                "--language",
                "bg",
                "--format",
                "json",
                "--out",
                str(out),
            )
        ).replace(str(out), "PAGE"),
    )
    golden("golden/preview_unknown.txt", report(shop.run("preview", "cart_remindr", "--no-browser")))
    golden(
        "golden/preview_no_language.txt",
        report(shop.run("preview", "cart_reminder", "--language", "fr", "--no-browser")),
    )


def test_every_template_of_the_sample_can_be_previewed(shop: Shop, tmp_path: Path) -> None:
    names = {path.name.partition(".")[0] for path in (shop.folder / "templates").iterdir() if path.is_file()}
    assert len(names) > 30
    for name in sorted(names):
        answer = shop.run("preview", name, "--no-browser", "--out", str(tmp_path / "page.html"))
        assert (answer.code, answer.err) == (0, ""), name


def test_a_journey_is_drawn_in_the_terminal_as_mermaid_and_into_a_file(
    small_shop: Shop, golden: Golden
) -> None:
    golden("golden/diagram.txt", report(small_shop.run("diagram", "welcome")))
    golden("golden/diagram.mermaid.txt", report(small_shop.run("diagram", "welcome", "--format", "mermaid")))
    golden("golden/diagram.json.txt", report(small_shop.run("diagram", "welcome", "--format", "json")))
    file = small_shop.folder / "welcome.svg"
    golden("golden/diagram_file.txt", report(small_shop.run("diagram", "welcome", "--out", str(file))))
    assert file.read_text(encoding="utf-8").startswith("<svg ")
    golden("golden/diagram_unknown.txt", report(small_shop.run("diagram", "welcom")))
