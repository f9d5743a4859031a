"""Many rows in one insert."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.storage.rows import batches

ONE = "insert into t (a, b) values ($1, $2) on conflict (a) do update set b = excluded.b"


def test_a_statement_has_places_for_its_rows() -> None:
    """Four rows and two values: eight places, and the rest of the statement as it was."""
    rows = [(f"a{number}", number) for number in range(4)]
    assert list(batches(ONE, rows)) == [
        (
            "insert into t (a, b) values ($1, $2), ($3, $4), ($5, $6), ($7, $8)"
            " on conflict (a) do update set b = excluded.b",
            ("a0", 0, "a1", 1, "a2", 2, "a3", 3),
        )
    ]


def test_a_driver_has_its_own_mark() -> None:
    """SQLite's numbered places begin with a question mark."""
    assert [sql for sql, _ in batches("insert into t values ($1, $2)", [(1, 2)], mark="?")] == [
        "insert into t values (?1, ?2)"
    ]


@given(st.integers(0, 1200))
def test_every_row_is_there_once_in_few_statements(number: int) -> None:
    """Whatever their number, rows keep their order, and their statements are of few kinds."""
    rows = [(str(each), each) for each in range(number)]
    made = list(batches(ONE, rows))
    values = [value for _, flat in made for value in flat]
    assert values == [value for row in rows for value in row]
    assert len(made) <= number // 256 + 7 + 7 + 3
    assert len(Counter(sql for sql, _ in made)) <= 4


@pytest.mark.parametrize("sql", ["insert into t values ($1)", "insert into t values ($1, $2) returning $3"])
def test_a_statement_that_is_no_insert_of_one_row_is_a_mistake(sql: str) -> None:
    """Its values must be those of a row, and stand nowhere else."""
    with pytest.raises(ValueError, match="exactly the values"):
        list(batches(sql, [(1, 2)]))
