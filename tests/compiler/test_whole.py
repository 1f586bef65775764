"""A project as files: templates against journeys, segments in circles, and files that cannot be read."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from engine.errors import AuthorError
from engine.problem import Problem
from engine.project import check, load

SAMPLE = Path(__file__).parent.parent / "cases" / "project"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the sample project that may be changed."""
    folder = tmp_path / "shop"
    shutil.copytree(SAMPLE, folder)
    return folder


def told(folder: Path) -> list[Problem]:
    return check(load(folder))


def only(folder: Path) -> Problem:
    problems = told(folder)
    assert len(problems) == 1, problems
    return problems[0]


def change(file: Path, was: str, becomes: str) -> None:
    text = file.read_text()
    assert was in text
    file.write_text(text.replace(was, becomes, 1))


def write(folder: Path, name: str, body: str) -> Path:
    file = folder / "templates" / name
    file.write_text(body)
    return file


FOOTER = '{% include "_blocks/footer.html" %}\n'


@pytest.mark.parametrize(
    ("printed", "what", "fix"),
    [
        (
            "customer.first_nam",
            'there is no customer attribute called "first_nam"',
            'did you mean "customer.first_name"?',
        ),
        (
            "trigger.surce",
            'there is no field of the starting event called "surce"',
            'did you mean "trigger.source"?',
        ),
        ("product.stok", 'there is no field of a product called "stok"', 'did you mean "product.stock"?'),
        ("links.unsubscrib", 'there is no link called "unsubscrib"', 'did you mean "links.unsubscribe"?'),
        ("shop.nam", 'there is no part of the shop called "nam"', 'did you mean "shop.name"?'),
        (
            "first_name",
            'nobody gives "first_name" to this template: line 25 of journeys/welcome.yaml sends it without',
            "write  {{ customer.first_name }}",
        ),
    ],
)
def test_a_template_reads_only_names_that_exist(shop: Path, printed: str, what: str, fix: str) -> None:
    write(
        shop,
        "welcome_our_story.email.html",
        f'---\nsubject: x\n---\n<p>Hi {{{{ {printed} or "you" }}}}</p>\n{FOOTER}',
    )
    problem = only(shop)
    assert (problem.code, problem.what, problem.fix) == ("T20", what, fix)
    assert (problem.span.line, problem.span.column, problem.span.length) == (4, 10, len(printed))


def test_values_of_with_are_known_by_their_own_name(shop: Path) -> None:
    write(shop, "welcome_our_story.email.html", f"---\nsubject: x\n---\n<p>{{{{ hero }}}}</p>\n{FOOTER}")
    change(
        shop / "journeys/welcome.yaml",
        "send: welcome_our_story",
        "send: welcome_our_story\n        with: {hero: bean}",
    )
    assert told(shop) == []


SPLITS = """---
subject: x
---
<p>{% if paths.winback_offer_test == "SAME" %}A{% else %}B{% endif %}</p>
"""


def test_a_template_reads_the_path_of_its_run(shop: Path) -> None:
    body = SPLITS + FOOTER
    write(shop, "winback_goodbye.email.html", body.replace("SAME", "gift"))
    assert told(shop) == []
    write(shop, "winback_goodbye.email.html", body.replace("SAME", "gft"))
    problem = only(shop)
    assert (problem.code, problem.fix) == ("E36", 'did you mean "gift"?')
    assert (problem.span.line, problem.what) == (4, 'the split "winback_offer_test" has no path called "gft"')
    write(shop, "winback_goodbye.email.html", body.replace("offer_test", "ofer_test"))
    problem = only(shop)
    assert (problem.code, problem.fix) == ("T20", 'did you mean "paths.winback_offer_test"?')


def test_a_path_that_only_one_of_two_journeys_has(shop: Path) -> None:
    write(
        shop,
        "winback_goodbye.email.html",
        f"{SPLITS.replace('SAME', 'gift')}{{{{ paths.winback_offer_test }}}}{FOOTER}",
    )
    change(shop / "journeys/welcome.yaml", "send: welcome_our_story", "send: winback_goodbye")
    problem = only(shop)
    assert problem.what == '"paths.winback_offer_test" is not there when the journey "welcome" sends this'


