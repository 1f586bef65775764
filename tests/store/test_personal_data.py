"""Every table is known to whoever hands out or forgets a person."""

from __future__ import annotations

from sqlmodel import SQLModel

from engine.store.persons.personal_data import OTHER_TABLES, PERSON_TABLES, SEARCHED_TABLES
from engine.store.schema import tables

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
    # its customer is only how far it has come
    found.discard("product_change")
    assert found <= owners.keys()


def test_what_is_shown_of_a_table_is_in_it() -> None:
    for table in PERSON_TABLES:
        columns = set(TABLES[table.name].columns.keys())
        assert {*table.columns, table.owner} <= columns, table.name
