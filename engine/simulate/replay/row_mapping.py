"""The mapping of a file of rows for `import`: which columns are the customer, the moment, the attributes, the
fields of an event (docs/import.md). The words are those of the mapping of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.language import nodes
from engine.language.grammar import Construct, Key, TextPattern
from engine.language.map_reader import MapReader, ReadContext
from engine.language.yaml.source import read
from engine.problem import Problem
from engine.simulate.replay.mapping import CURRENCY, RULES, FieldNames, StreamReader
from engine.simulate.replay.mapping_words import Check, Getter, check, getter

STATES = ("withdrawn", "given", "asked", "none")
"""Of a consent, in the order in which they are asked: where a row says both, the no counts."""

_DATES = TextPattern(
    r"(day|month|year)([./-])(day|month|year)\2(day|month|year)", "is not an order of a date",
    "31.12.2024 is day.month.year, 12/31/2024 is month/day/year", "write  day.month.year", "E93",
)  # fmt: skip
_DELIMITER = TextPattern(r".|tab", "is not a delimiter", "it is one character", 'write  ";"  or  tab', "E93")
_FIELDS = "{total: order_total}"

FILE = Construct(
    "file",
    "the form of a file",
    (
        Key("encoding", "text", "how it was saved, where nothing in it says so", example="cp1252"),
        Key("delimiter", "text", "what stands between two cells", example='";"', pattern=_DELIMITER),
        Key("dates", "text", "the order of a date", example="day.month.year", pattern=_DATES),
        Key("decimal", "choice", "what stands before the cents", choices=("point", "comma")),
        Key("timezone", "text", "of times without one; left out: the project's", example="Europe/Berlin"),
        Key("group", "text", "the column that is equal in rows that belong together", example="order_number"),
    ),
    "How a file was written",
)  # fmt: skip
CONSENT = Construct(
    "consent rule",
    "the mapping of a consent",
    (
        *(Key(state, "free", f"which rows say {state}", example="{accepts_email: yes}") for state in STATES),
        Key("purpose", "text", "what they agreed to", example="marketing"),
        Key("when", "any", "where it says when", example="optin_time"),
        Key("where", "any", "where they agreed", example="always Mailchimp"),
        Key("text", "any", "the words that they agreed to", example="optin_text"),
    ),
    "What rows say about a consent",
)
CUSTOMERS = Construct(
    "customer rows",
    "the mapping of customers",
    (
        Key("id", "any", "the customer; left out or empty: whoever has the e-mail, else the phone",
            example="customer_id"),
        Key("at", "any", "where it says since when all of this is so", example="updated_at"),
        Key("where", "free", "only rows whose columns have these values", example="{state: enabled}"),
        Key("fields", "free", "attributes and addresses, and where they come from",
            example="{email: email_address}"),
        Key("consent", "free", "by channel", example="{email: {given: {accepts_email: yes}}}"),
    ),
    "What each row says about a customer",
)  # fmt: skip
EVENT = Construct(
    "event rows",
    "the mapping of an event",
    (
        Key("id", "any", "what tells it from others, so that it counts once", example="order_number"),
        Key("customer_id", "any", "whose it is", example="customer_id"),
        Key("email", "any", "whose it is, where no id says so", example="email"),
        Key("phone", "any", "whose it is, where neither says so", example="phone"),
        Key("at", "any", "where it says when", needed=True, example="created_at",
            why="what came later decides otherwise"),
        Key("where", "free", "only rows whose columns have these values", example="{status: paid}"),
        Key("fields", "free", "our fields, and where their values come from", example=_FIELDS),
        Key("customer", "free", "what it tells about the customer", example="{country: country_code}"),
        Key("consent", "free", "by channel", example="{email: {given: {accepts_email: yes}}}"),
    ),
    "One event of ours that a row gives",
)  # fmt: skip
PRODUCTS = Construct(
    "product rows",
    "the mapping of products",
    (
        Key("id", "any", "the product", needed=True, example="sku",
            why="without it nobody knows which product it is"),
        Key("where", "free", "only rows whose columns have these values", example="{status: active}"),
        Key("fields", "free", "our fields, and where their values come from", example="{price: amount}"),
    ),
    "What each row says about a product",
)  # fmt: skip
ROWS = Construct(
    "row mapping",
    "a mapping of rows",
    (
        Key("file", "block", "how the file was written", of=FILE, example="{decimal: comma}"),
        Key("currency", "text", "of amounts that come without one", example="EUR", pattern=CURRENCY),
        Key("customers", "block", "what rows say about customers", of=CUSTOMERS,
            example="{fields: {email: email}}"),
        Key("events", "free", "our events, and the rows that give them",
            example="{order_placed: {at: created_at}}"),
        Key("products", "block", "what rows say about products", of=PRODUCTS, example="{id: sku}"),
    ),
    "What the rows of a file are here",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file was written. `dates`: the order of the parts and the sign between them, () for ISO 8601
    alone; `group`: rows with the same value in this column, one after the other, are one."""

    encoding: str | None = None
    delimiter: str | None = None
    dates: tuple[str, ...] = ()
    decimal: str = "point"
    timezone: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ConsentRule:
    """`states`: (state, what must be so) in the order in which they are asked. `proof`: our name and where
    its value comes from."""

    channel: str
    states: tuple[tuple[str, tuple[Check, ...]], ...]
    purpose: str | None
    proof: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class CustomerRows:
    """What rows say about customers."""

    id: Getter | None
    at: Getter | None
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]
    consents: tuple[ConsentRule, ...]


@dataclass(frozen=True, slots=True)
class EventRows:
    """An event of ours that rows give. `whose`: by id, e-mail, phone."""

    name: str
    id: Getter | None
    whose: tuple[Getter | None, Getter | None, Getter | None]
    at: Getter
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]
    about: CustomerRows | None


