"""The token endpoint's rules: RFC 6749 §3.2, §4.4, §5; RFC 9068; RFC 8707."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.client import Client
from keygrove.protocol.errors import (
    InvalidClient,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    OAuthError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from keygrove.protocol.message import FORM, Request
from keygrove.protocol.resource import Api
from keygrove.protocol.scope import Scope
from keygrove.protocol.token import Facts, Issue, Policy, TokenRequest, answer, decide, parse_token_request

AUDIENCE = "https://api.example"
DIGEST = "a" * 64
NOW = 1_700_000_000
POLICY = Policy(
    "https://issuer.example",
    {AUDIENCE: Api(audience=AUDIENCE, scopes=frozenset({"booking.read", "booking.write", "offline"}))},
)
CLIENT = Client(
    client_id="c1",
    secret_digest=DIGEST,
    grant_types=frozenset({"client_credentials"}),
    scope=Scope(("booking.read", "booking.write", "gone.read")),
    audience=AUDIENCE,
    company_id="0" * 32,
    enabled=True,
)
WHO = b"&client_id=c1&client_secret=s1"


def parse(body: bytes) -> TokenRequest:
    """Read a form post to the token endpoint."""
    headers = (("content-type", FORM),)
    return parse_token_request(Request(method="POST", path="/oauth2/token", headers=headers, body=body))


def issue(
    body: bytes = b"", *, client: Client | None = CLIENT, digest: str = DIGEST, policy: Policy = POLICY
) -> Issue:
    """Decide on a client credentials request with these further parameters."""
    asked = parse(b"grant_type=client_credentials" + WHO + body)
    decision = decide(asked, Facts(client, digest), policy, now=NOW, jti="j1")
    assert isinstance(decision, Issue)
    return decision


class TestParse:
    """RFC 6749 §3.2, §4.4.2."""

    def test_a_whole_request_is_read(self) -> None:
        """Grant type, credentials, scope and every target."""
        asked = parse(
            b"grant_type=client_credentials&scope=openid booking.read&audience=https://a.example https://b.example"
            b"&resource=https://c.example&resource=https://d.example" + WHO
        )
        assert asked.grant_type == "client_credentials"
        assert asked.credentials.client_id == "c1"
        assert str(asked.scope) == "openid booking.read"
        assert asked.targets == (
            "https://a.example",
            "https://b.example",
            "https://c.example",
            "https://d.example",
        )

    def test_empty_parameters_count_as_absent(self) -> None:
        """Nothing asked for: no scope, no target (§3.2)."""
        asked = parse(b"grant_type=client_credentials&scope=&audience=&resource=" + WHO)
        assert (asked.scope, asked.targets) == (Scope(), ())

    @pytest.mark.parametrize("body", [WHO[1:], b"grant_type=" + WHO, b""])
    def test_a_missing_grant_type_is_an_invalid_request(self, body: bytes) -> None:
        """REQUIRED by §4.4.2; empty is missing."""
        with pytest.raises(InvalidRequest, match="grant_type"):
            parse(body)

    @pytest.mark.parametrize(
        "name",
        [
            "password",
            "implicit",
            "token",
            "code",
            "Client_Credentials",
            "client_credentials+",
            "x" * 999,
        ],
    )
    def test_grant_types_that_are_not_registered_are_unsupported(self, name: str) -> None:
        """Compared exactly; RFC 9700 §2.4 forbids `password`."""
        with pytest.raises(UnsupportedGrantType) as refused:
            parse(b"grant_type=" + name.encode() + WHO)
        assert name not in refused.value.description
        assert len(refused.value.detail) < 100

    @pytest.mark.parametrize(
        "name", ["grant_type", "client_id", "client_secret", "scope", "audience", "code", "unknown"]
    )
    def test_any_parameter_sent_twice_is_an_invalid_request(self, name: str) -> None:
        """Also one that means nothing here, and also one that is empty (§3.2)."""
        with pytest.raises(InvalidRequest, match="repeated"):
            parse(b"grant_type=client_credentials" + WHO + f"&{name}=&{name}=x".encode())

    @pytest.mark.parametrize(
        ("grant_type", "name"), [("authorization_code", "code"), ("refresh_token", "refresh_token")]
    )
    def test_what_a_grant_presents_must_be_there(self, grant_type: str, name: str) -> None:
        """REQUIRED by §4.1.3 and §6; empty is missing. What is there is read, and never printed."""
        start = f"grant_type={grant_type}".encode() + WHO
        for body in (start, start + f"&{name}=".encode()):
            with pytest.raises(InvalidRequest, match=f"{name} is missing"):
                parse(body)
        asked = parse(start + f"&{name}=kg_1&redirect_uri=https://a.example/&code_verifier=v1".encode())
        assert (asked.presented, asked.redirect_uri) == ("kg_1", "https://a.example/")
        assert asked.code_verifier == "v1"
        assert "kg_1" not in repr(asked)
        assert "v1" not in repr(asked)

    def test_unknown_parameters_are_ignored(self) -> None:
        """§3.2, however many come."""
        extra = "".join(f"&x{number}=y" for number in range(50)).encode()
        assert parse(b"grant_type=client_credentials" + WHO + extra).credentials.client_id == "c1"

    def test_a_malformed_scope_is_refused(self) -> None:
        """Before anybody is looked up."""
        with pytest.raises(InvalidScope):
            parse(b"grant_type=client_credentials&scope=a%09b" + WHO)

    @given(st.binary(max_size=40))
    def test_any_body_is_a_request_or_an_oauth_error(self, body: bytes) -> None:
        """Nothing else comes out."""
        with pytest.raises(OAuthError):
            parse(body)


class TestDecide:
    """RFC 6749 §3.3, §4.4.3, §5; RFC 8707 §2; RFC 9068 §2."""

    def test_a_token_is_for_the_client_its_company_and_its_api(self) -> None:
        """The client is the subject; the company comes from the key; life is the API's."""
        decision = issue(b"&scope=openid+booking.read&company_id=other")
        assert decision.token_type == "at+jwt"
        assert decision.access_token.claims() == {
            "iss": "https://issuer.example",
            "sub": "c1",
            "aud": AUDIENCE,
            "exp": NOW + 3600,
            "iat": NOW,
            "jti": "j1",
            "client_id": "c1",
            "scope": "openid booking.read",
            "company_id": "0" * 32,
        }

    def test_an_api_says_how_its_tokens_are_marked_and_how_long_they_live(self) -> None:
        """`typ: JWT` for verifiers that know nothing else."""
        api = Api(audience=AUDIENCE, scopes=frozenset({"booking.read"}), token_type="JWT", lifetime_s=60)
        decision = issue(policy=Policy("https://issuer.example", {AUDIENCE: api}))
        assert decision.token_type == "JWT"
        assert decision.access_token.expires_at == NOW + 60

    def test_no_scope_gives_all_that_the_client_has_and_the_api_offers(self) -> None:
        """In the client's order, without `openid`, without what the API dropped (§3.3)."""
        assert issue().access_token.scope.tokens == ("booking.read", "booking.write")

    def test_no_scope_is_refused_when_none_is_left(self) -> None:
        """A token always names what it may do: the grammar knows no empty scope (§3.3)."""
        with pytest.raises(InvalidScope):
            issue(client=replace(CLIENT, scope=Scope(("gone.read",))))

    def test_openid_alone_is_given(self) -> None:
        """It needs no permission, and is echoed."""
        assert issue(b"&scope=openid").access_token.scope.tokens == ("openid",)

    @pytest.mark.parametrize(
        "scope",
        [
            "event.read",
            "booking.read event.read",
            "gone.read",
            "Booking.read",
            "booking.*",
            "offline",
            "offline_access",
        ],
    )
    def test_a_scope_that_is_not_granted_refuses_the_whole_request(self, scope: str) -> None:
        """Unknown, not the client's, not offered any more, or of another grant (§3.3, §4.4.3)."""
        with pytest.raises(InvalidScope):
            issue(f"&scope={scope}".encode())

    def test_offline_is_no_scope_of_this_grant_even_if_the_client_has_it(self) -> None:
        """There is no refresh token in §4.4.3, so nothing could honor it."""
        with pytest.raises(InvalidScope):
            issue(b"&scope=offline", client=replace(CLIENT, scope=Scope(("offline",))))

    def test_the_refused_scope_is_named(self) -> None:
        """The first one, if it is harmless to repeat; else it stays in the log."""
        with pytest.raises(InvalidScope) as refused:
            issue(b"&scope=booking.read+event.read+order.read")
        assert refused.value.description == "The scope event.read is not granted to this client."
        with pytest.raises(InvalidScope) as refused:
            issue(b"&scope=<script>")
        assert "script" not in refused.value.description
        assert "<script>" in refused.value.detail

    def test_a_foreign_audience_is_refused(self) -> None:
        """By `audience` and by `resource` (RFC 8707 §2)."""
        for name in (b"audience", b"resource"):
            with pytest.raises(InvalidTarget):
                issue(b"&" + name + b"=https://other.example")

    def test_a_grant_that_the_client_may_not_use_is_unauthorized(self) -> None:
        """Known to the server, not allowed to this client (§5.2)."""
        with pytest.raises(UnauthorizedClient):
            issue(client=replace(CLIENT, grant_types=frozenset({"authorization_code"})))

    def test_a_public_client_never_acts_for_itself(self) -> None:
        """Whatever it is registered for (§4.4)."""
        public = replace(CLIENT, public=True)
        asked = parse(b"grant_type=client_credentials&client_id=c1")
        with pytest.raises(UnauthorizedClient):
            decide(asked, Facts(public, DIGEST), POLICY, now=NOW, jti="j1")

    @pytest.mark.parametrize("client", [None, replace(CLIENT, enabled=False)])
    def test_who_the_client_is_comes_first(self, client: Client | None) -> None:
        """A stranger learns nothing about scopes, targets and grants."""
        with pytest.raises(InvalidClient):
            issue(b"&scope=event.read&audience=https://other.example", client=client)

    def test_the_target_is_checked_before_the_scope(self) -> None:
        """Scopes mean something only within an API."""
        with pytest.raises(InvalidTarget):
            issue(b"&scope=event.read&audience=https://other.example")


class TestAnswer:
    """RFC 6749 §5.1."""

    def test_the_members_come_in_the_references_order(self) -> None:
        """These four and no other; the type in lower case."""
        members = answer(issue(b"&scope=openid"), "signed", now=NOW + 0.25)
        assert list(members.items()) == [
            ("access_token", "signed"),
            ("expires_in", 3599),
            ("scope", "openid"),
            ("token_type", "bearer"),
        ]

    @pytest.mark.parametrize(
        ("later", "expires_in"),
        [(0, 3600), (0.001, 3599), (1, 3599), (1.5, 3598), (3600, 0), (99999, 0)],
    )
    def test_expires_in_is_what_is_left_rounded_down(self, later: float, expires_in: int) -> None:
        """Whole seconds, never negative."""
        assert answer(issue(), "signed", now=NOW + later)["expires_in"] == expires_in
