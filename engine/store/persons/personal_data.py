"""Where personal data lies: every table of the store, and what an erasure does to it. A test walks the schema
and fails for a table that is named nowhere here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PersonTable:
    """A table with rows of single customers: `owner` (and mostly `bucket`) says whose. `blanked`: what an
    erasure sets in them; "" deletes them. `columns`: what an export shows; none: shown elsewhere, or derived
    from what is."""

    name: str
    columns: tuple[str, ...] = ()
    order: str = "1"
    owner: str = "customer"
    blanked: str = ""
    has_bucket: bool = True

    @property
    def whose(self) -> str:
        """The clause that finds rows of customers (`{ids}`) of a bucket; its parameters are
        `parameters`."""
        theirs = f"{self.owner} IN (SELECT j.value FROM {{ids}})"  # noqa: S608
        return f"bucket = ? AND {theirs}" if self.has_bucket else theirs

    def parameters(self, bucket: int, people: str) -> tuple[int | str, ...]:
        """Of `whose`; `people`: the parameter for `{ids}`."""
        return (bucket, people) if self.has_bucket else (people,)


PERSON_TABLES: tuple[PersonTable, ...] = (
    PersonTable("inbox", ("kind", "received_at", "body"), "number"),
    PersonTable("event"),
    PersonTable(
        "points_entry",
        ("entered_at", "at", "kind", "points", "about", "words"),
        "entered_at, at, cause, part",
    ),
    PersonTable(
        "credit",
        (
            "occurred_at", "order_key", "amount", "taken", "currency", "categories", "journey", "step",
            "channel",
        ),
        "occurred_at",
    ),
    PersonTable("order_return", ("occurred_at", "order_key", "amount", "currency"), "occurred_at"),
    PersonTable("enrollment"),
    PersonTable("due"),
    PersonTable("admission_member"),
    PersonTable("membership", ("segment", "entered_at", "left_at"), "entered_at, segment"),
    PersonTable("stuck", ("since", "why")),
    PersonTable("watch", ("product", "viewed_at", "cart_at", "wishlist_at", "bought_at"), "product"),
    PersonTable("consent", ("channel", "purpose", "state", "at", "source", "wording"), "number"),
    PersonTable("reaction", ("kind", "at", "target", "who", "send_key"), "number"),
    PersonTable("webhook_call", ("webhook", "state", "planned_at", "body", "detail"), "number"),
    PersonTable("report", ("channel", "kind", "at", "received_at", "send_key", "detail", "raw"), "number"),
    PersonTable("trace"),
    PersonTable(
        "outbox",
        (
            "send_key", "journey", "step", "template", "channel", "purpose", "state", "why", "planned_at",
            "due_at", "handed_at", "settled_at", "address", "body", "detail", "provider_id",
        ),
        "number",
    ),
    PersonTable("shown_product", ("send_key", "name", "place", "product", "source", "at"), "at, name, place"),
    # how many codes of a pool are given out and used is counted over these rows
    PersonTable(
        "code",
        ("pool", "value", "text", "journey", "taken_at", "expires_at", "used_at", "given_back_at"),
        "taken_at",
        blanked="customer = ''",  # and `enrollment`, by `erasure`
    ),
    PersonTable("code_request", ("pool", "asked_at"), "number"),
    PersonTable(
        "code_use",
        ("pool", "value", "at", "source", "order_id", "amount", "currency", "verdict"),
        "number",
        blanked="customer = '', order_id = ''",
        has_bucket=False,
    ),
    # last: what the others belong to is looked up in it
    PersonTable("customer", owner="id"),
)  # fmt: skip
"""In the order in which an erasure goes through them."""

SEARCHED_TABLES = (
    "alias", "anonymous",  # by the ids of the person
    "address", "destination", "conversation", "soft_bounce",  # by the keyed hashes of their addresses
    "receipt",  # by ids of their events that name them
    "refused_item", "alert", "alert_message", "trouble", "idempotent",  # by what their text holds
    "fact_definition", "product_change", "admission",  # by the last customer that work in pages has come to
)  # fmt: skip
"""Tables with something of a person in another form, which `erasure` finds in its own way each."""

OTHER_TABLES = {
    "suppression": "keyed hashes of addresses that get nothing more; they stay",
    "erasure": "keyed hashes of whom was erased; they stay",
    "allowance": "keyed hashes of who asked for something lately, gone after a day",
    "volume": "counts", "daily": "counts", "daily_domain": "counts by mailbox provider and country",
    "refusal": "counts", "learned": "figures over everybody",
    "one_off": "the text of a message, as an operator wrote it",
    "code_stock": "codes of files",
    "product": "the catalogue", "recommended_pair": "figures over everybody",
    "recommended_list": "figures over everybody",
    "product_price": "the catalogue", "product_stock": "the catalogue",
    "feed_product": "the catalogue",
    "deployment": "files of the project", "pause": "what an operator said", "api_key": "keys of programs",
    "meta": "facts about the database", "sweep": "how far a look at everybody has come",
    "worker": "processes", "leadership": "processes", "rate": "processes",
}  # fmt: skip
"""Tables without anything of a person, and why."""
