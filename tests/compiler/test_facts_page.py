"""The page about facts: its files are a shop that is checked without a word, and its stories are true."""

from __future__ import annotations

import re
from pathlib import Path

from engine import project
from engine.problem import render_problems
from engine.simulate.stories.story_report import render_text, run_stories
from engine.values import DAY

PAGE = Path(__file__).parents[2] / "docs" / "facts.md"
OTHERS = {
    "config.yaml": """
shop: {name: Bean There, url: https://shop.example, address: "Main Street 1, Sofia"}
timezone: Europe/Sofia
currency: EUR
languages: [en]
store: sqlite:///data/shop.db
channels: {push: {via: outbox, price: 0 EUR}}
policies: {marketing: {consent: none}}
""",
    "schemas/events.yaml": """
events:
  order_placed:
    fields:
      order_id: text
      total: money
      code: text
      items: {list of: {sku: text, category: text, quantity: number}}
  order_returned: {fields: {order_id: text, total: money}}
  order_cancelled: {fields: {order_id: text}}
  product_viewed: {fields: {product_id: text}}
""",
    "templates/thanks.push.txt": "Thank you",
    "templates/refill.push.txt": "{{ customer.cat_food_bags }} bags a year, and now?",
}


def test_the_files_of_the_page_are_a_shop_without_a_mistake(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    for name, text in (*OTHERS.items(), *blocks):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    read = project.load(tmp_path)
    assert not read.problems, render_problems(read.problems, read.sources)
    report = run_stories(read.files.values(), read.journeys, read.world)
    assert report.failed == 0, render_text(report, read.sources)
    assert report.passed


def test_a_stretch_of_time_reads_the_same_in_other_words(tmp_path: Path) -> None:
    forms = ("in last 30 days", "in the last 30 days", "within the past 30 days", "during the last 30 days")
    facts = "".join(f"  form_{number}: count of order_placed {form}\n" for number, form in enumerate(forms))
    files = {name: text for name, text in OTHERS.items() if not name.startswith("templates/")}
    for name, text in (*files.items(), ("schemas/customer.yaml", f"facts:\n{facts}")):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "journeys").mkdir()
    read = project.load(tmp_path)
    assert not read.problems, render_problems(read.problems, read.sources)
    lengths = {read.catalogue.facts[f"form_{number}"].last for number in range(len(forms))}
    assert lengths == {30 * DAY}
