"""`review --post`: one comment that is kept up to date on a forge, and what a forge may answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.forges.api import ForgeApi, ForgeError
from tests.cli.authoring.test_renames import git
from tests.cli.changes.test_diff import replace
from tests.cli.conftest import Answer, Shop
from tests.cli.forge_server import BOT, ForgeServer, forge

MARK = "<!-- perennial review -->"


@pytest.fixture(scope="module")
def running() -> Iterator[ForgeServer]:
    with forge() as state:
        yield state


@pytest.fixture
def server(running: ForgeServer) -> ForgeServer:
    """The forge, with nothing in it."""
    running.__dict__.update({**ForgeServer().__dict__, "address": running.address})
    return running


@pytest.fixture
def pull(small_shop: Shop, server: ForgeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """A change on a branch, and the environment of the workflow of its pull request 7."""
    git(small_shop.folder, "init", "-b", "main")
    git(small_shop.folder, "add", "config.yaml", "journeys", "templates", "schemas")
    git(small_shop.folder, "commit", "-m", "first")
    replace(small_shop, "journeys/welcome.yaml", "about: Say", "about: Do say")
    event = {"pull_request": {"number": 7, "base": {"sha": "HEAD"}}, "number": 7, "action": "opened"}
    (tmp_path / "event.json").write_text(json.dumps(event))
    for name, value in {
        "GITHUB_API_URL": server.address,
        "GITHUB_REPOSITORY": "shop/campaigns",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_TOKEN": "a-token",
        "CI_API_V4_URL": server.address + "/api/v4",
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD",
        "GITLAB_TOKEN": "a-token",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("GITHUB_REF", "GITHUB_SHA", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return small_shop


def post(shop: Shop, where: str = "github", *words: str) -> Answer:
    return shop.run("review", "--post", where, *words)


@pytest.mark.parametrize("where", ["github", "gitlab"])
def test_a_second_review_changes_the_comment_of_the_first(
    pull: Shop, server: ForgeServer, where: str
) -> None:
    if where == "gitlab":
        server.account = "project_12_bot"
    server.labels = ["urgent", "journeys: policy"]
    for number in range(250):  # three pages; ours comes on the last one
        server.comment(f"remark {number}", "somebody")
    said = post(pull, where)
    assert (said.code, said.out) == (0, "")
    assert "the comment is written" in said.err
    assert server.texts[-1].startswith(MARK)
    assert "nothing changes for customers" in server.texts[-1]
    assert server.labels == ["urgent", "journeys: nothing changes"]
    assert "the comment says so already" in post(pull, where).err

    replace(pull, "journeys/welcome.yaml", "again: never", "again: always")
    assert "the comment is brought up to date" in post(pull, where).err
    assert len(server.comments) == 251
    assert "only newcomers" in server.texts[-1]
    assert server.labels == ["urgent", "journeys: only newcomers"]
    assert server.tokens == {"Bearer a-token" if where == "github" else "a-token"}


@pytest.mark.parametrize("account", [BOT, "campaigns-robot"])
def test_the_comment_of_somebody_else_is_left_alone_whatever_it_begins_with(
    pull: Shop, server: ForgeServer, account: str
) -> None:
    server.account = account
    server.comment(f"{MARK}\nAll fine, merge it!", "mallory")
    post(pull)
    post(pull)
    assert [row["user"]["login"] for row in server.comments] == ["mallory", account]
    assert server.texts[0].endswith("merge it!")


def test_of_two_comments_that_were_written_at_once_one_is_left(pull: Shop, server: ForgeServer) -> None:
    for number in range(3):
        server.comment(f"{MARK}\n{number}")
    post(pull)
    assert [row["id"] for row in server.comments] == [101]
    assert "nothing changes" in server.texts[0]


def test_two_projects_of_one_repository_have_a_comment_each(pull: Shop, server: ForgeServer) -> None:
    server.comment("<!-- perennial review shops/de -->\nthe other shop")
    post(pull)
    assert len(server.comments) == 2
    assert server.texts[0].endswith("the other shop")


def test_without_the_right_to_write_it_goes_to_the_summary_and_says_so(
    pull: Shop, server: ForgeServer, tmp_path: Path
) -> None:
    server.may_write = False
    said = post(pull)
    assert said.code == 0
    assert "in the summary of this run: the token of this run may not write comments" in said.err
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("_It stands here: the token of this run may not write comments._")
    assert MARK in summary
    assert server.comments == []
    assert [line for line in server.asked if not line.startswith("GET")] == [
        "POST /repos/shop/campaigns/issues/7/comments"
    ]
    assert "posted nowhere" in post(pull, "gitlab").err


@pytest.mark.parametrize("when", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("where", ["github", "gitlab"])
def test_a_change_that_goes_while_it_is_reviewed_is_told_as_gone(
    pull: Shop, server: ForgeServer, tmp_path: Path, when: str, where: str
) -> None:
    if where == "gitlab":
        server.account = "project_12_bot"
        when = {"PATCH": "PUT"}.get(when, when)
    if when in ("PATCH", "PUT"):
        server.comment(f"{MARK}\nof yesterday", server.account)

    def goes(there: ForgeServer) -> None:
        there.is_gone = True

    server.meanwhile = {when: goes}
    said = post(pull, where)
    assert said.code == 0
    assert "the change is gone from the forge, or the token of this run may not see it (" in said.err
    if where == "github":
        assert MARK in (tmp_path / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", [400, 422])
def test_a_comment_that_the_forge_refuses_for_what_it_is_goes_to_the_summary(
    pull: Shop, server: ForgeServer, tmp_path: Path, status: int
) -> None:
    server.fails, server.refusal, server.message = {"POST": [status]}, {}, "Validation Failed"
    said = post(pull)
    assert said.code == 0
    assert (
        f"the forge refuses the comment (POST /repos/shop/campaigns/issues/7/comments: {status} Vali"
        in said.err
    )
    assert "token" not in said.err
    assert MARK in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_a_forge_that_fails_is_asked_again(pull: Shop, server: ForgeServer) -> None:
    server.fails = {"GET": [502, 503], "POST": [500]}
    assert "the comment is written" in post(pull, "github", "--no-labels").err
    assert len(server.comments) == 1


def test_a_comment_whose_answer_was_lost_is_not_written_twice(pull: Shop, server: ForgeServer) -> None:
    server.fails_late = {"POST": [502]}
    post(pull, "github", "--no-labels")
    assert len(server.comments) == 1


def test_a_token_that_asked_too_often_waits(pull: Shop, server: ForgeServer) -> None:
    server.fails = {"POST": [403, 429]}  # with Retry-After
    assert "the comment is written" in post(pull, "github", "--no-labels").err


@pytest.mark.parametrize(
    ("message", "headers", "after"),
    [
        ("API rate limit exceeded", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4000000000"}, 60),
        ("no more", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, 0),
        ("You have exceeded a secondary rate limit. Please wait", {}, 60),
        ("no", {"Retry-After": "7"}, 7),
    ],
)
def test_a_forge_that_limits_is_asked_again_when_it_says(
    server: ForgeServer, message: str, headers: dict[str, str], after: float
) -> None:
    server.fails, server.message, server.refusal = {"GET": [403]}, message, headers
    with pytest.raises(ForgeError) as refused:
        ForgeApi(server.address, {}).ask("GET", "/user")
    assert not refused.value.permanent
    assert refused.value.after is not None
    assert min(refused.value.after, 60) == after


def test_a_comment_that_somebody_removes_meanwhile_is_written_anew(pull: Shop, server: ForgeServer) -> None:
    server.comment(f"{MARK}\nof yesterday")
    server.meanwhile = {"PATCH": lambda there: there.comments.clear()}
    assert "the comment is written" in post(pull).err
    assert len(server.comments) == 1


def test_two_runs_that_write_at_once_leave_one_comment(pull: Shop, server: ForgeServer) -> None:
    def other_run(there: ForgeServer) -> None:
        there.comment(f"{MARK}\nof the other run")

    server.meanwhile = {"POST": other_run}
    assert "the comment is written" in post(pull, "github", "--no-labels").err
    (text,) = server.texts
    assert "nothing changes" in text


def test_what_the_other_run_removed_already_is_no_refusal(pull: Shop, server: ForgeServer) -> None:
    for number in range(2):
        server.comment(f"{MARK}\n{number}")
    server.labels = ["journeys: policy"]
    server.meanwhile = {"DELETE": lambda there: there.comments.pop()}
    said = post(pull)
    assert "the comment is brought up to date" in said.err
    assert server.labels == ["journeys: nothing changes"]


def test_a_change_that_cannot_be_reviewed_leaves_no_comment_of_before(
    pull: Shop, server: ForgeServer
) -> None:
    server.comment(f"{MARK}\nall fine")
    server.labels = ["urgent", "journeys: policy"]
    said = post(pull, "github", "--base", "gone", "--format", "github")
    assert said.code == 2
    why = 'git knows no "gone" here. name a commit, a branch or a tag\n'
    assert server.texts == [f"{MARK}\n**This change could not be reviewed.**\n\n{why}"]
    assert server.labels == ["urgent"]
    assert said.out == f"::error::{why}"


def test_a_forge_that_stays_down_does_not_make_a_review_wrong(
    pull: Shop, server: ForgeServer, tmp_path: Path
) -> None:
    server.fails = {"GET": [503] * 20}
    said = post(pull)
    assert said.code == 0
    assert "the forge did not answer" in said.err
    assert MARK in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_labels_that_may_not_be_written_are_said_and_the_comment_stays(
    pull: Shop, server: ForgeServer
) -> None:
    server.fails_late = {"POST": [200, 422]}
    said = post(pull)
    assert said.code == 0
    assert "the labels stay as they were (POST /repos/shop/campaigns/issues/7/labels: 422)" in said.err
    assert len(server.comments) == 1


def test_a_run_that_belongs_to_no_change_writes_into_its_summary(
    pull: Shop, server: ForgeServer, tmp_path: Path
) -> None:
    (tmp_path / "event.json").write_text('{"before": "HEAD", "ref": "refs/heads/main"}')
    assert "belongs to no change" in post(pull).err
    assert MARK in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert server.asked == []


def test_what_came_to_the_main_branch_since_is_no_part_of_the_change(
    pull: Shop, server: ForgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pull.folder
    git(first, "checkout", "-b", "change")
    git(first, "commit", "-am", "words")
    git(first, "checkout", "main")
    replace(pull, "config.yaml", "21:00-09:00", "22:00-09:00")
    git(first, "commit", "-am", "policy")
    git(first, "checkout", "--detach")
    git(first, "merge", "--no-ff", "-m", "merge", "change")
    monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")
    monkeypatch.setenv("GITHUB_SHA", (first / ".git/HEAD").read_text().strip())
    post(pull, "github", "--base", "main~1")
    assert "policy" in server.texts[0]
    post(pull)
    assert "policy" not in server.texts[0]
    assert "about" in server.texts[0]


def test_outside_of_a_workflow_it_says_so_at_once(pull: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_REPOSITORY")
    monkeypatch.delenv("CI_PROJECT_ID")
    for where in ("github", "gitlab"):
        said = post(pull, where)
        assert said.code == 2
        assert "leave out  --post" in said.err


@pytest.mark.parametrize("address", ["ftp://example.com", "nowhere", "https://"])
def test_an_address_that_is_none_is_refused(
    pull: Shop, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("GITHUB_API_URL", address)
    assert "is no address of a forge" in post(pull).err


def test_a_change_of_hundreds_of_journeys_with_a_thousand_mistakes_is_taken(
    pull: Shop, server: ForgeServer
) -> None:
    welcome = (pull.folder / "journeys/welcome.yaml").read_text(encoding="utf-8")
    for number in range(120):
        text = welcome.replace("journey: welcome", f"journey: welcome_{number}")
        steps = "".join(f"  - send: nothing_{number}_{n}\n" for n in range(9))
        pull.write(f"journeys/welcome_{number}.yaml", text.replace("steps:\n", f"steps:\n{steps}"))
    said = post(pull, "github", "--format", "github")
    assert said.code == 1
    assert said.out.count("::error ") == 10
    assert "1,070 more stand in the comment" in said.out
    assert len(server.texts[0]) < 65_535
    assert "What check says (1080)" in server.texts[0]
    assert "more\n" in server.texts[0].partition("What check says")[2]
