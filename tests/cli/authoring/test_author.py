"""Commands of authors: new, check, test, fmt, schema, preview."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from engine.channel_kinds import KINDS
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


def test_a_journey_is_named_as_well_as_its_file(small_shop: Shop) -> None:
    small_shop.run("new", "journey", "thank_you")
    for command in ("check", "fmt", "test"):
        named, by_file = (small_shop.run(command, path) for path in ("welcome", "journeys/welcome.yaml"))
        assert named.code == 0
        assert report(named).partition("\n")[2] == report(by_file).partition("\n")[2]
        assert report(named) != report(small_shop.run(command))
    assert small_shop.run("check", "welc*").code == 2


def test_a_mistake_in_config_does_not_keep_journeys_from_their_form(small_shop: Shop) -> None:
    journey = small_shop.folder / "journeys/welcome.yaml"
    canonical = journey.read_text(encoding="utf-8")
    journey.write_text(canonical.replace("wait: 2 days", "wait:   2 days"), encoding="utf-8")
    config = small_shop.folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "nonsense: 1\n", encoding="utf-8")
    assert small_shop.run("fmt").code == 0
    assert journey.read_text(encoding="utf-8") == canonical


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


def test_an_accepted_warning_is_counted_and_listed_with_its_reason(small_shop: Shop, golden: Golden) -> None:
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    late = journey.replace("at: 10:00", "at: 22:00").partition("\ntests:")[0] + "\n"
    small_shop.write("journeys/welcome.yaml", late)
    assert ", 2 warnings." in small_shop.run("check").out
    accepted = late.replace("at: 22:00", "at: 22:00   # accepted W02: they read at night")
    small_shop.write("journeys/welcome.yaml", accepted)
    for form in ("text", "json", "github"):
        golden(f"golden/check_accepted.{form}.txt", report(small_shop.run("check", "--format", form)))


def test_a_failing_story_is_shown_line_by_line(small_shop: Shop, golden: Golden) -> None:
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    small_shop.write("journeys/welcome.yaml", journey.replace("wait: 2 days", "wait: 3 days"))
    golden("golden/test_failing.txt", report(small_shop.run("test")))
    golden("golden/test_failing.json.txt", report(small_shop.run("test", "--format", "json")))
    golden("golden/test_unknown_path.txt", report(small_shop.run("test", "welcom")))


def test_a_story_that_fails_says_what_kept_somebody_out_and_what_a_question_found(
    small_shop: Shop, golden: Golden
) -> None:
    (small_shop.folder / "schemas/customer.yaml").write_text(
        "attributes: {open_complaints: number}\nfacts: {orders_count: count of order_placed}\n",
        encoding="utf-8",
    )
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    head, _, tests = journey.partition("\ntests:")
    asked = head.replace(
        "  - send: welcome_hello\n    id: welcome_reminder",
        "  - if: {open_complaints: less than 1}\n    then:\n      - send: welcome_hello\n"
        "        id: welcome_reminder",
    )
    small_shop.write("journeys/welcome.yaml", f"{asked}\ntests:{tests}")
    golden("golden/test_failing_question.txt", report(small_shop.run("test")))
    kept_out = head.replace("again:", "who: {open_complaints: 0}\nagain:")
    small_shop.write("journeys/welcome.yaml", f"{kept_out}\ntests:{tests}")
    golden("golden/test_failing_who.txt", report(small_shop.run("test")))
    small_shop.write(
        "journeys/welcome.yaml", f"{head}\ntests:{tests}".replace("12:00: subscribed", "12:00: cart_updated")
    )
    golden("golden/test_failing_start.txt", report(small_shop.run("test")))


def test_a_mistake_in_another_file_is_one_line_of_a_check_of_one_journey(small_shop: Shop) -> None:
    config = small_shop.folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "nonsense: 1\n", encoding="utf-8")
    checked = small_shop.run("check", "welcome")
    assert "1 error in other files, the first in config.yaml:" in report(checked)
    assert checked.code == 0
    assert "in other files" not in report(small_shop.run("check"))


def test_a_segment_with_a_mistake_is_told_once_and_not_for_each_story_that_names_it(small_shop: Shop) -> None:
    segment = "segment: regulars\nabout: They came\nwho:\n  last_order_at: more than 90 days ago\n"
    small_shop.write("journeys/segments/regulars.yaml", segment)
    journey = (small_shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    small_shop.write(
        "journeys/welcome.yaml",
        journey.replace("12:00: subscribed", "12:00: enters regulars").replace(
            "event: subscribed", "segment: regulars", 1
        ),
    )
    assert "0 errors, 0 warnings. Stories: 2 passed, 0 failed" in report(small_shop.run("check"))
    small_shop.write("journeys/segments/regulars.yaml", segment.replace("more than 90 days ago", "90 days"))
    assert "1 error, 0 warnings. Stories: 0 passed, 0 failed" in report(small_shop.run("check"))


def test_a_file_of_the_project_is_meant_where_the_caller_has_one_of_its_name(
    small_shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    assert (ROOT / "journeys/welcome.yaml").exists()
    for command in ("check", "fmt", "test"):
        assert small_shop.run(command, "journeys/welcome.yaml").code == 0
    (tmp_path / "stray.yaml").write_text("journey: stray\n", encoding="utf-8")
    assert "lies outside of the project" in small_shop.run("check", str(tmp_path / "stray.yaml")).err


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
    for made in (small_shop.folder / "schemas").glob("*.schema.json"):
        made.unlink()
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


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("birthday_gift", "birthday"),
        ("cart_reminder", "abandoned_cart"),
        ("thank_you_again", "after_order"),
        ("winback", "win_back"),
        ("spring_news", "welcome"),
    ],
)
def test_a_new_journey_is_about_what_its_name_says_and_passes(
    small_shop: Shop, name: str, about: str
) -> None:
    written = small_shop.run("new", "journey", name)
    assert f"about: {about};" in written.out
    assert small_shop.run("check").code == 0
    assert "2 passed, 0 failed" in small_shop.run("test", name).out


def test_the_kind_of_a_new_journey_may_be_said(small_shop: Shop) -> None:
    small_shop.run("new", "journey", "spring", "--kind", "birthday")
    assert "date: birthday" in (small_shop.folder / "journeys/spring.yaml").read_text(encoding="utf-8")
    assert small_shop.run("new", "journey", "summer", "--kind", "weather").code == 2


def test_a_new_template_passes_for_every_channel_and_language(small_shop: Shop, golden: Golden) -> None:
    config = (small_shop.folder / "config.yaml").read_text(encoding="utf-8")
    names = [name for name in KINDS if name != "email"]
    more = "".join(f"  {name}: {{via: outbox, price: 0 EUR}}\n" for name in names)
    small_shop.write(
        "config.yaml",
        config.replace("channels:\n", f"channels:\n{more}").replace("languages: [en]", "languages: [en, de]"),
    )
    written = small_shop.run(
        "new", "template", "news", "--for", f"email, {','.join(names)}", "--language", "de"
    )
    golden("golden/new_template.txt", report(written))
    checked = small_shop.run("check")
    assert checked.code == 0, checked.out
    golden("golden/new_template_twice.txt", report(small_shop.run("new", "template", "news")))
    golden(
        "golden/new_template_channel.txt", report(small_shop.run("new", "template", "a", "--for", "emial"))
    )
    golden(
        "golden/new_template_language.txt", report(small_shop.run("new", "template", "a", "--language", "fr"))
    )
    golden("golden/templates.txt", report(small_shop.run("templates")))
    golden("golden/templates_missing.txt", report(small_shop.run("templates", "--missing")))
    golden("golden/templates.json.txt", report(small_shop.run("templates", "--missing", "--format", "json")))


def test_what_happened_is_accepted_and_the_rest_of_the_file_stays_to_the_letter(
    small_shop: Shop, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = small_shop.folder / "journeys/welcome.yaml"
    before = _text(path).replace("wait: 2 days", "wait: 3 days")
    kept = "send welcome_hello via email          # at once"
    before = before.replace("send welcome_hello via email", kept, 1)
    small_shop.write("journeys/welcome.yaml", before)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert small_shop.run("test", "--accept").code == 1
    assert _text(path) == before
    golden("golden/test_accept.txt", report(small_shop.run("test", "--accept", "--yes")))
    assert _text(path) == before.replace("day 2 10:00", "day 3 10:00")
    assert small_shop.run("test").code == 0


def test_a_story_after_which_nothing_happens_any_more_expects_nothing_and_back(small_shop: Shop) -> None:
    path = small_shop.folder / "journeys/welcome.yaml"
    before = _text(path)
    small_shop.write(
        "journeys/welcome.yaml", before.replace("again: never", "who: {tier: gold}\nagain: never")
    )
    assert small_shop.run("test", "--accept", "--yes").code == 0
    assert _text(path).count("expect: nothing") == 2
    small_shop.write("journeys/welcome.yaml", _text(path).replace("who: {tier: gold}\n", ""))
    assert small_shop.run("test", "--accept", "--yes").code == 0
    assert _text(path) == before


def test_a_story_that_cannot_run_is_not_accepted(small_shop: Shop) -> None:
    path = small_shop.folder / "journeys/welcome.yaml"
    before = _text(path).replace("day 1 15:00: order_placed", "day 1 15:00: clicked nothing")
    small_shop.write("journeys/welcome.yaml", before)
    refused = small_shop.run("test", "--accept", "--yes")
    assert refused.code == 1
    assert "to be mended by hand" in refused.err
    assert _text(path) == before


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
