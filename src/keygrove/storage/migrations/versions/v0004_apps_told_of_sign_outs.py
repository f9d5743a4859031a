"""Apps that are still to be told of a sign-out, the session that took the place of an earlier one, and what
is read of the journal about an app that a company connected.
"""

from keygrove.storage.migrations.statements import execute

revision = "0004"
down_revision = "0003"

STEPS = """
alter table sessions add column succeeded_by text;
create index sessions_by_successor on sessions (succeeded_by);
create table logout_notices (
    sid text not null,
    client_id text not null references clients (client_id),
    person_id text not null,
    ended_at_s bigint not null,
    attempts bigint not null,
    due_at_s bigint not null,
    primary key (sid, client_id)
) without rowid;
create index logout_notices_by_client on logout_notices (client_id, due_at_s);
create index logout_notices_by_end on logout_notices (ended_at_s);
create table logout_pauses (
    client_id text primary key references clients (client_id),
    until_s bigint not null
) without rowid;
create index journal_of_connections on journal (company_id, target_id, at_us)
    where action in ('app.connected', 'app.disconnected');
create index journal_of_moves on journal (target_id, at_us)
    where action in ('app.suspended', 'app.resumed', 'app.removed');
create index journal_of_ends on journal (company_id, actor_id, at_us) where action = 'grant.revoked';
"""


def upgrade() -> None:
    """Expand; nothing that the version before reads is changed."""
    execute(STEPS)
