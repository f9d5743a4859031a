"""Links with which a person chooses another password."""

from keygrove.storage.migrations.statements import execute

revision = "0005"
down_revision = "0004"

STEPS = """
create table reset_links (
    person_id text primary key references people (person_id),
    token_digest text not null unique,
    expires_at_s bigint not null
) without rowid;
"""


def upgrade() -> None:
    """Expand; nothing that the version before reads is changed."""
    execute(STEPS)
