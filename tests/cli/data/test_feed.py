"""Feeds by hand: `import` of a file, as a part or as the whole, and `catalogue`."""

from __future__ import annotations

import gzip
import json

import pytest
from pytest_httpserver import HTTPServer

from tests.cli.conftest import Shop, report
from tests.conftest import Golden
from tests.runtime.feeds.test_formats import CASES, content_of

HEAD = "id\ttitle\tprice\tavailability\n"


def merchant(*rows: str) -> str:
    return HEAD + "\n".join(row.replace("|", "\t") for row in rows) + "\n"


@pytest.fixture
def shop_with_products(small_shop: Shop) -> Shop:
    """The small shop with a catalogue."""
    fields = "product: {name: text, price: money, old_price: money, in_stock: true/false, stock: number}\n"
    small_shop.write("schemas/product.yaml", fields)
    return small_shop


def test_a_feed_in_a_file_is_recognised_whatever_it_is_called(
    shop_with_products: Shop, golden: Golden
) -> None:
    shop = shop_with_products
    refused = shop.folder / "wrong.jsonl"
    path = shop.write("catalogue.txt", content_of(CASES / "merchant_rss.xml"))
    answer = shop.run("import", "products", str(path), "--refused", str(refused))
    golden("golden/feed_rss.txt", report(answer))
    golden("golden/feed_rss_refused.jsonl", refused.read_text(encoding="utf-8"))
    packed = shop.write("market.xml.gz", gzip.compress(content_of(CASES / "market.xml")))
    answer = shop.run("import", str(packed), "--refused", str(refused), "--format", "json")
    golden("golden/feed_yml.json.txt", report(answer))
    golden("golden/feed_catalogue.txt", report(shop.run("catalogue")))


def test_a_table_of_google_is_no_list_of_customers(shop_with_products: Shop) -> None:
    shop = shop_with_products
    path = shop.write("google.tsv", merchant("1|Mug|5 EUR|in_stock", "2|Tea|6 EUR|out_of_stock"))
    said = json.loads(shop.run("import", str(path), "--format", "json").out)
    assert (said["kind"], said["taken"], said["format"]) == ("products", 2, "CSV")
    people = shop.write("people.csv", "id,email,title,link\n1,a@example.com,Dr,x\n")
    assert json.loads(shop.run("import", str(people), "--format", "json").out)["kind"] == "customers"


def test_the_whole_catalogue_takes_out_of_stock_what_is_missing_and_half_of_it_is_refused(
    shop_with_products: Shop, golden: Golden
) -> None:
    shop = shop_with_products
    everything = [f"p{n}|Product {n}|{n + 1} EUR|in_stock" for n in range(10)]

    def imported(count: int, *options: str) -> str:
        path = shop.write(f"feed{count}.tsv", merchant(*everything[:count]))
        return report(shop.run("import", "products", str(path), *options))

    said = [
        imported(10, "--full"),
        imported(4),
        imported(4, "--full"),
        imported(4, "--full", "--anyway"),
        imported(0, "--full"),
        imported(4, "--anyway"),
    ]
    golden("golden/feed_full.txt", "\n".join(said))


def test_what_a_product_cost_and_how_much_was_left_is_shown(shop_with_products: Shop, golden: Golden) -> None:
    shop = shop_with_products
    for moment, price, left in (("01", 20, 12), ("20", 15, 12), ("25", 18, 0)):
        shop.go_to(f"2027-03-{moment}T09:00:00+00:00")
        line = {"product_id": "mug", "name": "Mug", "price": price, "stock": left, "in_stock": left > 0}
        shop.run("import", "products", str(shop.write("mug.jsonl", json.dumps(line))))
    said = [
        report(shop.run("catalogue", "mug")),
        report(shop.run("catalogue", "mug", "--format", "json")),
        report(shop.run("catalogue", "mag")),
    ]
    golden("golden/catalogue_product.txt", "\n".join(said))


def test_a_feed_that_cannot_be_used_says_why(shop_with_products: Shop, golden: Golden) -> None:
    shop = shop_with_products
    cut = content_of(CASES / "merchant_rss.xml")[:900]
    said = [
        report(shop.run("import", str(shop.write("cut.xml", cut)))),
        report(shop.run("import", str(shop.write("page.xml", "<html/>")))),
        report(shop.run("import", "products", "none.xml", "--full")),
        report(shop.run("import", "orders", "x.csv")),
        report(shop.run("import", "customers", "x.csv", "--full")),
        report(shop.run("catalogue", "fetch")),
        report(shop.run("catalogue", "fetch", "now")),
    ]
    golden("golden/feed_wrong.txt", "\n".join(said))


def test_the_feed_is_fetched_by_hand_and_status_and_doctor_say_how_it_stands(
    shop_with_products: Shop, httpserver: HTTPServer
) -> None:
    shop, place = shop_with_products, f"127.0.0.1:{httpserver.port}"
    config = (shop.folder / "config.yaml").read_text(encoding="utf-8")
    more = f"\ncatalogue: {{feed: http://{place}/feed}}\negress: {{allow: [{place}]}}\n"
    shop.write("config.yaml", config + more)
    everything = [f"p{n}|Product {n}|{n + 1} EUR|in_stock" for n in range(10)]
    httpserver.expect_ordered_request("/feed").respond_with_data(merchant(*everything))
    httpserver.expect_ordered_request("/feed").respond_with_data(merchant(*everything[:3]))
    httpserver.expect_ordered_request("/feed").respond_with_data(merchant(*everything[:3]))
    httpserver.expect_ordered_request("/feed").respond_with_data("", 500)
    before = shop.run("doctor").out
    assert "no feed was taken yet" in before
    first = shop.run("catalogue", "fetch")
    assert first.code == 0
    assert "10 products, 0 refused" in first.out
    shop.go_to("2026-11-20T12:00:00+00:00")
    second = shop.run("catalogue", "fetch")
    assert second.code == 1
    assert "it has 3 products, and 10 came by the last one" in second.err
    status = shop.run("status").out
    assert "the feed was taken 2 hours ago" in status
    assert "half of them or more would go out of stock" in status
    doctor = shop.run("doctor")
    assert "FAIL  catalogue feed" in doctor.out
    assert "catalogue fetch --anyway" in doctor.out
    assert shop.run("catalogue", "fetch", "--anyway").code == 0
    state = json.loads(shop.run("catalogue", "--format", "json").out)
    assert (state["in_feed"], state["gone"], state["refused"]) == (3, 7, "")
    assert shop.run("catalogue", "fetch").code == 1
    assert "answered 500" in shop.run("status").out
    assert json.loads(shop.run("status", "--format", "json").out)["catalogue"]["failed"]
