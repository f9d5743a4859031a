"""Client authentication: RFC 6749 §2.3, RFC 7617."""

import base64
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol import client_authentication
from keygrove.protocol.client import Client
from keygrove.protocol.client_authentication import (
    AuthenticatedClient,
    Credentials,
    authenticate_client,
    read_basic,
    read_credentials,
)
from keygrove.protocol.errors import InvalidClient, InvalidRequest, OAuthError
from keygrove.protocol.message import Parameters, Request
from keygrove.protocol.scope import Scope

# RFC 6749 §2.3.1: the example header of the client s6BhdRkqt3.
RFC_EXAMPLE = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
DIGEST = "a" * 64
CLIENT = Client(
    client_id="c1",
    secret_digest=DIGEST,
    grant_types=frozenset({"client_credentials"}),
    scope=Scope(("booking.read",)),
    audience="https://api.example",
    company_id="0" * 32,
    enabled=True,
)
CLAIM = Credentials("c1", "s1", False)


def basic(text: str | bytes) -> str:
    """A Basic header over exactly these bytes."""
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def ask(authorization: str | None = None, /, **parameters: str) -> Credentials:
    """Read the credentials of a request with this header and these parameters."""
    headers = () if authorization is None else (("authorization", authorization),)
    request = Request(method="POST", path="/oauth2/token", headers=headers)
    return read_credentials(request, Parameters(parameters.items()))


class TestReadCredentials:
    """RFC 6749 §2.3: one way, never two."""

    def test_the_body_carries_both(self) -> None:
        """`client_id` and `client_secret` in the body (§2.3.1)."""
        assert ask(client_id="c1", client_secret="s1") == Credentials("c1", "s1", False)

    def test_the_header_carries_both(self) -> None:
        """The RFC's own example of HTTP Basic (§2.3.1)."""
        assert ask(RFC_EXAMPLE) == Credentials("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw", True)

    @pytest.mark.parametrize("secret", ["s1", "other"])
    def test_both_ways_at_once_are_refused(self, secret: str) -> None:
        """More than one method in a request is an error, whatever the values (§2.3)."""
        with pytest.raises(InvalidRequest, match="not in both"):
            ask(basic("c1:s1"), client_secret=secret)

    def test_a_client_id_beside_basic_must_be_the_same(self) -> None:
        """Naming oneself twice is fine, naming two is not."""
        assert ask(basic("c1:s1"), client_id="c1").client_id == "c1"
        with pytest.raises(InvalidRequest, match="differs"):
            ask(basic("c1:s1"), client_id="c2")

    def test_no_credentials_at_all_are_an_invalid_request(self) -> None:
        """Nobody was named, so nobody failed to prove themselves."""
        with pytest.raises(InvalidRequest, match="missing"):
            ask()
        with pytest.raises(InvalidRequest, match="missing"):
            ask(client_secret="s1")

    @pytest.mark.parametrize("parameters", [{"client_id": "c1"}, {"client_id": "c1", "client_secret": ""}])
    def test_a_client_may_be_named_without_a_secret(self, parameters: dict[str, str]) -> None:
        """As public clients do (§3.2.1); an empty secret is none. Whether it may is decided later."""
        assert ask(**parameters) == Credentials("c1", "", by_header=False)

    @pytest.mark.parametrize(
        "authorization", ["Bearer x", "Digest a=b", "Basically x", "Basic\tYTpi", "", "x"]
    )
    def test_other_schemes_never_authenticate(self, authorization: str) -> None:
        """Not even beside good credentials in the body."""
        with pytest.raises(InvalidRequest):
            ask(authorization, client_id="c1")
        with pytest.raises(InvalidRequest):
            ask(authorization, client_id="c1", client_secret="s1")

    def test_two_authorization_headers_are_refused(self) -> None:
        """Nobody chooses between two."""
        headers = (("authorization", basic("c1:s1")), ("authorization", basic("c1:s1")))
        request = Request(method="POST", path="/oauth2/token", headers=headers)
        with pytest.raises(InvalidRequest, match="repeated"):
            read_credentials(request, Parameters([]))

    def test_secrets_do_not_print(self) -> None:
        """Credentials show who, never the proof."""
        assert "s1" not in repr(ask(client_id="c1", client_secret="s1"))


