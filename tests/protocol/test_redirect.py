"""Redirect URIs: RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1 and §4.1.3, OIDC Core §3.1.2.1."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.client import ApplicationType, Client
from keygrove.protocol.errors import InvalidRedirectUri
from keygrove.protocol.redirect import MAX_CHARACTERS, check_redirect_uri, trust_redirect_uri
from keygrove.protocol.scope import Scope

CALLBACK = "https://app.example.com/cb"
WEB = Client(
    client_id="app",
    secret_digest="a" * 64,
    grant_types=frozenset({"authorization_code"}),
    scope=Scope(),
    audience="https://api.example",
    company_id="0" * 32,
    enabled=True,
    redirect_uris=(CALLBACK, "https://app.example.com/other?a=1&b=2"),
)
NATIVE = replace(
    WEB,
    application_type="native",
    redirect_uris=("http://127.0.0.1/cb", "http://[::1]:8000/cb?x=y", "com.example.app:/cb", CALLBACK),
)
# The characters of an error_description (RFC 6749 §5.2).
SENDABLE = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
# As long as a name may be (RFC 1035 §2.3.4).
LONG_NAME = "a." * 126 + "a"
# None of these may be registered by anybody, nor be trusted if somebody did.
NEVER = [
    "http://app.example.com/cb", "http://10.0.0.1/cb", "http://127.0.0.2/cb", "http://localhost.evil.test/cb",
    "javascript:alert(1)", "javascript://x/%0aalert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd",
    "about:blank", "blob:https://app.example.com/x", "app:/cb", "urn:ietf:wg:oauth:2.0:oob", "ftp://a.example/cb",
    "https://app.example.com@evil.test/cb", "http://localhost:80@evil.test", "https://u:p@app.example.com/cb",
    "https://app.example.com\\@evil.test/cb", "https://app.example.com/\tcb", "https://app.example.com/c\nb",
    "https://app.example.com/cb\0", "https://app.example.com/c b", " https://app.example.com/cb",
    "https://app.example.com/cb ", "https://app\uff0eexample.com/cb", "https://app.example.com/\u00e9",
    "https://app.example.com/cb#", "https://app.example.com/cb#x", "HTTPS://app.example.com/cb",
    "https://App.example.com/cb", "https://b\u00fccher.example/cb", "https://*.example.com/cb", "https:///cb",
    "https://", "https:app.example.com/cb", "//app.example.com/cb", "/cb", "", "https://app.example.com./cb",
    "https://-app.example.com/cb", "https://app..example.com/cb", "https://2130706433/cb", "https://127.1/cb",
    "https://0x7f000001/cb", "https://a.example.0x1/cb", "https://1.2.3.256/cb", "https://01.2.3.4/cb",
    "https://[::1/cb", "https://[::1%25eth0]/cb", "https://[fe80::1%eth0]/cb", "https://[0:0::1]/cb",
    "https://[" + ":" * 40 + "]/cb", "https://[::ffff:1.2.3]/cb", "https://app.example.com:99999/cb",
    "https://app.example.com:0/cb", "https://app.example.com:0443/cb", "https://app.example.com:/cb",
    "https://app.example.com:" + "9" * 1000 + "/cb", "https://app.example.com/cb/../evil",
    "https://app.example.com/./cb", "https://app.example.com/%2e%2E/evil", "https://app.example.com/.%2e",
    "https://app.example.com/%zz", "https://app.example.com/%2", "https://app.example.com/<script>",
    "https://app.example.com/\"", "com.example.app://cb", "com.example.app:cb", "com.example.app:/a/../b",
    "Com.Example.App:/cb", ".com:/cb", "com.:/cb", CALLBACK.ljust(MAX_CHARACTERS + 1, "x"),
    f"https://{LONG_NAME}x/cb",
]  # fmt: skip
# Each names almost, but not exactly, what is registered.
NEARLY = {
    "A02-unregistered": [
        "https://other.example/cb", "https://app.example.com.evil.test/cb",
        "https://evil-app.example.com/cb", "https://app.example.com", "https://app.example.com/",
        "https://app.example.com/c",
    ],
    "A05-path": [
        f"{CALLBACK}/../evil", f"{CALLBACK}%2f..%2fevil", f"{CALLBACK}%252f..%252fevil",
        f"{CALLBACK}/..;/evil", "https://app.example.com//cb", f"{CALLBACK}/", "https://app.example.com/CB",
        "https://app.example.com/%63b", "https://app.example.com/./cb",
    ],
    "A06-userinfo": [
        "https://app.example.com@evil.test/cb", "https://evil.test@app.example.com/cb",
        "http://localhost:80@evil.test",
    ],
    "A07-characters": [
        "https://app.example.com\\cb", f"{CALLBACK}\t", f"{CALLBACK}\n", f"{CALLBACK}\0", f"{CALLBACK} ",
        f" {CALLBACK}", "https://app\uff0eexample.com/cb",
    ],
    "A09-more": [
        f"{CALLBACK}?x=1", f"{CALLBACK}?", f"{CALLBACK}#", f"{CALLBACK}#x",
        "https://app.example.com:443/cb", "https://app.example.com:8443/cb",
        "https://app.example.com/other?b=2&a=1", "https://app.example.com/other?a=1&b=2&c=3",
        "https://app.example.com/other?a=1",
    ],
    "A10-case": [
        "HTTPS://app.example.com/cb", "https://APP.example.com/cb", "https://app.example.com/Cb",
    ],
    "A13-literal": [
        "https://[" + ":" * 40 + "]/cb", "https://[::1/cb", "https://[::1%25lo]/cb",
        "https://app.example.com:99999/cb",
    ],
    "A14-look-alike": [
        "https://\u0430pp.example.com/cb", "https://xn--pp-6kc.example.com/cb",
        "https://app.example\uff0ecom/cb",
    ],
}  # fmt: skip


def refusals(uris: list[str], application_type: ApplicationType = "web") -> list[str]:
    """Those that may not be registered."""
    refused = []
    for uri in uris:
        try:
            check_redirect_uri(uri, application_type)
        except InvalidRedirectUri as error:
            refused.append(uri if SENDABLE.fullmatch(error.description) else error.description)
    return refused


class TestRegistration:
    """What may be registered: RFC 6749 §3.1.2, RFC 8252 §7 and §8, RFC 9700 §2.1."""

    def test_https_may_be_registered_and_http_on_loopback(self) -> None:
        """By both types of client, with a port, a query, an escape or an address."""
        good = [
            CALLBACK, "https://app.example.com", "https://app.example.com?tenant=1", "https://app.example.com:8443/cb",
            "https://app.example.com/a/..b/c.?x=/?&y=%20", "https://intranet/cb", "https://192.0.2.1/cb",
            "https://[2001:db8::1]:65535/cb", "https://xn--bcher-kva.example/cb", "http://localhost:3000/cb",
            "http://127.0.0.1/cb", "http://[::1]:1/cb", "https://localhost/cb",
            CALLBACK.ljust(MAX_CHARACTERS, "x"), f"https://{LONG_NAME}/cb",
        ]  # fmt: skip
        assert refusals(good, "web") == refusals(good, "native") == []

    def test_a_private_use_scheme_is_for_native_apps(self) -> None:
        """A domain name in reverse and one slash (RFC 8252 §7.1)."""
        schemes = ["com.example.app:/cb", "com.example.app:/", "org.example-1.app:/a/b?c=d"]
        assert refusals(schemes, "native") == []
        assert refusals(schemes, "web") == schemes

    @pytest.mark.parametrize("application_type", ["web", "native"])
    def test_a11_what_nobody_may_register(self, application_type: ApplicationType) -> None:
        """Other schemes, http beyond loopback, user names, fragments, dots, second spellings."""
        assert refusals(NEVER, application_type) == NEVER

    @given(st.text(max_size=60), st.sampled_from(["", "https://", "https://a.example/", "http://[", "a.b:/"]))
    def test_any_text_is_a_redirect_uri_or_an_invalid_one(self, text: str, start: str) -> None:
        """Nothing else is raised, and what is accepted is plain ASCII."""
        if not refusals([start + text], "native"):
            assert re.fullmatch(r"[\x21-\x7E]+", start + text)


class TestRequest:
    """What a request may name: RFC 6749 §3.1.2.3, RFC 8252 §7.3, RFC 9700 §4.1.3."""

    def test_what_is_registered_is_trusted(self) -> None:
        """Each of them, as it is written."""
        for client in (WEB, NATIVE):
            trusted = [trust_redirect_uri(uri, client).uri for uri in client.redirect_uris]
            assert trusted == list(client.redirect_uris)

    def test_a03_a_missing_redirect_uri_is_refused(self) -> None:
        """Also when the client has one only."""
        with pytest.raises(InvalidRedirectUri):
            trust_redirect_uri(None, replace(WEB, redirect_uris=(CALLBACK,)))

    @pytest.mark.parametrize("case", NEARLY)
    def test_what_only_resembles_a_registered_one_is_refused(self, case: str) -> None:
        """Compared as strings; the URI itself is for the log only."""
        for uri in NEARLY[case]:
            for client in (WEB, replace(WEB, application_type="native")):
                with pytest.raises(InvalidRedirectUri) as refused:
                    trust_redirect_uri(uri, client)
                assert refused.value.description == "The redirect_uri is not registered."

    def test_a11_what_should_never_have_been_registered_is_refused(self) -> None:
        """At the request too."""
        for uri in NEVER:
            with pytest.raises(InvalidRedirectUri):
                trust_redirect_uri(uri, replace(NATIVE, redirect_uris=(uri,)))

    def test_a_native_app_chooses_its_port_on_loopback(self) -> None:
        """At the time of the request (RFC 8252 §7.3)."""
        for uri in ("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb", "http://[::1]/cb?x=y"):
            assert trust_redirect_uri(uri, NATIVE).uri == uri

    def test_nothing_but_the_port_may_differ(self) -> None:
        """Not the host, its spelling, the path, the query, the scheme; and it must be a port."""
        for uri in [
            "http://localhost:1/cb", "http://127.0.0.2:1/cb", "http://127.1:1/cb", "http://127.0.0.1:1/cb/",
            "http://127.0.0.1:1/cb?x", "http://[::1]:1/cb", "https://127.0.0.1:1/cb", "http://127.0.0.1:0/cb",
            "http://127.0.0.1:65536/cb", "http://127.0.0.1:01/cb", "http://127.0.0.1:/cb", "http://127.0.0.1:1",
            "http://127.0.0.1:1@evil.test/cb", "http://127.0.0.1:1/cb\n", "com.example.app:/cb2",
            "http://127.0.0.1:\u0661/cb", "https://app.example.com:444/cb",
        ]:  # fmt: skip
            with pytest.raises(InvalidRedirectUri):
                trust_redirect_uri(uri, NATIVE)

    def test_a_web_app_names_its_port_exactly(self) -> None:
        """The exception is for native apps (RFC 9700 §2.1)."""
        client = replace(WEB, redirect_uris=("http://localhost:3000/cb",))
        assert trust_redirect_uri("http://localhost:3000/cb", client).uri == "http://localhost:3000/cb"
        with pytest.raises(InvalidRedirectUri):
            trust_redirect_uri("http://localhost:3001/cb", client)

    def test_only_https_is_claimed_by_the_client_alone(self) -> None:
        """Any program can listen on loopback or claim a scheme (RFC 8252 §8.6)."""
        claimed = [trust_redirect_uri(uri, NATIVE).is_claimed for uri in NATIVE.redirect_uris]
        assert claimed == [False, False, False, True]
        at_home = replace(WEB, redirect_uris=("https://localhost:8443/cb", "https://[::1]/cb"))
        assert not any(trust_redirect_uri(uri, at_home).is_claimed for uri in at_home.redirect_uris)
