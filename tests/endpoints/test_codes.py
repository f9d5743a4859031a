"""The authorization code grant at a running server: RFC 6749 §4.1.3, RFC 7636 §4.6, OIDC Core §3.1.3."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from endpoints.asking import FORM, Asker, refused, refused_client
from endpoints.connecting import (
    SCOPE,
    TOKEN,
    Connection,
    challenge_of,
    claims_in,
    connect_app,
    refused_grant,
    tokens,
)
from endpoints.neighbor import ask_neighbor
from hostile_rules import Rules
from keygrove.crypto.secrets import new_code
from keygrove.protocol.claims import at_hash
from stores import everything_in, store_at


@pytest.fixture
def app(rules: Rules) -> Connection:
    """A confidential app, connected."""
    return connect_app(rules)


@pytest.fixture
def public(rules: Rules) -> Connection:
    """A public app, connected."""
    return connect_app(rules, public=True)


def test_a_code_becomes_tokens(app: Connection) -> None:
    """These members, in the reference's order, of the person and the company (RFC 6749 §4.1.4)."""
    code = app.new_code()
    members = tokens(app.redeem(code))
    assert list(members) == ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"]
    assert members["scope"] == SCOPE
    claims = claims_in(members["access_token"])
    assert (claims["sub"], claims["client_id"]) == (app.person.id, app.app.client_id)
    assert (claims["company_id"], claims["grant_id"]) == (app.company_id, code.grant.grant_id)


def test_a_public_app_redeems_with_its_verifier_alone(public: Connection) -> None:
    """RFC 6749 §3.2.1, RFC 9700 §2.1.1."""
    assert tokens(public.redeem(public.new_code()))["refresh_token"].startswith("kg_rt_")


def test_b13_an_app_proves_itself_as_it_is_registered(app: Connection, public: Connection) -> None:
    """A public one sends no secret, a confidential one sends it; nothing is spent by trying."""
    for connection, wrong in [(app, None), (app, "kg_sk_wrong"), (public, "kg_sk_wrong")]:
        code = connection.new_code()
        refused_client(connection.redeem(code, client_secret=wrong))
        assert tokens(connection.redeem(code))


def test_p01_a_code_comes_back(app: Connection) -> None:
    """The second time it is refused, and what the first time gave is worth nothing any more."""
    code = app.new_code()
    members = tokens(app.redeem(code))
    assert app.userinfo(members["access_token"]).status_code == 200
    refused_grant(app.redeem(code))
    assert app.userinfo(members["access_token"]).status_code == 401
    refused_grant(app.refresh(members["refresh_token"]))
    assert app.is_revoked(code.grant.grant_id)


def assert_one_got_it(statuses: list[int]) -> None:
    """One tokens, the others a refusal; a slow machine may be too busy for some of so many."""
    assert len(statuses) == 50
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 503}


def test_p02_fifty_at_once(app: Connection) -> None:
    """One succeeds, on one node and on two."""
    code = app.new_code()
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: app.redeem(code), range(50)))
    assert_one_got_it([answer.status_code for answer in answers])
    code = app.new_code()
    form = app.form_of(code)
    with ThreadPoolExecutor(26) as pool:
        elsewhere = pool.submit(ask_neighbor, app.server, form, 25)
        here = list(pool.map(lambda _: app.redeem(code).status_code, range(25)))
    assert_one_got_it(here + [answer.status for answer in elsewhere.result()])


def test_p03_the_code_of_another_app(app: Connection, rules: Rules) -> None:
    """It is refused, and its own app still redeems it."""
    code, thief = app.new_code(), connect_app(rules)
    refused_grant(thief.redeem(code))
    assert tokens(app.redeem(code))
    refused_grant(thief.redeem(code))
    assert not app.is_revoked(code.grant.grant_id)


def test_p05_a_code_ends_after_a_minute(app: Connection) -> None:
    """Its own app may be slow: nothing is revoked."""
    code = app.new_code(expires_in_s=-1)
    refused_grant(app.redeem(code))
    assert not app.is_revoked(code.grant.grant_id)


def test_p07_a_verifier_without_a_challenge(app: Connection) -> None:
    """The challenge may have been cut out of the request (RFC 9700 §4.8.2)."""
    refused_grant(app.redeem(app.new_code(pkce=False), code_verifier="v" * 43))
    assert tokens(app.redeem(app.new_code(pkce=False)))


@pytest.mark.parametrize("wrong", [None, "", "x" * 43, "short", "ü" * 43, "x" * 129])
def test_p09_a_wrong_verifier_ends_the_code(app: Connection, wrong: str | None) -> None:
    """With the first try, absent or malformed ones too."""
    code = app.new_code()
    refused_grant(app.redeem(code, code_verifier=wrong))
    refused_grant(app.redeem(code))


def test_p11_the_challenge_is_no_verifier(app: Connection) -> None:
    """Who saw the authorization request cannot redeem."""
    code = app.new_code()
    assert code.verifier is not None
    refused_grant(app.redeem(code, code_verifier=challenge_of(code.verifier)))


@pytest.mark.parametrize(
    "uri", [None, "", "https://app.example/cb/", "https://app.example/other", "https://APP.example/cb"]
)
def test_another_redirect_uri_ends_the_code(app: Connection, uri: str | None) -> None:
    """It is the one of the authorization request, to the letter (RFC 6749 §4.1.3)."""
    code = app.new_code()
    refused_grant(app.redeem(code, redirect_uri=uri))
    refused_grant(app.redeem(code))


