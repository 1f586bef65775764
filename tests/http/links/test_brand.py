"""The shop's logo and colour on the pages that customers see: readable, and from nowhere else."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.http.pages.brand import ENOUGH, Rgb, contrast, own_colours
from tests.http.web_shop import CONFIG, WebShop

CHANNEL = st.integers(0, 255)


def _rgb(text: str) -> Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


@given(CHANNEL, CHANNEL, CHANNEL)
def test_every_colour_can_be_read_on_light_and_dark(red: int, green: int, blue: int) -> None:
    style = own_colours(f"#{red:02x}{green:02x}{blue:02x}")
    (light, on_light), (dark, on_dark) = re.findall(r"--go:(#\w{6});--on:(#\w{6})", style)
    assert contrast(_rgb(light), (255, 255, 255)) >= ENOUGH
    assert contrast(_rgb(dark), (0x1D, 0x23, 0x20)) >= ENOUGH
    for button, words in ((light, on_light), (dark, on_dark)):
        assert contrast(_rgb(button), _rgb(words)) >= ENOUGH


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert own_colours("#8a4b22").startswith(":root{--go:#8a4b22;--on:#ffffff}")
    assert own_colours("") == ""


def test_the_page_shows_the_logo_and_fetches_from_its_server_alone(tmp_path: Path) -> None:
    config = re.sub(
        r"^shop: .*$",
        "shop: {name: Bean There, url: https://shop.example, address: Main Street 1, "
        'logo: https://cdn.shop.example/a/logo.png, colour: "#8a4b22"}',
        CONFIG,
        flags=re.MULTILINE,
    )
    shop = WebShop(tmp_path, files={"config.yaml": config})
    try:
        shop.customer("anna")
        answer = shop.browser.get(shop.links.preferences("anna"))
        assert 'src="https://cdn.shop.example/a/logo.png" alt="Bean There"' in answer.text
        assert "--go:#8a4b22" in answer.text
        policy = answer.headers["content-security-policy"]
        assert "img-src https://cdn.shop.example;" in policy
        style = answer.text.partition("<style>")[2].partition("</style>")[0]
        assert f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    finally:
        shop.close()
