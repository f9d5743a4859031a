"""What the claims of an ID token must say to a client (OpenID Connect Core §2, §3.1.3.7, §12.2), pure.

The signature, `alg` and `typ` are checked before, by `crypto.jose.verify`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest

from keygrove.crypto.jose import InvalidToken
from keygrove.protocol.claims import at_hash
from keygrove.sdk.claim_values import check_times, number, text

MAX_SUBJECT_CHARACTERS = 255  # OpenID Connect Core §2
# Each algorithm that `verify` knows signs a SHA-256 digest; a token of any other is refused before.
_HASHED_AS = "RS256"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPerson:
    """What a client expects of an ID token. Times are epoch seconds; `leeway_s` forgives differing clocks.

    `signed_in_after_s` is the earliest time of sign-in that is good enough; None when any is.
    """

    issuer: str
    client_id: str
    access_token: str = field(repr=False)
    nonce: str = field(repr=False)
    signed_in_after_s: float | None = None
    leeway_s: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who signed in, by a verified ID token. Times are epoch seconds.

    `company_id` is for which company, empty when the issuer knows of none; `auth_time_s` is when the person
    signed in, None when the issuer does not say.
    """

    subject: str
    company_id: str
    auth_time_s: int | None
    claims: Mapping[str, object] = field(repr=False)


def read_id_token(claims: Mapping[str, object], expected: ExpectedPerson, *, now: float) -> Person:
    """Judge the verified claims of the ID token that came for a code. Raises InvalidToken."""
    person = _read(claims, expected, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not _are_same(nonce, expected.nonce):
        raise InvalidToken("the ID token was not made for this sign-in")
    if expected.signed_in_after_s is None:
        return person
    if person.auth_time_s is None:
        raise InvalidToken("the ID token does not say when the person signed in")
    if person.auth_time_s < expected.signed_in_after_s - expected.leeway_s:
        raise InvalidToken("the person signed in too long ago")
    return person


def read_renewed_id_token(
    claims: Mapping[str, object], expected: ExpectedPerson, before: Person, *, now: float
) -> Person:
    """Judge the ID token that came with a refresh: it must be about the same person and the same sign-in
    (§12.2). It needs no nonce; if it has one, it is the first one's. Raises InvalidToken.
    """
    person = _read(claims, expected, now)
    if (person.subject, person.company_id) != (before.subject, before.company_id):
        raise InvalidToken("the ID token is about somebody else than before")
    if person.auth_time_s not in (None, before.auth_time_s):
        raise InvalidToken("the ID token is from another sign-in than before")
    if "nonce" in claims and claims["nonce"] != before.claims.get("nonce"):
        raise InvalidToken("the ID token was not made for this sign-in")
    return person


def _read(claims: Mapping[str, object], expected: ExpectedPerson, now: float) -> Person:
    check_parties(claims, expected.issuer, expected.client_id, what="ID token")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise InvalidToken("the ID token was issued to another client")
    if "iat" not in claims:
        raise InvalidToken("the ID token does not say when it was issued")
    check_times(claims, expected.leeway_s, now)
    _check_hash(claims, expected.access_token)
    return Person(
        subject=_subject(claims.get("sub")),
        company_id=text(claims["company_id"], "the company is not a text") if "company_id" in claims else "",
        auth_time_s=_auth_time(claims, expected.leeway_s, now),
        claims=claims,
    )


def check_parties(claims: Mapping[str, object], issuer: str, client_id: str, *, what: str) -> None:
    """Who made the token, and for whom alone. Raises InvalidToken, in which the token is called `what`."""
    if claims.get("iss") != issuer:
        raise InvalidToken(f"the {what} is from another issuer")
    if claims.get("aud") not in (client_id, [client_id]):
        raise InvalidToken(f"the {what} is for another client, or not for this one alone")


def _are_same(one: str, other: str) -> bool:
    """In constant time; JSON can hold texts that UTF-8 cannot, so those pass too."""
    return compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def _check_hash(claims: Mapping[str, object], access_token: str) -> None:
    """Bind the access token to the ID token, if the issuer does (§3.1.3.8): in this flow it need not."""
    if "at_hash" not in claims:
        return
    found = text(claims["at_hash"], "the hash of the access token is not a text")
    if not _are_same(found, at_hash(access_token, _HASHED_AS)):
        raise InvalidToken("the access token is not the one that the ID token came with")


def _subject(value: object) -> str:
    subject = text(value, "the ID token has no subject")
    if len(subject) > MAX_SUBJECT_CHARACTERS or not subject.isascii():
        raise InvalidToken("the subject of the ID token is malformed")
    return subject


def _auth_time(claims: Mapping[str, object], leeway_s: int, now: float) -> int | None:
    if "auth_time" not in claims:
        return None
    signed_in_at = number(claims["auth_time"])
    if now < signed_in_at - leeway_s:
        raise InvalidToken("the sign-in is in the future: the clocks here and of the issuer disagree")
    return int(signed_in_at)
