"""What the make-believe shop sells: sixty coffees, teas and machines, the same in every demo."""

from __future__ import annotations

import random
from dataclasses import dataclass

_COFFEES = (
    "Morning House", "Via Roma", "Slow Sunday", "Night Train", "First Frost", "Harbour", "Old Bridge",
    "Red Roof",
    "Little Bear", "Green Door", "North Wind", "Paper Boat", "Blue Hour", "Stone Oven", "Tin Roof",
    "Long Way Home",
    "Half Past Six", "Market Day", "Open Window", "Wild Plum", "Copper Kettle", "Quiet Street", "Two Rivers",
    "Low Tide",
    "Garden Wall", "High Valley", "Second Cup", "Good Neighbour", "Warm Rain", "Last Tram", "Decaf Moon",
    "Decaf Cloud",
    "Sampler of Five", "Coffee of the Month", "Winter Spice", "Summer Ice",
)  # fmt: skip
_TEAS = (
    "Mountain Green", "Earl of Nothing", "Linden Flower", "Rose Hip", "Black Forest", "White Morning",
    "Mint and More",
    "Ginger Root", "Rooibos Sun", "Jasmine Row", "Smoky Pine", "Sleepy Camomile",
)  # fmt: skip
_MACHINES = (
    ("Filter machine One", 89), ("Filter machine Two", 149), ("Espresso lever", 420), ("Espresso small", 210),
    ("Capsule press", 75), ("Hand grinder", 59), ("Electric grinder", 129), ("Milk frother", 35),
    ("Gooseneck kettle", 64),
    ("Pour-over set", 42), ("French press", 29), ("Scale with timer", 38),
)  # fmt: skip


@dataclass(slots=True)
class Product:
    """One thing on the shelf. `days`: how long a pack lasts; 0 for what is not used up."""

    id: str
    name: str
    category: str
    brew: str
    price: float
    stock: int
    days: int

    def fields(self) -> dict[str, object]:
        """What the catalogue of the engine holds about it."""
        return {
            "name": self.name, "price": self.price, "category": self.category, "brew": self.brew,
            "stock": self.stock,
            "in_stock": self.stock > 0, "url": f"https://shop.example/product/{self.id}",
        }  # fmt: skip

    def item(self, quantity: int = 1) -> dict[str, object]:
        """A line of a cart or an order."""
        return {
            "product_id": self.id, "sku": f"SKU-{self.id.upper()}", "name": self.name,
            "category": self.category,
            "quantity": quantity, "price": self.price,
        }  # fmt: skip


def make_products(seed: int) -> dict[str, Product]:
    """The catalogue by product id; prices and stock come from the seed."""
    dice = random.Random(f"{seed}/goods")
    products: list[Product] = []
    for name in _COFFEES:
        brew = dice.choice(("filter", "espresso", "espresso", "filter", "capsules"))
        products.append(
            Product(
                "",
                name,
                "coffee",
                brew,
                round(dice.uniform(8.5, 19.9), 1),
                dice.randint(8, 400),
                dice.randint(12, 30),
            )
        )
    products.extend(
        Product(
            "",
            name,
            "tea",
            "tea",
            round(dice.uniform(5.9, 14.9), 1),
            dice.randint(5, 200),
            dice.randint(25, 60),
        )
        for name in _TEAS
    )
    products.extend(
        Product(
            "", name, "machines", dice.choice(("filter", "espresso")), float(price), dice.randint(2, 30), 0
        )
        for name, price in _MACHINES
    )
    for number, product in enumerate(products, 1):
        product.id = f"p{number:02d}"
    return {product.id: product for product in products}


def choose_product(products: dict[str, Product], taste: str, brew: str, dice: random.Random) -> Product:
    """What somebody of this taste picks: mostly the own category, and the own way of brewing."""
    category = taste if dice.random() < 0.8 else dice.choice(("coffee", "coffee", "tea", "machines"))
    fitting = [product for product in products.values() if product.category == category and product.stock > 0]
    weights = [3.0 if product.brew == brew else 1.0 for product in fitting]
    return dice.choices(fitting, weights)[0]
