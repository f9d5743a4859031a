"""RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0): whether to ask, and where to go."""

from dataclasses import dataclass, field
from typing import Literal

from keygrove.protocol.authorization import MAX_STATE_BYTES
from keygrove.protocol.claims import HintedPerson
from keygrove.protocol.client import Client
from keygrove.protocol.errors import InvalidRedirectUri
from keygrove.protocol.message import Request, read_query_or_form
from keygrove.protocol.redirect import check_redirect_uri
from keygrove.protocol.response_mode import add_to_query

# What is wrong with a request: its hint is no ID token of ours for this client, or its URI is not registered.
Flaw = Literal["hint", "uri"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """A request to sign out (§2). Nothing in it is believed yet."""

    id_token_hint: str | None = field(repr=False)
    client_id: str | None
    post_logout_redirect_uri: str | None
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutFacts:
    """What is known: who is signed in here, whom the verified hint means, and the client of the hint.

    `subject` and `session_id` are None when nobody is signed in. `confirmed` is true when the person
    has just said, on our page, that they want to sign out.
    """

    subject: str | None
    session_id: str | None
    hint: HintedPerson | None
    client: Client | None
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class AskWhether:
    """Ask whether they want to sign out. `location` is where a yes will lead; None is a page of ours.

    With a `flaw` the page is an error page first, and a yes leads nowhere else.
    """

    location: str | None
    flaw: Flaw | None = None


@dataclass(frozen=True, slots=True)
class EndSession:
    """End the session, if there is one, at the server; then go there, or say on a page that it is done.

    And the one that `hinted` names, where that has only grown too old to be used. It was open still for apps.
    """

    location: str | None
    hinted: HintedPerson | None


def read_logout_request(request: Request) -> LogoutRequest:
    """Read the parameters, of a GET or a POST (§2). Raises InvalidRequest, which is told on a page."""
    parameters = read_query_or_form(request)
    parameters.refuse_repeats(except_for=frozenset())
    return LogoutRequest(
        id_token_hint=parameters.one("id_token_hint"),
        client_id=parameters.one("client_id"),
        post_logout_redirect_uri=parameters.one("post_logout_redirect_uri"),
        state=parameters.one("state"),
    )


def decide_logout(asked: LogoutRequest, facts: LogoutFacts) -> AskWhether | EndSession:
    """Decide what a request to sign out leads to.

    Only a hint of this very session proves that the client whose session it is has sent it; else any
    page could sign people out, so they are asked (§2). So they are when the request is flawed: they learn
    that it does not lead where the client wants. Nobody signed in is signed out already, but other clients
    may know of the session still.
    """
    client = _client_of_hint(asked, facts)
    flaw = _flaw(asked, client)
    location = _where_to(asked, facts, client)
    hint = facts.hint if client is not None else None
    proved = hint is not None and (hint.subject, hint.session_id) == (facts.subject, facts.session_id)
    if facts.subject is None or facts.confirmed or (proved and flaw is None):
        return EndSession(location, hint)
    return AskWhether(location, flaw)


def _flaw(asked: LogoutRequest, client: Client | None) -> Flaw | None:
    if client is None:
        return None if asked.id_token_hint is None else "hint"
    uri = asked.post_logout_redirect_uri
    return None if uri is None or uri in client.post_logout_redirect_uris else "uri"


def _client_of_hint(asked: LogoutRequest, facts: LogoutFacts) -> Client | None:
    """The client that the hint was made for; None when `client_id` was sent and is another's (§2)."""
    hint, client = facts.hint, facts.client
    if hint is None or client is None or hint.client_id != client.client_id:
        return None
    return client if asked.client_id in (None, client.client_id) else None


def _where_to(asked: LogoutRequest, facts: LogoutFacts, client: Client | None) -> str | None:
    """The registered URI that was asked for, with `state`; None when it may not be gone to (§3).

    That needs a hint which is about whoever is signed in, for without it anybody could send people
    anywhere in the client's name.
    """
    uri = asked.post_logout_redirect_uri
    if uri is None or client is None or not client.enabled or uri not in client.post_logout_redirect_uris:
        return None
    if facts.hint is None or facts.subject not in (None, facts.hint.subject):
        return None
    if client.restricted_to is not None and facts.subject is None:
        # Nobody has looked at an app that is not reviewed: it leads no stranger anywhere (RFC 9700 §4.11.2).
        return None
    try:
        check_redirect_uri(uri, client.application_type)
    except InvalidRedirectUri:
        return None
    if asked.state is None or len(asked.state.encode()) > MAX_STATE_BYTES:
        return uri
    return add_to_query(uri, {"state": asked.state})
