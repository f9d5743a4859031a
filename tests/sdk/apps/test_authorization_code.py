"""The authorization code flow of an app, against an issuer on a real socket."""

import time
from base64 import urlsafe_b64encode
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import pytest

from keygrove.protocol.pkce import proves
from keygrove.sdk import http
from keygrove.sdk.authorization_code import AuthorizationCodeFlow
from keygrove.sdk.pending import LIFE_S, Answer, AuthorizationFailed, AuthorizationRefused, Pending
from keygrove.sdk.steps import HttpAnswer, HttpRequest, Unreachable
from keygrove.sdk.token_endpoint import TokenError
from sdk.app_issuer import (
    APP,
    CALLBACK,
    SCOPES,
    SECRET,
    AppIssuer,
    Refusal,
    connect,
    flow_at,
    running_app_issuer,
)
from sdk.issuer import COMPANY

# Starting: RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1


def test_the_url_asks_for_all_that_was_configured(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """And for nothing that was not; the challenge is S256 of a verifier that stays here."""
    started = flow.start()
    base, _, query = started.url.partition("?")
    assert base == f"{issuer.url}/oauth2/auth"
    asked = dict(parse_qsl(query, strict_parsing=True))
    pending = Pending.load(started.pending)
    assert asked == {
        "response_type": "code",
        "client_id": APP,
        "redirect_uri": CALLBACK,
        "scope": "openid offline marketing.read",
        "audience": "https://api.understory.io",
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": asked["code_challenge"],
        "code_challenge_method": "S256",
    }
    assert proves(pending.code_verifier, asked["code_challenge"])
    assert pending.code_verifier not in started.url


def test_wishes_are_passed_on(flow: AuthorizationCodeFlow) -> None:
    """As they are, whatever they contain."""
    url = flow.start(prompt="login consent", login_hint="ana+b&c@acme.example", max_age_s=0).url
    asked = parse_qs(urlsplit(url).query)
    assert asked["prompt"] == ["login consent"]
    assert asked["login_hint"] == ["ana+b&c@acme.example"]
    assert asked["max_age"] == ["0"]
    assert "+" not in url


def test_nothing_is_the_same_twice(flow: AuthorizationCodeFlow) -> None:
    """State, nonce and verifier are random, 32 bytes or more."""
    first, second = (Pending.load(flow.start().pending) for _ in range(2))
    for name in ("state", "nonce", "code_verifier"):
        assert getattr(first, name) != getattr(second, name)
        assert len(getattr(first, name)) >= 43


def test_an_endpoint_with_a_query_keeps_it(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """RFC 6749 §3.1."""
    issuer.metadata["authorization_endpoint"] = f"{issuer.url}/auth?tenant=a"
    assert flow.start().url.startswith(f"{issuer.url}/auth?tenant=a&response_type=code&")


def test_no_nonce_without_openid(issuer: AppIssuer) -> None:
    """It would be of no use."""
    assert "nonce=" not in flow_at(issuer, scopes=["marketing.read"]).start().url


@pytest.mark.parametrize("wrong", [None, 5, "http://auth.example.com/auth", "javascript:alert(1)"])
def test_nobody_is_sent_to_an_unsafe_place(
    wrong: object, issuer: AppIssuer, flow: AuthorizationCodeFlow
) -> None:
    """Whatever the metadata says."""
    issuer.metadata["authorization_endpoint"] = wrong
    with pytest.raises(TokenError, match="no usable authorization_endpoint"):
        flow.start()


def test_an_issuer_that_is_gone_is_an_error() -> None:
    """Said in words."""
    flow = AuthorizationCodeFlow(issuer="http://127.0.0.1:1", client_id="a", redirect_uri=CALLBACK)
    with pytest.raises(TokenError, match="the issuer cannot be reached"):
        flow.start()


# The answer: RFC 6749 §4.1.2, RFC 9207, RFC 9700 §4.4 and §4.5


def test_a_code_becomes_a_connection(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """By the request of RFC 6749 §4.1.3 with the verifier of RFC 7636 §4.5."""
    started = flow.start()
    pending = Pending.load(started.pending)
    before = time.time()
    connection = flow.callback(issuer.allow(started.url), started.pending)
    assert issuer.forms == [
        {
            "grant_type": "authorization_code",
            "code": "code-1",
            "redirect_uri": CALLBACK,
            "code_verifier": pending.code_verifier,
            "client_id": APP,
            "client_secret": SECRET,
        }
    ]
    assert (connection.access_token, connection.refresh_token) == ("access-1", "refresh-1")
    assert connection.scopes == SCOPES
    assert connection.company_id == COMPANY
    assert before + 3599 <= connection.expires_at_s <= time.time() + 3599


@pytest.mark.parametrize("form", ["query", "question", "url", "fields"])
def test_the_answer_is_read_in_any_form(form: str, issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """As the framework at hand gives it; the empty fragment of an answer does no harm."""
    started = flow.start()
    query = issuer.allow(started.url)
    answers: dict[str, Answer] = {
        "query": query,
        "question": f"?{query}",
        "url": f"{CALLBACK}?kept=1&{query}#",
        "fields": parse_qsl(query),
    }
    assert flow.callback(answers[form], started.pending).company_id == COMPANY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": None}, "state"),
        ({"state": ""}, "state"),
        ({"state": "another"}, "state"),
        ({"state": "\u00e9"}, "state"),
        ({"iss": None}, "iss"),
        ({"iss": ""}, "iss"),
        ({"iss": "https://attacker.example"}, "iss"),
        ({"code": None}, "neither a code nor an error"),
        ({"code": ""}, "neither a code nor an error"),
        ({"error": "access_denied", "state": "another"}, "state"),
        ({"error": "access_denied", "iss": "https://attacker.example"}, "iss"),
    ],
)
def test_a22_an_answer_from_elsewhere_is_refused(
    changes: dict[str, str | None], reason: str, issuer: AppIssuer, flow: AuthorizationCodeFlow
) -> None:
    """And its code is shown to nobody (RFC 9700 §4.4, §4.7)."""
    started = flow.start()
    with pytest.raises(AuthorizationFailed, match=reason) as caught:
        flow.callback(issuer.allow(started.url, **changes), started.pending)
    assert type(caught.value) is AuthorizationFailed
    assert issuer.forms == []


def test_a22_answers_of_two_issuers_swapped_are_refused(
    issuer: AppIssuer, flow: AuthorizationCodeFlow
) -> None:
    """The attacker's issuer learns no code of the honest one (RFC 9207 §1)."""
    with running_app_issuer() as attacker:
        theirs = flow_at(attacker)
        started = theirs.start()
        answer = attacker.allow(started.url, iss=issuer.url)
        with pytest.raises(AuthorizationFailed, match="iss"):
            theirs.callback(answer, started.pending)
        with pytest.raises(AuthorizationFailed, match="with another issuer"):
            flow.callback(answer, started.pending)
        assert attacker.forms == issuer.forms == []


def test_iss_may_be_left_out_where_it_is_not_announced(
    issuer: AppIssuer, flow: AuthorizationCodeFlow
) -> None:
    """RFC 9207 §2.4; one that is there is compared all the same."""
    del issuer.metadata["authorization_response_iss_parameter_supported"]
    started = flow.start()
    assert flow.callback(issuer.allow(started.url, iss=None), started.pending).company_id == COMPANY
    started = flow.start()
    with pytest.raises(AuthorizationFailed, match="iss"):
        flow.callback(issuer.allow(started.url, iss="https://other.example"), started.pending)


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
def test_a_repeated_parameter_is_refused(name: str, issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """One reading only of an answer."""
    started = flow.start()
    answer = f"{issuer.allow(started.url)}&{name}=a&{name}=b"
    for form in (answer, parse_qsl(answer)):
        with pytest.raises(AuthorizationFailed, match="twice"):
            flow.callback(form, started.pending)
    assert issuer.forms == []


def test_a_mapping_is_a_mistake(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """It hides what came twice, and which of them the framework took; a file is no parameter."""
    started = flow.start()
    pairs = parse_qsl(issuer.allow(started.url))
    with pytest.raises(TypeError, match="repeated"):
        flow.callback(dict(pairs), started.pending)  # type: ignore[arg-type]
    with pytest.raises(AuthorizationFailed, match="no text"):
        flow.callback([*pairs, ("file", b"x")], started.pending)  # type: ignore[list-item]


def test_too_many_parameters_are_refused(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """Nothing is read without end."""
    started = flow.start()
    many = "&".join(f"p{number}=" for number in range(1000))
    with pytest.raises(AuthorizationFailed, match="too many"):
        flow.callback(f"{issuer.allow(started.url)}&{many}", started.pending)


@pytest.mark.parametrize("before", ["", "?", f"{CALLBACK}?", "/callback;a=1?"])
def test_a_question_mark_may_stand_in_a_query(before: str, flow: AuthorizationCodeFlow) -> None:
    """RFC 3986 §3.4: what comes before it is read too, and may come once only."""
    started = flow.start()
    pending = Pending.load(started.pending)
    state, iss = pending.state, quote(pending.issuer, safe="")
    answer = f"{before}error=access_denied&error_description=Sure?&state={state}&iss={iss}"
    with pytest.raises(AuthorizationRefused, match=r"^access_denied: Sure\?$"):
        flow.callback(answer, started.pending)
    with pytest.raises(AuthorizationFailed, match="twice"):
        flow.callback(f"{before}state=x&error_description=Sure?&state={state}&iss={iss}", started.pending)


def test_a_refusal_is_told_with_its_words(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """RFC 6749 §4.1.2.1, fit for one line of a log."""
    started = flow.start()
    answer = issuer.allow(
        started.url, code=None, error="access_denied", error_description="No,\nthanks.\x1b[31m"
    )
    with pytest.raises(AuthorizationRefused) as caught:
        flow.callback(answer, started.pending)
    assert caught.value.error == "access_denied"
    assert str(caught.value) == "access_denied: No,?thanks.?[31m"


@pytest.mark.parametrize(
    "pending",
    [
        None,
        "",
        "x",
        "é",
        "[" * 9000,
        urlsafe_b64encode(b"[]").decode(),
        urlsafe_b64encode(b"{}").decode(),
        urlsafe_b64encode(
            b'{"issuer":1,"client_id":"","redirect_uri":"","scope":"","started_at_s":1}'
        ).decode(),
        urlsafe_b64encode(
            b'{"issuer":"","client_id":"","redirect_uri":"","scope":"","started_at_s":"now"}'
        ).decode(),
    ],
)
def test_without_a_sign_in_under_way_nothing_happens(
    pending: str | None, issuer: AppIssuer, flow: AuthorizationCodeFlow
) -> None:
    """An answer that comes by itself, or to a session that is gone (RFC 9700 §4.7)."""
    with pytest.raises(AuthorizationFailed, match="under way"):
        flow.callback(issuer.allow(flow.start().url), pending)
    assert issuer.forms == []


def test_p18_a_code_of_somebody_else_gives_nothing(issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """Injected with the right state, it stops at PKCE (RFC 9700 §4.5)."""
    victims, attackers = flow.start(), flow.start()
    stolen = dict(parse_qsl(issuer.allow(victims.url)))["code"]
    with pytest.raises(TokenError) as caught:
        flow.callback(issuer.allow(attackers.url, code=stolen), attackers.pending)
    assert caught.value.error == "invalid_grant"


def test_a_sign_in_does_not_stay_open_for_ever(issuer: AppIssuer) -> None:
    """An hour, by the app's clock."""
    now = [time.time()]
    flow = flow_at(issuer, now=lambda: now[0])
    started = flow.start()
    now[0] += LIFE_S + 1
    with pytest.raises(AuthorizationFailed, match="took too long"):
        flow.callback(issuer.allow(started.url), started.pending)


@pytest.mark.parametrize("status", [502, 503, 429])
def test_a_code_is_presented_once(status: int, issuer: AppIssuer, flow: AuthorizationCodeFlow) -> None:
    """Whatever becomes of the answer: the second time would end what the first gave (RFC 6749 §4.1.2)."""
    issuer.queue = [Refusal(status, headers={"Retry-After": "0"})]
    with pytest.raises(TokenError) as caught:
        connect(flow, issuer)
    assert caught.value.status == status
    assert len(issuer.forms) == 1


def test_a_code_whose_answer_is_lost_is_not_presented_again(issuer: AppIssuer) -> None:
    """Also when nobody knows whether it arrived."""
    presented: list[bytes | None] = []

    def lose(request: HttpRequest) -> HttpAnswer:
        if request.method == "GET":
            return http.fetch(request)
        presented.append(request.body)
        raise Unreachable("no answer in time")

    with pytest.raises(TokenError, match="no answer in time"):
        connect(flow_at(issuer, fetch=lose), issuer)
    assert len(presented) == 1


def test_credentials_go_where_they_are_taken(issuer: AppIssuer) -> None:
    """RFC 6749 §2.3.1: in the body, or by Basic where nothing else is taken; none of a public client."""
    connect(flow_at(issuer), issuer)
    assert issuer.forms[-1]["client_secret"] == SECRET
    assert issuer.authorizations[-1] is None
    issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_basic", "none"]
    flow = flow_at(issuer)
    assert connect(flow, issuer).company_id == COMPANY
    assert "client_secret" not in issuer.forms[-1]
    assert issuer.authorizations[-1]
    public = flow_at(issuer, client_secret="")
    with pytest.raises(TokenError, match="invalid_client"):
        connect(public, issuer)
    assert issuer.forms[-1]["client_id"] == APP
    assert "client_secret" not in issuer.forms[-1]
    assert issuer.authorizations[-1] is None


# Settings


def test_the_environment_is_enough() -> None:
    """For a public client without a secret; what is missing is named."""
    environment = {"KEYGROVE_ISSUER": "https://auth.example.com", "KEYGROVE_CLIENT_ID": APP}
    assert APP in repr(AuthorizationCodeFlow.from_environment(redirect_uri=CALLBACK, environment=environment))
    with pytest.raises(ValueError, match="KEYGROVE_ISSUER, KEYGROVE_CLIENT_ID"):
        AuthorizationCodeFlow.from_environment(redirect_uri=CALLBACK, environment={})


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": ""},
        {"redirect_uri": ""},
        {"scopes": []},
        {"issuer": "http://auth.example.com"},
        {"algorithms": ["HS256"]},
        {"algorithms": []},
    ],
)
def test_incomplete_or_unsafe_settings_are_a_mistake(wrong: dict[str, object]) -> None:
    """Said at construction."""
    settings: dict[str, object] = {
        "issuer": "https://auth.example.com",
        "client_id": APP,
        "redirect_uri": CALLBACK,
    }
    with pytest.raises(ValueError, match=r"needed|must be"):
        AuthorizationCodeFlow(**(settings | wrong))  # type: ignore[arg-type]
