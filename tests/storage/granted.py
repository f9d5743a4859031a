"""Two companies, an admin, an app, and a grant, as the tests of what people granted begin."""

from dataclasses import replace

from keygrove.protocol.authorization_grant import AuthorizationGrant
from keygrove.protocol.consent import Consent
from keygrove.protocol.grants.authorization_code import AuthorizationCode
from keygrove.protocol.scope import Scope
from keygrove.storage import apps, companies, consents, grants, people, sessions
from keygrove.storage.apps import App
from keygrove.storage.companies import Company
from keygrove.storage.database import Database
from keygrove.storage.people import Person
from keygrove.storage.sessions import StoredSession

ACME = Company(id="a" * 32, slug="acme", name="Acme", created_at_s=1)
MAKER = Company(id="b" * 32, slug="maker", name="Maker", created_at_s=2)
ANA = Person(id="kg_pe_1", email="ana@acme.example", name="Ana", created_at_s=3)
BEA = Person(id="kg_pe_2", email="bea@acme.example", name="Bea", created_at_s=3)
APP = App(
    client_id="app1",
    company_id=MAKER.id,
    name="Marketplace",
    description="Lists your events.",
    audience="https://api.example",
    scope=Scope(("event.read", "offline")),
    optional_scope=Scope(("booking.read",)),
    reasons={"event.read": "To list them. “Ünïcode”"},
    application_type="web",
    require_pkce=False,
    redirect_uris=("https://app.example/cb", "https://app.example/other"),
    post_logout_redirect_uris=("https://app.example/bye",),
    backchannel_logout_uri="https://app.example/logout",
    logo_uri="https://app.example/logo.png",
    policy_uri="https://app.example/privacy",
    tos_uri="https://app.example/terms",
    owner="Mia",
    contact_email="mia@maker.example",
    state="live",
    state_changed_at_s=20,
    submitted_at_s=15,
    verified_at_s=20,
    created_at_s=10,
    created_by="Mia",
    updated_at_s=11,
)
NATIVE = replace(
    APP,
    client_id="app2",
    name="Pocket",
    optional_scope=Scope(),
    application_type="native",
    public=True,
    require_pkce=True,
    redirect_uris=("com.example.app:/cb",),
    post_logout_redirect_uris=(),
    backchannel_logout_uri=None,
    logo_uri=None,
    policy_uri=None,
    tos_uri=None,
    state="draft",
    submitted_at_s=None,
    verified_at_s=None,
)
GRANT = AuthorizationGrant(
    grant_id="g1",
    client_id=APP.client_id,
    subject=ANA.id,
    company_id=ACME.id,
    audience=APP.audience,
    scope=Scope(("openid", "event.read", "offline")),
    auth_time=50,
    amr=("pwd", "otp"),
    acr="1",
    session_id="sid1",
    nonce="n1",
    id_token_claims=frozenset({"email", "name"}),
    userinfo_claims=frozenset({"email"}),
)
CODE = AuthorizationCode(
    grant=GRANT, redirect_uri="https://app.example/cb", code_challenge="challenge", expires_at=160
)
CONSENT = Consent(ANA.id, ACME.id, frozenset({"openid", "event.read", "offline"}))


def code_of(
    grant_id: str,
    *,
    client_id: str = APP.client_id,
    subject: str = ANA.id,
    company_id: str = ACME.id,
    session_id: str = "sid1",
) -> AuthorizationCode:
    """Another grant with a code of its own."""
    grant = replace(
        GRANT,
        grant_id=grant_id,
        client_id=client_id,
        subject=subject,
        company_id=company_id,
        session_id=session_id,
    )
    return replace(CODE, grant=grant)


async def add_companies_people_and_apps(database: Database) -> None:
    """What a grant refers to: the app is connected by Ana for Acme."""
    async with database.transaction() as tx:
        assert await companies.insert(tx, ACME)
        assert await companies.insert(tx, MAKER)
        for person in (ANA, BEA):
            assert await people.insert(tx, person, email_key=person.email, password_hash="$argon2id$x")
            await people.add_member(tx, person.id, ACME.id, role="admin", at_s=4)
        for app in (APP, NATIVE):
            digest = "" if app.public else "d"
            assert await apps.insert(tx, app, name_key=app.name.casefold(), secret_digest=digest)
        await consents.give(tx, CONSENT, APP.client_id, at_s=90)


async def add_grant(database: Database, code: AuthorizationCode = CODE, *, created_at_s: int = 100) -> bool:
    """Add a grant whose code's digest and interaction are named after it."""
    name = code.grant.grant_id
    async with database.transaction() as tx:
        return await grants.insert(
            tx, code, code_digest=f"code of {name}", interaction_id=f"i of {name}", created_at_s=created_at_s
        )


async def add_session(database: Database, sid: str, *, person: Person = ANA, at_s: int = 95) -> str:
    """A session that apps know as `sid`; the digest of its token."""
    session = StoredSession(
        digest=f"session {sid}",
        person=person,
        created_at_s=at_s,
        seen_at_s=at_s,
        confirmed_at_s=at_s,
        sid=sid,
    )
    async with database.transaction() as tx:
        await sessions.insert(tx, session, address="127.0.0.1", user_agent="Browser")
    return session.digest
