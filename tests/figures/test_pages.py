"""Every report as a page, in a browser, on a telephone and wide, light and dark: axe finds nothing."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import subprocess
from decimal import Decimal
from pathlib import Path

import pytest

from engine.figures.html import as_html
from engine.figures.period import Granularity, Period
from engine.figures.reports import by_name as reports
from engine.figures.reports.by_name import KINDS, ReportTopic
from engine.figures.request import ReportRequest
from engine.values import DAY, HOUR, Money
from tests.npm import installed
from tests.runtime.shop import ATTRIBUTES, FILES, Shop

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
AXE = "axe-core@4.10.3"
SHOP = {
    **FILES,
    "schemas/customer.yaml": ATTRIBUTES + "  visits: count of cart_updated in last 3 days\n",
    "journeys/segments/active.yaml": "segment: active\nabout: Here lately.\nwho: {visits: at least 1}\n",
}
OF = {ReportTopic.ALL: "", ReportTopic.JOURNEY: "welcome", ReportTopic.CUSTOMER: "c1"}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.is_file(), reason="needs chromium"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script, as npm has it, outside of the repository."""
    modules = installed(AXE, tmp_path_factory.mktemp("axe"))
    return (modules / "axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each report of a shop that has lived for some days."""
    shop = Shop(tmp_path_factory.mktemp("shop"), SHOP)
    try:
        for day in range(4):
            for number in range(6):
                shop.event(f"c{number}", ("subscribed", "cart_updated", "order_placed")[(number + day) % 3],
                           total=Money(Decimal(20 + number), "EUR"))  # fmt: skip
            shop.run()
            shop.later(HOUR)
            shop.send_all()
            shop.later(DAY)
        period = Period(dt.date(2026, 3, 1), dt.date(2026, 3, 10))
        found = {}
        with shop.store.read() as conn:
            for name, kind in KINDS.items():
                wanted = ReportRequest(name, period, OF[kind.of], Granularity.day)
                made = reports.report(conn, wanted, shop.publication.journeys, shop.clock.now())
                found[name] = as_html(made, "Bean There")
        return found
    finally:
        shop.close()


@pytest.mark.parametrize(
    ("names", "width", "scheme"),
    [
        (("overview", "audit"), 390, "dark"),
        pytest.param(tuple(KINDS), 390, "light", marks=pytest.mark.soak),
        pytest.param(tuple(KINDS), 1280, "dark", marks=pytest.mark.soak),
    ],
)
def test_axe_finds_nothing(
    pages: dict[str, str], axe: str, tmp_path: Path, names: tuple[str, ...], width: int, scheme: str
) -> None:
    """All pages in one window, each in a frame that looks at itself."""
    script = axe.replace("</script", "<\\/script")
    frames = []
    for name in names:
        looks = (
            f"<script>{script}</script><script>axe.run(document).then(found => parent.postMessage("
            f"[{json.dumps(name)}, matchMedia('(prefers-color-scheme: dark)').matches, found.passes.length,"
            " found.violations.map(each => each.id + ': ' + each.nodes[0].html)], '*'))</script></body>"
        )
        # the page itself lets no script run
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", pages[name]).replace(
            "</body>", looks
        )
        frames.append(f'<iframe width="{width}" height="900" srcdoc="{html.escape(text)}"></iframe>')
    waits = (
        "<script>const all = []; onmessage = event => { all.push(event.data);"
        f" if (all.length == {len(names)}) document.title = JSON.stringify(all) }}</script>"
    )
    file = tmp_path / "pages.html"
    file.write_text(f"<!doctype html><title></title>{waits}{''.join(frames)}", encoding="utf-8")
    dark = [f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"]
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, *dark, f"--window-size={width + 40},2000", "--virtual-time-budget=120000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title is not None
    told = {
        name: (is_dark, passes, wrong) for name, is_dark, passes, wrong in json.loads(html.unescape(title[1]))
    }
    assert set(told) == set(names)
    assert {name: wrong for name, (_, _, wrong) in told.items() if wrong} == {}
    assert all(is_dark == (scheme == "dark") and passes > 10 for is_dark, passes, _ in told.values())
