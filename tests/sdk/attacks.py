"""The tokens of table J of the reference, by the id of their case: forged, bent and broken; and good ones."""

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwe, jwk

from sdk.issuer import AUDIENCE, CLIENT, Issuer, base64url, sign_raw, signed, signing_key

Attack = Callable[[Issuer], str]


def unsigned(algorithm: object) -> Attack:
    """A token that claims `algorithm` and has an empty or a made-up signature."""

    def make(issuer: Issuer) -> str:
        header = {"alg": algorithm, "kid": issuer.current.kid, "typ": "at+jwt"}
        return sign_parts(header, issuer.claims(), b"")

    return make


def sign_parts(header: object, claims: object, signature: bytes) -> str:
    """Join header, claims and a signature."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(map(base64url, parts))


def keyed_with(form: str) -> Attack:
    """HS256 with something public as the secret."""

    def make(issuer: Issuer) -> str:
        key = issuer.current.key
        public = key.public_key
        assert isinstance(public, RSAPublicKey)
        numbers = public.public_numbers()
        secret = {
            "pem": key.as_pem(private=False),
            "pem-stripped": key.as_pem(private=False).strip(),
            "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "pkcs1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
            "jwk": json.dumps(issuer.current.public_jwk()).encode(),
            "modulus": numbers.n.to_bytes(256, "big"),
            "modulus-text": issuer.current.public_jwk()["n"].encode(),
            "empty": b"",
        }[form]
        header = issuer.header(alg="HS256")
        text = sign_parts(header, issuer.claims(), b"").rstrip(".")
        return f"{text}.{base64url(hmac.digest(secret, text.encode(), hashlib.sha256))}"

    return make


def headed(**changes: object) -> Attack:
    """A token properly signed under a changed header."""
    return lambda issuer: issuer.forge(issuer.header(**changes))


def claiming(**changes: object) -> Attack:
    """A token properly signed with changed claims."""
    return lambda issuer: issuer.token(**changes)


def at_issuer(change: Callable[[str], object]) -> Attack:
    """A token whose `iss` is made out of ours."""
    return lambda issuer: issuer.token(iss=change(issuer.url))


def edited(part: int, change: Callable[[str], str]) -> Attack:
    """A good token with one of its three parts rewritten."""

    def make(issuer: Issuer) -> str:
        parts = issuer.token().split(".")
        parts[part] = change(parts[part])
        return ".".join(parts)

    return make


def payload_edited(**changes: object) -> Attack:
    """A good token whose claims were changed after signing."""

    def make(issuer: Issuer) -> str:
        header, _, signature = issuer.token().split(".")
        return f"{header}.{base64url(json.dumps(issuer.claims(**changes)).encode())}.{signature}"

    return make


def trailing_bits(part: str) -> str:
    """Another spelling of the same bytes: the unused low bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    for character in alphabet:
        other = part[:-1] + character
        if other != part and base64.urlsafe_b64decode(other + "=" * (-len(part) % 4)) == decoded:
            return other
    raise AssertionError("this part has no unused bits")


def with_unused_bits(part: int) -> Attack:
    """A token whose part has unused bits, and has them set."""

    def make(issuer: Issuer) -> str:
        for filler in range(3):
            header = json.dumps(issuer.header(pad="x" * filler)).encode()
            token = sign_raw(header, json.dumps(issuer.claims(jti="x" * (32 + filler))).encode())
            parts = token.split(".")
            if len(parts[part]) % 4:
                parts[part] = trailing_bits(parts[part])
                return ".".join(parts)
        raise AssertionError("no such token")

    return make


def flipped(part: str) -> str:
    """One bit of the signature is another."""
    raw = bytearray(base64.urlsafe_b64decode(part + "=="))
    raw[100] ^= 1
    return base64url(bytes(raw))


def other_key(issuer: Issuer) -> str:
    """Signed by a stranger under our `kid`."""
    return issuer.forge(issuer.header(), key=signing_key("stranger").key)