def test_a_field_that_only_one_of_two_journeys_brings(shop: Path) -> None:
    change(shop / "journeys/win_back.yaml", "send: winback_gift", "send: cart_last_reminder")
    write(
        shop,
        "cart_last_reminder.email.html",
        f"---\nsubject: x\n---\n<p>{{{{ trigger.total }}}}</p>\n{FOOTER}",
    )
    problem = only(shop)
    assert problem.what == '"trigger.total" is not there when the journey "win_back" sends this'


def test_an_attribute_that_may_be_missing_needs_something_in_its_place(shop: Path) -> None:
    write(
        shop, "welcome_our_story.email.html",
        '---\nsubject: x\n---\n<p>{{ customer.tier }} {{ customer.orders_count }} {{ customer.email }}\n'
        f'{{% if customer.phone %}}{{{{ customer.phone }}}}{{% endif %}} '
        f'{{{{ customer.country or "" }}}}</p>\n{FOOTER}',
    )  # fmt: skip
    problem = only(shop)
    assert (problem.code, problem.level, problem.span.line, problem.span.column) == ("T21", "warning", 4, 7)
    assert problem.what == '"customer.tier" may be missing, and there is nothing in its place'


@pytest.mark.parametrize(("given", "is_warned"), [("customer.tier", True), ("customer.orders_count", False)])
def test_so_does_a_value_that_a_step_gives_from_such_an_attribute(
    shop: Path, given: str, is_warned: bool
) -> None:
    step = f"send: welcome_our_story\n        with: {{rank: {given}}}"
    change(shop / "journeys/welcome.yaml", "send: welcome_our_story", step)
    text = "---\nsubject: x\n---\n<p>{{ rank }} {{ rank or 'none' }}</p>\n"
    write(shop, "welcome_our_story.email.html", f"{text}{FOOTER}")
    assert not [problem for problem in load(shop).problems if problem.code == "T21"]
    write(shop, "welcome_our_story.email.html", f"---\nsubject: x\n---\n<p>{{{{ rank }}}}</p>\n{FOOTER}")
    found = [problem for problem in load(shop).problems if problem.code == "T21"]
    assert [problem.what for problem in found] == is_warned * [
        '"rank" may be missing, and there is nothing in its place'
    ]


def test_marketing_needs_a_way_out_and_an_address_and_service_does_not(shop: Path) -> None:
    write(shop, "welcome_our_story.email.html", "---\nsubject: x\n---\n<p>Hello</p>\n")
    assert [problem.code for problem in told(shop)] == ["T22", "T23"]
    write(shop, "welcome_our_story.email.html", f"---\nsubject: x\n---\n<p>Hello</p>\n{FOOTER}")
    write(shop, "welcome_hello.email.html", "---\nsubject: x\n---\n<p>Hello</p>\n")
    assert told(shop) == []  # welcome_hello is sent under the policy service


def test_a_long_sms_is_told_with_its_parts_and_price(shop: Path) -> None:
    write(shop, "cart_reminder.sms.txt", "x" * 200)
    problem = only(shop)
    assert (problem.code, problem.level) == ("T24", "warning")
    assert problem.what.endswith("is sent as 2 parts, 0.12 EUR instead of 0.06 EUR")
    write(shop, "cart_reminder.sms.txt", "x" * 80 + "\N{SNOWMAN}")
    assert '"\N{SNOWMAN}" is not in the alphabet of SMS' in only(shop).why
    write(shop, "cart_reminder.sms.txt", "x" * 158 + "€")
    assert told(shop) == []  # the euro sign takes two of 160 characters


def test_html_that_mail_programs_would_cut_off(shop: Path) -> None:
    body = f"<p>{'long text ' * 11_000}</p>"
    write(shop, "welcome_our_story.email.html", f"---\nsubject: x\n---\n{body}\n{FOOTER}")
    assert only(shop).code == "T25"


