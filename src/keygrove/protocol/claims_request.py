"""The `claims` parameter: which claims a client asks for by name (OpenID Connect Core §5.5)."""

import json
from dataclasses import dataclass

from keygrove.protocol.errors import InvalidRequest

# The scope that covers each claim about a person (OIDC Core §5.4): the claims that we have.
SCOPE_OF_CLAIM = {"name": "profile", "updated_at": "profile", "email": "email", "email_verified": "email"}
_MAX_CHARACTERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsRequest:
    """What is asked for beyond the scopes, for the ID token and for the userinfo endpoint.

    Essential and voluntary claims are alike here: who allows it gives what there is (§5.5.1).
    `subject` is the one person it may be about. `acr` holds the values one of which the client
    insists on (§5.5.1.1); empty when it does not.
    """

    id_token: frozenset[str] = frozenset()
    userinfo: frozenset[str] = frozenset()
    subject: str | None = None
    acr: tuple[str, ...] = ()

    def scopes(self) -> frozenset[str]:
        """The scopes that cover what is asked for."""
        return frozenset(SCOPE_OF_CLAIM[name] for name in self.id_token | self.userinfo)

    def within(self, scopes: frozenset[str]) -> "ClaimsRequest":
        """Without the claims that these scopes do not cover."""
        return ClaimsRequest(
            id_token=frozenset(name for name in self.id_token if SCOPE_OF_CLAIM[name] in scopes),
            userinfo=frozenset(name for name in self.userinfo if SCOPE_OF_CLAIM[name] in scopes),
            subject=self.subject,
            acr=self.acr,
        )


def parse_claims_request(text: str | None) -> ClaimsRequest:
    """Read the parameter. Claims that we do not have are ignored (§5.5.1).

    Raises InvalidRequest when it is not JSON, names a member twice, or is of another shape.
    """
    if text is None:
        return ClaimsRequest()
    if len(text) > _MAX_CHARACTERS:
        raise InvalidRequest("claims is too long.")
    try:
        asked = json.loads(text, object_pairs_hook=_object)
        id_token, userinfo = _member(asked, "id_token"), _member(asked, "userinfo")
        return ClaimsRequest(
            id_token=frozenset(id_token) & SCOPE_OF_CLAIM.keys(),
            userinfo=frozenset(userinfo) & SCOPE_OF_CLAIM.keys(),
            subject=_subject(id_token, userinfo),
            acr=_essential_values(id_token.get("acr")),
        )
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("claims is malformed.", detail=f"claims: {error}"[:200]) from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member is repeated")
    return members


def _member(asked: object, name: str) -> dict[str, object]:
    """The claims asked for one place; each is null or an object."""
    if not isinstance(asked, dict):
        raise ValueError("not an object")
    claims = asked.get(name)
    if claims is None:
        return {}
    if not isinstance(claims, dict) or not all(
        each is None or isinstance(each, dict) for each in claims.values()
    ):
        raise ValueError(f"{name} is not an object of objects")
    return claims


def _values(claim: object) -> tuple[str, ...]:
    """The values of which the claim must have one; empty when any will do."""
    if not isinstance(claim, dict):
        return ()
    values = claim.get("values", [claim["value"]] if "value" in claim else [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("a value is not text")
    return tuple(values)


def _essential_values(claim: object) -> tuple[str, ...]:
    values = _values(claim)
    return values if isinstance(claim, dict) and claim.get("essential") is True else ()


def _subject(id_token: dict[str, object], userinfo: dict[str, object]) -> str | None:
    """The person that both places are about (§5.5.1: a `sub` with a value)."""
    subjects = {*_values(id_token.get("sub")), *_values(userinfo.get("sub"))}
    if len(subjects) > 1:
        raise ValueError("sub has several values")
    return subjects.pop() if subjects else None
