"""Rotating signing keys, use of keys, and failed authentications, shared by every node."""

from keygrove.storage.migrations.statements import execute

revision = "0002"
down_revision = "0001"

STEPS = """
alter table signing_keys add column generation bigint not null default 1;
alter table signing_keys add column signs_from_s bigint not null default 0;
alter table signing_keys add column revoked_at_s bigint;
create unique index signing_keys_by_generation on signing_keys (algorithm, generation);
create table key_use (
    client_id text primary key,
    last_used_at_s bigint not null,
    address text not null,
    user_agent text not null
) without rowid;
create table usage_hours (
    client_id text not null,
    hour_s bigint not null,
    issued bigint not null,
    refused bigint not null,
    primary key (client_id, hour_s)
) without rowid;
create index usage_hours_by_hour on usage_hours (hour_s);
create table turns (
    name text primary key,
    taken_at_s bigint not null
);
create index turns_by_time on turns (taken_at_s);
create index sessions_by_end on sessions (created_at_s);
create index creations_by_time on creations (created_at_s);
create table failures (
    bucket text not null,
    minute_s bigint not null,
    number bigint not null,
    primary key (bucket, minute_s)
);
create index failures_by_minute on failures (minute_s);
"""


def upgrade() -> None:
    """Expand; nothing that the version before reads is changed."""
    execute(STEPS)
