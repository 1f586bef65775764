"""`review`: a change as one comment."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from engine.cli.changes.comment.changed import change_line
from engine.cli.changes.comment.comment import LARGEST
from engine.cli.changes.comment.markdown import LONGEST
from engine.plan.difference import Affected, Difference, DiffSign
from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace, without_commits
from tests.cli.conftest import Shop, report
from tests.conftest import Golden

PEOPLE = [
    {"customer_id": f"c{n:02}", "email": f"c{n:02}@example.com", "consent": {"email": "given"}}
    for n in range(12)
]
EVENTS = [
    {"customer_id": f"c{n:02}", "event": "subscribed", "at": f"2026-11-20T10:00:{n:02}Z"} for n in range(12)
]


@pytest.fixture
def files(small_shop: Shop) -> Shop:
    """A committed project."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", "config.yaml", "journeys", "templates", "schemas")
    git(small_shop.folder, "commit", "-m", "first")
    return small_shop


@pytest.fixture
def shop(files: Shop) -> Shop:
    """A committed project with twelve people in its journey, and a snapshot of them."""
    for name, rows, live in (("people.jsonl", PEOPLE, ()), ("events.jsonl", EVENTS, ("--live",))):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        assert files.run("import", *live, str(files.write(name, lines))).code == 0
    for moment in ("2026-11-20T10:01:00", "2026-11-22T09:00:00"):
        files.go_to(f"{moment}+00:00")
        files.play()
        if moment.startswith("2026-11-20"):
            assert files.run("snapshot", "--out", str(files.folder / "early.jsonl.gz")).code == 0
    assert files.run("snapshot", "--out", str(files.folder / "snapshot.jsonl.gz")).code == 0
    return files


def without_hashes(text: str) -> str:
    text = re.sub(r"(?<= story )[a-z2-7]{20}(?= )", "PSEUDONYM", text)
    return re.sub(r"index [0-9a-f]+\.\.[0-9a-f]+", "index HASHES", without_commits(text))


def test_a_change_with_a_snapshot_is_one_comment(shop: Shop, golden: Golden) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    replace(shop, "templates/welcome_hello.email.mjml", "Hello", "Good morning")
    said = shop.run("review", "--base", "main", "--snapshot", str(shop.folder / "snapshot.jsonl.gz"))
    golden("golden/review.txt", without_hashes(report(said)))


def test_no_sentence_of_ours_is_cut_and_a_long_one_of_an_author_is(files: Shop) -> None:
    welcome = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    names = [f"welcome_{'long_' * 16}{number}" for number in range(4)]
    for name in names:
        files.write(f"journeys/{name}.yaml", welcome.replace("journey: welcome", f"journey: {name}"))
    git(files.folder, "add", "journeys")
    verdict = files.run("review").out.splitlines()[1]
    assert verdict.startswith(f"**{', '.join(names)}: changes only newcomers. ")
    assert verdict.endswith(".**")
    rule = f"{'at once, ' * 40}for everybody"
    line = change_line(Difference(DiffSign.CHANGED, "word " * 100, Affected.POLICY), rule)
    assert line.endswith(f"… _{rule}_")
    assert len(line) < len(rule) + LONGEST + 20


def test_one_person_and_one_warning_are_counted_as_one(files: Shop) -> None:
    for file, rows, live in (("people.jsonl", PEOPLE, ()), ("events.jsonl", EVENTS, ("--live",))):
        assert files.run("import", *live, str(files.write(file, json.dumps(rows[0]) + "\n"))).code == 0
    files.go_to("2026-11-20T10:01:00+00:00")
    files.play()
    assert files.run("snapshot", "--out", str(files.folder / "snapshot.jsonl.gz")).code == 0
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: 3 days")
    replace(files, "journeys/welcome.yaml", "at: 10:00", "at: 22:00")
    said = files.run("review", "--snapshot", str(files.folder / "snapshot.jsonl.gz")).out
    assert ". 1 person inside. " in said
    assert "look at 1 warning, which stops nothing (" in said


def test_people_inside_are_in_it_and_a_failing_story_ends_with_1(shop: Shop) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    said = shop.run("review", "--snapshot", str(shop.folder / "early.jsonl.gz"))
    assert said.code == 1
    assert "12 people inside" in said.out
    assert "keep the moment they were promised" in said.out
    assert "**failed**" in said.out


