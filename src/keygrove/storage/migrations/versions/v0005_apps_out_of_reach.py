"""Apps that nobody reaches are left alone for a while, and what waits is found by its app."""

from keygrove.storage.migrations.statements import execute

revision = "0005"
down_revision = "0004"

STEPS = """
create table logout_pauses (
    client_id text primary key references clients (client_id),
    until_s bigint not null
) without rowid;
create index logout_notices_by_client on logout_notices (client_id, due_at_s);
drop index logout_notices_by_due;
"""


def upgrade() -> None:
    """Expand; the version before does without the index that goes."""
    execute(STEPS)
