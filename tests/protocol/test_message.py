"""Requests, responses and form decoding: RFC 6749 §3.1, §3.2, App. B."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keygrove.protocol.errors import InvalidRequest, MethodNotAllowed, OAuthError, UnsupportedEncoding
from keygrove.protocol.message import (
    FORM,
    MAX_PARAMETERS,
    Parameters,
    Request,
    decode_component,
    decode_form,
    read_form,
    read_query_or_form,
)

# RFC 6749 App. B: the octets 20 25 26 2B C2 A3 E2 82 AC, as it encodes them.
APPENDIX_B = ("+%25%26%2B%C2%A3%E2%82%AC", " %&+£€")


def post(body: bytes = b"a=b", *headers: tuple[str, str], method: str = "POST") -> Request:
    """A form post, with these headers beside a right content type."""
    return Request(method=method, path="/oauth2/token", headers=(("content-type", FORM), *headers), body=body)


def typed(content_type: str) -> Request:
    """A post of that content type."""
    return Request(
        method="POST", path="/oauth2/token", headers=(("content-type", content_type),), body=b"a=b"
    )


class TestForm:
    """RFC 6749 App. B."""

    def test_the_example_of_appendix_b_decodes(self) -> None:
        """The RFC's own example of the encoding is read as it says."""
        encoded, decoded = APPENDIX_B
        assert decode_component(encoded) == decoded

    def test_the_example_of_section_4_4_2_decodes(self) -> None:
        """The RFC's own client credentials request is read."""
        assert decode_form(b"grant_type=client_credentials") == [("grant_type", "client_credentials")]

    def test_a_body_that_curl_leaves_unescaped_is_taken_as_it_is(self) -> None:
        """Blanks, colons, slashes, `~` and `=` need no escape."""
        body = b"scope=openid marketing.read&audience=https://api.understory.io&x=a~b=c"
        assert decode_form(body) == [
            ("scope", "openid marketing.read"),
            ("audience", "https://api.understory.io"),
            ("x", "a~b=c"),
        ]

    def test_names_are_decoded_too(self) -> None:
        """`%67rant_type` is grant_type."""
        assert decode_form(b"%67rant_type=x") == [("grant_type", "x")]

    def test_empty_fields_are_left_out_and_bare_names_have_no_value(self) -> None:
        """`&&a&` is one parameter without a value."""
        assert decode_form(b"&&a&") == [("a", "")]
        assert decode_form(b"") == []

    @pytest.mark.parametrize("broken", ["%", "%a", "%zz", "a%2", "%%41", "%u0041", "%+1", "% 1", "%4\u0661"])
    def test_broken_escapes_are_refused(self, broken: str) -> None:
        """A percent sign stands before two hexadecimal digits or not at all."""
        with pytest.raises(InvalidRequest, match="percent-escape"):
            decode_component(broken)

    @pytest.mark.parametrize("escaped", ["%ff", "%c0%80", "%ed%a0%80", "%f4%90%80%80", "%e2%82", "%80"])
    def test_escapes_that_are_not_utf_8_are_refused(self, escaped: str) -> None:
        """Overlong forms, surrogates, cut sequences and stray bytes have no meaning."""
        with pytest.raises(InvalidRequest, match="UTF-8"):
            decode_component(escaped)

    @pytest.mark.parametrize("raw", [b"a=\xff", b"a=\xc0\x80", b"a=\xed\xa0\x80", "a=b".encode("utf-16")])
    def test_a_body_that_is_not_utf_8_is_refused(self, raw: bytes) -> None:
        """Unescaped bytes are held to the same rule."""
        with pytest.raises(InvalidRequest, match="UTF-8"):
            decode_form(raw)

    @pytest.mark.parametrize("body", [b"a=%00", b"%00=a", b"a=b\0", b"a\0=b"])
    def test_nul_is_refused_wherever_it_stands(self, body: bytes) -> None:
        """No database takes it, so no parameter has it."""
        with pytest.raises(InvalidRequest, match="NUL"):
            decode_form(body)

    def test_the_number_of_parameters_is_bounded(self) -> None:
        """The limit itself is fine, one more is not."""
        assert len(decode_form(b"&".join([b"a=b"] * MAX_PARAMETERS))) == MAX_PARAMETERS
        with pytest.raises(InvalidRequest, match="too many"):
            decode_form(b"&".join([b"a=b"] * (MAX_PARAMETERS + 1)))

    @given(st.binary(max_size=60))
    def test_decoding_gives_pairs_or_an_oauth_error(self, body: bytes) -> None:
        """Whatever the bytes, nothing else is ever raised, and no NUL gets through."""
        try:
            pairs = decode_form(body)
        except OAuthError:
            return
        assert not any("\0" in name + value for name, value in pairs)

    @given(st.lists(st.tuples(st.text(min_size=1, max_size=9), st.text(max_size=9)), max_size=4))
    def test_what_is_encoded_comes_back(self, pairs: list[tuple[str, str]]) -> None:
        """Decoding undoes a standard form encoder, except that NUL is refused."""
        if any("\0" in name + value for name, value in pairs):
            with pytest.raises(InvalidRequest):
                decode_form(urlencode(pairs).encode())
        else:
            assert decode_form(urlencode(pairs).encode()) == pairs