def test_programs_hear_what_becomes_of_people_and_what_is_sent_a_day(shop: Shop) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    file = str(shop.folder / "snapshot.jsonl.gz")
    told = json.loads(shop.run("review", "--snapshot", file, "--format", "json").out)
    planned = json.loads(shop.run("plan", "--snapshot", file, "--format", "json").out)
    assert told["traffic"]["cost"].keys() == {"before", "after"}
    assert told["traffic"] == planned["traffic"]
    assert told["people"] == planned["people"]
    told = json.loads(shop.run("review", "--format", "json").out)
    assert (told["people"], told["traffic"]) == (None, None)


def test_what_a_deployment_would_refuse_is_said_with_what_to_type(shop: Shop) -> None:
    welcome = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8").partition("\ntests:")[0]
    shop.write("journeys/welcome.yaml", welcome.replace("id: before_reminder", "id: another"))
    snapshot = ("--snapshot", str(shop.folder / "early.jsonl.gz"))
    said = shop.run("review", *snapshot)
    assert said.code == 1
    assert "write was: before_reminder below" in said.out
    assert "deploy with --gone welcome.before_reminder" in said.out
    assert said.out.splitlines()[1].startswith("**A deployment would refuse it. welcome")
    assert "when the promised moment comes" in said.out.partition("<details>")[0]
    _is_refused_at_a_line(shop, snapshot, 12, "write  was: before_reminder  below")
    (shop.folder / "journeys/welcome.yaml").unlink()
    said = shop.run("review", *snapshot)
    assert said.code == 1
    assert "first deploy it with state: closing" in said.out
    assert said.out.splitlines()[1].startswith("**A deployment would refuse it. welcome")
    _is_refused_at_a_line(shop, snapshot, 1, "first deploy it with  state: closing")


def _is_refused_at_a_line(shop: Shop, snapshot: tuple[str, str], line: int, cure: str) -> None:
    first = shop.run("review", *snapshot, "--format", "github").out.splitlines()[0]
    assert first.startswith(f"::error file=journeys/welcome.yaml,line={line},")
    assert cure in first
    row = json.loads(shop.run("review", *snapshot, "--format", "gitlab").out)[0]
    assert (row["check_name"], row["severity"]) == ("deployment-refused", "major")
    assert row["location"]["lines"]["begin"] == line
    assert cure in row["description"]


def test_without_a_snapshot_it_says_what_it_cannot_know(files: Shop, golden: Golden) -> None:
    assert files.run("review").out.splitlines()[1] == "**Nothing changes for customers.**"
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    golden("golden/review_mistake.txt", without_hashes(report(files.run("review", "--base", "main"))))


def test_a_changed_cap_names_whom_it_holds_for(shop: Shop) -> None:
    replace(shop, "config.yaml", "4 a week", "2 a week")
    snapshot = ("--snapshot", str(shop.folder / "early.jsonl.gz"))
    said = shop.run("review", *snapshot).out
    assert "- policy **marketing**: welcome sends by it; 12 people are inside" in said
    assert "Nobody is inside" not in said
    assert "policy marketing: welcome sends by it; 12 people are inside" in shop.run("plan", *snapshot).out
    assert shop.run("plan", "--format", "json", *snapshot).out.count('"policy": "marketing"') >= 1


def test_a_changed_fact_names_what_asks_for_it(shop: Shop) -> None:
    counted = "{is: count of order_placed, where: {order_id: is set}}"
    replace(shop, "schemas/customer.yaml", "count of order_placed", counted)
    journey = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    asking = journey.replace("\nagain:", "\nwho: {orders_count: at most 3}\nagain:", 1)
    shop.write("journeys/welcome.yaml", asking)
    said = shop.run("review", "--snapshot", str(shop.folder / "early.jsonl.gz")).out.partition("<details>")[0]
    named = "- fact **orders_count**: counted anew from the recorded events; asked for by journey welcome"
    assert named in said


def test_what_only_the_store_can_say_of_segments_stands_in_the_comment(shop: Shop) -> None:
    segment = "segment: buyers\nabout: All who bought.\nwho:\n  orders_count: at least 1\n"
    shop.write("journeys/segments/buyers.yaml", segment)
    git(shop.folder, "add", "journeys")
    said = shop.run("review", "--snapshot", str(shop.folder / "early.jsonl.gz")).out
    only = "- segment **buyers**: how many then is not known here, `plan` with the store tells it"
    assert only in said.partition("<details>")[0]


