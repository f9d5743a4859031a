"""The authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2): load, decide, commit, answer.

It is asked again after each thing that the person did. Until a code is made nothing is stored.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from keygrove.crypto.secrets import new_code, new_grant_id
from keygrove.endpoints.context import AuthorizationServer
from keygrove.endpoints.hints import read_hint
from keygrove.protocol.authorization import (
    AuthorizationRequest,
    ClaimedRequest,
    ErrorPage,
    ErrorRedirect,
    check_authorization_request,
    read_authorization_request,
)
from keygrove.protocol.client import Client
from keygrove.protocol.consent import (
    AskConsent,
    ChooseCompany,
    CompanyChoice,
    Consent,
    Deny,
    Explain,
    Facts,
    Grant,
    Interaction,
    SignedIn,
    SignIn,
    decide_authorization,
)
from keygrove.protocol.errors import InvalidRequest, OAuthError
from keygrove.protocol.message import Request
from keygrove.protocol.response_mode import FormPost, Redirection, ReturnAddress, send_code, send_error
from keygrove.storage import apps, clients, companies, consents, grants, journal, people, sessions
from keygrove.storage.apps import App
from keygrove.storage.database import Transaction

log = logging.getLogger("keygrove.authorization")
Note = Callable[[str, Consent], journal.Event]
Step = SignIn | ChooseCompany | AskConsent | Explain


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request of one browser, and what became of it so far.

    `interaction_id` is random and names it; `signed_in` is whose browser it is now. `note` writes the
    journal's line about a new consent to a client.
    """

    request: Request
    interaction_id: str
    signed_in: SignedIn | None
    done: Interaction
    note: Note


@dataclass(frozen=True, slots=True)
class Answered:
    """Send the browser back to the client."""

    answer: Redirection | FormPost


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Show a page to the person: why (`step`), which app of which maker asks, and what is known.

    `companies` are the names of the person's companies by id, `connected` those that the app is connected to.
    When the step is to choose one of them, `latest` is the one that the person let it in for last.
    When the step is to ask for consent, `audience` and `lifetime_s` are those of the API that is asked for,
    and `held` is all that somebody of the company allows the app already.
    """

    step: Step
    back: ReturnAddress
    app: App
    maker: str
    is_draft: bool
    login_hint: str = ""
    audience: str = ""
    lifetime_s: int = 0
    companies: Mapping[str, str] = field(default_factory=dict)
    connected: frozenset[str] = frozenset()
    latest: str | None = None
    held: frozenset[str] = frozenset()


class AlreadyAnswered(Exception):
    """This interaction ended in a code before; there is never a second one."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    facts: Facts
    companies: Mapping[str, str]


_NOTHING = _Loaded(Facts(signed_in=None, companies=()), {})


async def authorize(server: AuthorizationServer, attempt: Attempt) -> Answered | Shown:
    """What comes next: back to the client with a code or an error, or a page for the person.

    Raises ErrorPage when there is no client to be trusted with the error, AlreadyAnswered.
    """
    try:
        claimed = read_authorization_request(attempt.request)
        async with server.database.transaction() as tx:
            client = await clients.by_id(tx, claimed.client_id)
            try:
                outcome = await _decide(tx, server, attempt, claimed, client)
            except ErrorRedirect as error:
                if client is not None and _must_sign_in_first(attempt, claimed):
                    return await _show(tx, client, error.back, SignIn("no session"))
                if await _may_lead_away(tx, client, attempt.signed_in):
                    raise
                raise ErrorPage(error.error) from None
    except ErrorPage as error:
        _log_refusal(attempt, error.error)
        raise
    except ErrorRedirect as error:
        _log_refusal(attempt, error.error)
        return Answered(send_error(error.back, error.error, server.policy.issuer))
    return outcome


def _must_sign_in_first(attempt: Attempt, claimed: ClaimedRequest) -> bool:
    """Whether an error waits until somebody has signed in: nobody follows a link to us and ends up elsewhere
    before they did something (RFC 9700 §4.11.2). A silent request is the exception.
    """
    return attempt.signed_in is None and not attempt.done.cancelled and not claimed.is_silent


async def _may_lead_away(tx: Transaction, client: Client | None, person: SignedIn | None) -> bool:
    """Whether an error may lead to the app: nobody has looked at one that is not reviewed, so its errors lead
    only the people of its own company there (RFC 9700 §4.11.2).
    """
    if client is None or client.restricted_to is None:
        return True
    if person is None:
        return False
    theirs = await people.memberships(tx, person.subject)
    return any(membership.company.id == client.restricted_to for membership in theirs)