class TestParameters:
    """RFC 6749 §3.1, §3.2; RFC 8707 §2."""

    def test_a_parameter_without_a_value_counts_as_absent(self) -> None:
        """Empty and missing are the same (RFC 6749 §3.2)."""
        parameters = Parameters([("scope", "")])
        assert parameters.one("scope") is None
        assert parameters.one("audience") is None

    @pytest.mark.parametrize("values", [("a", "b"), ("a", "a"), ("", "a"), ("", "")])
    def test_a_repeated_parameter_is_refused(self, values: tuple[str, str]) -> None:
        """Equal, different or empty: twice is twice (RFC 6749 §3.2)."""
        parameters = Parameters([("scope", value) for value in values])
        with pytest.raises(InvalidRequest, match="scope"):
            parameters.one("scope")
        with pytest.raises(InvalidRequest, match="scope"):
            parameters.refuse_repeats(except_for=frozenset())

    def test_resource_may_repeat(self) -> None:
        """RFC 8707 §2 allows it; the empty ones are absent."""
        parameters = Parameters([("resource", "https://a"), ("resource", ""), ("resource", "https://b")])
        parameters.refuse_repeats(except_for=frozenset({"resource"}))
        assert parameters.every("resource") == ("https://a", "https://b")
        assert parameters.every("audience") == ()

    def test_the_name_of_a_repeated_parameter_stays_private(self) -> None:
        """The answer never echoes what was sent; the log has it, shortened."""
        parameters = Parameters([("x" * 100, "1"), ("x" * 100, "2")])
        with pytest.raises(InvalidRequest) as refused:
            parameters.refuse_repeats(except_for=frozenset())
        assert "x" not in refused.value.description
        assert refused.value.detail == f"repeated: {'x' * 40!r}"


class TestReadForm:
    """RFC 6749 §3.2: POST, one content type, no compression."""

    def test_a_form_post_is_read(self) -> None:
        """The parameters of a plain form post."""
        assert read_form(post(b"a=b")).one("a") == "b"

    @pytest.mark.parametrize(
        "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "", "P0ST"]
    )
    def test_every_method_but_post_is_refused(self, method: str) -> None:
        """Methods are compared exactly (RFC 9110 §9.1)."""
        with pytest.raises(MethodNotAllowed):
            read_form(post(method=method))

    @pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity", "x"])
    def test_a_compressed_body_is_refused(self, coding: str) -> None:
        """Nothing is ever inflated."""
        with pytest.raises(UnsupportedEncoding):
            read_form(post(b"a=b", ("content-encoding", coding)))

    @pytest.mark.parametrize("coding", ["identity", " Identity ", ""])
    def test_identity_is_no_compression(self, coding: str) -> None:
        """`Content-Encoding: identity`, or an empty one, changes nothing."""
        assert read_form(post(b"a=b", ("content-encoding", coding))).one("a") == "b"

    @pytest.mark.parametrize(
        "content_type",
        [
            FORM,
            FORM.upper(),
            f"  {FORM} ; charset=UTF-8",
            f"{FORM};charset=utf-8",
            f'{FORM}; charset="utf-8"',
            f"{FORM}; charset=us-ascii",
            f"{FORM}; boundary=x",
            f"{FORM};",
        ],
    )
    def test_spellings_of_the_one_content_type_are_accepted(self, content_type: str) -> None:
        """Case, blanks and a UTF-8 charset do not matter (RFC 9110 §8.3.1)."""
        assert read_form(typed(content_type)).one("a") == "b"

    @pytest.mark.parametrize(
        "content_type",
        ["", "application/json", "multipart/form-data; boundary=x", "text/plain", f"{FORM}x", f"x, {FORM}"],
    )
    def test_other_content_types_are_refused(self, content_type: str) -> None:
        """The refusal says which one to send."""
        with pytest.raises(InvalidRequest, match=FORM):
            read_form(typed(content_type))

    def test_a_missing_content_type_is_refused(self) -> None:
        """Nothing is guessed from the body."""
        with pytest.raises(InvalidRequest, match=FORM):
            read_form(Request(method="POST", path="/", headers=(), body=b"a=b"))

    @pytest.mark.parametrize("charset", ["utf-16", "utf-7", "latin-1", ""])
    def test_other_charsets_are_refused(self, charset: str) -> None:
        """The body is only ever read as UTF-8 (RFC 6749 App. B)."""
        with pytest.raises(InvalidRequest, match="UTF-8"):
            read_form(typed(f"{FORM}; charset={charset}"))

    @pytest.mark.parametrize("name", ["content-type", "content-encoding"])
    def test_a_repeated_header_is_refused(self, name: str) -> None:
        """Two values of a header that has one are read by nobody."""
        request = post(b"a=b", (name, "identity"), (name, "identity"))
        with pytest.raises(InvalidRequest, match=name):
            read_form(request)


class TestQueryOrForm:
    """RFC 6749 §3.1, OIDC Core §3.1.2.1: the authorization endpoint takes both."""

    def test_a_get_is_read_from_its_query(self) -> None:
        """Decoded by the same rules; a body says nothing."""
        request = Request(method="GET", path="/oauth2/auth", headers=(), query=b"a=%C3%BC", body=b"b=1")
        parameters = read_query_or_form(request)
        assert (parameters.one("a"), parameters.one("b")) == ("\u00fc", None)

    def test_a_post_is_read_from_its_form(self) -> None:
        """A query says nothing."""
        request = Request(
            method="POST", path="/", headers=(("content-type", FORM),), query=b"b=1", body=b"a=b"
        )
        parameters = read_query_or_form(request)
        assert (parameters.one("a"), parameters.one("b")) == ("b", None)

    def test_other_methods_are_refused(self) -> None:
        """HEAD is no GET here."""
        for method in ("HEAD", "PUT", "get"):
            with pytest.raises(MethodNotAllowed):
                read_query_or_form(Request(method=method, path="/", headers=()))