def test_days_without_events_are_not_played_and_the_days_with_some_are_named(shop: Shop) -> None:
    later = shop.folder / "later.jsonl.gz"
    shop.go_to("2027-03-01T09:00:00+00:00")
    written = shop.run("snapshot", "--out", str(later))
    why = "no events of customers in these days; the last are of 2026-11-20: give"
    assert f"{why}  snapshot --to 2026-11-20" in written.err
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    said = shop.run("review", "--snapshot", str(later)).out
    assert f"Not played: {why} snapshot --to 2026-11-20." in said
    assert "differently to" not in said
    assert f"not played: {why}" in shop.run("plan", "--snapshot", str(later)).err


def test_a_plan_beside_a_store_without_events_of_the_last_weeks_plays_nothing_and_says_so(shop: Shop) -> None:
    shop.go_to("2027-03-01T09:00:00+00:00")
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    why = "not played: no events of customers in the last 28 days; the last are of 2026-11-20: give"
    said = shop.run("plan")
    assert f"{why}  snapshot --to 2026-11-20  and  plan --snapshot  its file" in said.err
    assert "journey welcome: changes" in said.out
    assert "What is sent a day" not in said.out
    deployed = shop.run("deploy", "--replay")
    assert why in deployed.err
    assert "What is sent a day" not in deployed.out


def test_how_many_are_in_a_changed_segment_and_still_inside_at_the_end_is_told(files: Shop) -> None:
    segment = "journeys/segments/ours.yaml"
    files.write(segment, "segment: ours\nwho:\n  did: {subscribed: ever}\n")
    text = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8").partition("tests:")[0]
    names = ["welcome", *(f"welcome_{number}" for number in range(5))]
    for name in names[1:]:
        files.write(f"journeys/{name}.yaml", text.replace("journey: welcome", f"journey: {name}"))
    git(files.folder, "add", "journeys")
    git(files.folder, "commit", "-m", "segment")
    files.play()
    for file, rows, live in (("people.jsonl", PEOPLE, ()), ("events.jsonl", EVENTS, ("--live",))):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        assert files.run("import", *live, str(files.write(file, lines))).code == 0
    for moment in ("2026-11-20T10:01:00", "2026-11-22T12:00:00"):
        files.go_to(f"{moment}+00:00")
        files.play()
    assert files.run("snapshot", "--out", str(files.folder / "snapshot.jsonl.gz")).code == 0
    replace(files, segment, "did: {subscribed: ever}", "country: DE")
    for name in names:
        replace(files, f"journeys/{name}.yaml", "wait: 2 days", "wait: 20 days")
    said = files.run("review", "--snapshot", str(files.folder / "snapshot.jsonl.gz")).out
    before = said.partition("<details>")[0]
    assert (
        "- segment **ours**: 12 in it today; how many then is not known here, `plan` with the store tells it"
        in before
    )
    inside = "; ".join(f"{name} 12 more" for name in names)
    assert f"- still inside where the recording ends: {inside}; what is due to them" in before
    assert "more: in a fold" in before


def test_words_of_an_author_stay_words(files: Shop) -> None:
    hostile = "</details> | `x` [a](http://b.example) @everybody **b**"
    text = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    about = next(line for line in text.splitlines() if line.startswith("about:"))
    files.write("journeys/welcome.yaml", text.replace(about, f"about: '{hostile}'"))
    said = files.run("review").out.partition("<details>")[0]
    assert "everybody" in said
    assert "</details>" not in said
    assert "`x`" not in said
    assert "@everybody" not in said


