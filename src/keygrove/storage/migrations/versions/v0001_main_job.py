"""Companies, people, clients, signing keys, sessions and the journal."""

from keygrove.storage.migrations.statements import execute

revision = "0001"
down_revision = None

TABLES = """
create table companies (
    company_id text primary key,
    slug text not null unique,
    name text not null,
    created_at_s bigint not null,
    suspended_at_s bigint
);
create table people (
    person_id text primary key,
    email text not null,
    email_key text not null unique,
    name text not null,
    password_hash text not null,
    created_at_s bigint not null,
    disabled_at_s bigint
);
create table members (
    person_id text not null references people (person_id),
    company_id text not null references companies (company_id),
    role text not null,
    created_at_s bigint not null,
    primary key (person_id, company_id)
);
create table clients (
    client_id text primary key,
    company_id text not null references companies (company_id),
    client_name text not null,
    name_key text not null,
    secret_digest text not null,
    grant_types text not null,
    scope text not null,
    audience text not null,
    created_at_s bigint not null,
    created_by text not null,
    updated_at_s bigint not null,
    removed_at_s bigint
) without rowid;
create unique index clients_by_name on clients (company_id, name_key) where removed_at_s is null;
create table creations (
    form_token_digest text primary key,
    client_id text not null,
    created_at_s bigint not null
);
create table signing_keys (
    kid text primary key,
    algorithm text not null,
    public_jwk text not null,
    private_sealed text not null,
    created_at_s bigint not null
);
create table sessions (
    session_digest text primary key,
    person_id text not null references people (person_id),
    created_at_s bigint not null,
    seen_at_s bigint not null,
    confirmed_at_s bigint not null,
    ended_at_s bigint,
    address text not null,
    user_agent text not null
);
create index sessions_by_person on sessions (person_id);
create table sign_in_attempts (
    attempt_id text primary key,
    account text not null,
    address text not null,
    at_s bigint not null,
    succeeded_at_s bigint
);
create index sign_in_attempts_by_account on sign_in_attempts (account, at_s);
create index sign_in_attempts_by_address on sign_in_attempts (address, at_s);
create index sign_in_attempts_by_time on sign_in_attempts (at_s);
create table setup_links (
    token_digest text primary key,
    expires_at_s bigint not null,
    used_at_s bigint
);
create table journal (
    event_id text primary key,
    at_us bigint not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text not null,
    company_id text,
    action text not null,
    target_id text not null,
    outcome text not null,
    detail text not null,
    address text not null,
    request_id text not null
);
create index journal_by_company on journal (company_id, at_us);
create index journal_by_target on journal (target_id, at_us);
"""


def upgrade() -> None:
    """Create the tables."""
    execute(TABLES)
