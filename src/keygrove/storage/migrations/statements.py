"""Executes the SQL of a step."""

from alembic import op

# SQLite keeps such a table in the index of its primary key: one search and one page less for each row read or
# written by key. PostgreSQL has nothing like it.
_BY_KEY = " without rowid"


def execute(steps: str) -> None:
    """Execute statements that are separated by semicolons."""
    on_sqlite = op.get_context().dialect.name == "sqlite"
    for statement in steps.split(";"):
        if statement.strip():
            op.execute(statement if on_sqlite else statement.removesuffix(_BY_KEY))
