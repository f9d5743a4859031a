"""What comes next at the authorization endpoint: a page, an error or a code (OIDC Core §3.1.2.3, §3.1.2.4).

The same question is asked anew, of facts looked up anew, each time the person has done something.
What they did since the request came is a fact like any other (`Interaction`), so nothing that a page
or another tab remembers can count twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from keygrove.protocol.authorization import AuthorizationRequest
from keygrove.protocol.authorization_grant import AuthorizationGrant, spelled_both_ways
from keygrove.protocol.claims import CLOCKS_DIFFER_S, HintedPerson
from keygrove.protocol.errors import (
    AccessDenied,
    AccountSelectionRequired,
    ConsentRequired,
    InteractionRequired,
    InvalidRequest,
    LoginRequired,
    OAuthError,
    UnmetAuthenticationRequirements,
)
from keygrove.protocol.grants.authorization_code import CODE_LIFETIME_S, AuthorizationCode
from keygrove.protocol.scope import Scope

Reason = Literal[
    "no session", "asked to", "too long ago", "choose an account", "another account", "sensitive scope"
]
SENSITIVE_WITHIN_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """The person whose browser it is. `session_id` is public (`sid`).

    `auth_time` is when they signed in, `proved_at` when they last proved who they are, in epoch seconds.
    """

    subject: str
    auth_time: int
    proved_at: int
    amr: tuple[str, ...]
    acr: str | None
    session_id: str


@dataclass(frozen=True, slots=True)
class CompanyChoice:
    """An active company of that person: whether their role may connect apps, and what they allow this one."""

    company_id: str
    may_grant: bool
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person allows this client for a company, beside what they allowed it before."""

    subject: str
    company_id: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """What the person did since this request came: signed in, chose an account or company, allowed, left.

    `signed_in` and `chose_account` hold the id of the session that did it: what one session did counts
    for no other.
    """

    signed_in: str | None = None
    chose_account: str | None = None
    company_id: str | None = None
    allowed: Consent | None = None
    cancelled: bool = False


NOTHING_YET = Interaction()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store and the browser know. `hint` is None when there is none, or none that is ours."""

    signed_in: SignedIn | None
    companies: tuple[CompanyChoice, ...]
    hint: HintedPerson | None = None
    interaction: Interaction = NOTHING_YET


@dataclass(frozen=True, slots=True)
class SignIn:
    """Show the sign-in page. For "choose an account" the present one can be kept without a password."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class ChooseCompany:
    """Ask for which of these companies it is."""

    company_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskConsent:
    """Ask whether the client may have `scope` for the company; `new` is what this person does not allow yet.

    Of the new ones the person may leave the `optional` ones out, and allow the rest.
    """

    company_id: str
    scope: Scope
    new: tuple[str, ...]
    optional: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Deny:
    """Send this error to the client."""

    error: OAuthError


@dataclass(frozen=True, slots=True)
class Explain:
    """Tell the person why it cannot be; the page's way back to the client carries the error."""

    error: OAuthError


@dataclass(frozen=True, slots=True)
class Grant:
    """Make a code with this content, and remember the consent if there is a new one; one commit."""

    code: AuthorizationCode
    consent: Consent | None


Decision = SignIn | ChooseCompany | AskConsent | Deny | Explain | Grant


def decide_authorization(asked: AuthorizationRequest, facts: Facts, *, now: int, grant_id: str) -> Decision:
    """Decide what comes next. `now` is in epoch seconds, `grant_id` a fresh random id. Raises nothing."""
    try:
        if facts.interaction.cancelled:
            raise AccessDenied("The person said no.")
        _check_hint(asked, facts.hint)
        person = facts.signed_in
        if person is None:
            return _sign_in(asked, "no session")
        reason = _reason_to_sign_in(asked, facts, person, now)
        if reason is not None:
            return _sign_in(asked, reason)
        if asked.claims.acr and person.acr not in asked.claims.acr:
            raise UnmetAuthenticationRequirements("The person cannot sign in the way that is asked for.")
        return _ask_or_grant(asked, facts, person, now=now, grant_id=grant_id)
    except OAuthError as error:
        return Deny(error)


def _check_hint(asked: AuthorizationRequest, hint: HintedPerson | None) -> None:
    """Raise InvalidRequest when an `id_token_hint` is no ID token that we made for this client."""
    if asked.id_token_hint is not None and (hint is None or hint.client_id != asked.client.client_id):
        raise InvalidRequest("id_token_hint is not an ID token of this client.")


def _sign_in(asked: AuthorizationRequest, reason: Reason) -> SignIn:
    """Show the sign-in page. Raises LoginRequired when no page may be shown."""
    if asked.is_silent:
        raise LoginRequired("The person must sign in.", detail=reason)
    return SignIn(reason)


def _reason_to_sign_in(
    asked: AuthorizationRequest, facts: Facts, person: SignedIn, now: int
) -> Reason | None:
    """Why this person must sign in anew, or another; None when not.

    Raises LoginRequired when they did and it did not help.
    """
    done, max_age_s = facts.interaction, asked.max_age_s
    just_signed_in = done.signed_in == person.session_id
    if not just_signed_in:
        if "login" in asked.prompt:
            return "asked to"
        # Zero means now, even within the second of the sign-in (OIDC Core §3.1.2.1).
        # A sign-in dated ahead, by a clock that was wrong, would count for longer than was asked.
        if max_age_s is not None and (
            max_age_s == 0 or not -CLOCKS_DIFFER_S <= now - person.auth_time <= max_age_s
        ):
            return "too long ago"
        if "select_account" in asked.prompt and done.chose_account != person.session_id:
            return "choose an account"
    wanted = {asked.claims.subject, facts.hint.subject if facts.hint else None} - {None}
    if wanted <= {person.subject}:
        return None
    if just_signed_in:
        raise LoginRequired("Somebody else is signed in.")
    return "another account"


