"""The example of docs/codes.md is right: `check` accepts it and its story passes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from engine.project import check, load
from engine.simulate.stories.story_report import run_stories

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "tests" / "cases" / "project"
TAKING_BACK = """
  order_returned: {fields: {order_id: text, total: money}}
  order_cancelled: {fields: {order_id: text}}
"""
LETTER = """---
subject: Come back
---
<mjml><mj-body><mj-section><mj-column>
<mj-text>{}</mj-text>
<mj-text>{{{{ shop.address }}}} <a href="{{{{ links.unsubscribe }}}}">unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>
"""


def test_the_example_by_net_spend_is_accepted_and_its_story_passes(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")
    pools, facts, journey = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)[:3]
    (letter,) = re.findall(r"```\n\{# templates/come_back.*?#\}\n(.*?)```", page, flags=re.DOTALL)
    shop = tmp_path / "shop"
    shutil.copytree(SAMPLE, shop)
    config = (shop / "config.yaml").read_text()
    own = pools.partition("codes:\n")[2]
    (shop / "config.yaml").write_text(config.replace("codes:\n", f"codes:\n{own}", 1))
    schema = shop / "schemas" / "customer.yaml"
    known, more = schema.read_text(), facts.partition("facts:\n")[2]
    assert "net_spent" not in known
    schema.write_text(known.replace("facts:\n", f"facts:\n{more}", 1))
    events = shop / "schemas" / "events.yaml"
    events.write_text(events.read_text().replace("events:\n", f"events:\n{TAKING_BACK}", 1))
    (shop / "journeys" / "win_back.yaml").unlink()  # for the same people
    (shop / "journeys" / "come_back.yaml").write_text(journey.partition("\n")[2])
    (shop / "templates" / "come_back.email.mjml").write_text(LETTER.format(letter))
    about = [problem for problem in check(load(shop)) if problem.code != "W26"]
    assert about == []
    project = load(shop)
    report = run_stories([project.files["come_back"]], project.journeys, project.world)
    (result,) = report.journeys[0].results
    assert result.passed, result
