"""The authorization request: RFC 6749 §4.1.1 and §4.1.2.1, OpenID Connect Core §3.1.2.1."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.authorization import (
    MAX_NONCE_BYTES,
    MAX_STATE_BYTES,
    ErrorPage,
    ErrorRedirect,
    check_authorization_request,
    read_authorization_request,
)
from keygrove.protocol.client import Client
from keygrove.protocol.message import FORM, Request
from keygrove.protocol.response_mode import ReturnAddress
from protocol.asking import APP, AUDIENCE, CALLBACK, CHALLENGE, GOOD, POLICY, ask, query


def page(client: Client | None = APP, more: str = "", /, **changes: str | None) -> str:
    """The code of the error that such a request leaves on a page of ours."""
    with pytest.raises(ErrorPage) as shown:
        ask(client, more, **changes)
    assert str(shown.value) == str(shown.value.error)
    return shown.value.error.code


def redirect(client: Client | None = APP, more: str = "", /, **changes: str | None) -> str:
    """The code of the error that such a request sends to the client, with its state."""
    with pytest.raises(ErrorRedirect) as sent:
        ask(client, more, **changes)
    assert (sent.value.back.redirect_uri.uri, sent.value.back.state) == (CALLBACK, "s1")
    assert str(sent.value) == str(sent.value.error)
    return sent.value.error.code


@pytest.mark.parametrize(
    ("prompt", "is_silent"),
    [
        ({}, False),
        ({"prompt": "none"}, True),
        ({"prompt": "none login"}, False),
        ({"prompt": "login"}, False),
    ],
)
def test_only_prompt_none_alone_is_silent(prompt: dict[str, str], is_silent: bool) -> None:
    """RFC 9700 §4.11.2, OIDC Core §3.1.2.1: also of a request that has other faults."""
    changes: dict[str, str | None] = {**prompt, "response_type": "token"}
    request = Request(method="GET", path="/oauth2/auth", headers=(), query=query(changes))
    assert read_authorization_request(request).is_silent is is_silent


class TestWhole:
    """A request that nothing is wrong with."""

    def test_every_parameter_is_read(self) -> None:
        """OIDC Core §3.1.2.1."""
        asked = ask(
            nonce="n1", prompt="login consent", max_age="600", login_hint="ana@example.com",
            id_token_hint="x.y.z",
            ui_locales="de-CH de", acr_values="a b", response_mode="form_post", audience=AUDIENCE,
            resource=f"{AUDIENCE}/", claims='{"userinfo":{"name":null}}', display="popup",
        )  # fmt: skip
        assert asked.client == APP
        assert (asked.back.redirect_uri.uri, asked.back.response_mode, asked.back.state) == (
            CALLBACK, "form_post", "s1",
        )  # fmt: skip
        assert (asked.api.audience, str(asked.scope)) == (AUDIENCE, "openid booking.read")
        assert (asked.code_challenge, asked.nonce, asked.max_age_s) == (CHALLENGE, "n1", 600)
        assert asked.prompt == {"login", "consent"}
        assert asked.login_hint == "ana@example.com"
        assert (asked.id_token_hint, asked.ui_locales, asked.acr_values) == (
            "x.y.z",
            ("de-CH", "de"),
            ("a", "b"),
        )
        assert str(asked.to_be_allowed()) == "openid booking.read profile"

    def test_what_is_optional_may_be_absent_or_empty(self) -> None:
        """An empty parameter counts as absent (RFC 6749 §3.1)."""
        names = ("state", "nonce", "prompt", "max_age", "login_hint", "claims", "ui_locales", "response_mode")
        empty = dict.fromkeys(names, "")
        for asked in (ask(**empty), ask(state=None)):
            assert asked.back == ReturnAddress(asked.back.redirect_uri, "query", None)
            assert (asked.nonce, asked.prompt, asked.max_age_s) == (None, frozenset(), None)

    def test_a30_a_post_is_read_like_a_get(self) -> None:
        """From its form (OIDC Core §3.1.2.1)."""
        post = Request(method="POST", path="/oauth2/auth", headers=(("content-type", FORM),), body=query({}))
        assert check_authorization_request(read_authorization_request(post), APP, POLICY) == ask()


class TestPage:
    """Faults of which only the person may hear: RFC 6749 §4.1.2.1."""

    def test_a01_an_unknown_or_missing_client_is_a_page(self) -> None:
        """Also one that was removed, and one that is named twice."""
        for client in (None, replace(APP, enabled=False)):
            assert page(client) == "invalid_request"
        for client_id in (None, ""):
            assert page(client_id=client_id) == "invalid_request"
        assert page(APP, "&client_id=app") == "invalid_request"

    def test_a02_an_unregistered_redirect_uri_is_a_page(self) -> None:
        """Or a missing one, or two."""
        for uri in ("https://evil.example/cb", f"{CALLBACK}?x", None):
            assert page(redirect_uri=uri) == "invalid_redirect_uri"
        assert page(APP, f"&redirect_uri={CALLBACK}") == "invalid_request"

    def test_a15_nothing_redirects_before_client_and_uri_are_trusted(self) -> None:
        """Whatever else is wrong."""
        wrong = {"response_type": "token", "scope": "event.read", "prompt": "none login", "state": "x" * 9999}
        assert page(redirect_uri="https://evil.example/cb", **wrong) == "invalid_redirect_uri"
        assert page(None, **wrong) == "invalid_request"

    def test_a_request_that_cannot_be_read_is_a_page(self) -> None:
        """A broken escape, another method, a form of another type."""
        assert page(APP, "&x=%zz") == "invalid_request"
        for method in ("HEAD", "PUT", "POST"):
            request = Request(method=method, path="/oauth2/auth", headers=(), query=query({}))
            with pytest.raises(ErrorPage):
                read_authorization_request(request)


class TestRedirect:
    """Faults of which the client hears: RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6."""

    def test_a17_code_is_the_only_response_type(self) -> None:
        """Missing, implicit, hybrid, doubled, of other case (RFC 9700 §2.1.2)."""
        for kind in (
            None,
            "",
            "token",
            "id_token",
            "code token",
            "code id_token",
            "code code",
            "none",
            "Code",
        ):
            assert redirect(response_type=kind) == "unsupported_response_type"

    def test_a18_an_unknown_response_mode_is_answered_in_the_query(self) -> None:
        """A known one is obeyed in errors too."""
        for mode, obeyed in [("web_message", "query"), ("Query", "query"), ("fragment", "fragment")]:
            with pytest.raises(ErrorRedirect) as sent:
                ask(response_mode=mode, response_type="token" if mode == obeyed else "code")
            assert sent.value.back.response_mode == obeyed

    @pytest.mark.parametrize("name", ["scope", "response_type", "nonce", "prompt", "unknown"])
    def test_a_repeated_parameter_is_an_invalid_request(self, name: str) -> None:
        """Of those that RFC 6749 §3.1 forbids to repeat: all but `resource`."""
        assert redirect(APP, f"&{name}=x&{name}=y") == "invalid_request"

    def test_a_repeated_state_or_response_mode_is_left_out_of_the_answer(self) -> None:
        """Nobody knows which one was meant."""
        for more in ("&state=s2", "&response_mode=fragment&response_mode=query"):
            with pytest.raises(ErrorRedirect) as sent:
                ask(APP, more)
            back = sent.value.back
            assert (back.state, back.response_mode) == ("s1" if "mode" in more else None, "query")

    def test_a19_state_is_kept_up_to_its_limit(self) -> None:
        """Exactly; beyond the limit it is refused and not sent back."""
        for state in (
            "<script>\"'",
            "a\r\nLocation: x",
            "\N{CLINKING BEER MUGS}",
            "x" * MAX_STATE_BYTES,
            " ",
        ):
            assert ask(state=state).back.state == state
        with pytest.raises(ErrorRedirect) as sent:
            ask(state="\u00e9" * (MAX_STATE_BYTES // 2 + 1))
        assert (sent.value.error.code, sent.value.back.state) == ("invalid_request", None)

    def test_p17_a_nonce_is_kept_or_refused(self) -> None:
        """Exactly, up to its limit."""
        for nonce in ("x" * 64, "x" * 384, "<b>\"'&", "x" * MAX_NONCE_BYTES):
            assert ask(nonce=nonce).nonce == nonce
        assert redirect(nonce="x" * (MAX_NONCE_BYTES + 1)) == "invalid_request"

    def test_request_objects_and_registration_are_not_supported(self) -> None:
        """OIDC Core §6.1, §6.2, §7.2.1: before anything inside them could count."""
        assert redirect(request="x.y.z", response_type=None) == "request_not_supported"
        assert redirect(request_uri="https://app.example/r") == "request_uri_not_supported"
        assert redirect(registration="{}") == "registration_not_supported"

    def test_a_client_without_the_grant_is_unauthorized(self) -> None:
        """An integration key cannot send people here."""
        key = replace(APP, grant_types=frozenset({"client_credentials"}))
        assert redirect(key) == "unauthorized_client"

    def test_p06_pkce_is_required_unless_a_confidential_client_switched_it_off(self) -> None:
        """RFC 9700 §2.1.1; a public client cannot switch it off."""
        without = {"code_challenge": None, "code_challenge_method": None}
        lax = replace(APP, require_pkce=False)
        for client in (APP, replace(lax, public=True)):
            assert redirect(client, **without) == "invalid_request"
        assert ask(lax, **without).code_challenge is None
        assert ask(lax).code_challenge == CHALLENGE
        assert redirect(lax, code_challenge_method="plain") == "invalid_request"

    def test_a25_prompt_has_four_values_and_none_stands_alone(self) -> None:
        """OIDC Core §3.1.2.1."""
        for prompt in ("none login", "consent none", "create", "Login", "login\tconsent", "login,consent"):
            assert redirect(prompt=prompt) == "invalid_request"
        assert ask(prompt=" login  select_account login ").prompt == {"login", "select_account"}
        assert ask(prompt="none").prompt == {"none"}

    def test_a27_max_age_is_a_number_of_seconds(self) -> None:
        """Of nine digits at most; zero is one."""
        assert ask(max_age="0").max_age_s == 0
        for text in ("-1", "x", "1" + "0" * 30, "1.5", " 1", "1\n", "\u0661", "+1"):
            assert redirect(max_age=text) == "invalid_request"

    def test_malformed_claims_are_an_invalid_request(self) -> None:
        """OIDC Core §5.5."""
        assert redirect(claims="{") == "invalid_request"


class TestScope:
    """RFC 6749 §3.3, RFC 8707 §2, OIDC Core §5.4 and §11."""

    def test_the_scopes_of_the_client_may_be_asked_for(self) -> None:
        """With `openid`, what it may know of the person, and either spelling of `offline`."""
        scope = "openid booking.write profile offline offline_access"
        assert str(ask(scope=scope).scope) == scope

    def test_others_are_refused_as_a_whole(self) -> None:
        """Of the API but not the client's, about the person but not the client's, unknown, malformed."""
        for scope in ("booking.read event.read", "email", "Booking.read", "booking.*", "a\tb", "\u00e9"):
            assert redirect(scope=scope) == "invalid_scope"
        online = replace(APP, grant_types=frozenset({"authorization_code"}))
        for scope in ("offline", "offline_access"):
            assert redirect(online, scope=scope) == "invalid_scope"

    def test_no_scope_means_all_of_the_clients_at_the_api(self) -> None:
        """Nothing about the person and no refresh token: those are asked for by name."""
        assert str(ask(scope=None).scope) == "booking.read booking.write"

    def test_a_foreign_target_is_refused(self) -> None:
        """By either name."""
        assert redirect(audience="https://other.example") == "invalid_target"
        assert redirect(APP, f"&resource={AUDIENCE}&resource=x") == "invalid_target"

    def test_claims_count_within_openid_and_the_clients_scopes(self) -> None:
        """What the client may not ask for it does not get by name."""
        claims = '{"id_token":{"name":null,"email":null}}'
        assert ask(claims=claims).claims.id_token == {"name"}
        assert ask(claims=claims, scope="booking.read").claims.id_token == frozenset()


def test_a45_hints_are_wishes_only() -> None:
    """Markup and excess in them make nothing fail."""
    markup = "<script>alert(1)</script>"
    asked = ask(
        login_hint=markup + "x" * 400,
        ui_locales=f"{markup} de",
        acr_values=markup,
        display=markup,
        error=markup,
    )
    assert (asked.login_hint, asked.ui_locales) == (None, ("de",))


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "prompt", "max_age", "claims", "nonce", "resource", "response_mode"]),
        st.text(max_size=8) | st.none(),
        max_size=3,
    )
)
def test_any_request_is_good_or_refused_in_one_of_two_ways(changes: dict[str, str | None]) -> None:
    """Nothing else comes out, and nothing redirects to what is not registered."""
    try:
        asked = ask(**{name: value and value.replace("\0", "") for name, value in changes.items()})
    except ErrorPage:
        return
    except ErrorRedirect as sent:
        back = sent.back
    else:
        back = asked.back
    assert back.redirect_uri.uri == CALLBACK