def embedded_key(name: str) -> Attack:
    """Signed by a stranger whose key the token brings along."""

    def make(issuer: Issuer) -> str:
        stranger = signing_key("stranger")
        value = {"jwk": stranger.public_jwk(), "x5c": [base64.b64encode(b"certificate").decode()]}
        return issuer.forge(issuer.header(**{name: value[name]}), key=stranger.key)

    return make


def encrypted(algorithm: str, **header: object) -> Attack:
    """A JWE in five parts."""

    def make(issuer: Issuer) -> str:
        public = jwk.RSAKey.import_key(issuer.current.key.as_pem(private=False))
        protected: dict[str, Any] = {"alg": algorithm, "enc": "A256GCM", "typ": "at+jwt", **header}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return jwe.encrypt_compact(
                protected, json.dumps(issuer.claims()), public, algorithms=[algorithm, "A256GCM", "DEF"]
            )

    return make


def costly_password(issuer: Issuer) -> str:
    """PBES2 that asks for two thousand million rounds."""
    header = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31, "p2s": "AAAA", "kid": "x"}
    return f"{base64url(json.dumps(header).encode())}.AAAA.AAAA.AAAA.AAAA"


def json_serialization(flattened: bool) -> Attack:
    """The JWS JSON serialization of a good token (RFC 7515 §7.2)."""

    def make(issuer: Issuer) -> str:
        protected, payload, signature = issuer.token().split(".")
        one = {"protected": protected, "signature": signature}
        return json.dumps(
            {"payload": payload, **one} if flattened else {"payload": payload, "signatures": [one]}
        )

    return make


def mixed_serialization(issuer: Issuer) -> str:
    """A JSON object that reads as a compact token to a careless splitter."""
    protected, payload, signature = issuer.token().split(".")
    return json.dumps({"protected": protected, f"x.{payload}.{signature}": "", "payload": payload})


def nested(issuer: Issuer) -> str:
    """A good token as the payload of another."""
    return sign_raw(json.dumps(issuer.header(cty="JWT")).encode(), issuer.token().encode())


def id_token(issuer: Issuer) -> str:
    """An ID token of the same issuer."""
    return issuer.forge(issuer.header(typ="JWT"), aud=CLIENT, nonce="n")


def staging(issuer: Issuer) -> str:
    """From an issuer that shares our key, and so its `kid`, under another name."""
    return signed(signing_key("current"), issuer.claims(iss="https://staging.example.com"))


def deep(part: str) -> Attack:
    """JSON nested so deep that a recursive reader falls over."""

    def make(issuer: Issuer) -> str:
        pit = b"[" * 2500
        header = pit if part == "header" else json.dumps(issuer.header()).encode()
        return sign_raw(header, pit if part == "claims" else b"{}")

    return make


def odd_payload(payload: bytes) -> Attack:
    """A signed payload that is not a JSON object in UTF-8."""
    return lambda issuer: sign_raw(json.dumps(issuer.header()).encode(), payload)


