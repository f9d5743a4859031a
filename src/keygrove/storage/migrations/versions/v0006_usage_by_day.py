"""What keys did, by day: a row that holds counts and last use together."""

from keygrove.storage.migrations.statements import execute

revision = "0006"
down_revision = "0005"

STEPS = """
create table usage_days (
    day_s bigint not null,
    client_id text not null,
    issued bigint not null,
    refused bigint not null,
    last_used_at_s bigint not null,
    address text not null,
    user_agent text not null,
    primary key (day_s, client_id)
) without rowid;
insert into usage_days (day_s, client_id, issued, refused, last_used_at_s, address, user_agent)
    select hour_s - hour_s % 86400, client_id, sum(issued), sum(refused), 0, '', ''
    from usage_hours group by hour_s - hour_s % 86400, client_id;
"""


def upgrade() -> None:
    """Expand. `usage_hours` stays for the version before; what that adds from now on is not carried over."""
    execute(STEPS)
