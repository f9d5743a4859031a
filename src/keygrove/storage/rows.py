"""Many rows in one insert: a database that is asked once for hundreds of rows has little else to do.

On SQLite a statement for each row would also hand Python's one lock back and forth between the writer and
the event loop, once a row, which costs both of them more than the row does.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

from keygrove.storage.database import Value

# Few sizes make few statements, which the drivers keep prepared.
_SIZES = (256, 32, 4, 1)


def batches(
    sql: str, rows: Sequence[tuple[Value, ...]], *, mark: str = "$"
) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Statements that together insert all rows, each with its values.

    `sql` inserts one row, `values ($1, $2, …)`; `mark` is how the driver begins a placeholder.
    """
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            statement = _for_rows(sql, len(rows[at]), size, mark)
            yield statement, tuple(chain.from_iterable(rows[at : at + size]))
            at += size


@lru_cache(maxsize=128)
def _for_rows(sql: str, width: int, number: int, mark: str) -> str:
    one_row = _places(1, width, "$")
    before, found, after = sql.partition(one_row)
    if not found or "$" in before + after:
        raise ValueError(f"the statement has not exactly the values {one_row}")
    return before + ", ".join(_places(1 + at * width, width, mark) for at in range(number)) + after


def _places(first: int, width: int, mark: str) -> str:
    return f"({', '.join(f'{mark}{number}' for number in range(first, first + width))})"