async def _decide(
    tx: Transaction,
    server: AuthorizationServer,
    attempt: Attempt,
    claimed: ClaimedRequest,
    client: Client | None,
) -> Answered | Shown:
    asked = check_authorization_request(claimed, client, server.policy)
    loaded = await _load(tx, server, attempt, asked)
    now = int(server.clock())
    decision = decide_authorization(asked, loaded.facts, now=now, grant_id=new_grant_id())
    if isinstance(decision, Deny):
        raise ErrorRedirect(decision.error, asked.back)
    if isinstance(decision, Grant):
        if not await sessions.hold(tx, decision.code.grant.session_id):
            # They signed out a moment ago, and apps were told: this one would never hear of it.
            return await _decide(tx, server, replace(attempt, signed_in=None), claimed, client)
        code = await _commit(tx, server, attempt, decision, now=now)
        return Answered(send_code(asked.back, code, server.policy.issuer))
    return await _show(tx, asked.client, asked.back, decision, asked=asked, loaded=loaded)


async def _load(
    tx: Transaction, server: AuthorizationServer, attempt: Attempt, asked: AuthorizationRequest
) -> _Loaded:
    """What the store knows of the person, their companies, and what they allow this app."""
    hint = await read_hint(tx, server, asked.id_token_hint)
    person, client = attempt.signed_in, asked.client
    if person is None:
        return _Loaded(Facts(signed_in=None, companies=(), hint=hint, interaction=attempt.done), {})
    allowed = await consents.of_person(tx, client.client_id, person.subject)
    mine = [
        (membership.company, membership.role)
        for membership in await people.memberships(tx, person.subject)
        if membership.company.suspended_at_s is None and client.restricted_to in (None, membership.company.id)
    ]
    choices = tuple(
        CompanyChoice(company.id, role == "admin", allowed.get(company.id, frozenset()))
        for company, role in mine
    )
    facts = Facts(signed_in=person, companies=choices, hint=hint, interaction=attempt.done)
    return _Loaded(facts, {company.id: company.name for company, _ in mine})


async def _commit(
    tx: Transaction, server: AuthorizationServer, attempt: Attempt, decision: Grant, *, now: int
) -> str:
    """Keep the grant and, if there is a new one, the consent. The code; only its digest is kept.

    Raises AlreadyAnswered, and nothing is kept then.
    """
    code, grant = new_code(), decision.code.grant
    added = await grants.insert(
        tx,
        decision.code,
        code_digest=server.digests.of("code", code.reveal()),
        interaction_id=attempt.interaction_id,
        created_at_s=now,
    )
    if not added:
        raise AlreadyAnswered
    if decision.consent is not None:
        await consents.give(tx, decision.consent, grant.client_id, at_s=now)
        await journal.append(tx, attempt.note(grant.client_id, decision.consent))
    log.info(
        "authorized",
        extra=_who(attempt)
        | {"client_id": grant.client_id, "company": grant.company_id, "grant": grant.grant_id},
    )
    return code.reveal()


async def _show(
    tx: Transaction,
    client: Client,
    back: ReturnAddress,
    step: Step,
    *,
    asked: AuthorizationRequest | None = None,
    loaded: _Loaded = _NOTHING,
) -> Shown:
    """What the page needs to say who asks; of a faulty request there is no more to know.

    Raises ErrorPage when the app was removed just now.
    """
    app = await apps.by_id(tx, client.client_id)
    if app is None:
        raise ErrorPage(InvalidRequest("The app that sent you here is not known.", detail="no such app"))
    maker = await companies.by_id(tx, app.company_id)
    held, latest = frozenset[str](), None
    if isinstance(step, AskConsent):
        held = await consents.of_company(tx, app.client_id, step.company_id)
    if isinstance(step, ChooseCompany) and loaded.facts.signed_in is not None:
        latest = await grants.latest_company(tx, app.client_id, loaded.facts.signed_in.subject)
    return Shown(
        step=step,
        back=back,
        app=app,
        maker=maker.name if maker is not None else "",
        is_draft=client.restricted_to is not None,
        login_hint=(asked.login_hint if asked is not None else None) or "",
        audience=asked.api.audience if asked is not None else "",
        lifetime_s=asked.api.lifetime_s if asked is not None else 0,
        companies=loaded.companies,
        connected=frozenset(choice.company_id for choice in loaded.facts.companies if choice.allowed),
        latest=latest,
        held=held,
    )


def _log_refusal(attempt: Attempt, error: OAuthError) -> None:
    log.info("authorization refused", extra=_who(attempt) | {"error": error.code, "reason": str(error)})


def _who(attempt: Attempt) -> dict[str, str]:
    return {"request_id": attempt.request.request_id, "ip": attempt.request.address}
