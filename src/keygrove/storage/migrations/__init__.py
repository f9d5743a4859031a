"""The tables, one Alembic step per file in `versions/`: expand first, contract a version later.

The SQL is plain enough that every supported database accepts the same text.
"""