NO_ALGORITHMS = ("none", "nOnE", "", 5, ["RS256"], "rs256", "RS512", "PS256")
ATTACKS: dict[str, Attack] = {
    **{f"J01-alg-{name!r}-unsigned": unsigned(name) for name in NO_ALGORITHMS},
    **{f"J01-alg-{name!r}-signed": headed(alg=name) for name in NO_ALGORITHMS},
    "J01-alg-missing": headed(alg=None),
    "J01-alg-null-signed": lambda issuer: issuer.forge(issuer.header() | {"alg": None}),
    **{
        f"J02-hs256-{form}": keyed_with(form)
        for form in ("pem", "pem-stripped", "der", "pkcs1", "jwk", "modulus", "modulus-text")
    },
    "J03-hs256-empty-key": keyed_with("empty"),
    "J05-unknown-kid": headed(kid="nobody"),
    "J06-kid-path": headed(kid="../../dev/null"),
    "J06-kid-sql": headed(kid="' or 1=1 --"),
    "J06-kid-shell": headed(kid="$(touch /tmp/x)"),
    "J06-kid-1mb": headed(kid="k" * 1_000_000),
    "J06-kid-300-characters": headed(kid="k" * 300),
    "J06-kid-integer": headed(kid=1),
    "J06-kid-null": lambda issuer: issuer.forge(issuer.header() | {"kid": None}),
    "J06-kid-array": headed(kid=["a"]),
    "J06-kid-empty": headed(kid=""),
    "J07-no-kid": headed(kid=None),
    "J09-embedded-jwk": embedded_key("jwk"),
    "J10-embedded-x5c": embedded_key("x5c"),
    "J11-crit-unknown": headed(crit=["exotic"], exotic=True),
    "J11-crit-empty": headed(crit=[]),
    "J11-crit-alg": headed(crit=["alg"]),
    "J11-crit-text": headed(crit="alg"),
    "J11-crit-number": headed(crit=1),
    "J11-crit-b64": headed(crit=["b64"], b64=False),
    "J11-b64-without-crit": headed(b64=False),
    "J13-id-token": id_token,
    "J13-typ-missing": headed(typ=None),
    "J13-typ-jwt": headed(typ="JWT"),
    "J13-typ-array": headed(typ=["at+jwt"]),
    "J15-refresh-token": lambda _: "kg_rt_" + "a" * 49,
    "J15-session": lambda _: "kg_se_" + "a" * 49,
    "J15-secret-key": lambda _: "kg_sk_" + "a" * 49,
    "J18-issuer-slash": at_issuer(lambda url: url + "/"),
    "J18-issuer-prefix": at_issuer(lambda url: url[:-1]),
    "J18-issuer-suffix": at_issuer(lambda url: url + "0"),
    "J18-issuer-case": at_issuer(lambda url: url.upper()),
    "J18-issuer-array": at_issuer(lambda url: [url]),
    "J18-issuer-number": claiming(iss=1),
    "J18-issuer-missing": claiming(iss=None),
    "J18-issuer-other": claiming(iss="https://auth.example.com"),
    "J19-aud-missing": claiming(aud=None),
    "J19-aud-empty-array": claiming(aud=[]),
    "J19-aud-empty": claiming(aud=""),
    "J19-aud-foreign": claiming(aud="https://other.example.com"),
    "J19-aud-longer": claiming(aud=AUDIENCE + "/v1"),
    "J19-aud-shorter": claiming(aud=AUDIENCE[:-1]),
    "J19-aud-object": claiming(aud={AUDIENCE: True}),
    "J19-aud-array-of-others": claiming(aud=["https://a.example", "https://b.example"]),
    "J19-aud-array-with-a-number": claiming(aud=[AUDIENCE, 5]),
    "J19-aud-array-in-array": claiming(aud=[[AUDIENCE]]),
    **{f"J21-padding-{part}": edited(part, lambda text: text + "=") for part in range(3)},
    **{f"J21-blank-{part}": edited(part, lambda text: text[:9] + " " + text[9:]) for part in range(3)},
    **{f"J21-line-end-{part}": edited(part, lambda text: text + "\n") for part in range(3)},
    **{f"J21-plus-{part}": edited(part, lambda text: text[:9] + "+/" + text[11:]) for part in range(3)},
    **{f"J21-unused-bits-{part}": with_unused_bits(part) for part in range(3)},
    "J22-json-flattened": json_serialization(flattened=True),
    "J22-json-general": json_serialization(flattened=False),
    "J22-json-and-compact": mixed_serialization,
    "J22-nested": nested,
    "J22-jwe": encrypted("RSA-OAEP"),
    "J22-two-parts": lambda issuer: issuer.token().rpartition(".")[0],
    "J22-four-parts": lambda issuer: issuer.token() + ".AAAA",
    "J23-over-16-kib": claiming(padding="x" * 20_000),
    "J23-million-dots": lambda _: "." * 1_000_000,
    "J23-megabyte": lambda issuer: issuer.token() + "A" * 1_000_000,
    "J23-huge-header": lambda _: "A" * 10_000_000 + ".AAAA.AAAA",
    "J23-header-over-its-limit": headed(x5t="x" * 5000),
    "J23-deep-header": deep("header"),
    "J23-deep-claims": deep("claims"),
    "J25-zip-bomb": encrypted("RSA-OAEP", zip="DEF"),
    "J25-pbes2-rounds": costly_password,
    "J26-signature-removed": edited(2, lambda _: ""),
    "J26-signature-cut": edited(2, lambda text: text[:-4]),
    "J26-signature-flipped": edited(2, flipped),
    "J26-signature-zero": edited(2, lambda _: base64url(bytes(256))),
    "J26-signature-of-another-key": other_key,
    "J27-scope-edited": payload_edited(scope="openid marketing.read booking.write"),
    "J27-company-edited": payload_edited(company_id="f" * 32),
    "J27-subject-edited": payload_edited(sub="kg_pe_somebody"),
    "J30-staging-issuer": staging,
    "J31-no-client": claiming(client_id=None),
    "J31-no-subject": claiming(sub=None),
    "J47-es256-zero-signature": lambda issuer: sign_parts(
        issuer.header(alg="ES256", kid=signing_key("elliptic").kid), issuer.claims(), bytes(64)
    ),
    "J47-es256-by-an-rsa-key": headed(alg="ES256"),
    "J47-rs256-by-an-elliptic-key": headed(kid=signing_key("elliptic").kid),
    "J47-es384": headed(alg="ES384", kid=signing_key("elliptic").kid),
    "exp-missing": claiming(exp=None),
    "exp-text": claiming(exp=str(int(time.time()) + 3600)),
    "exp-true": claiming(exp=True),
    "exp-array": claiming(exp=[9999999999]),
    "exp-endless": lambda issuer: sign_raw(
        json.dumps(issuer.header()).encode(),
        json.dumps(issuer.claims()).replace(str(issuer.claims()["exp"]), "1e999").encode(),
    ),
    "exp-nan": odd_payload(b'{"exp":NaN}'),
    "exp-beyond-reason": claiming(exp=2**60),
    "iat-true": claiming(iat=True),
    "iat-text": claiming(iat="now"),
    "nbf-object": claiming(nbf={}),
    "no-company": claiming(company_id=None),
    "company-number": claiming(company_id=5),
    "scope-object": claiming(scope={"marketing.read": True}),
    "scope-array-of-numbers": claiming(scope=[1]),
    "claims-not-a-number": lambda issuer: sign_raw(
        json.dumps(issuer.header()).encode(), json.dumps(issuer.claims(extra=float("nan"))).encode()
    ),
    "claims-array": odd_payload(b"[]"),
    "claims-text": odd_payload(b'"iss"'),
    "claims-utf16": odd_payload('{"iss":""}'.encode("utf-16")),
    "header-array": lambda _: sign_raw(b'["alg","kid"]', b"{}"),
    "header-text": lambda _: sign_raw(b'"alg"', b"{}"),
    "header-number": lambda _: sign_raw(b"7", b"{}"),
    "header-garbage": lambda _: sign_raw(b"\xff\xfe", b"{}"),
}

GOOD: dict[str, Attack] = {
    "es256": lambda issuer: signed(signing_key("elliptic"), issuer.claims()),
    "J19-ours-among-others": claiming(aud=["https://other.example.com", AUDIENCE]),
    "J19-ours-alone-in-an-array": claiming(aud=[AUDIENCE]),
    "J09-own-jwk-is-ignored": lambda issuer: issuer.forge(
        issuer.header(jwk=signing_key("stranger").public_jwk())
    ),
    "J10-own-x5c-is-ignored": headed(x5c=["AAAA"], x5u="https://example.com/x"),
    "J13-typ-in-capitals": headed(typ="AT+JWT"),
    "J13-typ-as-media-type": headed(typ="application/at+jwt"),
    "unknown-header-member": headed(exotic=1),
    "unknown-claim": claiming(exotic={"a": [1]}),
    "no-iat": claiming(iat=None),
    "scp-array": claiming(scope=None, scp=["openid", "marketing.read"]),
    "azp-for-client": claiming(client_id=None, azp=CLIENT),
}