def test_p14_codes_cannot_be_guessed_and_are_stored_as_digests(app: Connection) -> None:
    """256 bits of chance; what is stored cannot be redeemed."""
    codes = [app.new_code() for _ in range(3)]
    assert len({code.code[6:49] for code in codes}) == 3
    with store_at(app.server.environ["KEYGROVE_DATABASE"]) as store:
        dump = everything_in(store)
        digests = [row[0] for row in store.query("select code_digest from grants")]
    assert not any(code.code in dump for code in codes)
    assert digests
    for digest in digests[:20]:
        refused_grant(app.post(TOKEN, {"grant_type": "authorization_code", "code": str(digest)}))


def test_p15_a_code_is_compared_whole(app: Connection) -> None:
    """Cut, extended, in other case, with blanks: unknown, and the right one is still good."""
    code = app.new_code()
    for other in (code.code[:-1], code.code + "0", code.code.swapcase(), f" {code.code}", f"{code.code} "):
        refused_grant(app.redeem(code, code=other))
    assert tokens(app.redeem(code))


@pytest.mark.parametrize("nonce", ["0", "n" * 64, "n" * 384, '"><script>alert(1)</script>', "ü", None])
def test_p17_a_nonce_comes_back_as_it_was(app: Connection, nonce: str | None) -> None:
    """Exactly, or not at all (OIDC Core §3.1.3.7)."""
    assert claims_in(app.connect(nonce=nonce)["id_token"]).get("nonce") == nonce


def test_p18_a_victims_code_in_the_attackers_session(app: Connection) -> None:
    """The app redeems it with the attacker's verifier: refused, and the code is dead (RFC 9700 §4.5)."""
    victims, attackers = app.new_code(), app.new_code()
    refused_grant(app.redeem(victims, code_verifier=attackers.verifier))
    refused_grant(app.redeem(victims))


def test_p19_the_id_token_is_right(app: Connection) -> None:
    """Signed with RS256 by a published key, for this app, bound to its access token."""
    code = app.new_code()
    members = tokens(app.redeem(code))
    keys = KeySet.import_key_set(app.rules.http.get("/.well-known/jwks.json").json())
    token = jwt.decode(members["id_token"], keys, algorithms=["RS256"])
    assert (token.header["alg"], token.header["typ"]) == ("RS256", "JWT")
    claims = token.claims
    assert (claims["iss"], claims["sub"]) == (app.server.url, app.person.id)
    assert claims["aud"] == claims["azp"] == app.app.client_id
    assert claims["nonce"] == code.grant.nonce
    assert claims["at_hash"] == at_hash(members["access_token"], "RS256")
    assert claims["auth_time"] == code.grant.auth_time
    assert (claims["amr"], claims["sid"], claims["company_id"]) == (["pwd"], "sid1", app.company_id)
    assert claims["exp"] == claims["iat"] + 3600
    assert "email" not in claims


def test_claims_that_were_asked_for_by_name_are_in_the_id_token(app: Connection) -> None:
    """OIDC Core §5.5."""
    claims = claims_in(app.connect(id_token_claims=frozenset({"email"}))["id_token"])
    assert (claims["email"], "name" in claims) == (app.person.email, False)


def test_p21_a_code_of_another_server(app: Connection) -> None:
    """It is unknown here, whole as it is."""
    elsewhere = new_code().reveal()
    app.rules.secrets.add(elsewhere)
    refused_grant(app.redeem(app.new_code(), code=elsewhere))


def test_r10_without_offline_there_is_no_refresh_token(app: Connection) -> None:
    """And without openid no ID token."""
    assert "refresh_token" not in app.connect("openid marketing.read")
    assert "id_token" not in app.connect("marketing.read offline_access")


def test_a42_between_code_and_token_everything_is_looked_at_again(app: Connection) -> None:
    """The person is disabled, left, or withdrew it; the app is suspended."""
    code = app.new_code()
    app.change("update members set role = 'auditor' where person_id = $1", app.person.id)
    refused_grant(app.redeem(code))
    app.change("update members set role = 'admin' where person_id = $1", app.person.id)
    app.change("update apps set state = 'in_review' where client_id = $1", app.app.client_id)
    refused_grant(app.redeem(code))
    app.change("update apps set state = 'suspended' where client_id = $1", app.app.client_id)
    refused_client(app.redeem(code))
    app.change("update apps set state = 'live' where client_id = $1", app.app.client_id)
    assert tokens(app.redeem(code))


def test_t11_a_parameter_twice(app: Connection) -> None:
    """Nothing is spent by a request that is malformed."""
    code = app.new_code()
    for name, value in app.form_of(code).items():
        body = "&".join(f"{key}={part}" for key, part in [*app.form_of(code).items(), (name, value)])
        answer = app.rules.http.post(TOKEN, content=body.encode(), headers=FORM)
        refused(answer, "invalid_request")
    assert tokens(app.redeem(code))


def test_an_app_does_not_act_for_itself(app: Connection) -> None:
    """It has no permissions of its own (RFC 6749 §5.2)."""
    refused(app.post(TOKEN, {"grant_type": "client_credentials"}), "unauthorized_client")


def test_a_key_keeps_its_four_members(ask: Asker) -> None:
    """Nothing of all this shows in the answer of the reference."""
    assert list(ask().json()) == ["access_token", "expires_in", "scope", "token_type"]
