"""Apps, what people consent to, what they granted, and APIs that may introspect tokens."""

from keygrove.storage.migrations.statements import execute

revision = "0003"
down_revision = "0002"

# The columns of `grants` that change with every refresh are in no index: PostgreSQL then writes the new row
# into the page of the old one, and a family of ten thousand refresh tokens takes the room of one.
STEPS = """
alter table clients add column application_type text;
alter table clients add column token_endpoint_auth_method text;
alter table clients add column require_pkce text;
alter table clients add column redirect_uris text;
alter table clients add column post_logout_redirect_uris text;
alter table clients add column backchannel_logout_uri text;
alter table clients add column jwks text;
alter table clients add column optional_scope text;
alter table sessions add column sid text;
create unique index sessions_by_sid on sessions (sid);
alter table people add column password_changed_at_s bigint;
alter table people add column updated_at_s bigint;
create table apps (
    client_id text primary key references clients (client_id),
    company_id text not null references companies (company_id),
    description text not null,
    logo_uri text,
    policy_uri text,
    tos_uri text,
    owner text not null,
    contact_email text not null,
    reasons text not null,
    state text not null,
    state_changed_at_s bigint not null,
    submitted_at_s bigint,
    verified_at_s bigint
);
create index apps_by_company on apps (company_id);
create table consents (
    client_id text not null references clients (client_id),
    company_id text not null references companies (company_id),
    person_id text not null references people (person_id),
    scope text not null,
    given_at_s bigint not null,
    changed_at_s bigint not null,
    primary key (client_id, company_id, person_id)
) without rowid;
create index consents_by_company on consents (company_id, client_id);
create index consents_by_person on consents (person_id, client_id);
create table grants (
    grant_id text primary key,
    client_id text not null references clients (client_id),
    person_id text not null references people (person_id),
    company_id text not null references companies (company_id),
    audience text not null,
    scope text not null,
    auth_time_s bigint not null,
    amr text not null,
    acr text,
    sid text not null,
    nonce text,
    id_token_claims text not null,
    userinfo_claims text not null,
    created_at_s bigint not null,
    revoked_at_s bigint,
    code_digest text not null unique,
    code_redirect_uri text not null,
    code_challenge text,
    code_expires_at_s bigint not null,
    code_spent_at_s bigint,
    interaction_id text not null unique,
    refresh_generation bigint not null default 0,
    refreshed_at_s bigint,
    used_at_s bigint
);
create index grants_by_company on grants (company_id, client_id);
create index grants_by_person on grants (person_id);
create index grants_by_session on grants (sid);
create index grants_by_time on grants (created_at_s);
create table api_credentials (
    client_id text primary key,
    audience text not null,
    secret_digest text not null,
    name text not null,
    created_at_s bigint not null,
    removed_at_s bigint
);
"""


def upgrade() -> None:
    """Expand; nothing that the version before reads is changed."""
    execute(STEPS)