def test_a_large_change_stays_readable_and_fits(shop: Shop) -> None:
    welcome = (shop.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    for number in range(60):
        name = f"welcome_{number}"
        # What is new in the same words is told once
        start = f"event: subscribed\n  where: {{source: page_{number}}}"
        text = welcome.replace("journey: welcome", f"journey: {name}").replace("event: subscribed", start)
        shop.write(f"journeys/{name}.yaml", text)
    git(shop.folder, "add", "journeys")
    said = shop.run("review", "--snapshot", str(shop.folder / "snapshot.jsonl.gz")).out
    assert len(said) < 65_535
    assert len(said.partition("<details>")[0].splitlines()) <= 60
    assert "and 57 more: changes" in said
    assert ": 60 things, what affects most first\n\n- **only newcomers**: welcome_0, " in said
    assert re.search(r"welcome_\d+ and 48 more\n", said)
    assert not re.search(r"^\*\*journey \S+ \([a-z ]+\)\n+…", said, re.MULTILINE), "a heading and nothing"
    assert "all of it is in the first fold" in said
    assert "<summary>All that changes</summary>" in said
    assert "Too long for a comment" in said


def test_a_comment_as_long_as_may_be_is_whole_and_one_character_more_leaves_its_last_fold_out(
    files: Shop,
) -> None:
    welcome = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    changed = welcome.replace("about: Say", "about: Do say")

    def review(pad: int) -> str:
        files.write("journeys/welcome.yaml", f"{changed}# {'x' * pad}\n")
        return files.run("review").out

    fold = "<summary>The files, line by line</summary>"
    assert fold in review(1)
    # what joins the parts is not counted, so the limit lies within a few characters
    whole = LARGEST - len(review(1))
    too_long = whole + 32
    while too_long - whole > 1:
        middle = (whole + too_long) // 2
        whole, too_long = (middle, too_long) if fold in review(middle) else (whole, middle)
    fits, cut = review(whole), review(too_long)
    assert LARGEST <= len(fits) < 65_535
    assert "Too long for a comment" not in fits
    assert cut.endswith("Too long for a comment: The files, line by line.\n")
    for text in (fits, cut):
        assert text.count("<details>") == text.count("</details>") > 0
        assert text.count("```") % 2 == 0


def test_what_is_least_important_is_folded_so_that_at_most_60_lines_stand_before_the_folds(
    files: Shop,
) -> None:
    welcome = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    names = [f"welcome_{number}" for number in range(9)]
    text = welcome.partition("tests:")[0].replace("wait: 2 days", "wait: 3 days")
    assert "\npolicy: marketing" not in text
    for name in names:
        own = text.replace("journey: welcome", f"journey: {name}").replace(
            "send: welcome_hello", "send: hello"
        )
        files.write(f"journeys/{name}.yaml", own.replace("steps:", "policy: service\nsteps:", 1))
    files.write("templates/hello.email.html", "---\nsubject: Hello\n---\n<p>Hello</p>\n")
    git(files.folder, "add", "journeys", "templates")
    git(files.folder, "commit", "-m", "more")
    for file, rows, live in (("people.jsonl", PEOPLE, ()), ("events.jsonl", EVENTS, ("--live",))):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        assert files.run("import", *live, str(files.write(file, lines))).code == 0
    files.go_to("2026-11-20T10:01:00+00:00")
    files.play()
    files.go_to("2026-11-22T09:00:00+00:00")
    assert files.run("snapshot", "--out", str(files.folder / "snapshot.jsonl.gz")).code == 0
    for number, name in enumerate(names):
        file = f"journeys/{name}.yaml"
        replace(files, file, "wait: 3 days", f"wait: {number + 4} days")
        replace(
            files,
            file,
            "steps:\n",
            f"holdout: {number + 1}%\nsteps:\n  - send: hello\n    id: first_of_all\n",
        )
        if number < 4:
            replace(files, file, "id: before_reminder", f"id: renamed_{number}")
    replace(files, "config.yaml", "caps: none", "caps: [9 a day]")
    said = files.run("review", "--snapshot", str(files.folder / "snapshot.jsonl.gz")).out
    before = said.partition("<details>")[0]
    assert len(before.splitlines()) <= 60
    assert "… and 4 more lines: all in a fold" in before
    assert "… and 19 more lines: all in a fold" in before
    for name in names:
        assert f"- **journey {name}** (" in before, "what changes is cut last"
    assert "<summary>All people inside</summary>" in said
    assert "<summary>All that would be sent</summary>" in said


def test_each_of_a_few_things_is_told_before_the_folds_however_long_its_stories_are(shop: Shop) -> None:
    replace(shop, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    for number in range(12):
        told = (
            f"  - test: nobody comes {number}\n    when: [day 0 12:00: order_placed]\n    expect: nothing\n"
        )
        path = "journeys/welcome.yaml"
        shop.write(path, (shop.folder / path).read_text(encoding="utf-8").rstrip("\n") + "\n" + told)
    for country in ("AT", "BG", "DE", "FR"):
        text = f"segment: from_{country.lower()}\nwho:\n  country: {country}\n"
        shop.write(f"journeys/segments/from_{country.lower()}.yaml", text)
    git(shop.folder, "add", "journeys")
    said = shop.run("review").out
    before, _, folds = said.partition("<details>")
    assert "- `~` wait before_reminder (then welcome_hello): length 2 days -&gt; 1 day _" in before
    assert "- 12 lines of tests and words for readers\n" in before
    for country in ("AT", "BG", "DE", "FR"):
        assert f"`+` country: {country} _" in before
    assert "nobody comes 11" not in before
    assert "nobody comes 11" in folds
    assert "changes people in flight, newcomers." in before


def test_annotations_of_github_stand_at_their_lines_and_those_too_many_are_counted(
    files: Shop, golden: Golden
) -> None:
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    golden("golden/review_github.txt", report(files.run("review", "--format", "github")))
    welcome = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    steps = "".join(f"  - send: missing_{number}\n" for number in range(37))
    files.write("journeys/welcome.yaml", welcome.replace("steps:\n", f"steps:\n{steps}"))
    lines = files.run("review", "--format", "github").out.splitlines()
    assert len([line for line in lines if line.startswith("::error ")]) == 10
    assert re.fullmatch(r"::notice::\d\d more stand in the comment, under what check says", lines[-1])


def test_a_failing_story_is_called_one_and_named_with_its_journey(files: Shop) -> None:
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    rows = json.loads(files.run("review", "--format", "gitlab").out)
    assert {row["check_name"] for row in rows} == {"story-fails"}
    assert "- **failed**: welcome: hears from us twice" in files.run("review").out


def test_ids_with_a_number_are_code_that_can_be_copied(files: Shop) -> None:
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: 1 day")
    replace(files, "journeys/welcome.yaml", "hears from us twice", "gets welcome_hello#1 after *it*")
    said = files.run("review").out
    assert "- **failed**: welcome: gets `welcome_hello#1` after \\*it\\*" in said
    assert "\u200b" not in said


def test_a_fix_of_several_lines_can_be_pasted(files: Shop) -> None:
    journey = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8").partition("\ntests:")[0]
    files.write("journeys/welcome.yaml", journey)
    said = files.run("review").out
    assert "add at the end of the file\n  ```yaml\n  tests:\n    - test: the first message\n" in said
    found = json.loads(files.run("review", "--format", "json").out)["problems"]
    assert any(each["fix"].startswith("add at the end of the file\ntests:\n  - test: ") for each in found)


def test_a_name_of_a_file_is_no_command_of_a_workflow(files: Shop) -> None:
    name = "a,line=1::\n::set-output name=x::y%0A"
    files.write(f"journeys/{name}.yaml", "journey: [")
    lines = files.run("review", "--format", "github").out.splitlines()
    assert lines
    assert all(line.startswith(("::error file=", "::warning file=")) for line in lines)
    assert not any("::set-output" in line.partition("::error")[2] for line in lines)


def test_a_project_below_the_top_names_files_as_the_repository_does(files: Shop) -> None:
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    (files.folder / ".git").rename(files.folder.parent / ".git")
    top = files.folder.parent
    git(top, "rm", "-r", "--cached", "-q", ".")
    git(top, "add", "small/config.yaml", "small/journeys", "small/templates", "small/schemas")
    git(top, "commit", "-m", "moved")
    assert (
        "::error file=small/journeys/welcome.yaml,line=12,col=11,"
        in files.run("review", "--base", "HEAD", "--format", "github").out
    )
    said = json.loads(files.run("review", "--base", "HEAD~1", "--format", "gitlab").out)
    assert {row["location"]["path"] for row in said} == {"small/journeys/welcome.yaml"}
    assert files.run("review", "--base", "HEAD").out.startswith("<!-- perennial review small -->\n")


def test_a_report_of_code_quality_knows_a_mistake_again_when_it_moves(files: Shop, golden: Golden) -> None:
    replace(files, "journeys/welcome.yaml", "wait: 2 days", "wait: soon")
    first = files.run("review", "--format", "gitlab")
    golden("golden/review_gitlab.txt", report(first))
    replace(files, "journeys/welcome.yaml", "steps:\n", "\n\nsteps:\n")
    again = files.run("review", "--format", "gitlab")
    prints = [[row["fingerprint"] for row in json.loads(said.out)] for said in (first, again)]
    assert prints[0] == prints[1] != []


@pytest.mark.parametrize(
    ("file", "old", "new", "labels"),
    [
        ("journeys/welcome.yaml", "wait: 2 days", "wait: 1 day", ["journeys: people in flight"]),
        ("journeys/welcome.yaml", "again: never", "again: always", ["journeys: only newcomers"]),
        ("journeys/welcome.yaml", "about: Say", "about: Do say", ["journeys: nothing changes"]),
        ("journeys/welcome.yaml", "journey:", "journey: [", []),
        ("templates/welcome_hello.email.mjml", "Hello", "Hi", ["journeys: messages change"]),
        ("config.yaml", "21:00-09:00", "22:00-09:00", ["journeys: policy"]),
    ],
)
def test_labels_say_whom_it_affects(files: Shop, file: str, old: str, new: str, labels: list[str]) -> None:
    replace(files, file, old, new)
    said = json.loads(files.run("review", "--format", "json").out)
    assert said["labels"] == labels


def test_a_journey_fails_by_what_it_is_told_in_settings(files: Shop) -> None:
    replace(files, "config.yaml", "quiet: 21:00-09:00", "quiet: 09:00-21:00")
    said = json.loads(files.run("review", "--format", "json").out)
    assert not said["passes"]
    assert {problem["code"] for problem in said["problems"]} == {"E59"}
    assert {problem["file"] for problem in said["problems"]} == {"journeys/welcome.yaml"}


def test_a_clone_without_its_past_is_said_to_be_one(files: Shop) -> None:
    git(files.folder, "commit", "--allow-empty", "-m", "second")
    bare = files.folder.parent / "bare.git"
    git(files.folder, "clone", "--bare", str(files.folder), str(bare))
    shutil.rmtree(files.folder)
    git(files.folder.parent, "clone", "--depth", "1", f"file://{bare}", str(files.folder))
    said = files.run("review", "--base", "HEAD~1")
    assert said.code == 2
    assert "fetch-depth: 0" in said.err


def test_a_warning_that_a_change_accepts_is_shown_with_its_reason(files: Shop) -> None:
    journey = (files.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    late = journey.replace("at: 10:00", "at: 22:00").partition("\ntests:")[0] + "\n"
    files.write("journeys/welcome.yaml", late)
    git(files.folder, "commit", "-am", "late")
    assert "W02" not in files.run("review").out
    files.write(
        "journeys/welcome.yaml", late.replace("at: 22:00", "at: 22:00   # accepted W02: they read at night")
    )
    said = files.run("review").out
    assert "**Nothing changes for customers.**" in said
    assert "W02 is accepted: they read at night" in said
    git(files.folder, "commit", "-am", "accepted")
    files.write(
        "journeys/welcome.yaml", (files.folder / "journeys/welcome.yaml").read_text() + "\n# a word\n"
    )
    assert "accepted" not in files.run("review").out.partition("The files")[0]


def test_a_file_that_is_a_link_to_another_one_is_no_change(files: Shop) -> None:
    (files.folder / "templates/welcome_again.email.mjml").symlink_to("welcome_hello.email.mjml")
    (files.folder / "templates/welcome_out.email.mjml").symlink_to("/etc/hostname")
    git(files.folder, "add", "templates")
    git(files.folder, "commit", "-m", "links")
    replace(files, "config.yaml", "name: My Shop", "name: Our Shop")
    said = json.loads(files.run("diff", "HEAD", "--format", "json").out)
    told = {
        subject["name"]: subject["changes"] for subject in said["subjects"] if subject["kind"] == "message"
    }
    assert told["welcome_again"] == told["welcome_hello"]


def test_what_cannot_be_read_in_one_version_is_neither_new_nor_gone(files: Shop) -> None:
    segment = "segment: buyers\nabout: All who bought.\nwho:\n  orders_count: at least 1\n"
    files.write("journeys/segments/buyers.yaml", segment)
    git(files.folder, "add", "journeys")
    git(files.folder, "commit", "-m", "segment")
    files.play()
    for name in ("journeys/welcome.yaml", "journeys/segments/buyers.yaml"):
        text = (files.folder / name).read_bytes()
        files.write(name, b"a: [\n" + text)
        said = json.loads(files.run("review", "--base", "HEAD", "--format", "json").out)
        assert said["affects"] == said["labels"] == []
        assert f"**{name} cannot be compared. 1 error." in said["comment"]
        git(files.folder, "commit", "-am", "broken")
        assert json.loads(files.run("review", "--base", "HEAD", "--format", "json").out)["unread"] == []
        files.write(name, text)
        said = json.loads(files.run("review", "--base", "HEAD", "--format", "json").out)
        assert said["affects"] == []
        assert [each["file"] for each in said["unread"]] == [name]
        git(files.folder, "commit", "-am", "mended")


_WELCOME, _MAIL = "journeys/welcome.yaml", "templates/welcome_hello.email.mjml"


@pytest.mark.parametrize(
    ("file", "right", "wrong", "other"),
    [
        (_WELCOME, "- wait: 2 days", "- wait: 2 dayz", "- wait: 3 dayz"),
        (_WELCOME, "- send: welcome_hello\n  - w", "- sned: welcome_hello\n  - w", "- sned: hello\n  - w"),
        (_WELCOME, "again: never", "again: nevver", "again: neverr"),
        (_WELCOME, "goal:\n  event: order", "goal:\n  evnt: order", "goal:\n  evnt: no_order"),
        ("config.yaml", "timezone:", "shop: 1\nshop: 2\ntimezone:", "shop: 1\nshop: 3\ntimezone:"),
        (_MAIL, "Hello {{", "Hello {% if %}{{", "Bye {% if %}{{"),
        (_MAIL, "Hello {{", "Hello {{ customer.nme }} {{", "Bye {{ customer.nme }} {{"),
        (_MAIL, "subject: Welcome", "subjct: Welcome", "subjct: Good morning"),
    ],
)  # fmt: skip
def test_of_a_part_that_has_a_mistake_in_a_version_nobody_hears_that_nothing_changes(
    files: Shop, file: str, right: str, wrong: str, other: str
) -> None:
    def reviewed(before: str, now: str) -> str:
        """In the terminal and by `diff` too; what is said of the file."""
        replace(files, file, right, before)
        git(files.folder, "commit", "--allow-empty", "-qam", "before")
        if before != now:
            replace(files, file, before, now)
        said = json.loads(files.run("review", "--base", "HEAD", "--format", "json").out)
        text, diff = said["comment"], files.run("diff", "HEAD")
        assert (said["labels"] == ["journeys: nothing changes"]) is (before == now)
        if before == now:
            assert said["unread"] == []
            assert diff.out.startswith("nothing changes")
            return ""
        (unread,) = said["unread"]
        assert unread["file"] == file
        assert "othing changes" not in text + diff.out
        assert f"**{file} cannot be compared." in text
        assert "Before merging: read what cannot be compared (below) in the files themselves" in text
        assert "1 file cannot be compared" in diff.out
        assert said["affects"] == []
        assert unread["cure"] in " ".join(diff.err.split())
        replace(files, file, now, right)
        return f"{unread['why']}; {unread['cure']}"

    assert "mend it" in reviewed(wrong, other)
    assert "mend it" in reviewed(right, wrong)
    assert "the version before has mistakes, line" in reviewed(wrong, right)
    assert reviewed(wrong, wrong) == ""


def test_a_part_of_messages_that_has_a_mistake_is_named_at_each_message_that_is_made_with_it(
    files: Shop,
) -> None:
    replace(files, _MAIL, "<mj-text>Hello", "{% include '_blocks/top.mjml' %}<mj-text>Hello")
    files.write("templates/_blocks/top.mjml", "<mj-text>Top</mj-text>")
    git(files.folder, "add", ".")
    git(files.folder, "commit", "-qam", "a part")
    assert files.run("check").code == 0
    files.write("templates/_blocks/top.mjml", "<mj-text>Top {% if %}</mj-text>")
    said = json.loads(files.run("review", "--base", "HEAD", "--format", "json").out)
    assert [each["file"] for each in said["unread"]] == [_MAIL]
    assert said["affects"] == []
    assert "not written any more" not in said["comment"]