def test_segments_in_a_circle(shop: Path) -> None:
    folder = shop / "journeys" / "segments"
    (folder / "a.yaml").write_text("segment: a\nwho:\n  segment: b\n")
    (folder / "b.yaml").write_text("segment: b\nwho:\n  any:\n    - segment: [vip, a]\n")
    problem = only(shop)
    assert problem.what == 'the segment "a" is made of itself: a -> b -> a'
    assert (problem.span.file, problem.span.line, problem.span.column) == ("journeys/segments/a.yaml", 3, 12)


@pytest.mark.parametrize(
    "line",
    ["clicked: a", "goal: reached", "did: {order_placed: since start}", "trigger.x: 1", "code.value: x"],
)
def test_a_segment_cannot_ask_about_a_run(shop: Path, line: str) -> None:
    (shop / "journeys/segments/a.yaml").write_text(f"segment: a\nwho:\n  {line}\n")
    assert only(shop).code == "E68"


def test_a_broken_file_hides_nothing_of_the_others(shop: Path) -> None:
    (shop / "journeys/welcome.yaml").write_text("journey: [")
    change(shop / "journeys/birthday.yaml", "choose: tier", "choose: tire")
    change(shop / "config.yaml", "Europe/Berlin", "CET")
    project = load(shop)
    assert {problem.span.file for problem in project.problems} == {
        "config.yaml",
        "journeys/birthday.yaml",
        "journeys/welcome.yaml",
    }
    assert sorted(project.journeys.by_name) == ["abandoned_cart", "loyalty", "price_drop", "win_back"]


def test_a_file_that_is_not_utf8_is_told_at_the_wrong_byte(shop: Path) -> None:
    (shop / "templates/welcome_our_story.email.html").write_bytes(
        "---\nsubject: x\n---\n<p>Gr\u00fc\u00dfe</p>\n".encode("latin-1")
    )
    problem = next(each for each in told(shop) if each.code == "E78")
    assert (problem.span.line, problem.span.column) == (4, 6)


def test_a_link_that_leads_out_of_the_project_is_refused(shop: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.yaml"
    outside.write_text("journey: secret\n")
    (shop / "journeys/secret.yaml").symlink_to(outside)
    problem = only(shop)
    assert (problem.code, problem.span.file) == ("E78", "journeys/secret.yaml")
    assert "journeys/secret.yaml" not in load(shop).sources


def test_an_empty_folder_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(AuthorError, match="there is no project in"):
        load(tmp_path)


def test_the_commit_of_the_folder(shop: Path) -> None:
    assert load(shop).commit == ""
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=shop, check=True)
    commit = load(shop).commit
    assert len(commit) == 40
    change(shop / "journeys/welcome.yaml", "2 days", "3 days")
    assert load(shop).commit == f"{commit}+dirty"


def test_the_hash_is_of_the_content(shop: Path) -> None:
    before = load(shop).hash
    assert load(shop).hash == before
    change(shop / "templates/welcome_our_story.email.html", "Hello", "Dear")
    assert load(shop).hash != before


@pytest.mark.parametrize(
    ("file", "was", "becomes", "place"),
    [
        ("config.yaml", "  marketing:", "\tmarketing:", (13, 1)),
        ("config.yaml", "languages: [en, bg]", "languages: [en, bg", (4, 12)),
        ("config.yaml", "currency: EUR", "curency: EUR", (3, 1)),
        ("config.yaml", "currency: EUR", "currency: Euro", (3, 11)),
        ("config.yaml", "price: 0.06 EUR", "price: 0.06", (10, 112)),
        ("schemas/events.yaml", "events:", "events", (1, 1)),
        ("schemas/product.yaml", "product:", "produkt:", (1, 1)),
        ("schemas/customer.yaml", "last order_placed", "last order_place", (16, 23)),
        ("schemas/customer.yaml", "sum of order_placed.total", "sum of order_placed.totl", (14, 36)),
        ("journeys/segments/vip.yaml", "segment: vip", "segment: vips", (1, 10)),
        ("journeys/segments/vip.yaml", "who:", "who", (2, 1)),
    ],
)
def test_what_follows_from_a_mistake_in_a_file_of_names_is_not_told(
    shop: Path, file: str, was: str, becomes: str, place: tuple[int, int]
) -> None:
    change(shop / file, was, becomes)
    problem = only(shop)
    assert (problem.span.file, problem.span.line, problem.span.column) == (file, *place)