def _ask_or_grant(
    asked: AuthorizationRequest, facts: Facts, person: SignedIn, *, now: int, grant_id: str
) -> Decision:
    """For whom and what, once it is known who."""
    open_to = {choice.company_id: choice for choice in facts.companies if choice.may_grant}
    if not open_to:
        if asked.is_silent:
            raise InteractionRequired("The person may not connect apps to a company.")
        return Explain(AccessDenied("The person may not connect apps to a company."))
    choice = _choose(asked, facts, open_to)
    if choice is None:
        if asked.is_silent:
            raise AccountSelectionRequired("The person must choose a company.")
        return ChooseCompany(tuple(open_to))
    given = _given_now(asked, facts.interaction, person, choice)
    question = _question(asked, choice) if given is None else None
    if question is not None and asked.is_silent:
        # Also where a sign-in is missing: to most clients login_required says that the person left.
        raise ConsentRequired("The person must allow it.")
    at_stake = _at_stake(choice, given, question)
    if at_stake & asked.api.sensitive and not _proved_lately(facts.interaction, person, now):
        return _sign_in(asked, "sensitive scope")
    if question is not None:
        return question
    allowed = choice.allowed if given is None else given.scopes
    code = AuthorizationCode(
        grant=_grant(asked, person, choice.company_id, allowed, grant_id),
        redirect_uri=asked.back.redirect_uri.uri,
        code_challenge=asked.code_challenge,
        expires_at=now + CODE_LIFETIME_S,
    )
    return Grant(code, given)


def _choose(
    asked: AuthorizationRequest, facts: Facts, open_to: Mapping[str, CompanyChoice]
) -> CompanyChoice | None:
    """The company it is for; None when the person must say."""
    if facts.interaction.company_id is not None:
        return open_to.get(facts.interaction.company_id)
    if facts.hint is not None and facts.hint.company_id is not None and "select_account" not in asked.prompt:
        return open_to.get(facts.hint.company_id)
    choices = list(open_to.values())
    if asked.is_silent and len(choices) > 1:
        needed = frozenset(_needed(asked).tokens)
        choices = [choice for choice in choices if needed <= spelled_both_ways(choice.allowed)]
    return choices[0] if len(choices) == 1 else None


def _given_now(
    asked: AuthorizationRequest, done: Interaction, person: SignedIn, choice: CompanyChoice
) -> Consent | None:
    """The consent as it is from now on, if this person has just allowed what is needed for this company."""
    given = done.allowed
    if given is None or (given.subject, given.company_id) != (person.subject, choice.company_id):
        return None
    allowed = frozenset(asked.to_be_allowed().within(spelled_both_ways(given.scopes)).tokens)
    if _needed(asked).beyond(spelled_both_ways(allowed)) or not _of_those(asked, allowed):
        return None
    # Just that: what was allowed before may have been taken back since the page was shown.
    return Consent(person.subject, choice.company_id, allowed)


def _at_stake(choice: CompanyChoice, given: Consent | None, question: AskConsent | None) -> frozenset[str]:
    """What the client would come to have that this person does not allow it yet."""
    if given is not None:
        return given.scopes - choice.allowed
    return frozenset(question.new) if question is not None else frozenset()


def _proved_lately(done: Interaction, person: SignedIn, now: int) -> bool:
    """Whether it is surely this person who is asked. One who signed in for this request is not sent back."""
    return done.signed_in == person.session_id or now - person.proved_at <= SENSITIVE_WITHIN_S


def _question(asked: AuthorizationRequest, choice: CompanyChoice) -> AskConsent | None:
    """What to ask; None when what is needed was allowed earlier and need not be asked again.

    What is optional and was left out is asked again together with something else, or by `prompt=consent`.
    """
    scope, allowed = asked.to_be_allowed(), spelled_both_ways(choice.allowed)
    new = scope.beyond(allowed)
    # Any program can pose as a public client that is not reached by https (RFC 8252 §8.6).
    may_be_an_impostor = asked.client.public and not asked.back.redirect_uri.is_claimed
    is_missing = bool(_needed(asked).beyond(allowed)) or not _of_those(asked, allowed)
    if is_missing or "consent" in asked.prompt or may_be_an_impostor:
        optional = frozenset(new) - frozenset(_needed(asked).tokens)
        return AskConsent(choice.company_id, scope, new, optional)
    return None


def _needed(asked: AuthorizationRequest) -> Scope:
    """What the client cannot do without: all that is to be allowed but its optional scope (RFC 6749 §3.3)."""
    optional = frozenset(asked.client.optional_scope.tokens)
    return Scope(asked.to_be_allowed().beyond(optional))


def _of_those(asked: AuthorizationRequest, allowed: frozenset[str]) -> Scope:
    """The scope asked for, as far as it is allowed."""
    return asked.scope.within(spelled_both_ways(allowed))


def _grant(
    asked: AuthorizationRequest, person: SignedIn, company_id: str, allowed: frozenset[str], grant_id: str
) -> AuthorizationGrant:
    return AuthorizationGrant(
        grant_id=grant_id,
        client_id=asked.client.client_id,
        subject=person.subject,
        company_id=company_id,
        audience=asked.api.audience,
        scope=_of_those(asked, allowed),
        auth_time=person.auth_time,
        amr=person.amr,
        acr=person.acr,
        session_id=person.session_id,
        nonce=asked.nonce,
        id_token_claims=asked.claims.id_token,
        userinfo_claims=asked.claims.userinfo,
    )
