"""Every table is known to whoever hands out or forgets a person."""

from __future__ import annotations

from sqlmodel import SQLModel

from engine.store.persons.export import SECTIONS
from engine.store.persons.personal_data import OTHER_TABLES, PERSON_TABLES, SEARCHED_TABLES
from engine.store.schema import tables
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
    # its customer is only how far it has come
    found.discard("product_change")
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