class TestReadBasic:
    """RFC 7617 §2 with the form encoding of RFC 6749 §2.3.1."""

    @pytest.mark.parametrize("scheme", ["basic ", "BASIC ", "Basic  ", "bAsIc    "])
    def test_the_scheme_has_any_case_and_blanks(self, scheme: str) -> None:
        """RFC 9110 §11.1 compares schemes without case."""
        assert read_basic(scheme + basic("c1:s1").removeprefix("Basic ")).client_secret == "s1"

    def test_trailing_blanks_are_no_part_of_it(self) -> None:
        """White space around a field value means nothing (RFC 9110 §5.5)."""
        assert read_basic(basic("c1:s1") + "  ").client_id == "c1"

    def test_both_parts_are_form_decoded_after_the_split(self) -> None:
        """`%3A` in an id is a colon, since the split is made first."""
        read = read_basic(basic("a%3Ab:c%3Ad+e%25%C3%BC"))
        assert (read.client_id, read.client_secret) == ("a:b", "c:d e%ü")

    def test_the_first_colon_separates(self) -> None:
        """Further colons belong to the secret (RFC 7617 §2)."""
        read = read_basic(basic("a:b:c"))
        assert (read.client_id, read.client_secret) == ("a", "b:c")

    @pytest.mark.parametrize(
        "malformed",
        [
            "Basic",
            "Basic ",
            basic("no colon"),
            basic(":secret"),
            basic("id:"),
            basic(":"),
            basic("id:%zz"),
            basic("id:%00"),
            basic(b"id:\xff"),
            "Basic YTpi YTpi",
            "Basic YTpi,",
            "Basic !!!!",
            "Basic YTp",
            "Basic Ü",
        ],
    )
    def test_malformed_credentials_fail_with_a_challenge(self, malformed: str) -> None:
        """The client used the header, so the answer carries WWW-Authenticate (§5.2)."""
        with pytest.raises(InvalidClient) as refused:
            read_basic(malformed)
        assert refused.value.challenge is True
        assert "malformed" in refused.value.detail

    @given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
    def test_what_a_client_encodes_is_what_we_read(self, name: str, password: str) -> None:
        """Any id and secret survive the trip, except that NUL is refused."""
        header = basic(f"{quote_plus(name)}:{quote_plus(password)}")
        if "\0" in name + password:
            with pytest.raises(InvalidClient):
                read_basic(header)
        else:
            assert read_basic(header) == Credentials(name, password, True)

    @given(st.text(st.characters(max_codepoint=255), max_size=20))
    def test_any_header_is_read_or_refused(self, text: str) -> None:
        """Nothing but OAuthError is ever raised."""
        for header in (text, f"Basic {text}", basic(text)):
            try:
                assert read_basic(header).client_secret
            except OAuthError:
                continue


class TestAuthenticate:
    """RFC 6749 §5.2: one answer for every failure."""

    def test_the_right_digest_proves_the_client(self) -> None:
        """The result is of a type that only this function makes."""
        assert authenticate_client(CLAIM, CLIENT, DIGEST) == AuthenticatedClient(CLIENT)

    @pytest.mark.parametrize(
        ("client", "digest", "reason"),
        [
            (None, DIGEST, "unknown client"),
            (None, "0" * 64, "unknown client"),
            (CLIENT, "b" * 64, "wrong secret"),
            (CLIENT, DIGEST[:-1], "wrong secret"),
            (CLIENT, DIGEST + "a", "wrong secret"),
            (CLIENT, DIGEST.upper(), "wrong secret"),
            (CLIENT, "", "wrong secret"),
            (replace(CLIENT, enabled=False), DIGEST, "client is removed or its company is suspended"),
            (replace(CLIENT, enabled=False), "b" * 64, "wrong secret"),
        ],
    )
    def test_every_failure_reads_the_same(self, client: Client | None, digest: str, reason: str) -> None:
        """Unknown, wrong and switched off differ in the log only."""
        with pytest.raises(InvalidClient) as refused:
            authenticate_client(CLAIM, client, digest)
        assert (refused.value.detail, refused.value.description) == (reason, "Client authentication failed.")

    def test_b13_a_public_client_has_no_secret_and_a_confidential_one_has(self) -> None:
        """Whatever the digests say; a public client can be switched off as well (§2.1, §2.3)."""
        unproved = Credentials("c1", "", by_header=False)
        public = replace(CLIENT, public=True, secret_digest="")
        assert authenticate_client(unproved, public, DIGEST) == AuthenticatedClient(public)
        for claim, client, digest, reason in [
            (CLAIM, public, "", "a public client has no secret"),
            (CLAIM, replace(CLIENT, public=True), DIGEST, "a public client has no secret"),
            (unproved, CLIENT, DIGEST, "no client_secret"),
            (
                unproved,
                replace(public, enabled=False),
                DIGEST,
                "client is removed or its company is suspended",
            ),
        ]:
            with pytest.raises(InvalidClient) as refused:
                authenticate_client(claim, client, digest)
            assert (refused.value.detail, refused.value.challenge) == (reason, False)

    @pytest.mark.parametrize("by_header", [True, False])
    def test_the_challenge_follows_the_way_the_credentials_came(self, by_header: bool) -> None:
        """WWW-Authenticate answers the Authorization header and nothing else (§5.2)."""
        with pytest.raises(InvalidClient) as refused:
            authenticate_client(replace(CLAIM, by_header=by_header), None, DIGEST)
        assert refused.value.challenge is by_header

    @pytest.mark.parametrize("client", [None, CLIENT])
    def test_b26_digests_are_compared_in_constant_time(
        self, client: Client | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Once, over two digests of one length, whether or not there is such a client."""
        compared: list[tuple[bytes, bytes]] = []

        def compare(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return False

        monkeypatch.setattr(client_authentication, "compare_digest", compare)
        with pytest.raises(InvalidClient):
            authenticate_client(CLAIM, client, DIGEST)
        ((one, other),) = compared
        assert len(one) == len(other) == 64

    def test_a_digest_does_not_print(self) -> None:
        """A claim and a client print without what proves them."""
        assert DIGEST not in repr(CLAIM)