@dataclass(frozen=True, slots=True)
class ProductRows:
    """What rows say about products."""

    id: Getter
    where: tuple[Check, ...]
    fields: tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class RowMapping:
    """The whole file."""

    form: FileForm = field(default_factory=FileForm)
    currency: str | None = None
    customers: CustomerRows | None = None
    events: tuple[EventRows, ...] = ()
    products: ProductRows | None = None


def read_row_mapping(
    text: str | bytes, file: str, names: FieldNames, unknown: list[str] | None = None
) -> tuple[RowMapping | None, list[Problem]]:
    """The mapping in `text`, or None with every problem in it. `unknown`: takes the names of fields and
    channels that the project does not have, which are then no problem but left out: for a mapping that was
    written for every shop."""
    root, problems = read(text, file)
    if root is None:
        return None, problems
    context = ReadContext(RULES, problems)
    reader = context.block(root, ROWS, nodes.Scalar("a mapping", root.span, plain=True), example="{}")
    rows = _RowReader(context, names)
    rows.unknown = unknown
    mapping = rows.read_rows(reader) if reader else None
    return (None if any(problem.is_error for problem in problems) else mapping), problems


class _RowReader(StreamReader):
    """Reads the rules of one file against the names that the project knows."""

    def read_rows(self, reader: MapReader) -> RowMapping:
        customers, products = reader.block("customers"), reader.block("products")
        currency = reader.text("currency")
        return RowMapping(
            _form(reader.block("file")),
            currency.value if currency else None,
            self._customers(customers, "fields") if customers else None,
            tuple(rule for entry in reader.entries("events") if (rule := self._event_rows(entry))),
            self._products(products) if products else None,
        )

    def _customers(self, reader: MapReader, fields: str) -> CustomerRows:
        about = self._fields(reader, fields, self._names.attributes, "a customer attribute")
        consents = tuple(rule for entry in reader.entries("consent") if (rule := self._consent(entry)))
        has_own_id = fields == "fields"
        return CustomerRows(
            self._optional(reader, "id") if has_own_id else None,
            self._optional(reader, "at"),
            self._folded(reader, "where"),
            about,
            consents,
        )

    def _event_rows(self, entry: nodes.Entry) -> EventRows | None:
        reader = self._context.block(entry.value, EVENT, entry.key, example="{at: created_at}")
        if reader is None:
            return None
        event = self._event(entry.key.whole())
        at = self._optional(reader, "at")
        says_more = "customer" in reader or "consent" in reader
        return EventRows(
            event,
            self._optional(reader, "id"),
            (self._optional(reader, "customer_id"), self._optional(reader, "email"),
             self._optional(reader, "phone")),
            at or (lambda _: None),
            self._folded(reader, "where"),
            self._fields(reader, "fields", self._names.events.get(event), f'a field of "{event}"'),
            self._customers(reader, "customer") if says_more else None,
        )  # fmt: skip

    def _products(self, reader: MapReader) -> ProductRows | None:
        product = self._optional(reader, "id")
        fields = self._fields(reader, "fields", self._names.product, "a product field")
        return ProductRows(product, self._folded(reader, "where"), fields) if product else None

    def _consent(self, entry: nodes.Entry) -> ConsentRule | None:
        known = [
            name.removeprefix("consent.") for name in self._names.attributes if name.startswith("consent.")
        ]
        if entry.key.text not in known:
            if self.unknown is not None:
                self.unknown.append(f"consent.{entry.key.text}")
                return None
            self._context.wrong(
                entry.key, "is not a channel of config.yaml", f"there are: {', '.join(known)}",
                "name one of them", "E91",
            )  # fmt: skip
        reader = self._context.block(entry.value, CONSENT, entry.key, example="{given: {accepts_email: yes}}")
        if reader is None:
            return None
        purpose = reader.text("purpose")
        return ConsentRule(
            entry.key.text,
            tuple((state, self._folded(reader, state)) for state in STATES if state in reader),
            purpose.value if purpose else None,
            tuple((name, get) for name in ("when", "where", "text") if (get := self._optional(reader, name))),
        )

    def _optional(self, reader: MapReader, key: str) -> Getter | None:
        if key not in {known.name for known in reader.construct.keys}:
            return None
        node = reader.node(key)
        return None if node is None else self._getter(node)

    def _folded(self, reader: MapReader, key: str) -> tuple[Check, ...]:
        """Checks of cells: `Yes`, `YES` and `yes` are one word in a spreadsheet."""
        checks: list[Check] = []
        for entry in reader.entries(key):
            words = self._context.texts(entry.value, entry.key.text)
            get = getter(entry.key.text) or (lambda _: None)
            checks.append(check(_casefolded(get), tuple(word.value.casefold() for word in words)))
        return tuple(checks)


def _casefolded(get: Getter) -> Getter:
    def folded(cells: dict[str, object]) -> object:
        value = get(cells)
        return value.casefold() if isinstance(value, str) else value

    return folded  # type: ignore[return-value]  # a getter takes any mapping


def _form(reader: MapReader | None) -> FileForm:
    if reader is None:
        return FileForm()
    said = {key.name: text.value for key in FILE.keys
            if key.kind == "text" and (text := reader.text(key.name)) is not None}  # fmt: skip
    decimal, dates = reader.choice("decimal"), said.get("dates")
    sign = next((sign for sign in "./-" if dates and sign in dates), "")
    delimiter = said.get("delimiter")
    return FileForm(
        said.get("encoding"),
        "\t" if delimiter == "tab" else delimiter,
        (*dates.split(sign), sign) if dates and sign else (),
        decimal.value if decimal else "point",
        said.get("timezone"),
        said.get("group"),
    )
