"""Who publishes: the daemon what it finds in the folder, or `deploy` alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from engine import project
from engine.plan.reviewed_plan import ReviewedPlan
from engine.runtime.publish.deploy import Approval
from engine.runtime.publish.planning import plan_deployment
from engine.runtime.publish.publisher import Publisher
from engine.values import to_datetime
from tests.runtime.shop import CONFIG, FILES, WELCOME, Shop, write_project

LONGER: Mapping[str, str] = {**FILES, "journeys/welcome.yaml": WELCOME.replace("2 days", "3 days")}


def started_on(shop: Shop, files: Mapping[str, str], *, again: bool = False) -> tuple[int, list[str]]:
    """Which deployment a daemon runs that is started on (or reloads) a folder with these files, and what it
    says."""
    folder = shop.folder / "found"
    found = write_project(folder, files)
    publisher = Publisher(shop.store, folder, shop.clock)
    with capture_logs() as lines:
        live, _ = publisher.reload() if again else publisher.first(found)
    return live.number, [line["event"] for line in lines]


@pytest.mark.parametrize("again", [False, True], ids=["at the start", "at a reload"])
def test_the_daemon_publishes_what_it_finds(shop: Shop, again: bool) -> None:
    assert started_on(shop, LONGER, again=again) == (2, ["published"])


@pytest.mark.parametrize("again", [False, True], ids=["at the start", "at a reload"])
def test_where_deploys_are_manual_the_folder_waits(shop: Shop, again: bool) -> None:
    by_hand = {"config.yaml": CONFIG + "deploy: manual\n"}
    shop.publish({**FILES, **by_hand})
    assert started_on(shop, {**LONGER, **by_hand}, again=again) == (2, ["folder_waits_for_deploy"])
    assert started_on(shop, LONGER, again=again)[0] == 2, "what is published says it, not what is found"
    assert started_on(shop, {**FILES, **by_hand}, again=again) == (2, [])
    shop.publish(LONGER)
    assert started_on(shop, FILES, again=again) == (4, ["published"])


def test_the_first_publication_needs_no_deploy(shop: Shop) -> None:
    shop.store.write(lambda conn: conn.exec_driver_sql("DELETE FROM deployment"))
    number, said = started_on(shop, {**FILES, "config.yaml": CONFIG + "deploy: manual\n"})
    assert (number, said) == (2, ["published"])


def test_once_a_reviewed_plan_was_published_only_deploy_publishes(shop: Shop) -> None:
    folder = write_project(shop.folder / "coming", LONGER)
    with shop.store.read() as conn:
        coming = plan_deployment(conn, folder, shop.clock.now())
    reviewed = ReviewedPlan(to_datetime(shop.clock.now()), coming.number, coming.project.hash, coming.plan)
    shop.publish(LONGER, Approval(reviewed=reviewed))
    assert started_on(shop, FILES) == (2, ["folder_waits_for_deploy"])
    assert started_on(shop, LONGER) == (2, [])
    automatic = {**LONGER, "config.yaml": CONFIG + "deploy: automatic\n"}
    shop.publish(automatic)
    assert started_on(shop, {**automatic, "journeys/welcome.yaml": WELCOME}) == (4, ["published"])


def test_a_broken_folder_that_waits_is_told_and_changes_nothing(shop: Shop) -> None:
    shop.publish({**FILES, "config.yaml": CONFIG + "deploy: manual\n"})
    folder = shop.folder / "broken"
    write_project(folder, FILES)
    (folder / "journeys/welcome.yaml").write_text("journey: welcome\n", encoding="utf-8")
    with capture_logs() as lines:
        live, _ = Publisher(shop.store, folder, shop.clock).first(project.load(folder))
    assert (live.number, [line["event"] for line in lines]) == (2, ["folder_not_deployed"])