def test_a_mistake_in_a_schema_hides_no_other_misspelt_name(shop: Path) -> None:
    change(shop / "schemas/customer.yaml", "points_expiring: number", "points_expiring: integer")
    change(shop / "journeys/birthday.yaml", "choose: tier", "choose: tire")
    assert [problem.code for problem in told(shop)] == ["E11", "E80"]


def test_stories_are_not_run_in_a_world_that_is_half_read(shop: Path) -> None:
    change(shop / "config.yaml", "quiet: 21:00-09:00", "quiet: 9pm-9am")
    project = load(shop)
    assert {file.span.file for file in project.files.values()} <= project.broken


@pytest.mark.parametrize(
    ("printed", "column", "what"),
    [
        ("Hi {{ customer.first_name", 4, 'this "{{" is never closed'),
        ("Hi {{ customer.first_name }", 27, '"}" cannot stand here'),
        ("Hi {{ customer first_name }}", 16, '"first_name" cannot stand here'),
        ("Hi {{ customer.first_name | dat }}", 29, 'there is no filter called "dat"'),
        ("{% if code %}a", 1, "this  if  is never ended"),
        ("{% if code %}a{% endfor %}", 18, '"endfor" does not fit here'),
        ("{% iff code %}", 4, 'there is no instruction called "iff"'),
        ("a {% endif %}", 6, "there is nothing that this  endif  belongs to"),
        ("{{ “a” }}", 4, "is not a quote of the keyboard"),
        ("{{ 'abc }}", 4, "this quote is never closed"),
        ("{{ customer.tier or }}", 21, 'something is missing in front of "}}"'),
        ("{{ customer. }}", 12, "something is missing here"),
        ("{% if customer.tier = 2 %}x{% endif %}", 21, 'one "=" sets a value, two compare'),
        ("{% if code %}x{% else if code %}y{% endif %}", 18, "there is no  else if"),
        ("{{ customer.tier is golden }}", 21, "nothing can be asked with  is golden"),
        ("{{ customer.tier or '' }} {{ customer.tie }}", 30, 'there is no customer attribute called "tie"'),
    ],
)
def test_a_slip_in_a_template_is_told_at_its_place_in_plain_words(
    shop: Path, printed: str, column: int, what: str
) -> None:
    write(shop, "price_drop_news.push.txt", f"---\ntitle: News\n---\nOne line\n{printed}\n")
    problem = only(shop)
    assert (problem.span.line, problem.span.column) == (5, column)
    assert what in problem.what
    assert problem.fix


def test_a_template_for_a_channel_that_does_not_exist_is_told_once(shop: Path) -> None:
    (shop / "templates/price_drop_news.push.txt").rename(shop / "templates/price_drop_news.psh.txt")
    problem = only(shop)
    assert problem.what == 'there is no channel called "psh"'
    assert "templates/price_drop_news.push.txt" in problem.fix


def test_a_mail_without_a_subject_is_a_warning(shop: Path) -> None:
    write(shop, "winback_gift.email.html", "<p>Hello</p>\n" + FOOTER)
    problem = only(shop)
    assert (problem.code, problem.level) == ("T26", "warning")


@pytest.mark.parametrize(
    ("was", "becomes", "code"),
    [("code: CARTSHIP", "code: lapsed_90", "E63"), ("orders_count: 0", "lapsed_90: is set", "E11")],
    ids=["pool", "attribute"],
)
def test_the_name_of_a_segment_is_no_name_of_anything_else(
    was: str, becomes: str, code: str, shop: Path
) -> None:
    change(shop / "journeys/abandoned_cart.yaml", was, becomes)
    assert code in [problem.code for problem in told(shop)]
