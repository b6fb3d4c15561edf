"""What COPY is given says what stands in the cells, whatever that is."""

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from baotu import landing
from baotu.readers.reading import Block
from tests.conftest import WarehouseServer

cells = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "零售",
            '"',
            '""',
            "\t",
            "\n",
            "\r",
            "a\rb",
            "\r\n",
            "\\",
            "\\N",
            "\\.",
            "\n\\.\n",
            " ",
            ",",
            "'",
            "NULL",
        ]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
)
parts = st.sampled_from(["", "Sheet1", 'a"b', "p\t"])
row = st.tuples(cells, cells)
extras = st.dictionaries(cells, cells, max_size=2)
blocks = st.one_of(
    st.builds(lambda part, rows: (part, rows, ()), parts, st.lists(row, min_size=1, max_size=4)),
    st.builds(
        lambda part, both: (part, [r for r, _ in both], [e for _, e in both]),
        parts, st.lists(st.tuples(row, extras), min_size=1, max_size=4),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def database(warehouse_server: WarehouseServer) -> str:
    url = warehouse_server.new_database("copied")
    with psycopg.connect(url) as connection:
        connection.execute("create schema raw")
        connection.execute(
            "create table raw.odd (part text not null, delivery_id bigint, row_no bigint, file_row bigint,"
            " a text, b text, extra jsonb)"
        )
    return url


@given(st.lists(blocks, min_size=1, max_size=3))
@effort(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cells_arrive_as_they_are(database: str, said: list[tuple[str, list[tuple[str, str]], Any]]) -> None:
    made = [Block(part, range(2, 2 + len(rows)), rows, held) for part, rows, held in said]
    reading: Any = SimpleNamespace(columns=["a", "b"], blocks=lambda: iter(made))
    source: Any = SimpleNamespace(id="odd")
    with psycopg.connect(database) as connection:
        connection.execute("truncate raw.odd")
        assert landing._copy(connection, source, 7, reading) == sum(len(block.rows) for block in made)
        found = connection.execute("select part, delivery_id, file_row, a, b, extra from raw.odd order by row_no")
        assert found.fetchall() == [
            (block.part, 7, number, a or None, b or None, extra or None)
            for block in made
            for number, (a, b), extra in zip(block.file_rows, block.rows, block.extras or [{}] * 4, strict=False)
        ]
