"""Apps for tests: registered in one line, and connected to a company by somebody."""

from dataclasses import replace

from keygrove.management import app_review, apps, people
from keygrove.management.app_details import AppDetails, revision_of
from keygrove.management.apps import App, NewApp
from keygrove.management.companies import Company
from keygrove.management.context import OPERATOR, Actor, Management
from keygrove.management.record import record
from keygrove.protocol.authorization_grant import AuthorizationGrant
from keygrove.protocol.consent import Consent
from keygrove.protocol.grants.authorization_code import AuthorizationCode
from keygrove.protocol.scope import Scope
from keygrove.storage import consents, grants
from management.conftest import ANA

CALLBACK = "https://waves.example/callback"
WAVES = AppDetails(
    name="Waves Marketplace",
    permissions=("booking.read", "profile"),
    redirect_uris=(CALLBACK,),
    reasons={"booking.read": "Shows what was booked.", "profile": "Greets you."},
    description="Sells tours of many companies.",
    logo_uri="https://waves.example/logo.svg",
    policy_uri="https://waves.example/privacy#cookies",
    tos_uri="https://waves.example/terms",
    owner="Platform team",
    contact_email="apps@waves.example",
)


async def registered(
    m: Management,
    company: Company,
    details: AppDetails = WAVES,
    *,
    public: bool = False,
    form_token: str | None = None,
    actor: Actor = ANA,
) -> NewApp:
    """Register an app that runs on a server."""
    return await apps.register(m, actor, company.id, details, public=public, form_token=form_token)


async def live_app(m: Management, company: Company, name: str = "Waves Marketplace") -> App:
    """An app that was approved."""
    new = await registered(m, company, replace(WAVES, name=name))
    await app_review.submit(m, ANA, company.id, new.app.client_id)
    return await approved(m, new.app.client_id)


async def approved(m: Management, client_id: str) -> App:
    """An app after the operator looked at it and approved that."""
    revision = revision_of(await apps.of_operator(m, client_id))
    return await app_review.approve(m, OPERATOR, client_id, revision=revision)


async def not_told(m: Management, app: App, reason: str, *, attempts: int) -> None:
    """Write down that the app was not told of a sign-out."""
    keygrove = Actor(kind="system", id="keygrove", name="Keygrove", role="auditor")
    async with m.database.transaction() as tx:
        await record(
            tx,
            m,
            keygrove,
            "app.told_of_sign_out",
            target_id=app.client_id,
            company_id=app.company_id,
            outcome="failed",
            detail={"reason": reason, "attempts": attempts},
        )


async def connected(
    m: Management, company: Company, app: App, email: str = "bo@acme.example", *, number: int = 0
) -> str:
    """Let somebody connect the app to a company; the id of the grant, which has a refresh token."""
    person = await people.create(
        m, OPERATOR, company_id=company.id, email=email, password="a clearing in a forest", name="Bo"
    )
    grant = AuthorizationGrant(
        grant_id=f"kg_gr_{app.client_id}_{company.id}_{number}",
        client_id=app.client_id,
        subject=person.id,
        company_id=company.id,
        audience=app.audience,
        scope=Scope.of(("openid", "booking.read", "offline")),
        auth_time=m.now(),
        amr=("pwd",),
        acr=None,
        session_id="sid",
    )
    code = AuthorizationCode(grant=grant, redirect_uri=CALLBACK, code_challenge=None, expires_at=m.now() + 60)
    async with m.database.transaction() as tx:
        consent = Consent(person.id, company.id, frozenset(grant.scope.tokens))
        await consents.give(tx, consent, app.client_id, at_s=m.now())
        await grants.insert(
            tx,
            code,
            code_digest=f"digest of {grant.grant_id}",
            interaction_id=f"interaction of {grant.grant_id}",
            created_at_s=m.now(),
        )
        await grants.start_refresh(tx, grant.grant_id, at_s=m.now())
    return grant.grant_id
