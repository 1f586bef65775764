"""Every table is known to whoever hands out or forgets a person."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlmodel import AutoString, SQLModel

from engine.store.customers import address_index
from engine.store.customers.customer_codec import CustomerMarks, dump_marks
from engine.store.database import Store
from engine.store.meta import bucket_of, secret
from engine.store.persons import erasure
from engine.store.persons.export import SECTIONS
from engine.store.persons.personal_data import OTHER_TABLES, PERSON_TABLES, SEARCHED_TABLES
from engine.store.schema import tables
from engine.store.serialization import load
from engine.store.sql import rows
from engine.values import Instant
from tests.conftest import Golden

TABLES = {table.name: table for table in SQLModel.metadata.sorted_tables}
assert tables.CustomerRow.__tablename__ in TABLES


def test_every_table_says_what_an_erasure_does_to_it() -> None:
    named = [*(table.name for table in PERSON_TABLES), *SEARCHED_TABLES, *OTHER_TABLES]
    assert sorted(named) == sorted(TABLES)


def test_a_table_with_a_customer_in_it_belongs_to_them() -> None:
    owners = {table.name: table.owner for table in PERSON_TABLES}
    found = {
        name for name, table in TABLES.items() if "customer" in table.columns and name not in SEARCHED_TABLES
    }
    assert found <= owners.keys()


def test_what_is_shown_of_a_table_is_in_it() -> None:
    for table in PERSON_TABLES:
        columns = set(TABLES[table.name].columns.keys())
        assert {*table.columns, table.owner} <= columns, table.name
        assert bool(table.columns) == (table.name in SECTIONS), table.name


def test_every_column_says_whether_it_is_handed_out_and_what_an_erasure_leaves_of_it(golden: Golden) -> None:
    """Whoever adds a column decides: where rows are only blanked (`blanked`), and what an export shows
    (`columns`), in engine/store/persons/personal_data.py; then --update."""
    people = {table.name: table for table in PERSON_TABLES}
    lines = []
    for name, table in sorted(TABLES.items()):
        for column in (each.name for each in table.columns):
            if (person := people.get(name)) is None:
                fate = "searched" if name in SEARCHED_TABLES else "nobody's"
            else:
                stays = person.blanked and f"{column} = " not in person.blanked
                fate = "stays" if stays else "forgotten"
                if column in person.columns:
                    fate += ", shown"
            lines.append(f"{name}.{column}: {fate}")
    golden("golden/personal_data.txt", "\n".join(lines) + "\n")


CANARY, FORMER, ADDRESS = "CanaryBird-4711", "CanaryBird-visitor", "canarybird.post@private.example"
PLACES = {"fact_definition": "at_customer", "admission": "at_customer", "product_change": "customer"}
"""Where work in pages stands at the last customer that it has come to."""

NAMED = [name for name in SEARCHED_TABLES if name not in ("conversation", "soft_bounce")]
"""Tables with names or texts; the others have keyed hashes of addresses only."""

WORDS = {"kind": "earned", "channel": "email"}
"""What these columns hold are words of the engine and of the project, whoever it is about."""


def fill(conn: Connection) -> None:
    """A row of somebody in every table that may have one, with their name in each text that does not stay."""
    address_hash = address_index.index_hash(secret(conn), "email", ADDRESS)
    known = {
        "customer": {"id": CANARY, "zone": "UTC", "attributes": {"email": ADDRESS},
                     "reach": {"email": {"address": ADDRESS, "consents": {}}},
                     "marks": load(dump_marks(CustomerMarks(), CANARY))},
        "alias": {"alias": FORMER, "customer": CANARY, "at": 1},
        "anonymous": {"id": FORMER, "at": 1},
        "enrollment": {"outcome": None},
        "consent": {"state": "given"},
        "reaction": {"kind": "clicked", "who": "human"},
        "webhook_call": {"state": "planned"},
        "outbox": {"state": "planned"},
        "alert_message": {"state": "waiting"},
        "address": {"address_hash": address_hash},
        "destination": {"address_hash": address_hash},
    }  # fmt: skip
    stay = {table.name: table for table in PERSON_TABLES if table.blanked}
    for name in (*(table.name for table in PERSON_TABLES), *NAMED):
        row: dict[str, object] = {}
        for column in TABLES[name].columns:
            is_theirs = column.name == PLACES[name] if name in PLACES else True
            if name in stay:
                is_theirs = f"{column.name} = " in stay[name].blanked
            if isinstance(column.type, sa.JSON):
                row[column.name] = {"about": CANARY}
            elif isinstance(column.type, AutoString):
                row[column.name] = CANARY if is_theirs else "word"
            else:
                empty = False if isinstance(column.type, sa.Boolean) else 1
                row[column.name] = None if column.nullable else empty
            if column.name in ("bucket", "at_bucket"):
                row[column.name] = bucket_of(conn, CANARY)
        words = {column: word for column, word in WORDS.items() if column in row}
        conn.execute(sa.insert(TABLES[name]).values({**row, **words, **known.get(name, {})}))


def tables_with(conn: Connection, word: str) -> set[str]:
    found = set()
    for name, table in TABLES.items():
        cells = ", ".join(f'CAST("{column.name}" AS TEXT)' for column in table.columns)
        texts = rows(conn, f'SELECT {cells} FROM "{name}"')
        if any(word.lower() in str(cell).lower() for row in texts for cell in row):
            found.add(name)
    return found


def test_an_erasure_leaves_nothing_of_somebody_in_any_table(store: Store) -> None:
    store.write(fill)
    with store.read() as conn:
        assert tables_with(conn, "CanaryBird") == {*(table.name for table in PERSON_TABLES), *NAMED}
    store.write(lambda conn: erasure.erase(conn, [CANARY], Instant(5)))
    with store.read() as conn:
        assert tables_with(conn, "CanaryBird") == set()
